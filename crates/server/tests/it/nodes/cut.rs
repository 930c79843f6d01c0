//! A node that cannot reach the database while the others can: packets vanish, nothing is refused and nothing is closed.

use std::thread;
use std::time::{Duration, Instant};

use super::faults::{AT_MOST_DOUBLES, GRACE, Judged, say, survive};
use super::proxy::{Proxy, Way};
use super::{Nodes, SHARDS, shards};
use crate::waiting;

/// Longer than what a session that is lost sight of locks: five seconds in a transaction that writes, after one in which it has
/// waited for one about leases. What is locked cannot be taken, however short the lease.
const LEASE: Duration = Duration::from_secs(7);

/// From the beginning of the cut, and from its end: a lease's time and [`GRACE`], as after every fault.
const RECOVERY: Duration = LEASE.saturating_add(GRACE);

/// Cuts the way of the node that leads for longer than a lease, under load.
fn survive_with(way: Way) -> Judged {
    let postgres = private_postgres::Server::shared();
    let database = postgres.create(None);
    let proxies = [(); 3].map(|()| Proxy::to(&postgres.socket()));
    let own = proxies.each_ref().map(|proxy| {
        let lease = LEASE.as_millis().to_string();
        vec![
            ("GROUNDSWELL_DATABASE_URL", proxy.url("postgres", &database)),
            ("GROUNDSWELL_NODE_LEASE_MS", lease),
        ]
    });
    let nodes = Nodes::at(postgres.url(&database), &own);
    let judged = survive(nodes, |nodes, load| {
        let place = nodes.leader();
        let cut = Instant::now();
        proxies[place].set(way);
        let others: Vec<usize> = (0..3).filter(|other| *other != place).collect();
        waiting::within(RECOVERY, "the others serve every shard", || {
            let held: i64 = others.iter().map(|other| shards(&nodes.servers[*other])).sum();
            (held == SHARDS).then_some(())
        });
        let served = cut.elapsed();
        // Longer than a lease in any case; what is tested is this time, nothing is waited for.
        thread::sleep((LEASE + Duration::from_secs(1)).saturating_sub(cut.elapsed()));
        let of_others = load.until_it_goes_on_at(&others, RECOVERY);
        proxies[place].set(Way::Open);
        let recovery = load.until_it_goes_on(RECOVERY);
        say(format_args!(
            "{way:?}: others serve all after {served:.1?} (accept and deliver: {of_others:.1?}), after its end {recovery:.1?}"
        ));
        waiting::until("it serves shards again", || (shards(&nodes.servers[place]) > 0).then_some(()));
    });
    say(format_args!("{way:?}: {judged:?}"));
    judged
}

#[test]
fn a_node_that_is_cut_off_from_the_database_loses_nothing_and_comes_back_by_itself() {
    let judged = survive_with(Way::Cut);
    assert!(judged.doubles <= AT_MOST_DOUBLES, "{judged:?}");
}

#[test]
fn a_node_that_only_hears_no_answers_loses_nothing_and_comes_back_by_itself() {
    let judged = survive_with(Way::Deaf);
    assert!(judged.doubles <= AT_MOST_DOUBLES, "{judged:?}");
}

#[test]
fn what_a_node_has_said_and_comes_after_its_lease_changes_nothing() {
    let judged = survive_with(Way::Held);
    assert!(judged.doubles <= AT_MOST_DOUBLES, "{judged:?}");
}
