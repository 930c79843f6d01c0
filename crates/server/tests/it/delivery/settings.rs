//! Changes of a webhook while deliveries wait for it.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver};
use crate::server::Server;
use crate::waiting;

/// A retry is so far away that a test sees only attempts that something else has brought about.
fn patient() -> Server {
    Server::with(&[("GROUNDSWELL_RETRY_BASE_MS", "3600000"), ("GROUNDSWELL_RETRY_CAP_MS", "3600000")])
}

#[test]
fn an_attempt_uses_the_secret_and_url_as_they_are_then() {
    let receiver = Receiver::that(|request| Reaction::from(if request.path == "/hook" { 500 } else { 200 }));
    let fixture = Fixture::with(Server::start(), receiver, json!({ "secret": "old" }));
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.receiver.answered(1);
    fixture.patch(&json!({ "payloadUrl": fixture.receiver.url("/moved"), "secret": "new" }));
    fixture.delivery_in("delivered", &event);
    let requests = fixture.receiver.requests();
    let (first, last) = (&requests[0], requests.last().expect("some"));
    assert_eq!(last.path, "/moved");
    assert_eq!((last.webhook_id(), &last.body), (first.webhook_id(), &first.body));
    let verify = |secret: &str| {
        let secret = groundswell_types::Secret::parse(secret).expect("valid");
        let header = last.header("growsurf-signature").expect("signed");
        groundswell_types::signature::verify_product(&secret, header, &last.body, (waiting::now_ms(), 60_000))
    };
    assert!(verify("new").is_ok() && verify("old").is_err());
}

#[test]
fn while_disabled_everything_waits_and_is_sent_only_when_that_is_asked_for() {
    let fixture = Fixture::with(patient(), Receiver::that(|_| Reaction::from(500)), Value::Null);
    let failed = fixture.client.join(&fixture.program, "failed");
    fixture.delivery_in("retrying", &failed);
    fixture.patch(&json!({ "isEnabled": false }));
    let parked = fixture.client.join(&fixture.program, "parked");
    for event in [&failed, &parked] {
        let delivery = fixture.delivery_in("parked", event);
        assert_eq!(
            (&delivery["nextAttemptAt"], &delivery["deadlineAt"]),
            (&Value::Null, &Value::Null),
            "{delivery}"
        );
    }
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.patch(&json!({ "isEnabled": true }));
    let view = fixture.client.webhook_view(&fixture.program, "primary");
    assert_eq!((&view["failureCount"], &view["autoDisabledDueToFailures"]), (&json!(0), &json!(false)));
    let fresh = fixture.client.join(&fixture.program, "fresh");
    fixture.delivery_in("delivered", &fresh);
    for event in [&failed, &parked] {
        assert_eq!(
            fixture.client.delivery_of(&fixture.program, event)["state"],
            "parked",
            "REST leaves it parked"
        );
    }
}

#[test]
fn what_is_parked_is_still_parked_after_a_kill() {
    let mut fixture = Fixture::new(Receiver::start());
    fixture.patch(&json!({ "isEnabled": false }));
    let parked = fixture.client.join(&fixture.program, "parked");
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    fixture.delivery_in("parked", &parked);
    fixture.client.webhook(&fixture.program, &fixture.receiver.url("/other"), Value::Null);
    fixture.client.join(&fixture.program, "later");
    fixture.receiver.request_about("later");
    assert!(fixture.receiver.requests().iter().all(|request| request.path == "/other"));
}

#[test]
fn deleting_a_webhook_cancels_what_waits_and_keeps_its_log() {
    let fixture = Fixture::with(patient(), Receiver::that(|_| Reaction::from(500)), Value::Null);
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.delivery_in("retrying", &event);
    fixture.client.delete(&fixture.webhook_path()).ok();
    let delivery = fixture.delivery_in("cancelled", &event);
    assert_eq!(delivery["attempts"], 1);
    assert_eq!((&delivery["webhookId"], &delivery["nextAttemptAt"]), (&Value::Null, &Value::Null));
    // The next webhook takes the public id, and nothing of the old one's.
    assert_eq!(
        fixture.client.webhook(&fixture.program, &fixture.receiver.url("/new"), Value::Null),
        "primary"
    );
    fixture.receiver.behave(|_| Reaction::from(200));
    fixture.client.join(&fixture.program, "p2");
    fixture.receiver.request_about("p2");
    assert_eq!(fixture.receiver.requests().iter().filter(|request| request.webhook_id() == event).count(), 1);
    assert_eq!(fixture.client.webhook_view(&fixture.program, "primary")["failureCount"], 0);
}

#[test]
fn gone_disables_the_webhook() {
    let fixture = Fixture::new(Receiver::that(|_| Reaction::from(410)));
    let event = fixture.client.join(&fixture.program, "p1");
    waiting::until("the webhook is disabled", || {
        let webhook = fixture.client.webhook_view(&fixture.program, "primary");
        (webhook["isEnabled"] == false).then_some(())
    });
    let delivery = fixture.client.delivery_of(&fixture.program, &event);
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    let later = fixture.client.join(&fixture.program, "p2");
    fixture.delivery_in("parked", &later);
}
