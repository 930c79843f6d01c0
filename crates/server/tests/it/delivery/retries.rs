//! When a failed delivery is tried again, and when no more.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;
use crate::waiting::now_ms;

/// A busy machine may be late by this much; early it is never.
const LATE_MS: i64 = 3_000;

/// When requests arrived.
fn arrivals(fixture: &Fixture, count: usize) -> Vec<i64> {
    fixture.receiver.answered(count).iter().map(|exchange| exchange.request.arrived_at_ms).collect()
}

fn policy(base_ms: i64, factor: i64, cap_ms: i64, deadline_ms: i64) -> Server {
    let [base, factor, cap, deadline] = [base_ms, factor, cap_ms, deadline_ms].map(|value| value.to_string());
    Server::with(&[
        ("GROUNDSWELL_RETRY_BASE_MS", &base),
        ("GROUNDSWELL_RETRY_FACTOR", &factor),
        ("GROUNDSWELL_RETRY_CAP_MS", &cap),
        ("GROUNDSWELL_RETRY_DEADLINE_MS", &deadline),
    ])
}

#[test]
fn waits_grow_by_the_factor_up_to_the_cap() {
    let receiver = Receiver::that(|request| Reaction::from(if request.number < 6 { 500 } else { 200 }));
    let fixture = Fixture::with(policy(200, 3, 1000, 600_000), receiver, Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    let arrived = arrivals(&fixture, 6);
    for (pair, planned) in arrived.windows(2).zip([200, 600, 1000, 1000, 1000]) {
        let waited = pair[1] - pair[0];
        assert!(waited >= planned * 9 / 10 - 5, "after {waited} ms instead of {planned}: {arrived:?}");
        assert!(waited <= planned * 11 / 10 + LATE_MS, "after {waited} ms instead of {planned}: {arrived:?}");
    }
    let delivery = fixture.delivery_in("delivered", &event);
    assert_eq!((&delivery["attempts"], &delivery["nextAttemptAt"]), (&json!(6), &Value::Null));
    let log = delivery["attemptLog"].as_array().expect("a log");
    let numbers: Vec<i64> = log.iter().map(|attempt| attempt["number"].as_i64().expect("a number")).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(log[..5].iter().all(|attempt| attempt["success"] == false && attempt["failure"] == "status"));
    assert_eq!(log[5]["success"], true);
}

#[test]
fn the_last_attempt_falls_on_the_deadline_and_then_it_is_undeliverable() {
    let receiver = Receiver::that(|_| Reaction::from(500));
    let fixture = Fixture::with(policy(300, 2, 2_000, 2_500), receiver, Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("undeliverable", &event);
    let accepted_at = delivery["acceptedAt"].as_i64().expect("a time");
    let log = delivery["attemptLog"].as_array().expect("a log").clone();
    let last = log.last().expect("attempts were made");
    let started_at = last["startedAt"].as_i64().expect("a time");
    assert!((accepted_at + 2_500..accepted_at + 2_500 + LATE_MS).contains(&started_at), "{log:#?}");
    assert!(last["message"].as_str().is_some_and(|text| text.contains("deadline")), "{last}");
    assert_eq!((&delivery["nextAttemptAt"], &delivery["schedule"]), (&Value::Null, &json!([])));
    // Whatever comes later, nothing of this event does.
    let made = log.len();
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.client.join(&fixture.program, "p2");
    fixture.receiver.request_about("p2");
    let about_the_first =
        fixture.receiver.requests().iter().filter(|request| request.webhook_id() == event).count();
    assert_eq!(about_the_first, made);
}

#[test]
fn the_whole_schedule_of_what_waits_can_be_seen() {
    let receiver = Receiver::that(|_| Reaction::from(500));
    let fixture = Fixture::with(policy(60_000, 3, 600_000, 3_600_000), receiver, Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("retrying", &event);
    let schedule: Vec<i64> = delivery["schedule"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|at| at.as_i64().expect("a time"))
        .collect();
    assert_eq!(delivery["nextAttemptAt"], schedule[0]);
    assert_eq!(delivery["deadlineAt"], json!(delivery["acceptedAt"].as_i64().expect("a time") + 3_600_000));
    assert_eq!(delivery["deadlineAt"], *schedule.last().expect("not empty"));
    let waits: Vec<i64> = schedule.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    assert_eq!(waits[..4], [180, 540, 600, 600]);
    let first_wait = schedule[0] - delivery["lastAttemptAt"].as_i64().expect("a time");
    assert!((54_000..=66_000 + LATE_MS).contains(&first_wait), "{first_wait}");
}

#[test]
fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let receiver = Receiver::that(|request| {
        Reaction::Answer(match request.number {
            1 => Reply::status(429).header("Retry-After", "2"),
            2 => Reply::status(503).header("Retry-After", http_date(request.arrived_at_ms + 3_000)),
            3 => Reply::status(500).header("Retry-After", "as soon as you like"),
            _ => Reply::status(200),
        })
    });
    let fixture = Fixture::new(receiver);
    fixture.client.join(&fixture.program, "p1");
    let arrived = arrivals(&fixture, 4);
    let waits: Vec<i64> = arrived.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((1_990..2_000 + LATE_MS).contains(&waits[0]), "{waits:?}");
    // A date has whole seconds, so the wait may be up to one shorter.
    assert!((1_990..3_000 + LATE_MS).contains(&waits[1]), "{waits:?}");
    assert!((80..500 + LATE_MS).contains(&waits[2]), "{waits:?}");
}

#[test]
fn a_retry_after_behind_the_deadline_ends_the_delivery_and_says_so() {
    let receiver = Receiver::that(|_| Reaction::Answer(Reply::status(503).header("Retry-After", "3600")));
    let fixture = Fixture::with(policy(100, 2, 500, 60_000), receiver, Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("undeliverable", &event);
    assert_eq!(delivery["attempts"], 1);
    let message = delivery["attemptLog"][0]["message"].as_str().expect("a reason").to_owned();
    assert!(message.contains("deadline"), "{message}");
}

#[test]
fn failures_are_counted_in_a_row_and_a_success_ends_the_row() {
    let receiver = Receiver::that(|request| Reaction::from(if request.number <= 3 { 500 } else { 200 }));
    let fixture = Fixture::with(policy(300, 1, 300, 600_000), receiver, Value::Null);
    let began_ms = now_ms();
    let event = fixture.client.join(&fixture.program, "p1");
    let mut counts = Vec::new();
    crate::waiting::until("the third failure is counted", || {
        let webhook = fixture.client.webhook_view(&fixture.program, "primary");
        let count = webhook["failureCount"].as_i64().expect("a number");
        counts.push(count);
        (count == 3).then_some(webhook)
    });
    assert!(counts.is_sorted(), "{counts:?}");
    fixture.delivery_in("delivered", &event);
    let webhook = fixture.client.webhook_view(&fixture.program, "primary");
    assert_eq!(webhook["failureCount"], 0, "{webhook}");
    let last_failure = webhook["lastFailureAt"].as_i64().expect("it did fail");
    assert!((began_ms..=now_ms()).contains(&last_failure));
    assert_eq!((&webhook["isEnabled"], &webhook["autoDisabledDueToFailures"]), (&json!(true), &json!(false)));
}

/// A time as RFC 9110 writes it.
fn http_date(at_ms: i64) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(at_ms).expect("after 1970"));
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
}
