//! PostgreSQL restarts under load, and the server lives through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use private_postgres::{Mode, Server as PostgreSql};
use serde_json::Value;

use super::auditor::Report;
use super::producer::{self, Desk, Posted};
use super::{PATHS, PRODUCERS, QUICK_PROBES, SEED, say, trouble, wait_for_quiet};
use crate::receiver::{Reaction, Receiver};
use crate::server::{QUICK_RETRY, Server, on};
use crate::waiting;

/// An orderly restart, one like a crash, and an outage of some seconds.
const OUTAGES: [(Mode, Duration); 3] = [
    (Mode::Fast, Duration::ZERO),
    (Mode::Immediate, Duration::ZERO),
    (Mode::Immediate, Duration::from_secs(3)),
];

/// From PostgreSQL's answering again to the next accepted event.
const RECOVERY: Duration = Duration::from_secs(5);

#[test]
fn a_restart_of_postgresql_under_load_loses_nothing_and_is_over_in_seconds() {
    let postgres = PostgreSql::start();
    let receiver = Receiver::that(trouble);
    let (name, url) = on(&postgres);
    let mut server = Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES, &[(name, &url)]].concat());
    let program = server.client().program("REFERRAL");
    for path in PATHS {
        server.client().webhook(&program, &receiver.url(path), Value::Null);
    }
    let desk = Arc::new(Desk::new(server.url(), &program));
    let stop = AtomicBool::new(false);
    let mut recoveries = Vec::new();
    let posted: Vec<Posted> = thread::scope(|scope| {
        let stop = &stop;
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| {
                let desk = Arc::clone(&desk);
                scope.spawn(move || producer::work(&desk, number, SEED, stop))
            })
            .collect();
        for (mode, pause) in OUTAGES {
            let before = desk.accepted();
            waiting::until("there is load", || (desk.accepted() > before + 200).then_some(()));
            postgres.stop(mode);
            // The outage is what is tested; nothing is waited for here.
            thread::sleep(pause);
            let before = desk.accepted();
            postgres.start_again();
            let began = Instant::now();
            waiting::within(RECOVERY, "events are accepted again", || {
                (desk.accepted() > before).then_some(())
            });
            recoveries.push(began.elapsed());
        }
        stop.store(true, Ordering::SeqCst);
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    assert!(server.is_running(), "it was never restarted");
    receiver.behave(|_| Reaction::from(200));
    wait_for_quiet(&receiver, &posted);
    // The server was not killed, so nothing may come twice.
    let report = Report::of(&posted, &receiver.exchanges(), &[], &PATHS);
    say(&format!(
        "PostgreSQL restarted {} times, accepted again after {recoveries:.0?}: {report}",
        OUTAGES.len()
    ));
    report.judge();
}
