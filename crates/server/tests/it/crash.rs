//! Kill -9 at random moments: nothing accepted is lost, hardly anything is sent twice, retries keep their times.
//!
//! Whether that is so is decided by what the producers were answered and what the receiver saw. The server's
//! database is not asked.

pub mod auditor;
mod outage;
pub mod producer;
mod restored;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::receiver::{Exchange, Reaction, Receiver, Reply, Request};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server, on};
use crate::waiting::{self, now_ms};
use auditor::{Kill, Report};
use producer::{Desk, Posted};

/// How often the server is killed; `cargo xtask kills --rounds N` sets another number.
const ROUNDS: u64 = 50;
const ROUNDS_ON_POSTGRESQL: u64 = 15;
const PRODUCERS: u64 = 4;
const SEED: u64 = 7;

/// The paths of the program's webhooks.
const PATHS: [&str; 2] = ["/steady", "/shaky"];

/// No request for so long means that nothing waits any more: many times the longest wait between attempts.
const QUIET: Duration = Duration::from_secs(4);

#[expect(clippy::disallowed_methods, reason = "many rounds are asked for by a person, with a variable")]
fn rounds(usual: u64) -> u64 {
    match std::env::var("GROUNDSWELL_KILL_ROUNDS") {
        Ok(text) => text.parse().expect("GROUNDSWELL_KILL_ROUNDS is a number"),
        Err(_) => usual,
    }
}

/// One receiver fails now and then, the other often; both sometimes take their time.
fn trouble(request: &Request) -> Reaction {
    let number = request.number;
    let reply = |status| Reaction::Answer(Reply::status(status));
    match request.path.as_str() {
        "/steady" if number.is_multiple_of(13) => reply(500),
        "/steady" => Reaction::AnswerAfter(Duration::from_millis(number as u64 % 4 * 5), Reply::status(200)),
        _ if number.is_multiple_of(37) => Reaction::HangUp,
        _ if number.is_multiple_of(50) => {
            Reaction::AnswerAfter(Duration::from_millis(400), Reply::status(200))
        }
        _ if number.is_multiple_of(3) => reply(503),
        _ => Reaction::AnswerAfter(Duration::from_millis(number as u64 % 7 * 10), Reply::status(200)),
    }
}

/// Probes as soon as retries, so that a failing endpoint is not left alone for longer than the test waits; and a deadline
/// behind the longest run, so that whatever does not arrive is lost, and nothing is undeliverable as promised.
const QUICK_PROBES: [(&str, &str); 3] = [
    ("GROUNDSWELL_PROBE_BASE_MS", "200"),
    ("GROUNDSWELL_PROBE_CAP_MS", "500"),
    ("GROUNDSWELL_RETRY_DEADLINE_MS", "86400000"),
];

#[test]
fn no_accepted_event_is_lost_however_often_the_server_is_killed() {
    let server = Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES].concat());
    survive(server, rounds(ROUNDS));
}

#[test]
fn no_accepted_event_is_lost_on_postgresql_however_often_the_server_is_killed() {
    let (name, url) = on(private_postgres::Server::shared());
    let server = Server::with(&[QUICK_RETRY.as_slice(), &QUICK_PROBES, &[(name, &url)]].concat());
    survive(server, rounds(ROUNDS_ON_POSTGRESQL));
}

fn survive(mut server: Server, rounds: u64) {
    let began = Instant::now();
    let mut rng = SmallRng::seed_from_u64(SEED);
    let receiver = Receiver::that(trouble);
    let program = server.client().program("REFERRAL");
    for path in PATHS {
        server.client().webhook(&program, &receiver.url(path), Value::Null);
    }
    let desk = Arc::new(Desk::new(server.url(), &program));
    let stop = AtomicBool::new(false);
    let mut kills = Vec::new();
    let posted: Vec<Posted> = thread::scope(|scope| {
        let stop = &stop;
        // Also when a start fails: the scope waits for the producers.
        let _stopping = StopsProducers(stop);
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|number| {
                let desk = Arc::clone(&desk);
                scope.spawn(move || producer::work(&desk, number, SEED, stop))
            })
            .collect();
        for _ in 0..rounds {
            let before = desk.accepted();
            waiting::until("events are accepted again", || (desk.accepted() > before).then_some(()));
            // The moment is random on purpose; nothing is waited for here.
            thread::sleep(Duration::from_millis(rng.random_range(0..2_200)));
            let from_ms = now_ms();
            server.kill();
            kills.push(Kill { from_ms, to_ms: now_ms(), connection: receiver.mark() });
            server.restart();
            desk.move_to(server.url());
        }
        stop.store(true, Ordering::SeqCst);
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    receiver.behave(|_| Reaction::from(200));
    wait_for_quiet(&receiver, &posted);
    let report = Report::of(&posted, &receiver.exchanges(), &kills, &PATHS);
    say(&format!("{rounds} kills in {:.0?}, seed {SEED}: {report}", began.elapsed()));
    report.judge();
}

/// Stops the producers when it is dropped.
pub struct StopsProducers<'a>(pub &'a AtomicBool);

impl Drop for StopsProducers<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The accepted events, and when each was answered.
fn outcomes_of_load(posted: &[Posted]) -> Vec<(&str, i64)> {
    posted.iter().filter_map(|event| event.outcome.accepted()).collect()
}

/// Waits until everything accepted has arrived everywhere, and then until nothing comes any more.
fn wait_for_quiet(receiver: &Receiver, posted: &[Posted]) {
    let accepted: Vec<&str> = posted.iter().filter_map(Posted::accepted_id).collect();
    wait_until_complete(receiver, &accepted);
}

/// As [`wait_for_quiet`], for these events.
fn wait_until_complete(receiver: &Receiver, accepted: &[&str]) {
    assert!(accepted.len() > 100, "only {} events were accepted", accepted.len());
    // What many rounds have left waiting needs its time, too.
    let deadline = Instant::now() + Duration::from_secs(180 + accepted.len() as u64 / 1_000);
    let (mut requests, mut quiet_since) = (0, Instant::now());
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(200));
        let now = receiver.look(<[_]>::len);
        if now > requests {
            (requests, quiet_since) = (now, Instant::now());
        }
        // Going through all of them keeps the receiver waiting, so only once it has nothing to do. What is still
        // missing after a longer silence is the auditor's to name.
        if quiet_since.elapsed() > 4 * QUIET
            || quiet_since.elapsed() > QUIET && receiver.look(|exchanges| is_complete(exchanges, accepted))
        {
            return;
        }
    }
}

fn is_complete(exchanges: &[Exchange], accepted: &[&str]) -> bool {
    let taken = auditor::taken(exchanges);
    accepted.iter().all(|id| PATHS.iter().all(|path| taken.contains(&(*path, *id))))
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// A policy whose every wait is so long.
fn waits_of(wait_ms: i64) -> Server {
    let wait = wait_ms.to_string();
    Server::with(&[
        NO_BREAKER,
        ("GROUNDSWELL_RETRY_BASE_MS", &wait),
        ("GROUNDSWELL_RETRY_FACTOR", "1"),
        ("GROUNDSWELL_RETRY_CAP_MS", &wait),
    ])
}

/// Posts ten events whose first attempts fail, and returns when each is due next, by event.
fn failed_events(server: &Server, program: &str) -> Vec<(String, i64)> {
    let client = server.client();
    let events: Vec<String> = (0..10).map(|number| client.join(program, &format!("p{number}"))).collect();
    let due = waiting::until("every first attempt has failed", || {
        let all = client.deliveries(program, "");
        all.iter()
            .map(|delivery| delivery["nextAttemptAt"].as_i64().filter(|_| delivery["state"] == "retrying"))
            .collect::<Option<Vec<_>>>()
            .map(|due| {
                all.iter()
                    .map(|delivery| delivery["eventId"].as_str().expect("an id").to_owned())
                    .zip(due)
                    .collect::<Vec<_>>()
            })
    });
    assert_eq!(due.len(), events.len());
    due
}

/// When the second attempt of each of `events` arrived.
fn second_attempts(receiver: &Receiver, events: &[(String, i64)]) -> Vec<i64> {
    receiver.until("second attempts", |exchanges| {
        let second = |id: &String| {
            let mut of_event = exchanges.iter().filter(|exchange| exchange.request.webhook_id() == id);
            of_event.nth(1).map(|exchange| exchange.request.arrived_at_ms)
        };
        events.iter().map(|(id, _)| second(id)).collect()
    })
}

#[test]
fn after_a_kill_a_retry_still_waits_for_its_time() {
    const LATE_MS: i64 = 3_000;
    let receiver = Receiver::that(|_| Reaction::from(500));
    let mut server = waits_of(5_000);
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), json!({}));
    let events = failed_events(&server, &program);
    server.kill();
    receiver.behave(|_| Reaction::from(200));
    server.restart();
    let ready_ms = now_ms();
    let arrived = second_attempts(&receiver, &events);
    for ((id, due_ms), arrived_ms) in events.iter().zip(arrived) {
        assert!(*due_ms > ready_ms, "the machine is too slow for this test: {id} was due before the restart");
        assert!(arrived_ms >= due_ms - 5, "{id} came {} ms early", due_ms - arrived_ms);
        assert!(arrived_ms <= due_ms + LATE_MS, "{id} came {} ms late", arrived_ms - due_ms);
    }
    assert_eq!(receiver.requests().len(), 2 * events.len(), "one attempt before the kill and one after it");
}

#[test]
fn what_fell_due_while_the_server_was_down_goes_out_at_once() {
    const LATE_MS: i64 = 3_000;
    let receiver = Receiver::that(|_| Reaction::from(500));
    let mut server = waits_of(1_500);
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), json!({}));
    // Waits for the failure of attempts of which some may be the second already.
    let events = failed_events(&server, &program);
    server.kill();
    let made = receiver.requests().len();
    receiver.behave(|_| Reaction::from(200));
    let last_due_ms = events.iter().map(|(_, due_ms)| *due_ms).max().expect("ten");
    waiting::until("everything is overdue", || (now_ms() > last_due_ms).then_some(()));
    server.restart();
    let ready_ms = now_ms();
    let exchanges = receiver.answered(made + events.len());
    let late = exchanges[made..].iter().map(|exchange| exchange.request.arrived_at_ms - ready_ms).max();
    assert!(late.is_some_and(|late_ms| late_ms <= LATE_MS), "{late:?} ms after the restart");
    let client = server.client();
    waiting::until("all are delivered", || {
        let all = client.deliveries(&program, "?state=delivered");
        (all.len() == events.len()).then_some(())
    });
}
