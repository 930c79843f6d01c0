//! Endpoints that fail for long: held, probed, warned about, disabled; and what brings them back.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;
use crate::waiting;

/// A breaker that opens after three failures; retries so far away that only probes are seen.
fn strict(probe_base_ms: i64, more: &[(&str, &str)]) -> Server {
    let probe = probe_base_ms.to_string();
    let mut settings = vec![
        ("GROUNDSWELL_BREAKER_FAILURES", "3"),
        ("GROUNDSWELL_PROBE_BASE_MS", probe.as_str()),
        ("GROUNDSWELL_PROBE_CAP_MS", probe.as_str()),
        ("GROUNDSWELL_RETRY_BASE_MS", "3600000"),
    ];
    settings.extend(more);
    Server::with(&settings)
}

fn failing(server: Server, count: usize) -> (Fixture, Vec<String>) {
    let fixture = Fixture::with(server, Receiver::that(|_| Reaction::from(500)), Value::Null);
    let events: Vec<String> =
        (0..count).map(|number| fixture.client.join(&fixture.program, &format!("p{number}"))).collect();
    (fixture, events)
}

fn kinds(fixture: &Fixture) -> Vec<String> {
    let page = fixture.client.get(&format!("/v2/campaign/{}/notices", fixture.program)).ok();
    let notices = page["notices"].as_array().expect("a list").clone();
    notices.iter().map(|notice| notice["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn an_open_breaker_holds_everything_until_a_probe_succeeds() {
    let (fixture, events) = failing(strict(1_000, &[]), 5);
    let held = fixture.delivery_in("held", &events[4]);
    assert!(held["nextAttemptAt"].is_i64() && held["deadlineAt"].is_i64(), "{held:#}");
    assert_eq!(held["schedule"], json!([]));
    let late = fixture.client.join(&fixture.program, "late");
    fixture.delivery_in("held", &late);
    fixture.receiver.behave(|_| Reaction::from(200));
    for event in events.iter().chain([&late]) {
        fixture.delivery_in("delivered", event);
    }
    assert_eq!(fixture.client.webhook_view(&fixture.program, "primary")["failureCount"], 0);
}

#[test]
fn an_open_breaker_survives_a_kill() {
    let (mut fixture, events) = failing(strict(600_000, &[]), 4);
    fixture.delivery_in("held", &events[0]);
    let before = fixture.client.webhook_view(&fixture.program, "primary")["failureCount"].clone();
    let requests = fixture.receiver.requests().len();
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    fixture.delivery_in("held", &events[3]);
    let late = fixture.client.join(&fixture.program, "late");
    fixture.delivery_in("held", &late);
    assert_eq!(fixture.client.webhook_view(&fixture.program, "primary")["failureCount"], before);
    assert_eq!(fixture.receiver.requests().len(), requests, "nothing is sent while it is held");
}

#[test]
fn a_new_url_is_tried_at_once_and_takes_everything_along() {
    let (fixture, events) = failing(strict(600_000, &[]), 4);
    for event in &events {
        fixture.delivery_in("held", event);
    }
    fixture.receiver.behave(|request| Reaction::from(if request.path == "/moved" { 200 } else { 500 }));
    fixture.patch(&json!({ "payloadUrl": fixture.receiver.url("/moved") }));
    for event in &events {
        let delivery = fixture.delivery_in("delivered", event);
        let attempts = delivery["attemptLog"].as_array().map_or(0, Vec::len);
        assert!((1..=2).contains(&attempts), "only one more was needed: {delivery:#}");
    }
}

#[test]
fn a_new_secret_takes_along_what_waits_for_a_retry() {
    let (fixture, events) = failing(strict(600_000, &[]), 2);
    for event in &events {
        fixture.delivery_in("retrying", event);
    }
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.patch(&json!({ "secret": "another" }));
    for event in &events {
        fixture.delivery_in("delivered", event);
    }
}

#[test]
fn owners_are_warned_and_then_the_webhook_is_disabled() {
    let (fixture, _) = failing(strict(200, &[("GROUNDSWELL_AUTODISABLE_MS", "3500")]), 4);
    waiting::until("the webhook is disabled", || {
        let webhook = fixture.client.webhook_view(&fixture.program, "primary");
        (webhook["isEnabled"] == false && webhook["autoDisabledDueToFailures"] == true).then_some(())
    });
    assert_eq!(kinds(&fixture), ["failing", "still_failing", "auto_disabled"]);
    let later = fixture.client.join(&fixture.program, "later");
    fixture.delivery_in("parked", &later);
    fixture.patch(&json!({ "isEnabled": true }));
    let webhook = fixture.client.webhook_view(&fixture.program, "primary");
    assert_eq!((&webhook["autoDisabledDueToFailures"], &webhook["failureCount"]), (&json!(false), &json!(0)));
}

#[test]
fn gone_is_told() {
    let fixture = Fixture::new(Receiver::that(|_| Reaction::from(410)));
    fixture.client.join(&fixture.program, "p1");
    waiting::until("a notice", || (kinds(&fixture) == ["gone"]).then_some(()));
}

#[test]
fn what_is_held_past_its_deadline_says_since_when_the_endpoint_failed() {
    let server = strict(300, &[("GROUNDSWELL_RETRY_DEADLINE_MS", "1500")]);
    let (fixture, events) = failing(server, 6);
    let mut told = 0;
    for event in &events {
        let delivery = fixture.delivery_in("undeliverable", event);
        let log = delivery["attemptLog"].as_array().expect("a log");
        let Some(reason) = delivery["reason"].as_str() else {
            // It was the one that was probed when its deadline came.
            let last_says = log.last().and_then(|last| last["message"].as_str()).unwrap_or_default();
            assert!(last_says.contains("deadline"), "{delivery:#}");
            continue;
        };
        told += 1;
        let said = reason
            .strip_prefix("The deadline passed while the endpoint was failing: nothing has succeeded since ")
            .and_then(|rest| rest.strip_suffix(" attempts.")?.split_once(", in "));
        let Some((since, attempts)) = said else { panic!("{reason}") };
        let since = httpdate::parse_http_date(since).expect("a date");
        let since_ms = since.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
        let first_ms = u128::from(fixture.receiver.requests()[0].arrived_at_ms.unsigned_abs());
        assert!(since_ms.abs_diff(first_ms) < 5_000, "{reason}, first tried at {first_ms}");
        let attempts: usize = attempts.parse().expect("a number");
        assert!((3..=fixture.receiver.requests().len()).contains(&attempts), "{reason}");
    }
    assert!(told > 0, "every one of them had an attempt at its deadline");
}

/// Whether what `reply` answers to one delivery keeps another one from being sent.
fn pauses(reply: &Reply) -> bool {
    let overloaded = reply.clone();
    let receiver = Receiver::that(move |request| match request.path.as_str() {
        "/hook" => Reaction::Answer(overloaded.clone()),
        _ => Reaction::from(200),
    });
    let fixture = Fixture::with(strict(600_000, &[]), receiver, Value::Null);
    fixture.client.webhook(&fixture.program, &fixture.receiver.url("/other"), Value::Null);
    let about = |path: &str, participant: &str| {
        let requests = fixture.receiver.requests();
        requests.iter().any(|one| one.path == path && one.json()["data"]["id"] == participant)
    };
    fixture.client.join(&fixture.program, "p1");
    waiting::until("the first has failed", || {
        let states = fixture.client.deliveries(&fixture.program, "?state=retrying");
        (states.len() == 1).then_some(())
    });
    // The other webhook shows how quickly things go: after three of its deliveries the paused one had its turn.
    for participant in ["p2", "p3", "p4"] {
        fixture.client.join(&fixture.program, participant);
        waiting::until("the other webhook has it", || about("/other", participant).then_some(()));
    }
    !about("/hook", "p2")
}

#[test]
fn every_status_of_overload_with_a_retry_after_slows_the_whole_endpoint_and_others_do_not() {
    for status in [429, 502, 503, 504] {
        assert!(pauses(&Reply::status(status).header("retry-after", "3600")), "{status}");
    }
    assert!(!pauses(&Reply::status(500).header("retry-after", "3600")), "that is about one delivery");
}

#[test]
fn enabling_forgets_a_pause() {
    let receiver = Receiver::that(|_| Reaction::Answer(Reply::status(429).header("retry-after", "3600")));
    let fixture = Fixture::with(strict(600_000, &[]), receiver, Value::Null);
    let first = fixture.client.join(&fixture.program, "p1");
    fixture.delivery_in("retrying", &first);
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.patch(&json!({ "isEnabled": false }));
    fixture.patch(&json!({ "isEnabled": true }));
    let second = fixture.client.join(&fixture.program, "p2");
    fixture.delivery_in("delivered", &second);
    fixture.delivery_in("parked", &first);
}

#[test]
fn retry_after_of_an_overloaded_receiver_pauses_the_whole_endpoint() {
    let receiver = Receiver::that(|_| Reaction::Answer(Reply::status(429).header("retry-after", "3600")));
    let fixture = Fixture::with(strict(600_000, &[]), receiver, Value::Null);
    let first = fixture.client.join(&fixture.program, "p1");
    fixture.delivery_in("retrying", &first);
    let second = fixture.client.join(&fixture.program, "p2");
    std::thread::sleep(std::time::Duration::from_millis(500));
    fixture.delivery_in("waiting", &second);
    assert_eq!(fixture.receiver.requests().len(), 1);

    // New settings forget the pause.
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.patch(&json!({ "secret": "new" }));
    for event in [&first, &second] {
        fixture.delivery_in("delivered", event);
    }
}

#[test]
fn an_attempt_that_may_have_gone_out_before_a_kill_says_so() {
    let receiver =
        Receiver::that(|request| if request.number < 2 { Reaction::Silence } else { Reaction::from(200) });
    let mut fixture = Fixture::new(receiver);
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.receiver.request_about("p1");
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    let delivery = fixture.delivery_in("delivered", &event);
    let log = delivery["attemptLog"].as_array().expect("a log");
    assert_eq!((log.len(), &log[0]["number"]), (1, &json!(1)), "it used up no number: {delivery:#}");
    assert_eq!(log[0]["possiblySentBefore"], true);
    let later = fixture.client.join(&fixture.program, "p2");
    assert_eq!(fixture.delivery_in("delivered", &later)["attemptLog"][0]["possiblySentBefore"], false);
}
