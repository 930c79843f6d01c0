//! PostgreSQL's machine is lost, and a synchronous standby goes on at the same address.

use std::time::{Duration, Instant};

use private_postgres::Server as PostgreSql;

use super::faults::{AT_MOST_DOUBLES, GRACE, say, survive, until_all_is_served};
use super::proxy::Proxy;
use super::{LEASE_MS, Nodes};

#[test]
fn a_failover_to_a_synchronous_standby_loses_no_accepted_event() {
    let first = PostgreSql::start();
    let second = first.start_synchronous_standby();
    let database = first.create(None);
    // As an address that moves with the service does.
    let proxy = Proxy::to(&first.socket());
    let nodes = Nodes::at(proxy.url("postgres", &database), &[Vec::new(), Vec::new(), Vec::new()]);
    let judged = survive(nodes, |nodes, load| {
        first.kill();
        let killed = Instant::now();
        second.promote();
        proxy.lead_to(&second.socket());
        let promoted = killed.elapsed();
        let recovery = load.until_it_goes_on(Duration::from_millis(LEASE_MS) + GRACE);
        let served = until_all_is_served(nodes);
        say(format_args!(
            "failover: promoted after {promoted:.1?}, goes on after {recovery:.1?} more, every shard served {served:.1?} later"
        ));
    });
    say(format_args!("failed over to a synchronous standby: {judged:?}"));
    assert!(judged.doubles <= AT_MOST_DOUBLES, "{judged:?}");
}
