//! Webhooks: ids, the limit of five, secrets, changes, tests.

use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;

const URL: &str = "https://example.com/hook";
const READ_ONLY: [&str; 3] = ["autoDisabledDueToFailures", "failureCount", "lastFailureAt"];

struct Fixture {
    server: Server,
    client: Client,
    program: String,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start();
        let client = server.client();
        let program = client.program("REFERRAL");
        Self { server, client, program }
    }

    fn path(&self) -> String {
        format!("/v2/campaign/{}/webhooks", self.program)
    }

    fn of(&self, id: &str) -> String {
        format!("{}/{id}", self.path())
    }

    fn add(&self) -> String {
        self.client.webhook(&self.program, URL, Value::Null)
    }

    fn ids(&self) -> Vec<String> {
        let list = self.client.get(&self.path()).ok();
        let webhooks = list["webhooks"].as_array().expect("a list");
        webhooks.iter().map(|webhook| webhook["id"].as_str().expect("an id").to_owned()).collect()
    }
}

#[test]
fn a_new_webhook_has_everything_clients_expect() {
    let fixture = Fixture::new();
    let made = fixture
        .client
        .post(&fixture.path(), &json!({ "payloadUrl": URL, "events": ["CAMPAIGN_ENDED"], "isEnabled": false, "secret": "hunter2" }))
        .ok();
    assert_eq!(
        made,
        json!({
            "id": "primary", "payloadUrl": URL, "events": ["CAMPAIGN_ENDED"], "isEnabled": false,
            "autoDisabledDueToFailures": false, "failureCount": 0, "lastFailureAt": null, "timeoutSeconds": null,
            "headerNames": [], "oldSecretEndsAt": null, "newSecretAcceptedAt": null, "name": null,
        })
    );
    assert_eq!(fixture.client.get(&fixture.path()).ok(), json!({ "webhooks": [made] }));
}

#[test]
fn without_events_a_webhook_is_subscribed_to_none() {
    let fixture = Fixture::new();
    let receiver = Receiver::start();
    let made = fixture.client.post(&fixture.path(), &json!({ "payloadUrl": receiver.url("/none") })).ok();
    assert_eq!(made["events"], json!([]));
    fixture.client.webhook(&fixture.program, &receiver.url("/some"), Value::Null);
    fixture.client.join(&fixture.program, "p1");
    receiver.request_about("p1");
    assert_eq!(fixture.client.deliveries(&fixture.program, "").len(), 1);
    assert!(receiver.requests().iter().all(|request| request.path == "/some"));
}

#[test]
fn primary_is_the_first_and_goes_to_the_next_created_when_it_is_free() {
    let fixture = Fixture::new();
    let ids: Vec<String> = (0..3).map(|_| fixture.add()).collect();
    assert_eq!(ids[0], "primary");
    assert!(ids[1] != ids[2] && !ids[1..].contains(&ids[0]), "{ids:?}");
    assert_eq!(fixture.ids(), ids, "the oldest is first");

    assert_eq!(
        fixture.client.delete(&fixture.of("primary")).ok(),
        json!({ "id": "primary", "success": true })
    );
    assert_eq!(fixture.ids(), ids[1..], "the ids of the others do not change");
    assert_eq!(fixture.add(), "primary");
    let fifth = fixture.add();
    assert!(fifth != "primary" && !ids.contains(&fifth), "{fifth}");
}

#[test]
fn a_program_has_five_webhooks_and_not_six() {
    let fixture = Fixture::new();
    let ids: Vec<String> = (0..5).map(|_| fixture.add()).collect();
    for _ in 0..2 {
        let answer = fixture.client.post(&fixture.path(), &json!({ "payloadUrl": URL }));
        answer.refused(422, "WEBHOOK_LIMIT");
        assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains('5')), "{}", answer.text);
    }
    assert_eq!(fixture.ids(), ids);
    fixture.client.delete(&fixture.of(&ids[3])).ok();
    let again = fixture.add();
    assert!(!ids.contains(&again), "an id was used twice");
    // Another program has five of its own.
    let other = fixture.client.program("REFERRAL");
    assert_eq!(fixture.client.webhook(&other, URL, Value::Null), "primary");
}

#[test]
fn five_created_at_once_are_five_and_the_sixth_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.path();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| fixture.client.post(&path, &json!({ "payloadUrl": URL })).status))
            .collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status < 300).count(), 5, "{statuses:?}");
    let ids = fixture.ids();
    assert_eq!(ids.iter().filter(|id| *id == "primary").count(), 1, "{ids:?}");
}

#[test]
fn a_change_changes_what_it_names_and_nothing_else() {
    let fixture = Fixture::new();
    let id = fixture.add();
    let path = fixture.of(&id);
    let mut wanted = fixture.client.webhook_view(&fixture.program, &id);
    for (key, value) in [
        ("payloadUrl", json!("http://example.org/other?a=b")),
        ("events", json!(["PARTICIPANT_REACHED_A_GOAL", "CAMPAIGN_ENDED"])),
        ("isEnabled", json!(false)),
        ("events", json!([])),
        ("isEnabled", json!(true)),
    ] {
        wanted[key] = value.clone();
        assert_eq!(fixture.client.patch(&path, &json!({ key: value })).ok(), wanted);
        assert_eq!(fixture.client.webhook_view(&fixture.program, &id), wanted);
    }
    assert_eq!(fixture.client.patch(&path, &json!({})).ok(), wanted);
    let meddling =
        json!({ "id": "mine", "failureCount": 7, "autoDisabledDueToFailures": true, "lastFailureAt": 7 });
    fixture.client.patch(&path, &meddling);
    let after = fixture.client.webhook_view(&fixture.program, &id);
    for key in READ_ONLY {
        assert_eq!(after[key], wanted[key], "{key} is read-only");
    }
}

#[test]
fn a_name_is_what_people_call_it_and_survives_a_restart() {
    let mut fixture = Fixture::new();
    let new = json!({ "payloadUrl": URL, "name": "  Vertrieb – 販売 " });
    assert_eq!(fixture.client.post(&fixture.path(), &new).ok()["name"], "Vertrieb – 販売");
    let path = fixture.of("primary");
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    let patched = |change: Value| fixture.client.patch(&path, &change).ok()["name"].clone();
    assert_eq!(patched(json!({ "isEnabled": false })), "Vertrieb – 販売", "what is not named stays");
    assert_eq!(patched(json!({ "name": "CRM" })), "CRM");
    assert_eq!(patched(json!({ "name": "" })), Value::Null);
    assert_eq!(patched(json!({ "name": "CRM" })), "CRM");
    assert_eq!(patched(json!({ "name": null })), Value::Null);
}

#[test]
fn what_is_wrong_with_a_webhook_is_named() {
    let fixture = Fixture::new();
    let id = fixture.add();
    let path = fixture.of(&id);
    let before = fixture.client.webhook_view(&fixture.program, &id);
    let wrong = [
        (json!({ "payloadUrl": 7 }), vec!["/payloadUrl"]),
        (json!({ "payloadUrl": "" }), vec!["/payloadUrl"]),
        (json!({ "events": "CAMPAIGN_ENDED" }), vec!["/events"]),
        (json!({ "events": ["CAMPAIGN_ENDED", "CAMPAIGN_STARTED", 7] }), vec!["/events/1", "/events/2"]),
        (json!({ "isEnabled": "yes" }), vec!["/isEnabled"]),
        (json!({ "isEnabled": null }), vec!["/isEnabled"]),
        (json!({ "name": 7 }), vec!["/name"]),
        (json!({ "name": "x".repeat(81) }), vec!["/name"]),
        (json!({ "name": "a\nb" }), vec!["/name"]),
        (json!({ "secret": 7 }), vec!["/secret"]),
        (json!({ "secret": "whsec_short" }), vec!["/secret"]),
        (json!({ "secret": "whsec_" }), vec!["/secret"]),
        (json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!" }), vec!["/secret"]),
        (json!({ "secret": "a\nb" }), vec!["/secret"]),
        (json!({ "secret": "x".repeat(257) }), vec!["/secret"]),
        (json!({ "isEnabled": 1, "secret": [] }), vec!["/isEnabled", "/secret"]),
    ];
    for (body, places) in wrong {
        let mut named = fixture.client.patch(&path, &body).refused(400, "BAD_REQUEST");
        named.sort();
        assert_eq!(named, places, "PATCH {body}");
        let mut new = body.clone();
        if new.get("payloadUrl").is_none() {
            new["payloadUrl"] = json!(URL);
        }
        let mut named = fixture.client.post(&fixture.path(), &new).refused(400, "BAD_REQUEST");
        named.sort();
        assert_eq!(named, places, "POST {body}");
    }
    assert_eq!(fixture.client.post(&fixture.path(), &json!({})).refused(400, "BAD_REQUEST"), ["/payloadUrl"]);
    assert_eq!(fixture.client.webhook_view(&fixture.program, &id), before);
    assert_eq!(fixture.ids().len(), 1);
}

#[test]
fn a_webhook_belongs_to_its_program() {
    let fixture = Fixture::new();
    fixture.add();
    let second = fixture.add();
    let other = fixture.client.program("REFERRAL");
    let path = format!("/v2/campaign/{other}/webhooks/{second}");
    fixture.client.patch(&path, &json!({ "isEnabled": false })).refused(404, "NOT_FOUND");
    fixture.client.delete(&path).refused(404, "NOT_FOUND");
    fixture.client.post(&format!("{path}/test"), &json!({})).refused(404, "NOT_FOUND");
    assert_eq!(fixture.ids().len(), 2);
    fixture.client.delete(&fixture.of(&second)).ok();
    fixture.client.delete(&fixture.of(&second)).refused(404, "NOT_FOUND");
}

#[test]
fn a_secret_goes_in_and_never_comes_out() {
    let fixture = Fixture::new();
    let receiver = Receiver::start();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut answers = vec![
        fixture.client.post(
            &fixture.path(),
            &json!({ "payloadUrl": receiver.url("/"), "events": ["CAMPAIGN_ENDED"], "secret": secret }),
        ),
        fixture.client.get(&fixture.path()),
    ];
    let path = fixture.of("primary");
    answers.push(fixture.client.patch(&path, &json!({ "secret": secret })));
    answers.push(fixture.client.post(&format!("{path}/test"), &json!({})));
    answers.push(fixture.client.patch(&path, &json!({ "secret": secret, "payloadUrl": "ftp://x" })));
    answers.push(
        fixture.client.post(&fixture.path(), &json!({ "payloadUrl": URL, "secret": format!("{secret}\n") })),
    );
    for answer in answers {
        assert!(!answer.text.contains(&secret[6..]), "{}", answer.text);
        assert!(!answer.text.contains("\"secret\""), "{}", answer.text);
    }
    assert!(!fixture.server.log().contains(&secret[6..]), "the log has the secret in it");
}

#[test]
fn omitting_a_secret_keeps_it_and_empty_or_null_removes_it() {
    let fixture = Fixture::new();
    let receiver = Receiver::start();
    fixture.client.webhook(&fixture.program, &receiver.url("/"), json!({ "secret": "hunter2" }));
    let path = fixture.of("primary");
    let mut tests = 0;
    let mut is_signed = |patch: Value| {
        fixture.client.patch(&path, &patch).ok();
        assert_eq!(fixture.client.post(&format!("{path}/test"), &json!({})).ok()["success"], true);
        tests += 1;
        receiver.answered(tests)[tests - 1].request.header("growsurf-signature").is_some()
    };
    assert!(is_signed(json!({})));
    assert!(is_signed(json!({ "isEnabled": true, "events": ["CAMPAIGN_ENDED"] })));
    assert!(!is_signed(json!({ "secret": "" })));
    assert!(is_signed(json!({ "secret": "hunter3" })));
    assert!(!is_signed(json!({ "secret": null })));
}

#[test]
fn a_test_sends_the_stored_url_and_says_what_came_of_it() {
    let fixture = Fixture::new();
    let receiver = Receiver::start();
    let events = json!({ "events": ["PARTICIPANT_REACHED_A_GOAL", "CAMPAIGN_ENDED"], "isEnabled": false });
    let id = fixture.client.webhook(&fixture.program, &receiver.url("/a"), events);
    let path = format!("{}/test", fixture.of(&id));

    let first = fixture.client.post(&path, &json!({})).ok();
    assert_eq!((&first["success"], &first["response"]["statusCode"]), (&json!(true), &json!(200)));
    let sent = receiver.answered(1)[0].request.clone();
    assert_eq!(sent.json(), first["payload"], "the payload is the body that was sent");
    assert_eq!(first["payload"]["event"], "PARTICIPANT_REACHED_A_GOAL", "the first it is subscribed to");
    assert!(sent.webhook_id().starts_with("test_"), "{}", sent.webhook_id());

    let chosen = fixture.client.post(&path, &json!({ "event": "NEW_PARTICIPANT_ADDED" })).ok();
    assert_eq!(chosen["payload"]["event"], "NEW_PARTICIPANT_ADDED");
    assert_ne!(receiver.answered(2)[1].request.webhook_id(), sent.webhook_id(), "each test has its own id");

    receiver.behave(|_| Reaction::Answer(Reply::status(418)));
    let refused = fixture.client.post(&path, &json!({})).ok();
    assert_eq!((&refused["success"], &refused["response"]["statusCode"]), (&json!(false), &json!(418)));

    receiver.behave(|_| Reaction::HangUp);
    let broken = fixture.client.post(&path, &json!({})).ok();
    assert_eq!((&broken["success"], &broken["response"]["statusCode"]), (&json!(false), &Value::Null));
    assert!(broken["response"]["msg"].as_str().is_some_and(|msg| msg.len() > 10), "{broken}");

    assert_eq!(fixture.client.post(&path, &json!({ "event": "X" })).refused(400, "BAD_REQUEST"), ["/event"]);
    assert_eq!(fixture.client.post(&path, &json!({ "event": 7 })).refused(400, "BAD_REQUEST"), ["/event"]);
    fixture.client.patch(&fixture.of(&id), &json!({ "events": [] })).ok();
    assert_eq!(fixture.client.post(&path, &json!({})).refused(400, "BAD_REQUEST"), ["/event"]);
}

#[test]
fn a_test_to_nobody_is_an_answer_and_not_an_error() {
    let fixture = Fixture::new();
    // Nothing listens on a privileged port that nobody asked for.
    let id = fixture.client.webhook(&fixture.program, "http://127.0.0.1:2/", Value::Null);
    let result = fixture.client.post(&format!("{}/test", fixture.of(&id)), &json!({})).ok();
    assert_eq!(result["success"], false);
    assert!(result["response"]["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{result}");
}

#[test]
fn a_test_changes_no_counter_and_leaves_no_delivery() {
    let fixture = Fixture::new();
    let receiver = Receiver::that(|_| Reaction::from(410));
    let id = fixture.client.webhook(&fixture.program, &receiver.url("/"), Value::Null);
    let before = fixture.client.webhook_view(&fixture.program, &id);
    for _ in 0..12 {
        let result = fixture.client.post(&format!("{}/test", fixture.of(&id)), &json!({})).ok();
        assert_eq!(result["success"], false);
    }
    assert_eq!(
        fixture.client.webhook_view(&fixture.program, &id),
        before,
        "a 410 to a test disables nothing"
    );
    assert_eq!(fixture.client.deliveries(&fixture.program, ""), Vec::<Value>::new());
}
