//! What counts as success, and that no receiver can do us harm.

use std::time::Duration;

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::{QUICK_RETRY, Server};
use crate::waiting::now_ms;

/// At most this much of a response is read and kept.
const KEPT: usize = 16 * 1024;

/// A server that waits for an answer for a second at most.
fn impatient() -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("groundswell.toml");
    std::fs::write(&file, "[delivery]\ntotal_timeout_ms = 1000\n").expect("a new file");
    let mut settings = QUICK_RETRY.to_vec();
    settings.push(("GROUNDSWELL_CONFIG", file.to_str().expect("a plain path")));
    (Server::with(&settings), directory)
}

/// The first attempt of a delivery to a receiver that reacts to everything in this way.
fn first_attempt(reaction: Reaction) -> Value {
    let fixture = Fixture::new(Receiver::that(move |_| reaction.clone()));
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = crate::waiting::until("an attempt is logged", || {
        Some(fixture.client.delivery_of(&fixture.program, &event)).filter(|found| found["attempts"] != 0)
    });
    let attempt = delivery["attemptLog"][0].clone();
    let delivered = delivery["state"] == "delivered";
    assert_eq!(attempt["success"], delivered, "{delivery}");
    attempt
}

#[test]
fn every_2xx_is_success_and_nothing_else_is() {
    for status in [200, 201, 202, 204, 299] {
        let attempt = first_attempt(Reaction::from(status));
        assert_eq!((&attempt["success"], &attempt["failure"]), (&json!(true), &Value::Null), "{status}");
        assert_eq!(attempt["response"]["statusCode"], status);
    }
    for (status, failure) in [
        (301, "redirect"),
        (304, "redirect"),
        (400, "status"),
        (404, "status"),
        (500, "status"),
        (599, "status"),
    ] {
        let attempt = first_attempt(Reaction::from(status));
        assert_eq!((&attempt["success"], &attempt["failure"]), (&json!(false), &json!(failure)), "{status}");
        assert_eq!(attempt["response"]["statusCode"], status);
        assert!(
            attempt["message"].as_str().is_some_and(|text| text.contains(&status.to_string())),
            "{attempt}"
        );
    }
}

#[test]
fn no_answer_or_no_http_is_a_broken_connection() {
    for reaction in [
        Reaction::HangUp,
        Reaction::Raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Reaction::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"),
    ] {
        let attempt = first_attempt(reaction.clone());
        assert_eq!(
            (&attempt["success"], &attempt["failure"]),
            (&json!(false), &json!("broken")),
            "{reaction:?}"
        );
    }
}

#[test]
fn nobody_there_is_a_failure_to_connect() {
    let fixture = Fixture::new(Receiver::start());
    // Nothing listens on a privileged port that nobody asked for.
    fixture.patch(&json!({ "payloadUrl": "http://127.0.0.1:2/" }));
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("retrying", &event);
    assert_eq!((&delivery["lastFailure"], &delivery["lastStatusCode"]), (&json!("connect"), &Value::Null));
}

#[test]
fn redirects_are_not_followed() {
    let target = Receiver::start();
    for status in [301, 302, 303, 307, 308] {
        let to = target.url("/elsewhere");
        let attempt = first_attempt(Reaction::Answer(Reply::status(status).header("Location", &*to)));
        assert_eq!(attempt["failure"], "redirect", "{status}");
        assert!(attempt["message"].as_str().is_some_and(|text| text.contains(&to)), "{attempt}");
    }
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_response_is_kept_up_to_16_kib_and_a_longer_one_is_cut_and_said_so() {
    for (bytes, kept, truncated) in
        [(0, 0, false), (KEPT - 1, KEPT - 1, false), (KEPT, KEPT, false), (KEPT + 1, KEPT, true)]
    {
        let attempt =
            first_attempt(Reaction::Answer(Reply { body: vec![b'x'; bytes], ..Reply::status(200) }));
        let response = &attempt["response"];
        assert_eq!(response["body"].as_str().expect("a text").len(), kept, "{bytes}");
        assert_eq!(
            (&response["truncated"], &attempt["success"]),
            (&json!(truncated), &json!(true)),
            "{bytes}"
        );
    }
}

#[test]
fn an_endless_answer_is_hung_up_on_and_counts_by_its_status() {
    let fixture = Fixture::new(Receiver::that(|_| Reaction::Endless));
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("delivered", &event);
    let response = &delivery["attemptLog"][0]["response"];
    assert_eq!((&response["truncated"], response["body"].as_str().map(str::len)), (&json!(true), Some(KEPT)));
    let answered = fixture.receiver.answered(1)[0].answered.expect("answered");
    // What is more than we read lay in the buffers of both systems.
    assert!(answered.body_bytes < 64 << 20, "{} bytes were taken", answered.body_bytes);
}

#[test]
fn what_is_no_text_is_kept_readable() {
    let attempt =
        first_attempt(Reaction::Answer(Reply { body: b"caf\xe9\0<script>".to_vec(), ..Reply::status(500) }));
    assert_eq!(attempt["response"]["body"], "caf\u{fffd}\0<script>");
}

#[test]
fn an_answer_that_does_not_come_in_time_is_a_timeout() {
    for reaction in [
        Reaction::Silence,
        Reaction::Stall,
        Reaction::AnswerAfter(Duration::from_secs(5), Reply::status(200)),
    ] {
        let (server, _directory) = impatient();
        let fixture = Fixture::with(server, Receiver::that(move |_| reaction.clone()), Value::Null);
        let event = fixture.client.join(&fixture.program, "p1");
        let delivery = fixture.delivery_in("retrying", &event);
        let attempt = &delivery["attemptLog"][0];
        assert_eq!(attempt["failure"], "timeout", "{delivery}");
        let took_ms = attempt["durationMs"].as_i64().expect("a duration");
        assert!((990..4_000).contains(&took_ms), "{took_ms}");
    }
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let fixture = Fixture::new(Receiver::that(|request| match request.path.as_str() {
        "/hook" => Reaction::Silence,
        _ => Reaction::from(200),
    }));
    fixture.client.webhook(&fixture.program, &fixture.receiver.url("/quick"), Value::Null);
    let count = 300;
    for number in 0..count {
        fixture.client.join(&fixture.program, &format!("p{number}"));
    }
    let began_ms = now_ms();
    let last = fixture.receiver.answered(count).last().expect("counted").request.arrived_at_ms;
    assert!(last - began_ms < 10_000, "the quick one waited {} ms", last - began_ms);
    // The first of them time out after 15 s and others take their places.
    let hanging: Vec<i64> = fixture
        .receiver
        .requests()
        .iter()
        .filter(|request| request.path == "/hook")
        .map(|request| request.arrived_at_ms)
        .collect();
    let hanging = hanging.iter().filter(|at_ms| **at_ms < hanging[0] + 10_000).count();
    assert!((1..=64).contains(&hanging), "{hanging} requests at once to one endpoint");
}
