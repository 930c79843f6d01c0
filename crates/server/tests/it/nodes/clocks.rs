//! Nodes whose machines' clocks are minutes apart.
//!
//! A library of a few lines of C, preloaded into the server, tells it another time. What goes by the machine's running time,
//! as leases do, is not touched, as it would not be there.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::faults::{say, survive};
use super::{LEASE_MS, Nodes, PATHS, program_with_webhooks};
use crate::receiver::{Exchange, Reaction, Receiver, Reply, Request};
use crate::server::NO_BREAKER;
use crate::waiting;

/// Seven minutes.
const APART_MS: i64 = 7 * 60_000;

/// Between attempts, in the test that looks at when they are made.
const WAIT_MS: i64 = 3_000;

/// A wait is drawn from a tenth around it.
const EARLIEST_MS: i64 = WAIT_MS * 9 / 10 - 50;

/// What a busy machine adds.
const SLACK_MS: i64 = 4_000;

/// The clock of another machine.
struct Clocks(TempDir);

impl Clocks {
    fn new() -> Self {
        let clocks = Self(TempDir::new().expect("there is a temporary directory"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/nodes/clock.c");
        // The compiler that SQLite is built with.
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", source, "-ldl", "-o"]);
        let built = compiler.arg(clocks.library()).output().expect("there is a C compiler");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        clocks
    }

    fn library(&self) -> String {
        self.0.path().join("clock.so").display().to_string()
    }

    /// Settings of a server whose clock is so much ahead.
    fn ahead_by(&self, ms: i64) -> Vec<(&'static str, String)> {
        vec![("LD_PRELOAD", self.library()), ("CLOCK_AHEAD_MS", ms.to_string())]
    }
}

/// Three nodes on a database: one with the right time, one that is ahead, one that is behind. With the database's name.
fn nodes_apart(clocks: &Clocks, more: &[(&'static str, String)]) -> (Nodes, String) {
    let postgres = private_postgres::Server::shared();
    let database = postgres.create(None);
    let own = [0, APART_MS, -APART_MS].map(|ms| [clocks.ahead_by(ms), more.to_vec()].concat());
    (Nodes::at(postgres.url(&database), &own), database)
}

/// How often shards have passed from one node to another.
fn epochs(database: &str) -> String {
    private_postgres::Server::shared().sql(database, "SELECT SUM(epoch) FROM shard_lease")
}

/// The same, once none passes any more.
fn settled(database: &str) -> String {
    let (mut seen, mut since) = (epochs(database), Instant::now());
    waiting::within(Duration::from_mins(2), "shards are where they belong", || {
        let now = epochs(database);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(2)).then(|| seen.clone())
    })
}

#[test]
fn nodes_whose_clocks_are_minutes_apart_keep_their_shards_and_deliver_at_once() {
    let clocks = Clocks::new();
    let (nodes, database) = nodes_apart(&clocks, &[]);
    let before = settled(&database);
    let result = survive(nodes, |_, load| {
        let (began, accepted) = (Instant::now(), load.accepted());
        // Each node renews its leases several times meanwhile.
        waiting::until("time and load go by", || {
            let is_long = began.elapsed() > Duration::from_millis(2 * LEASE_MS);
            (is_long && load.accepted() > accepted + 600).then_some(())
        });
        let recovery = load.until_it_goes_on(Duration::from_secs(5));
        assert_eq!(epochs(&database), before, "no shard has moved");
        say(format_args!("clocks 7 min ahead and behind: goes on after {recovery:.0?}"));
    });
    say(format_args!("clocks 7 min ahead and behind: {result:?}"));
    assert_eq!(result.doubles, 0, "{result:?}");
    assert!(result.slowest_ms < 15_000, "nothing waits for another machine's clock: {result:?}");
}

/// Fails each delivery's first attempt.
fn fail_first(receiver: &Receiver) {
    let seen = Mutex::new(HashSet::new());
    receiver.behave(move |request: &Request| {
        let key = (request.path.clone(), request.webhook_id().to_owned());
        let is_first = seen.lock().expect("no panic under the lock").insert(key);
        Reaction::Answer(Reply::status(if is_first { 500 } else { 200 }))
    });
}

/// When each delivery was tried, Unix milliseconds by the test's clock.
fn attempts(all: &[Exchange]) -> HashMap<(String, String), Vec<i64>> {
    let mut times: HashMap<_, Vec<i64>> = HashMap::new();
    for one in all {
        let key = (one.request.path.clone(), one.request.webhook_id().to_owned());
        times.entry(key).or_default().push(one.request.arrived_at_ms);
    }
    times
}

#[test]
fn a_retry_that_another_node_takes_over_is_made_when_it_is_due_whatever_the_clocks() {
    const EVENTS: usize = 12;
    let clocks = Clocks::new();
    let wait = WAIT_MS.to_string();
    let schedule = [
        ("GROUNDSWELL_RETRY_BASE_MS", wait.clone()),
        ("GROUNDSWELL_RETRY_CAP_MS", wait),
        (NO_BREAKER.0, NO_BREAKER.1.to_owned()),
    ];
    let (mut nodes, _) = nodes_apart(&clocks, &schedule);
    let receiver = Receiver::start();
    fail_first(&receiver);
    let programs = [(); 3].map(|()| program_with_webhooks(&nodes.client(0), &receiver));
    let deliveries = programs.len() * EVENTS * PATHS.len();
    for (program, number) in
        programs.iter().flat_map(|program| (0..EVENTS).map(move |number| (program, number)))
    {
        nodes.client(number % 3).join(program, &format!("p{number}"));
    }
    receiver.answered(deliveries);
    // What the node that is ahead has put off is another's now.
    nodes.servers.remove(1).kill();
    let killed = Instant::now();
    receiver.within(Duration::from_secs(30), "every delivery is tried again", |all| {
        let times = attempts(all);
        (times.len() == deliveries && times.values().all(|times| times.len() >= 2)).then_some(())
    });
    let took = killed.elapsed();
    let lease_ms = i64::try_from(LEASE_MS).expect("seconds");
    let waits: Vec<i64> =
        receiver.look(|all| attempts(all).values().map(|times| times[1] - times[0]).collect());
    let (shortest, longest) = (waits.iter().min().expect("some"), waits.iter().max().expect("some"));
    say(format_args!(
        "retries of {WAIT_MS} ms with clocks 7 min apart, one node killed: after {shortest} to {longest} ms, all in {took:.1?}"
    ));
    assert!(*shortest >= EARLIEST_MS, "one came {} ms early", WAIT_MS - shortest);
    assert!(*longest <= WAIT_MS + lease_ms + SLACK_MS, "one came after {longest} ms");
}
