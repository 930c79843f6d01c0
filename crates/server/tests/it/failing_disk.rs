//! The process on a disk that fails: what it still promises when an fsync fails or takes long, or when there is no room.
//!
//! A library of a few lines of C, preloaded into the server, lets the calls fail that a broken disk would let fail.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{BatchLine, Call, Client};
use crate::receiver::{Exchange, Reaction, Receiver, Reply};
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};
use crate::{status, waiting};

/// The faults that a server can be given.
struct Faults {
    directory: TempDir,
}

impl Faults {
    fn new() -> Self {
        let faults = Self { directory: TempDir::new().expect("there is a temporary directory") };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/failing_disk/faults.c");
        // The compiler that SQLite is built with.
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", source, "-ldl", "-o"]);
        let built = compiler.arg(faults.library()).output().expect("there is a C compiler");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        faults
    }

    fn library(&self) -> PathBuf {
        self.directory.path().join("faults.so")
    }

    fn server(&self) -> Server {
        let library = self.library().display().to_string();
        let directory = self.directory.path().display().to_string();
        let preloaded = [("LD_PRELOAD", library.as_str()), ("FAULTS_DIRECTORY", directory.as_str())];
        Server::with(&[QUICK_RETRY.as_slice(), &preloaded].concat())
    }

    fn begin(&self, fault: &str) {
        File::create(self.directory.path().join(fault)).expect("a new file");
    }

    fn end(&self, fault: &str) {
        fs::remove_file(self.directory.path().join(fault)).expect("it is there");
    }
}

/// What producers are told, and what they tell.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    accepted: AtomicUsize,
}

/// Posts one event after the other until told to stop; returns the ids of those that were accepted, and how often each
/// other status was answered.
fn produce(
    client: &Client,
    program: &str,
    name: &str,
    Load { stop, accepted }: &Load,
) -> (Vec<String>, BTreeMap<u16, usize>) {
    let (mut ids, mut others) = (Vec::new(), BTreeMap::new());
    let path = format!("/v2/campaign/{program}/events");
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let data = json!({ "id": format!("{name}-{number}") });
        let body = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": data }).to_string();
        let headers = &[("content-type", "application/json")];
        let call = Call { method: "POST", path: &path, headers, body: body.as_bytes() };
        match client.try_send(call) {
            Ok(answer) if answer.status == 202 => {
                ids.push(answer.json()["id"].as_str().expect("an id").to_owned());
                accepted.fetch_add(1, Ordering::SeqCst);
            }
            Ok(answer) => *others.entry(answer.status).or_default() += 1,
            // The process has ended; nobody was told anything.
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    (ids, others)
}

/// A batch of so many events; the ids of all, which must be accepted.
fn post_batch(client: &Client, program: &str, events: usize) -> Vec<String> {
    client.post_lines(program, &lines(events)).batch().into_iter().map(id_of).collect()
}

fn lines(events: usize) -> String {
    let line = |number| json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": format!("p{number}") } });
    (0..events).map(|number| line(number).to_string()).collect::<Vec<_>>().join("\n")
}

fn id_of(line: BatchLine) -> String {
    match line {
        BatchLine::Accepted { id, .. } => id,
        refused @ BatchLine::Refused { .. } => panic!("{refused:?}"),
    }
}

/// How often each event was answered with 200.
fn delivered(exchanges: &[Exchange]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for exchange in exchanges.iter().filter(|one| one.answered.is_some_and(|answered| answered.status == 200))
    {
        *counts.entry(exchange.request.webhook_id()).or_default() += 1;
    }
    counts
}

fn wait_for_all(receiver: &Receiver, ids: &[String]) {
    receiver.within(Duration::from_mins(1), "every accepted event arrives", |exchanges| {
        let delivered = delivered(exchanges);
        ids.iter().all(|id| delivered.contains_key(id.as_str())).then_some(())
    });
}

#[test]
fn a_failed_fsync_ends_the_process_and_loses_nothing_that_was_acknowledged() {
    let faults = Faults::new();
    let mut server = faults.server();
    let receiver = Receiver::that(|_| Reaction::AnswerAfter(Duration::from_millis(20), Reply::status(200)));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let load = Load::default();
    let ids: Vec<String> = thread::scope(|scope| {
        let (program, load) = (&program, &load);
        let producers: Vec<_> = (0..4)
            .map(|number| {
                let client = Client::keeping_connections(server.url(), ADMIN_KEY);
                scope.spawn(move || produce(&client, program, &number.to_string(), load))
            })
            .collect();
        waiting::until("there is load", || (load.accepted.load(Ordering::SeqCst) > 200).then_some(()));
        faults.begin("fsync");
        let status = server.wait(Duration::from_secs(30));
        load.stop.store(true, Ordering::SeqCst);
        assert_eq!(status.code(), Some(1), "the process ends with an error, not with {status}");
        let produced = producers.into_iter().map(|producer| producer.join().expect("no panic"));
        produced
            .flat_map(|(ids, others)| {
                // Of the commit whose sync failed nobody knows what became of it, which 503 would claim.
                assert!(others.keys().all(|status| [500, 503].contains(status)), "{others:?}");
                ids
            })
            .collect()
    });
    let log = server.log();
    assert!(log.contains("start again to recover"), "the log says what to do");
    assert!(!log.contains("panicked"), "{log}");
    faults.end("fsync");
    server.restart();
    wait_for_all(&receiver, &ids);
    server.client().join(&program, "afterwards");
}

#[test]
fn a_failed_fsync_ends_the_process_whoever_wrote() {
    let faults = Faults::new();
    let mut server = faults.server();
    faults.begin("fsync");
    // A key is written by its use case, not by the task that commits events.
    let answer = server.client().post("/v2/api-keys", &json!({ "name": "ops" }));
    assert!(answer.status >= 500, "{} {}", answer.status, answer.text);
    assert_eq!(server.wait(Duration::from_secs(30)).code(), Some(1));
}

/// With the time of the file's last change there would be a second block to write for each, or a journal's commit to wait for
/// (`.cargo/config.toml`).
#[test]
fn a_commit_waits_for_its_data_alone() {
    let faults = Faults::new();
    let mut server = faults.server();
    let client = server.client();
    let program = client.program("REFERRAL");
    faults.begin("metadata");
    let ids = post_batch(&client, &program, 1_000);
    assert_eq!(ids.len(), 1_000);
    server.kill();
    server.restart();
    server.client().join(&program, "afterwards");
}

#[test]
fn a_full_disk_refuses_events_with_507_goes_on_delivering_and_loses_nothing() {
    const EVENTS: usize = 90;
    // An attempt that was made is under way until its outcome is written.
    const UNWRITTEN: &str = "?state=sending&limit=100";
    let faults = Faults::new();
    let mut server = faults.server();
    let receiver = Receiver::that(|_| Reaction::AnswerAfter(Duration::from_millis(150), Reply::status(200)));
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let mut ids = post_batch(&client, &program, EVENTS);
    faults.begin("full");
    let load = Load::default();
    thread::scope(|scope| {
        // Producers who never let go must not keep outcomes from being written once there is room.
        let (program, load) = (&program, &load);
        let keeping = Client::keeping_connections(server.url(), ADMIN_KEY);
        let producer = scope.spawn(move || produce(&keeping, program, "more", load));
        waiting::until("events are refused", || {
            let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "refused" } });
            let answer = client.post(&format!("/v2/campaign/{program}/events"), &event);
            if answer.status == 202 {
                ids.push(answer.json()["id"].as_str().expect("an id").to_owned());
                return None;
            }
            answer.refused(507, "STORAGE_FULL");
            assert_eq!(answer.header("retry-after"), Some("30"));
            Some(())
        });
        let refused = client.post_lines(program, &lines(2)).batch();
        assert!(
            refused.iter().all(|line| matches!(line, BatchLine::Refused { status: 507, .. })),
            "{refused:?}"
        );
        wait_for_all(&receiver, &ids);
        assert_eq!(client.get("/readyz").status, 200);
        assert_ne!(client.deliveries(program, UNWRITTEN), [Value::Null; 0], "there is no room for outcomes");
        faults.end("full");
        let before = load.accepted.load(Ordering::SeqCst);
        waiting::until("events are accepted again", || {
            (load.accepted.load(Ordering::SeqCst) > before + 20).then_some(())
        });
        waiting::until("outcomes are written under load", || {
            let unwritten = client.deliveries(program, UNWRITTEN);
            unwritten.iter().all(|one| ids.iter().all(|id| one["eventId"] != id.as_str())).then_some(())
        });
        load.stop.store(true, Ordering::SeqCst);
        let (more, others) = producer.join().expect("no panic");
        assert!(others.keys().all(|status| *status == 507), "{others:?}");
        ids.extend(more);
    });
    wait_for_all(&receiver, &ids);
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    assert!(!server.log().contains("did not finish in time"), "the stop is orderly");
    server.restart();
    let last = server.client().join(&program, "afterwards");
    ids.push(last);
    wait_for_all(&receiver, &ids);
    let wanted: BTreeMap<&str, usize> = ids.iter().map(|id| (id.as_str(), 1)).collect();
    assert_eq!(delivered(&receiver.exchanges()), wanted, "each was sent once, and nothing that was refused");
}

#[test]
fn a_kill_on_a_full_disk_loses_nothing() {
    let faults = Faults::new();
    let mut server = faults.server();
    let receiver = Receiver::that(|_| Reaction::AnswerAfter(Duration::from_millis(100), Reply::status(200)));
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let ids = post_batch(&server.client(), &program, 60);
    faults.begin("full");
    wait_for_all(&receiver, &ids);
    server.kill();
    faults.end("full");
    server.restart();
    let client = server.client();
    waiting::until("everything is delivered by the log as well", || {
        (client.deliveries(&program, "?state=delivered&limit=100").len() == ids.len()).then_some(())
    });
    wait_for_all(&receiver, &ids);
}

/// How a component is shown, once somebody has tried to write: or nobody knows.
fn tone_after_a_post(client: &Client, program: &str, component: &str) -> String {
    client.post_lines(program, &lines(1));
    status::tone(&status::page(client), component).to_owned()
}

#[test]
fn a_slow_disk_turns_accepting_yellow_and_back_when_it_is_quick_again() {
    let faults = Faults::new();
    let server = faults.server();
    let client = server.client();
    let program = client.program("REFERRAL");
    let tone = |component: &str| tone_after_a_post(&client, &program, component);
    assert_eq!(tone("Accepting events"), "ok");
    faults.begin("slow");
    let noticed = Duration::from_mins(1);
    waiting::within(noticed, "accepting is slow", || (tone("Accepting events") == "warn").then_some(()));
    for component in ["Delivering", "Retry queue", "Program Editor", "API"] {
        assert_eq!(tone(component), "ok", "{component}");
    }
    client.join(&program, "accepted nonetheless");
    faults.end("slow");
    // It has to be well for half a minute.
    let patience = Duration::from_secs(150);
    waiting::within(patience, "accepting is well again", || (tone("Accepting events") == "ok").then_some(()));
    assert!(status::today(&status::page(&client)).contains("slow for "), "it is remembered");
}

#[test]
fn a_full_disk_turns_accepting_red_and_back_when_there_is_room() {
    let faults = Faults::new();
    let server = faults.server();
    let client = server.client();
    let program = client.program("REFERRAL");
    let tone = |component: &str| tone_after_a_post(&client, &program, component);
    assert_eq!(tone("Accepting events"), "ok");
    faults.begin("full");
    waiting::until("accepting is red", || (tone("Accepting events") == "error").then_some(()));
    for component in ["Delivering", "Program Editor", "API"] {
        assert_eq!(tone(component), "ok", "{component}");
    }
    faults.end("full");
    // It has to be well for half a minute, and answers count for a minute.
    let patience = Duration::from_secs(150);
    waiting::within(patience, "accepting is well again", || (tone("Accepting events") == "ok").then_some(()));
}
