//! How long a receiver has, webhook by webhook.

use std::time::Duration;

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;

/// The first attempt of a delivery to `receiver` with this timeout.
fn first_attempt(fixture: &Fixture, participant: &str) -> Value {
    let event = fixture.client.join(&fixture.program, participant);
    crate::waiting::until("an attempt is logged", || {
        let delivery = fixture.client.delivery_of(&fixture.program, &event);
        delivery["attemptLog"].as_array().and_then(|log| log.first().cloned())
    })
}

#[test]
fn a_webhook_has_its_own_timeout_and_the_failure_names_it() {
    let fixture =
        Fixture::with(Server::start(), Receiver::that(|_| Reaction::Silence), json!({ "timeoutSeconds": 1 }));
    let attempt = first_attempt(&fixture, "p1");
    assert_eq!(attempt["failure"], "timeout", "{attempt}");
    assert_eq!(attempt["message"], "There was no complete answer within 1 second.");
    let took_ms = attempt["durationMs"].as_i64().expect("a duration");
    assert!((990..10_000).contains(&took_ms), "{took_ms}");

    // The next attempt of what waits has the timeout that is set by then.
    fixture.receiver.behave(|_| Reaction::AnswerAfter(Duration::from_secs(2), Reply::status(200)));
    fixture.patch(&json!({ "timeoutSeconds": 20, "secret": "tried at once" }));
    let event = fixture.client.join(&fixture.program, "p2");
    fixture.delivery_in("delivered", &event);
}

#[test]
fn a_test_has_the_timeout_of_its_webhook() {
    let fixture =
        Fixture::with(Server::start(), Receiver::that(|_| Reaction::Silence), json!({ "timeoutSeconds": 1 }));
    let result = fixture.client.post(&format!("{}/test", fixture.webhook_path()), &json!({})).ok();
    assert_eq!(result["success"], false, "{result}");
    assert!(
        result["response"]["msg"].as_str().is_some_and(|text| text.contains("within 1 second")),
        "{result}"
    );
}

#[test]
fn a_timeout_is_from_1_to_30_seconds_and_null_is_the_usual_one() {
    let fixture = Fixture::with(Server::start(), Receiver::start(), json!({ "timeoutSeconds": 30 }));
    let timeout = || fixture.client.webhook_view(&fixture.program, "primary")["timeoutSeconds"].clone();
    assert_eq!(timeout(), 30);
    for wrong in [json!(0), json!(31), json!(-1), json!(1.5), json!("5"), json!(true), json!([5])] {
        let change = json!({ "timeoutSeconds": wrong, "isEnabled": false });
        let named = fixture.client.patch(&fixture.webhook_path(), &change).refused(400, "BAD_REQUEST");
        assert_eq!(named, ["/timeoutSeconds"], "{wrong}");
        let new = json!({ "payloadUrl": fixture.receiver.url("/"), "timeoutSeconds": wrong });
        let path = format!("/v2/campaign/{}/webhooks", fixture.program);
        assert_eq!(fixture.client.post(&path, &new).refused(400, "BAD_REQUEST"), ["/timeoutSeconds"]);
    }
    let webhook = fixture.client.webhook_view(&fixture.program, "primary");
    assert_eq!((&webhook["timeoutSeconds"], &webhook["isEnabled"]), (&json!(30), &json!(true)));
    fixture.patch(&json!({ "isEnabled": true }));
    assert_eq!(timeout(), 30, "what is not named stays");
    fixture.patch(&json!({ "timeoutSeconds": 1 }));
    assert_eq!(timeout(), 1);
    fixture.patch(&json!({ "timeoutSeconds": null }));
    assert_eq!(timeout(), Value::Null);
}

#[test]
fn a_timeout_survives_a_restart() {
    let mut fixture = Fixture::with(Server::start(), Receiver::start(), json!({ "timeoutSeconds": 7 }));
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    assert_eq!(fixture.client.webhook_view(&fixture.program, "primary")["timeoutSeconds"], 7);
}
