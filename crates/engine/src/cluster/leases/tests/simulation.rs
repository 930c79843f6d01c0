//! Fifty nodes. `cargo test -p groundswell-engine --lib fifty_nodes -- --nocapture` prints the figures that the
//! documentation gives.

#![expect(clippy::print_stdout, reason = "the figures are for the documentation")]

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::world::{Skew, World};
use super::*;
use crate::store::EndpointId;

const NODES: usize = 50;

/// A world in which they have come, one after the other, and shared everything out; and who may be the next to come.
fn fifty(rng: &mut SmallRng) -> World {
    let mut world = World::new();
    world.latency_ms = 2;
    world.drain_ms = 200;
    for _ in 0..NODES {
        come(&mut world, rng);
        world.run(rng.random_range(0..2_000));
    }
    world.run(600_000);
    world.measure_anew();
    world
}

fn come(world: &mut World, rng: &mut SmallRng) {
    let offset_ms = rng.random_range(-86_400_000..86_400_000);
    let skew = Skew { offset_ms, parts_per_million: rng.random_range(-500..=500) };
    world.start(rng.random_range(1..i64::MAX), skew);
}

fn some(world: &World, count: usize) -> Vec<NodeId> {
    world.nodes.keys().copied().step_by(world.nodes.len() / count).take(count).collect()
}

/// The greatest load as a multiple of the mean, in hundredths.
fn imbalance(loads: impl IntoIterator<Item = usize>) -> usize {
    let loads: Vec<usize> = loads.into_iter().collect();
    loads.iter().max().copied().unwrap_or_default() * loads.len() * 100 / loads.iter().sum::<usize>()
}

/// Most statements that took something, and most shards that were taken, within any second.
fn storm(world: &World) -> (usize, usize) {
    let within = |start_ms: i64| {
        world.acquisitions.iter().filter(move |(at_ms, _)| (start_ms..start_ms + 1_000).contains(at_ms))
    };
    let starts = world.acquisitions.iter().map(|(at_ms, _)| *at_ms);
    let seconds = starts.map(|start_ms| {
        (within(start_ms).count(), within(start_ms).map(|(_, shards)| shards).sum::<usize>())
    });
    seconds.max().unwrap_or_default()
}

fn report(what: &str, world: &World) {
    let (statements, shards) = storm(world);
    let most = imbalance(world.loads().into_values());
    println!(
        "{what}: longest time without an owner {} ms, {} acquisitions, at most {statements} in a second for {shards} \
         shards, {} statements; greatest load {most} % of the mean",
        world.longest_gap_ms,
        world.acquisitions.len(),
        world.statements,
    );
}

#[test]
fn fifty_nodes_share_evenly_and_take_over_in_time() {
    let mut rng = SmallRng::seed_from_u64(50);
    let mut world = fifty(&mut rng);
    assert_eq!(world.loads().values().sum::<usize>(), 256);
    assert!(imbalance(world.loads().into_values()) <= 140);

    world.run(60_000);
    println!("a quiet minute: {} statements", world.statements);
    assert!(world.statements <= 13 * 50 && world.acquisitions.is_empty());

    world.measure_anew();
    for id in some(&world, 1) {
        world.kill(id);
    }
    world.run(TTL_MS + 2_000);
    report("1 of 50 killed", &world);
    assert_eq!(world.loads().values().sum::<usize>(), 256);
    assert!(world.longest_gap_ms <= TTL_MS + 2_000);

    world.run(60_000);
    world.measure_anew();
    for id in some(&world, 24) {
        world.kill(id);
    }
    world.run(TTL_MS + 2_000);
    report("24 of 49 killed at once", &world);
    assert_eq!(world.loads().values().sum::<usize>(), 256);
    assert!(world.longest_gap_ms <= TTL_MS + 2_000);
    // One statement for each node that takes something.
    assert!(storm(&world).0 <= 2 * 25, "{:?}", storm(&world));

    world.run(60_000);
    world.measure_anew();
    for _ in 0..25 {
        come(&mut world, &mut rng);
    }
    world.run(120_000);
    report("25 come to 25", &world);
    assert!(imbalance(world.loads().into_values()) <= 140);
    assert!(world.longest_gap_ms <= world.drain_ms + 100 && world.most_moving <= 50);

    world.measure_anew();
    for id in some(&world, 5) {
        world.leave(id);
    }
    world.run(5_000);
    report("5 of 50 leave", &world);
    assert_eq!((world.left.len(), world.loads().values().sum::<usize>()), (5, 256));
    // Those that leave at the same time do not know of each other, so a hint may go to one of them.
    assert!(world.longest_gap_ms <= world.drain_ms + 600);
    assert!(world.stops.is_empty(), "{:?}", world.stops);
}

#[test]
fn fifty_nodes_come_back_from_a_database_that_was_away() {
    let mut world = fifty(&mut SmallRng::seed_from_u64(51));
    let before = world.loads();
    world.is_cut = true;
    world.run(60_000);
    world.is_cut = false;
    world.measure_anew();
    world.run(2_000);
    report("all 50 cut off for a minute", &world);
    assert_eq!(world.loads(), before);
    assert!(storm(&world).0 <= 2 * NODES, "{:?}", storm(&world));
}

#[test]
fn ten_million_endpoints_are_as_even_as_the_shards() {
    let world = fifty(&mut SmallRng::seed_from_u64(52));
    let mut by_shard = vec![0; Shard::COUNT];
    for endpoint in 0..10_000_000 {
        by_shard[usize::from(Shard::of(EndpointId(40_000_000_000_000_000 + endpoint)).number())] += 1;
    }
    let shards = imbalance(by_shard.iter().copied());
    let endpoints = world.nodes.keys().map(|id| {
        let served = Shard::all().filter(|shard| world.lease(*id, *shard).is_some());
        served.map(|shard| by_shard[usize::from(shard.number())]).sum::<usize>()
    });
    let nodes = imbalance(endpoints);
    println!("10,000,000 endpoints: greatest load {shards} % of the mean by shard, {nodes} % by node");
    assert!(shards <= 102 && nodes <= 142);
}

#[test]
fn a_node_that_holds_everything_takes_little_memory() {
    // Maps are at least half full: twice what stands in them.
    let held = Shard::COUNT * (size_of::<Shard>() + size_of::<Held>()) * 2;
    let placement = Shard::COUNT * size_of::<NodeId>() + NODES * size_of::<NodeId>();
    let lists = Shard::COUNT * size_of::<Lease>() * 3;
    let bytes = size_of::<Leases>() + held + placement + lists;
    println!("the leases of a node: at most {bytes} bytes");
    assert!(bytes < 64 * 1024);
}
