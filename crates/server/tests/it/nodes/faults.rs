//! Nodes that die, hang and leave, under load: nothing accepted is lost, and others go on within the time of a lease.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{LEASE_MS, Nodes, PATHS, SHARDS, program_with_webhooks, shards};
use crate::crash::StopsProducers;
use crate::crash::auditor::is_success;
use crate::crash::producer::{self, Desk, Posted};
use crate::receiver::{Exchange, Reaction, Receiver, Reply, Request};
use crate::server::Server;
use crate::waiting;

/// Within the time of a lease and this long all shards are served again.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// For each webhook what is under way at once, and as much that has ended and is not committed.
pub(super) const AT_MOST_DOUBLES: usize = 2 * 64 * PATHS.len();

/// What was accepted is delivered within the time of a fault, of a lease and of a few retries; it must not have to wait until a
/// node looks everything through, which is once a minute. A machine that has other tests to run takes several times what a quiet one does.
const SLOWEST_MS: i64 = 40_000;

/// A receiver that fails now and then, and takes its time.
fn trouble(request: &Request) -> Reaction {
    match request.number {
        number if number.is_multiple_of(13) => Reaction::Answer(Reply::status(500)),
        number => Reaction::AnswerAfter(Duration::from_millis(number as u64 % 4 * 5), Reply::status(200)),
    }
}

/// What goes on while something happens.
pub(super) struct Load<'a> {
    desks: &'a [Arc<Desk>],
    receiver: &'a Receiver,
}

impl Load<'_> {
    /// Has whoever posts to one node post to another from now on, as a load balancer does before a node is stopped.
    pub(super) fn move_from(&self, node: &Server, to: &Server) {
        for desk in self.desks.iter().filter(|desk| desk.url() == node.url()) {
            desk.move_to(to.url());
        }
    }

    pub(super) fn accepted(&self) -> usize {
        self.desks.iter().map(|desk| desk.accepted()).sum()
    }

    /// Waits until each node accepts again and something is delivered to each webhook; how long both took from now on.
    pub(super) fn until_it_goes_on(&self, patience: Duration) -> Recovery {
        let all: Vec<usize> = (0..self.desks.len()).collect();
        self.until_it_goes_on_at(&all, patience)
    }

    /// The same of some nodes.
    pub(super) fn until_it_goes_on_at(&self, nodes: &[usize], patience: Duration) -> Recovery {
        let (began, began_ms) = (Instant::now(), waiting::now_ms());
        let before: Vec<usize> = self.desks.iter().map(|desk| desk.accepted()).collect();
        waiting::within(patience, "each node accepts", || {
            nodes.iter().all(|node| self.desks[*node].accepted() > before[*node]).then_some(())
        });
        let accepted = began.elapsed();
        let is_new = |one: &Exchange| is_success(one) && one.request.arrived_at_ms > began_ms;
        let left = patience.saturating_sub(accepted);
        waiting::within(left, "each webhook is served", || {
            self.receiver.look(|all| {
                let new: HashSet<&str> = all
                    .iter()
                    .rev()
                    .take(5_000)
                    .filter(|one| is_new(one))
                    .map(|one| one.request.path.as_str())
                    .collect();
                PATHS.iter().all(|path| new.contains(path)).then_some(())
            })
        });
        Recovery { accepted, delivered: began.elapsed() }
    }
}

/// How long it took until things went on.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
pub(super) struct Recovery {
    accepted: Duration,
    delivered: Duration,
}

/// Has two producers at each node while something happens; judges what was accepted and what arrived. The fault returns when
/// it is over.
pub(super) fn survive(mut nodes: Nodes, fault: impl FnOnce(&mut Nodes, &Load<'_>)) -> Judged {
    let receiver = Receiver::that(trouble);
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    let desks: Vec<Arc<Desk>> =
        nodes.servers.iter().map(|server| Arc::new(Desk::new(server.url(), &program))).collect();
    let load = Load { desks: &desks, receiver: &receiver };
    let stop = AtomicBool::new(false);
    let posted: Vec<Posted> = thread::scope(|scope| {
        let stop = &stop;
        // Also when something fails: the scope waits for the producers.
        let _stopping = StopsProducers(stop);
        let producers: Vec<_> = (0..6_u64)
            .zip(desks.iter().cycle())
            .map(|(number, desk)| {
                let desk = Arc::clone(desk);
                scope.spawn(move || producer::work(&desk, number, 11, stop))
            })
            .collect();
        waiting::until("there is load", || (load.accepted() > 300).then_some(()));
        fault(&mut nodes, &load);
        // Whoever posts to a node that is gone goes on at another.
        for desk in &desks {
            if nodes.servers.iter().all(|server| server.url() != desk.url()) {
                desk.move_to(nodes.servers[0].url());
            }
        }
        let before = load.accepted();
        waiting::until("there is load afterwards", || (load.accepted() > before + 300).then_some(()));
        stop.store(true, Ordering::SeqCst);
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    receiver.behave(|_| Reaction::from(200));
    let doubles = audit(&receiver, &posted);
    assert!(doubles.accepted > 500, "{doubles:?}");
    assert!(doubles.slowest_ms < SLOWEST_MS, "{doubles:?}");
    assert!(nodes.servers.iter_mut().all(Server::is_running), "no node had to be started again");
    doubles
}

/// What the auditor found. What is lost is an error at once.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) accepted: usize,
    /// Events that a producer was not told to be accepted.
    pub(super) failed: usize,
    pub(super) doubles: usize,
    /// The longest time from an event's acceptance until each webhook had it.
    pub(super) slowest_ms: i64,
}

/// Waits until everything has arrived everywhere, and counts what came twice.
fn audit(receiver: &Receiver, posted: &[Posted]) -> Judged {
    let accepted: Vec<&str> = posted.iter().filter_map(Posted::accepted_id).collect();
    let successes = || {
        receiver.look(|exchanges| {
            let mut times: HashMap<(String, String), usize> = HashMap::new();
            for one in exchanges.iter().filter(|one| is_success(one)) {
                let key = (one.request.path.clone(), one.request.webhook_id().to_owned());
                *times.entry(key).or_default() += 1;
            }
            times
        })
    };
    let missing = |times: &HashMap<(String, String), usize>| {
        let everywhere = accepted.iter().flat_map(|id| PATHS.iter().map(move |path| (*path, *id)));
        let lost = |(path, id): &(&str, &str)| !times.contains_key(&((*path).to_owned(), (*id).to_owned()));
        everywhere.filter(lost).count()
    };
    let began = Instant::now();
    loop {
        let missing = missing(&successes());
        if missing == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{missing} deliveries of accepted events are LOST");
        thread::sleep(Duration::from_millis(250));
    }
    // What is on its way comes still.
    thread::sleep(Duration::from_secs(2));
    let times = successes();
    let slowest_ms = slowest_ms(receiver, posted);
    let failed = posted.len() - accepted.len();
    Judged {
        accepted: accepted.len(),
        failed,
        doubles: times.values().map(|times| times - 1).sum(),
        slowest_ms,
    }
}

/// The longest time from an event's acceptance until each webhook had it.
fn slowest_ms(receiver: &Receiver, posted: &[Posted]) -> i64 {
    let accepted: HashMap<&str, i64> = posted.iter().filter_map(|event| event.outcome.accepted()).collect();
    receiver.look(|exchanges| {
        let mut first: HashMap<(&str, &str), i64> = HashMap::new();
        for one in exchanges.iter().filter(|one| is_success(one)) {
            let key = (one.request.path.as_str(), one.request.webhook_id());
            first.entry(key).or_insert(one.request.arrived_at_ms);
        }
        let took = first.iter().filter_map(|((_, id), at_ms)| Some(at_ms - accepted.get(id)?));
        took.max().unwrap_or_default()
    })
}

/// Waits until those that are left have all shards; how long that took.
pub(super) fn until_all_is_served(nodes: &Nodes) -> Duration {
    let began = Instant::now();
    let patience = Duration::from_millis(LEASE_MS) + GRACE;
    waiting::within(patience, "every shard is served again", || {
        let held: i64 = nodes.servers.iter().map(shards).sum();
        (held == SHARDS).then_some(())
    });
    began.elapsed()
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
pub(super) fn say(what: impl Display) {
    eprintln!("{what}");
}

#[test]
fn a_node_that_is_killed_loses_nothing_and_the_others_go_on() {
    let doubles = survive(Nodes::start(3), |nodes, _| {
        let leader = nodes.leader();
        let mut killed = nodes.servers.remove(leader);
        killed.kill();
        until_all_is_served(nodes);
    });
    say(format_args!("the node that leads was killed: {doubles:?}"));
    assert!(doubles.doubles <= AT_MOST_DOUBLES, "{doubles:?}");
}

#[test]
fn a_node_that_hangs_past_its_time_changes_nothing_when_it_goes_on() {
    let doubles = survive(Nodes::start(3), |nodes, _| {
        let place = nodes.leader();
        let paused = nodes.servers.remove(place);
        let pid = Pid::from_raw(i32::try_from(paused.pid()).expect("a pid")).expect("not 0");
        kill_process(pid, Signal::STOP).expect("it runs");
        until_all_is_served(nodes);
        kill_process(pid, Signal::CONT).expect("it is there");
        nodes.servers.push(paused);
        nodes.wait_for_balance();
    });
    say(format_args!("the node that leads was paused: {doubles:?}"));
    assert!(doubles.doubles <= AT_MOST_DOUBLES, "{doubles:?}");
}

#[test]
fn a_node_that_is_told_to_stop_hands_over_without_a_double() {
    let doubles = survive(Nodes::start(3), |nodes, _| {
        let leader = nodes.leader();
        let mut stopped = nodes.servers.remove(leader);
        stopped.terminate();
        assert!(stopped.wait(Duration::from_secs(30)).success());
        until_all_is_served(nodes);
    });
    say(format_args!("the node that leads was told to stop: {doubles:?}"));
    assert_eq!(doubles.doubles, 0, "{doubles:?}");
}

#[test]
fn a_node_that_joins_takes_its_share_without_a_double() {
    let doubles = survive(Nodes::start(3), |nodes, _| {
        nodes.join();
        nodes.wait_for_balance();
    });
    say(format_args!("a node joined: {doubles:?}"));
    assert_eq!(doubles.doubles, 0, "{doubles:?}");
}
