use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// So many nodes with random numbers.
fn nodes(seed: u64, count: usize) -> BTreeSet<NodeId> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut nodes = BTreeSet::new();
    while nodes.len() < count {
        nodes.insert(NodeId::new(rng.random_range(1..i64::MAX)));
    }
    nodes
}

fn without(nodes: &BTreeSet<NodeId>, gone: NodeId) -> BTreeSet<NodeId> {
    nodes.iter().copied().filter(|node| *node != gone).collect()
}

fn loads(placement: &Placement) -> BTreeMap<NodeId, usize> {
    let mut loads: BTreeMap<NodeId, usize> = placement.nodes.iter().map(|node| (*node, 0)).collect();
    for shard in Shard::all() {
        *loads.get_mut(&placement.owner(shard).expect("has nodes")).expect("is one of them") += 1;
    }
    loads
}

/// Shards that move although the node that had them stays and the one that gets them was there before.
fn needless_moves(before: &Placement, after: &Placement) -> usize {
    let owner = |placement: &Placement, shard| placement.owner(shard).expect("has nodes");
    let is_needless = |shard: &Shard| {
        let (from, to) = (owner(before, *shard), owner(after, *shard));
        from != to && after.nodes.contains(&from) && before.nodes.contains(&to)
    };
    Shard::all().filter(is_needless).count()
}

#[test]
fn the_mixing_is_splitmix64() {
    // The first output for these seeds, as the reference implementation gives it.
    assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
    assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
}

#[test]
fn a_placement_is_the_same_in_every_version() {
    // Nodes of neighbouring versions run side by side; if they disagreed they would take shards from each other.
    let placement = Placement::over(&[1, 2, 3].map(NodeId::new).into());
    let pinned = [
        "2123223313131323123211223132133333133112211311311221122313221131",
        "3123121113111112121122122221212222221322123223222132211123212222",
        "1231131113223332322212131212211213233113123233332222132321213221",
        "1211133223232323322131113121221221212323212212311232131323332211",
    ];
    let text: String = Shard::all()
        .filter_map(|shard| placement.owner(shard))
        .map(|node| {
            char::from_digit(u32::try_from(node.number()).expect("is small"), 10).expect("is a digit")
        })
        .collect();
    assert_eq!(text, pinned.concat());
}

#[test]
fn where_no_node_gets_too_much_the_bound_changes_nothing() {
    for seed in 0..20 {
        let nodes: Vec<NodeId> = nodes(seed, 3).into_iter().collect();
        let most = most_of(nodes.len());
        assert_eq!(unbounded(&nodes, most).expect("is even enough"), bounded(&nodes, most));
    }
}

#[test]
fn without_nodes_nobody_owns_anything() {
    let placement = Placement::over(&BTreeSet::new());
    assert!(Shard::all().all(|shard| placement.owner(shard).is_none()));
}

#[test]
fn a_single_node_owns_everything() {
    let placement = Placement::over(&nodes(1, 1));
    assert!(Shard::all().all(|shard| placement.owner(shard) == Some(placement.nodes[0])));
}

#[test]
fn a_node_that_comes_or_goes_moves_little_but_its_own_share() {
    // Both directions are the same pair of placements. Without the bound of the load nothing else would move at all.
    const CLUSTERS: usize = 30;
    for count in [2, 3, 4, 8, 16, 50] {
        let needless: usize = (0..30)
            .map(|seed| {
                let nodes = nodes(seed, count);
                let gone = *nodes.first().expect("has some");
                needless_moves(&Placement::over(&nodes), &Placement::over(&without(&nodes, gone)))
            })
            .sum();
        let share = CLUSTERS * Shard::COUNT / count;
        assert!(needless * 4 <= share, "{count} nodes: {needless} beside {share}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_node_has_at_most_a_quarter_more_than_its_share(seed: u64, count in 1_usize..120) {
        let loads = loads(&Placement::over(&nodes(seed, count)));
        let most = loads.values().max().copied().unwrap_or_default();
        prop_assert!(most <= 320_usize.div_ceil(count), "{loads:?}");
        prop_assert_eq!(loads.values().sum::<usize>(), 256);
    }

    #[test]
    fn every_shard_of_a_node_that_goes_finds_another(seed: u64, count in 2_usize..100) {
        let nodes = nodes(seed, count);
        let gone = *nodes.first().expect("has some");
        let after = Placement::over(&without(&nodes, gone));
        prop_assert!(Shard::all().all(|shard| after.owner(shard).is_some_and(|owner| owner != gone)));
    }
}
