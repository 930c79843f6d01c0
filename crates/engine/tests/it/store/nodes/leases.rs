//! Leases as far as no clock decides.

use groundswell_engine::cluster::{Presence, Shard};
use groundswell_engine::store::NodeAddress;

use super::{LONG_MS, Nodes, asked, cluster, take};

pub async fn a_shard_is_taken_over_once_it_is_over(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    let shards = || [3, 4].map(Shard::new);
    let held = take(one, shards(), LONG_MS).await;
    assert_eq!(held.iter().map(|lease| lease.epoch.number()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(take(two, shards(), LONG_MS).await, []);
    cluster(one).release(&asked(one, [held[0]], LONG_MS)).await.expect("releases");
    // A renewal that comes late does not undo the release.
    cluster(one).renew(&asked(one, held.clone(), LONG_MS)).await.expect("renews");
    let taken = take(two, shards(), LONG_MS).await;
    assert_eq!(
        taken.iter().map(|lease| (lease.shard.number(), lease.epoch.number())).collect::<Vec<_>>(),
        [(3, 2)]
    );
    let seen = cluster(one).renew(&asked(one, held, LONG_MS)).await.expect("renews");
    let owners: Vec<_> = seen.leases[3..5].iter().map(|row| (row.owner, row.is_over())).collect();
    assert_eq!(owners, [(Some(cluster(two).node()), false), (Some(cluster(one).node()), false)]);
    assert_eq!((seen.leases.len(), seen.nodes.len()), (256, 2));
}

pub async fn nodes_are_known_by_their_address_while_they_live(nodes: &Nodes) {
    let (one, two) = (&nodes.one, &nodes.two);
    let known = async || cluster(one).nodes().await.expect("reads");
    let address = |number: u8| format!("http://10.0.0.{number}:3000");
    let own = NodeAddress { id: cluster(one).node(), address: address(1) };
    let alone = known().await;
    assert_eq!(alone, std::slice::from_ref(&own), "the other one has asked for nothing yet");
    cluster(two).renew(&asked(two, [], LONG_MS)).await.expect("renews");
    let mut both = vec![own.clone(), NodeAddress { id: cluster(two).node(), address: address(2) }];
    both.sort_by_key(|node| node.id);
    assert_eq!(known().await, both);
    let leaving =
        groundswell_engine::cluster::Asked { presence: Presence::Leaving, ..asked(two, [], LONG_MS) };
    let seen = cluster(two).renew(&leaving).await.expect("renews");
    assert_eq!(seen.nodes.iter().filter(|node| node.is_available()).count(), 0);
    assert_eq!(known().await, both, "it lives as long as it has not left");
    two.close().await;
    let alone = known().await;
    assert_eq!(alone, std::slice::from_ref(&own));
}
