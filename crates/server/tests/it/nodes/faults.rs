//! Nodes that die, hang and leave, under load: nothing accepted is lost, and others go on within the time of a lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{LEASE_MS, Nodes, PATHS, SHARDS, program_with_webhooks, shards};
use crate::crash::StopsProducers;
use crate::crash::auditor::is_success;
use crate::crash::producer::{self, Desk, Posted};
use crate::receiver::{Reaction, Receiver, Reply, Request};
use crate::waiting;

/// Within the time of a lease and this long all shards are served again.
const GRACE: Duration = Duration::from_secs(2);

/// For each webhook what is under way at once, and as much that has ended and is not committed.
const AT_MOST_DOUBLES: usize = 2 * 64 * PATHS.len();

/// A receiver that fails now and then, and takes its time.
fn trouble(request: &Request) -> Reaction {
    match request.number {
        number if number.is_multiple_of(13) => Reaction::Answer(Reply::status(500)),
        number => Reaction::AnswerAfter(Duration::from_millis(number as u64 % 4 * 5), Reply::status(200)),
    }
}

/// What happens to a node while all are under load. Returns when it is over.
type Fault = fn(&mut Nodes);

/// Has two producers at each node while something happens to one of them; judges what was accepted and what arrived.
fn survive(fault: Fault) -> Doubles {
    let mut nodes = Nodes::start(3);
    let receiver = Receiver::that(trouble);
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    let desks: Vec<Arc<Desk>> =
        nodes.servers.iter().map(|server| Arc::new(Desk::new(server.url(), &program))).collect();
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
        let accepted = || desks.iter().map(|desk| desk.accepted()).sum::<usize>();
        waiting::until("there is load", || (accepted() > 300).then_some(()));
        fault(&mut nodes);
        // Whoever posts to a node that is gone goes on at another.
        for desk in &desks {
            desk.move_to(nodes.servers[0].url());
        }
        let before = accepted();
        waiting::until("there is load afterwards", || (accepted() > before + 300).then_some(()));
        stop.store(true, Ordering::SeqCst);
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    receiver.behave(|_| Reaction::from(200));
    let doubles = audit(&receiver, &posted);
    assert!(doubles.accepted > 500, "{doubles:?}");
    doubles
}

/// What came more than once.
#[derive(Debug)]
struct Doubles {
    accepted: usize,
    doubles: usize,
}

/// Waits until everything has arrived everywhere, and counts what came twice.
fn audit(receiver: &Receiver, posted: &[Posted]) -> Doubles {
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
    Doubles { accepted: accepted.len(), doubles: times.values().map(|times| times - 1).sum() }
}

/// Waits until those that are left have all shards; how long that took.
fn until_all_is_served(nodes: &Nodes) -> Duration {
    let began = Instant::now();
    let patience = Duration::from_millis(LEASE_MS) + GRACE;
    waiting::within(patience, "every shard is served again", || {
        let held: i64 = nodes.servers.iter().map(shards).sum();
        (held == SHARDS).then_some(())
    });
    began.elapsed()
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
fn say(what: &str, doubles: &Doubles) {
    eprintln!("{what}: {doubles:?}");
}

#[test]
fn a_node_that_is_killed_loses_nothing_and_the_others_go_on() {
    let doubles = survive(|nodes| {
        let leader = nodes.leader();
        let mut killed = nodes.servers.remove(leader);
        killed.kill();
        until_all_is_served(nodes);
    });
    say("the node that leads was killed", &doubles);
    assert!(doubles.doubles <= AT_MOST_DOUBLES, "{doubles:?}");
}

#[test]
fn a_node_that_hangs_past_its_time_changes_nothing_when_it_goes_on() {
    let doubles = survive(|nodes| {
        let place = nodes.leader();
        let paused = nodes.servers.remove(place);
        let pid = Pid::from_raw(i32::try_from(paused.pid()).expect("a pid")).expect("not 0");
        kill_process(pid, Signal::STOP).expect("it runs");
        until_all_is_served(nodes);
        kill_process(pid, Signal::CONT).expect("it is there");
        nodes.servers.push(paused);
        nodes.wait_for_balance();
    });
    say("the node that leads was paused", &doubles);
    assert!(doubles.doubles <= AT_MOST_DOUBLES, "{doubles:?}");
}

#[test]
fn a_node_that_is_told_to_stop_hands_over_without_a_double() {
    let doubles = survive(|nodes| {
        let leader = nodes.leader();
        let mut stopped = nodes.servers.remove(leader);
        stopped.terminate();
        assert!(stopped.wait(Duration::from_secs(30)).success());
        until_all_is_served(nodes);
    });
    say("the node that leads was told to stop", &doubles);
    assert_eq!(doubles.doubles, 0, "{doubles:?}");
}

#[test]
fn a_node_that_joins_takes_its_share_without_a_double() {
    let doubles = survive(|nodes| {
        nodes.join();
        nodes.wait_for_balance();
    });
    say("a node joined", &doubles);
    assert_eq!(doubles.doubles, 0, "{doubles:?}");
}
