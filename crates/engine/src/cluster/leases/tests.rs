use self::world::{Skew, World};
use super::*;
use crate::cluster::LeaseTable;

mod simulation;
mod world;

const ME: NodeId = NodeId::new(1);
const OTHER: NodeId = NodeId::new(2);

/// A few round trips.
const SOON_MS: i64 = 20;

const TTL_MS: i64 = 15_000;

/// The one statement that a node wants executed.
fn statement(leases: &mut Leases, now_ms: i64) -> Action {
    let actions = leases.poll(now_ms);
    let is_statement =
        |action: &Action| matches!(action, Action::Renew(_) | Action::Acquire(_) | Action::Release(_));
    let mut statements = actions.into_iter().filter(is_statement);
    let statement = statements.next().expect("wants something");
    assert_eq!(statements.next(), None);
    statement
}

fn renewal(leases: &mut Leases, now_ms: i64) -> Asked {
    match statement(leases, now_ms) {
        Action::Renew(asked) => asked,
        other => panic!("{other:?}"),
    }
}

fn acquisition(leases: &mut Leases, now_ms: i64) -> Asked {
    match statement(leases, now_ms) {
        Action::Acquire(asked) => asked,
        other => panic!("{other:?}"),
    }
}

fn release(leases: &mut Leases, now_ms: i64) -> Asked {
    match statement(leases, now_ms) {
        Action::Release(asked) => asked,
        other => panic!("{other:?}"),
    }
}

const SHARD: Shard = Shard::new(7);

/// A node that holds one shard, the only one there is, by an acquisition sent at 0; and the table. The database's clock
/// shows the node's time.
fn holder() -> (Leases, LeaseTable, Lease) {
    let mut table = LeaseTable::new([SHARD]);
    let mut leases = Leases::new(ME, Timing::default(), 0);
    let asked = renewal(&mut leases, 0);
    leases.renewed(&asked, Some(&table.renew(&asked, 0)), 0);
    let asked = acquisition(&mut leases, 0);
    let taken = table.acquire(&asked, 0);
    leases.acquired(&asked, Some(&taken), 0);
    assert_eq!(leases.poll(0), [Action::Begin(taken[0])]);
    (leases, table, taken[0])
}

#[test]
fn a_single_node_serves_every_shard_at_once() {
    let mut world = World::new();
    let node = world.start(1, Skew::default());
    world.run(SOON_MS);
    assert_eq!(world.loads()[&node], 256);
    world.run(3_600_000);
    assert_eq!((world.loads()[&node], world.stops.len()), (256, 0));
    // One renewal every 5 seconds, and nothing else.
    assert!((718..=724).contains(&world.statements), "{}", world.statements);
}

#[test]
fn the_deadline_is_counted_from_before_the_renewal_was_sent() {
    let (mut leases, mut table, lease) = holder();
    let asked = renewal(&mut leases, 5_000);
    let snapshot = table.renew(&asked, 9_000);
    leases.renewed(&asked, Some(&snapshot), 12_000);
    assert_eq!(leases.lease(SHARD, 5_000 + 14_699), Some(lease.epoch));
    assert_eq!(leases.lease(SHARD, 5_000 + 14_700), None);
}

#[test]
fn after_a_pause_nothing_begins_before_the_stop() {
    let (mut leases, _, lease) = holder();
    assert_eq!(leases.lease(SHARD, 14_700), None);
    assert_eq!(leases.poll(14_700)[0], Action::Stop(lease, StopReason::Deadline));
}

#[test]
fn what_lapsed_is_released_and_taken_anew_in_a_later_epoch() {
    let (mut leases, mut table, lease) = holder();
    // The renewal is executed, but its answer comes too late.
    let asked = renewal(&mut leases, 5_000);
    table.renew(&asked, 14_000);
    assert_eq!(leases.poll(14_700), [Action::Stop(lease, StopReason::Deadline)]);
    leases.renewed(&asked, None, 15_000);
    let asked = renewal(&mut leases, 15_250);
    leases.renewed(&asked, Some(&table.renew(&asked, 15_250)), 15_250);
    let asked = release(&mut leases, 15_250);
    assert_eq!(asked.leases, [lease]);
    table.release(&asked);
    leases.released(&asked, Some(()), 15_250);
    let asked = renewal(&mut leases, 15_250);
    leases.renewed(&asked, Some(&table.renew(&asked, 15_250)), 15_250);
    let asked = acquisition(&mut leases, 15_250);
    assert_eq!(table.acquire(&asked, 15_250), [Lease { epoch: Epoch::new(2), ..lease }]);
}

#[test]
fn an_acquisition_that_was_thought_to_have_failed_is_not_served() {
    let mut table = LeaseTable::new([SHARD]);
    let mut leases = Leases::new(ME, Timing::default(), 0);
    let asked = renewal(&mut leases, 0);
    leases.renewed(&asked, Some(&table.renew(&asked, 0)), 0);
    let asked = acquisition(&mut leases, 0);
    leases.acquired(&asked, None, 2_000);
    let taken = table.acquire(&asked, 2_000);
    assert_eq!(leases.poll(2_000), []);
    let asked = renewal(&mut leases, 2_250);
    leases.renewed(&asked, Some(&table.renew(&asked, 2_250)), 2_250);
    assert_eq!(release(&mut leases, 2_250).leases, taken);
    assert_eq!(leases.lease(SHARD, 2_250), None);
}

#[test]
fn an_acquisition_whose_answer_comes_after_its_deadline_is_released() {
    let mut table = LeaseTable::new([SHARD]);
    let mut leases = Leases::new(ME, Timing::default(), 0);
    let asked = renewal(&mut leases, 0);
    leases.renewed(&asked, Some(&table.renew(&asked, 0)), 0);
    let asked = acquisition(&mut leases, 0);
    let taken = table.acquire(&asked, 0);
    leases.acquired(&asked, Some(&taken), 14_700);
    assert_eq!(leases.lease(SHARD, 14_700), None);
    let asked = renewal(&mut leases, 14_700);
    leases.renewed(&asked, None, 14_700);
    let asked = renewal(&mut leases, 14_950);
    leases.renewed(&asked, Some(&table.renew(&asked, 14_950)), 14_950);
    assert_eq!(release(&mut leases, 14_950).leases, taken);
}

#[test]
fn a_fenced_shard_is_dropped_at_once_but_not_for_an_older_epoch() {
    let (mut leases, _, lease) = holder();
    leases.fenced(Lease { epoch: Epoch::default(), ..lease }, 100);
    assert_eq!(leases.lease(SHARD, 100), Some(lease.epoch));
    leases.fenced(lease, 100);
    assert_eq!(leases.lease(SHARD, 100), None);
    assert_eq!(leases.poll(100)[0], Action::Stop(lease, StopReason::Fenced));
}

#[test]
fn a_shard_that_the_table_gives_to_another_is_dropped_at_once() {
    let (mut leases, mut table, lease) = holder();
    let asked = renewal(&mut leases, 5_000);
    let taken_by_other =
        Asked { node: OTHER, presence: Presence::Staying, leases: vec![lease], ttl_ms: TTL_MS, sent_ms: 0 };
    assert_eq!(table.acquire(&taken_by_other, 15_000).len(), 1);
    leases.renewed(&asked, Some(&table.renew(&asked, 15_000)), 6_000);
    assert_eq!(leases.poll(6_000), [Action::Stop(lease, StopReason::Lost)]);
}

#[test]
fn a_dead_nodes_shards_are_taken_when_their_time_is_over() {
    for died_after_ms in [0, 1_000, 4_990, 5_010] {
        let mut world = World::new();
        world.loses_hints = true;
        let dies = world.start(1, Skew::default());
        world.run(600_000 + died_after_ms);
        let stays = [2, 3].map(|id| world.start(id, Skew::default()));
        world.run(600_000);
        world.measure_anew();
        world.kill(dies);
        world.run(TTL_MS + 2_000);
        let loads = world.loads();
        assert_eq!(loads.values().sum::<usize>(), 256);
        assert!(stays.iter().all(|id| (100..=156).contains(&loads[id])), "{loads:?}");
        assert!(world.longest_gap_ms <= TTL_MS + 500, "{}", world.longest_gap_ms);
    }
}

#[test]
fn a_node_that_comes_gets_its_share_one_shard_at_a_time() {
    let mut world = World::new();
    world.start(1, Skew::default());
    world.run(60_000);
    world.measure_anew();
    let comes = world.start(2, Skew::default());
    world.run(120_000);
    assert!((100..=156).contains(&world.loads()[&comes]), "{:?}", world.loads());
    assert_eq!((world.most_moving, world.stops.len()), (1, 0));
    // Draining, and a few round trips.
    assert!(world.longest_gap_ms < world.drain_ms + SOON_MS, "{}", world.longest_gap_ms);
    assert!(world.acquisitions.iter().all(|(_, count)| *count <= 1));
}

#[test]
fn without_hints_a_shard_moves_a_little_later() {
    let mut world = World::new();
    world.loses_hints = true;
    world.start(1, Skew::default());
    world.run(60_000);
    world.measure_anew();
    let comes = world.start(2, Skew::default());
    world.run(240_000);
    assert!((100..=156).contains(&world.loads()[&comes]), "{:?}", world.loads());
    assert!(world.longest_gap_ms < world.drain_ms + 500 + SOON_MS, "{}", world.longest_gap_ms);
}

#[test]
fn a_node_that_leaves_drains_and_releases_and_others_go_on_at_once() {
    let mut world = World::new();
    let nodes = [1, 2, 3].map(|id| world.start(id, Skew::default()));
    world.run(600_000);
    world.measure_anew();
    world.leave(nodes[0]);
    world.run(1_000);
    assert_eq!(world.left, [nodes[0]]);
    assert_eq!(world.loads().values().sum::<usize>(), 256);
    assert!(world.longest_gap_ms < world.drain_ms + SOON_MS, "{}", world.longest_gap_ms);
    assert!(world.stops.is_empty());
}

#[test]
fn a_node_may_leave_before_it_holds_anything() {
    let mut world = World::new();
    let node = world.start(1, Skew::default());
    world.leave(node);
    world.run(1_000);
    assert_eq!(world.left, [node]);
    assert!(world.table.read(world.now_ms).leases.iter().all(LeaseRow::is_over));
}

#[test]
fn after_a_cut_the_first_node_that_is_back_does_not_take_everything() {
    let mut world = World::new();
    let nodes = [1, 2, 3].map(|id| world.start(id, Skew::default()));
    world.run(600_000);
    let before = world.loads();
    world.is_cut = true;
    world.run(60_000);
    assert_eq!(world.loads().values().sum::<usize>(), 0);
    world.is_cut = false;
    world.measure_anew();
    world.run(2_000);
    assert_eq!(world.loads(), before);
    assert_eq!(nodes.map(|id| world.loads()[&id]).iter().sum::<usize>(), 256);
    assert_eq!(world.most_moving, 0);
}

#[test]
fn a_node_that_was_paused_past_its_leases_gets_its_share_back() {
    let mut world = World::new();
    let nodes = [1, 2].map(|id| world.start(id, Skew::default()));
    world.run(600_000);
    let before = world.loads();
    world.pause(nodes[0], 60_000);
    assert_eq!(world.loads(), [(nodes[0], 0), (nodes[1], 256)].into());
    world.run(300_000);
    assert_eq!(world.loads(), before);
}

#[test]
fn clocks_that_show_another_time_and_run_apart_change_nothing() {
    let mut world = World::new();
    let skews = [(-1_000_000, -500), (0, 0), (3_600_000, 500)];
    let mut id = 0;
    let nodes = skews.map(|(offset_ms, parts_per_million)| {
        id += 1;
        world.start(id, Skew { offset_ms, parts_per_million })
    });
    world.run(3_600_000);
    assert!(world.stops.is_empty(), "{:?}", world.stops);
    world.kill(nodes[1]);
    world.run(TTL_MS + 2_000);
    assert_eq!(world.loads().values().sum::<usize>(), 256);
}

#[test]
fn a_node_whose_time_is_over_does_not_count() {
    let row = |presence, remaining_ms| NodeRow { id: ME, presence, remaining_ms }.is_available();
    assert!(row(Presence::Staying, 1));
    assert!(!row(Presence::Staying, 0) && !row(Presence::Leaving, 1));
}
