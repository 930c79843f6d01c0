//! `groundswell listen`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use groundswell_types::Secret;
use groundswell_types::signature::{StandardHeaders, verify_product, verify_standard};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::command;
use crate::client::{Call, Client};
use crate::receiver::{Reaction, Receiver, Request};
use crate::server::{ADMIN_KEY, Server};
use crate::waiting;

/// A listening that goes on until it is dropped.
struct Listening {
    child: Child,
    directory: TempDir,
}

impl Listening {
    /// Starts, and waits until it listens.
    fn start(server: &Server, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let out = File::create(directory.path().join("out")).expect("a new file");
        let environment = [("GROUNDSWELL_URL", server.url()), ("GROUNDSWELL_ADMIN_KEY", ADMIN_KEY)];
        let child = command(&["listen"], &environment)
            .args(arguments)
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(Stdio::from(out))
            .spawn()
            .expect("the binary starts");
        let listening = Self { child, directory };
        listening.says("istening");
        listening
    }

    fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("out")).expect("its output")
    }

    /// Waits until it has said this in a whole line; returns the line.
    fn says(&self, words: &str) -> String {
        waiting::until(format!("it says `{words}`"), || {
            let said = self.said();
            let whole = &said[..said.rfind('\n').map_or(0, |end| end + 1)];
            whole.lines().find(|line| line.contains(words)).map(str::to_owned)
        })
    }

    /// The secret that was made for it.
    fn secret(&self) -> Secret {
        let line = self.says("Signed with a secret of this listening: whsec_");
        Secret::parse(line.rsplit(' ').next().expect("a word")).expect("a secret")
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks both signatures.
fn verify(request: &Request, secret: &Secret) {
    let now_ms = request.arrived_at_ms;
    let header = |name| request.header(name).expect("signed");
    verify_product(secret, header("growsurf-signature"), &request.body, (now_ms, 60_000)).expect("genuine");
    let headers = StandardHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    verify_standard(secret, headers, &request.body, (now_ms / 1000, 60)).expect("genuine");
}

#[test]
fn events_come_as_a_webhook_gets_them_signed_with_a_secret_of_the_listening() {
    let server = Server::start();
    let (here, hook) = (Receiver::start(), Receiver::start());
    let client = server.client();
    let program = client.program("REFERRAL");
    client.webhook(&program, &hook.url("/"), json!({ "secret": "the webhook's own" }));
    let listening = Listening::start(&server, &["--forward-to", &here.url("/in?a=b")]);
    let secret = listening.secret();
    let event =
        json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "ann", "x": 1.50, "ü": "\u{1f600}" } });
    client.post(&format!("/v2/campaign/{program}/events"), &event);
    let (mine, theirs) = (here.answered(1).remove(0).request, hook.answered(1).remove(0).request);
    assert_eq!((mine.method.as_str(), mine.path.as_str()), ("POST", "/in?a=b"));
    assert_eq!((&mine.body, mine.webhook_id()), (&theirs.body, theirs.webhook_id()));
    for header in ["content-type", "user-agent"] {
        assert_eq!(mine.header(header), theirs.header(header), "{header}");
    }
    verify(&mine, &secret);
    let line = listening.says(mine.webhook_id());
    assert!(line.contains("NEW_PARTICIPANT_ADDED") && line.contains(" 200 in "), "{line}");
    assert!(!listening.said().contains("the webhook's own"));
}

#[test]
fn only_wanted_events_come_without_any_webhook_and_for_programs() {
    let server = Server::start();
    let here =
        Receiver::that(|request| if request.number == 1 { Reaction::from(404) } else { Reaction::HangUp });
    let client = server.client();
    let program = client.program("REFERRAL");
    let arguments =
        ["--forward-to", &here.url("/"), "--events", "CAMPAIGN_ENDED", "--secret", "mine", "--json"];
    let listening = Listening::start(&server, &arguments);
    client.join(&program, "ann");
    let end = json!({ "event": "CAMPAIGN_ENDED", "data": { "id": "p" } });
    for _ in 0..2 {
        client.post(&format!("/v2/campaign/{program}/events"), &end);
    }
    let lines = waiting::until("three lines", || {
        let said = listening.said();
        let lines: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (lines.len() == 3).then_some(lines)
    });
    assert_eq!(lines[0], json!({ "listening": true, "forwardTo": here.url("/"), "secret": null }));
    assert_eq!((&lines[1]["event"], &lines[1]["status"]), (&json!("CAMPAIGN_ENDED"), &json!(404)));
    assert_eq!(lines[1]["error"], Value::Null);
    assert!(lines[2]["status"].is_null() && lines[2]["error"].is_string(), "{}", lines[2]);
    verify(&here.requests()[0], &Secret::parse("mine").expect("a secret"));
}

/// Producers post all the time while the server is stopped, killed and started again.
#[test]
fn nothing_is_lost_and_nothing_comes_twice_when_the_server_restarts() {
    let mut server = Server::start();
    let address = server.url().trim_start_matches("http://").to_owned();
    server.set("GROUNDSWELL_LISTEN", &address);
    let here = Receiver::start();
    let program = server.client().program("REFERRAL");
    let listening = Listening::start(&server, &["--forward-to", &here.url("/")]);
    let secret = listening.secret();
    let (is_over, url) = (AtomicBool::new(false), server.url().to_owned());
    let accepted = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..3)
            .map(|producer| {
                let (program, url, is_over) = (&program, &url, &is_over);
                scope.spawn(move || produce(&Client::new(url, ADMIN_KEY), program, producer, is_over))
            })
            .collect();
        let more = || here.exchanges().len() + 50;
        let wait = |count: usize| {
            here.until("events come", |exchanges| (exchanges.len() >= count).then_some(()));
        };
        wait(50);
        server.kill();
        server.restart();
        wait(more());
        server.terminate();
        server.wait(std::time::Duration::from_secs(30));
        server.restart();
        wait(more());
        is_over.store(true, Ordering::SeqCst);
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect::<Vec<_>>()
    });
    // What was accepted without the producer knowing it comes as well, so by the last one everything has come.
    let last = server.client().join(&program, "last");
    here.until("the last event comes", |exchanges| {
        exchanges.iter().any(|one| one.request.webhook_id() == last).then_some(())
    });
    let requests = here.requests();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for request in &requests {
        verify(request, &secret);
        *times.entry(request.webhook_id()).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    let missing: Vec<_> = accepted.iter().filter(|id| !times.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "of {} lost: {missing:?}", accepted.len());
    assert!(requests.is_sorted_by(|a, b| a.webhook_id() < b.webhook_id()), "not in the order of acceptance");
    listening.says("Connected again");
}

/// Posts until it is over; the ids of what was accepted.
fn produce(client: &Client, program: &str, producer: usize, is_over: &AtomicBool) -> Vec<String> {
    let path = format!("/v2/campaign/{program}/events");
    let mut accepted = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let data = json!({ "id": format!("p{producer}-{number}") });
        let body = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": data }).to_string();
        let headers = &[("content-type", "application/json")];
        let answer = client.try_send(Call { method: "POST", path: &path, headers, body: body.as_bytes() });
        match answer {
            Ok(answer) if answer.status == 202 => {
                accepted.push(answer.json()["id"].as_str().expect("an id").to_owned());
            }
            // It is stopping or away.
            _ => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    accepted
}

#[test]
fn a_key_that_is_removed_ends_the_listening_and_says_why() {
    let server = Server::start();
    let client = server.client();
    client.program("REFERRAL");
    let key = client.post("/v2/api-keys", &json!({ "name": "mine" })).ok();
    let text = key["key"].as_str().expect("a key");
    let here = Receiver::start();
    let mut listening = Listening::start(&server, &["--forward-to", &here.url("/"), "--api-key", text]);
    client.delete(&format!("/v2/api-keys/{}", key["id"].as_str().expect("an id"))).ok();
    let status = waiting::within(std::time::Duration::from_mins(1), "it ends", || {
        listening.child.try_wait().expect("it was started here")
    });
    assert_eq!(status.code(), Some(1));
    assert!(listening.said().contains("does not know the key"), "{}", listening.said());
}
