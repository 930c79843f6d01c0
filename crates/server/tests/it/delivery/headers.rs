//! Headers of a webhook's own.

use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Request};
use crate::server::Server;

/// What no answer and no log may have in it.
const PLANTED: [&str; 4] = ["planted-token-1", "planted-token-2", "planted-token-3", "planted-token-4"];

fn with_headers(receiver: Receiver, headers: &Value) -> Fixture {
    Fixture::with(Server::start(), receiver, json!({ "headers": headers }))
}

fn own(request: &Request) -> [Option<&str>; 2] {
    [request.header("authorization"), request.header("x-tenant")]
}

#[test]
fn every_attempt_and_test_has_the_headers_as_they_are_then() {
    let receiver = Receiver::that(|request| Reaction::from(if request.number < 3 { 500 } else { 200 }));
    let headers = json!({ "Authorization": "Bearer one", "X-Tenant": "a \"b\", c; d=e" });
    let fixture = with_headers(receiver, &headers);
    let view = fixture.client.webhook_view(&fixture.program, "primary");
    assert_eq!(view["headerNames"], json!(["authorization", "x-tenant"]));

    let event = fixture.client.join(&fixture.program, "p1");
    let first = fixture.receiver.answered(1)[0].request.clone();
    assert_eq!(own(&first), [Some("Bearer one"), Some("a \"b\", c; d=e")]);
    fixture.patch(&json!({ "headers": { "authorization": "Bearer two" } }));
    fixture.delivery_in("delivered", &event);
    let last = fixture.receiver.requests().pop().expect("some");
    assert_eq!(own(&last), [Some("Bearer two"), None], "the object is all of them");
    assert_eq!((last.webhook_id(), &last.body), (first.webhook_id(), &first.body));

    fixture.client.post(&format!("{}/test", fixture.webhook_path()), &json!({})).ok();
    let test = fixture.receiver.requests().pop().expect("some");
    assert!(test.webhook_id().starts_with("test_"));
    assert_eq!(own(&test), [Some("Bearer two"), None]);

    let after = |change: Value, participant: &str| {
        fixture.patch(&change);
        fixture.client.join(&fixture.program, participant);
        own(&fixture.receiver.request_about(participant)).map(|value| value.map(str::to_owned))
    };
    let two = Some("Bearer two".to_owned());
    assert_eq!(after(json!({ "isEnabled": true }), "p2"), [two, None], "what is not named stays");
    assert_eq!(after(json!({ "headers": {} }), "p3"), [None, None]);
    fixture.patch(&json!({ "headers": headers }));
    assert_eq!(after(json!({ "headers": null }), "p4"), [None, None]);
}

#[test]
fn headers_survive_a_restart() {
    let mut fixture = with_headers(Receiver::start(), &json!({ "x-tenant": "a" }));
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    fixture.client.join(&fixture.program, "p1");
    assert_eq!(fixture.receiver.request_about("p1").header("x-tenant"), Some("a"));
}

#[test]
fn new_headers_are_tried_at_once_and_take_along_what_waits_for_a_retry() {
    let server =
        Server::with(&[("GROUNDSWELL_RETRY_BASE_MS", "3600000"), ("GROUNDSWELL_RETRY_CAP_MS", "3600000")]);
    let receiver = Receiver::that(|request| {
        Reaction::from(if request.header("x-key") == Some("right") { 200 } else { 401 })
    });
    let fixture = Fixture::with(server, receiver, json!({ "headers": { "x-key": "wrong" } }));
    let events = ["p1", "p2"].map(|participant| fixture.client.join(&fixture.program, participant));
    for event in &events {
        fixture.delivery_in("retrying", event);
    }
    fixture.patch(&json!({ "headers": { "x-key": "right" } }));
    for event in &events {
        fixture.delivery_in("delivered", event);
    }
}

#[test]
fn what_is_wrong_with_headers_is_named_and_changes_nothing() {
    let fixture = with_headers(Receiver::start(), &json!({ "x-tenant": "a" }));
    let many: Value =
        (0..21).map(|number| (format!("x-{number}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    for (headers, places) in [
        (json!("x-a: b"), vec!["/headers"]),
        (json!(["x-a"]), vec!["/headers"]),
        (json!({ "x-a": 1 }), vec!["/headers/x-a"]),
        (json!({ "x-a": null, "x-b": "" }), vec!["/headers/x-a", "/headers/x-b"]),
        (json!({ "x-a": "b\r\nx-c: d" }), vec!["/headers/x-a"]),
        (json!({ "x-a": "ü" }), vec!["/headers/x-a"]),
        (json!({ "x a": "b" }), vec!["/headers/x a"]),
        (json!({ "": "b" }), vec!["/headers/"]),
        (json!({ "a/b": "b" }), vec!["/headers/a~1b"]),
        (json!({ "X-A": "1", "x-a": "2" }), vec!["/headers/x-a"]),
        (json!({ "Host": "example.com", "Webhook-Id": "1" }), vec!["/headers/Host", "/headers/Webhook-Id"]),
        (json!({ "x-a": "v".repeat(4097) }), vec!["/headers/x-a"]),
        (json!({ "x-a": "v".repeat(4096), "x-b": "v".repeat(4096) }), vec!["/headers"]),
        (many, vec!["/headers"]),
    ] {
        let change = json!({ "headers": headers, "isEnabled": false });
        let mut named = fixture.client.patch(&fixture.webhook_path(), &change).refused(400, "BAD_REQUEST");
        named.sort();
        assert_eq!(named, places, "{headers}");
        let new = json!({ "payloadUrl": fixture.receiver.url("/"), "headers": headers });
        let path = format!("/v2/campaign/{}/webhooks", fixture.program);
        fixture.client.post(&path, &new).refused(400, "BAD_REQUEST");
    }
    fixture.client.join(&fixture.program, "p1");
    assert_eq!(fixture.receiver.request_about("p1").header("x-tenant"), Some("a"));
}

#[test]
fn values_go_in_and_never_come_out() {
    let server = Server::with(&[
        ("GROUNDSWELL_LOG", "trace"),
        ("GROUNDSWELL_RETRY_BASE_MS", "100"),
        ("GROUNDSWELL_RETRY_CAP_MS", "500"),
    ]);
    let receiver = Receiver::that(|request| match request.number {
        1 => Reaction::from(500),
        2 => Reaction::HangUp,
        _ => Reaction::from(200),
    });
    let [one, two, three, four] = PLANTED;
    let headers = json!({ "authorization": format!("Bearer {one}"), "x-key": two });
    let fixture = Fixture::with(server, receiver, json!({ "headers": headers }));
    let path = fixture.webhook_path();
    let program = format!("/v2/campaign/{}", fixture.program);
    let event = fixture.client.join(&fixture.program, "p1");
    let delivery = fixture.delivery_in("delivered", &event);
    let id = delivery["id"].as_str().expect("an id");
    let client = &fixture.client;
    let unusable = format!("{four}\n");
    let mut answers = vec![
        client.get(&program),
        client.get(&format!("{program}/webhooks")),
        client.get(&format!("{program}/deliveries")),
        client.get(&format!("{program}/deliveries/{id}")),
        client.get(&format!("{program}/notices")),
        client.post(&format!("{path}/test"), &json!({})),
        client.patch(&path, &json!({ "headers": { "x-key": three } })),
        client.patch(&path, &json!({ "headers": { "x-key": unusable, "host": four } })),
        client.patch(&path, &json!({ "headers": { "x-key": three }, "payloadUrl": "ftp://x" })),
        client.patch(&path, &json!({ "headers": four })),
        client.patch(&path, &json!({ "headers": { "x-key": [four] } })),
        client.post(&format!("{program}/deliveries/{id}/resend"), &json!({})),
    ];
    fixture.receiver.answered(4);
    // Nobody listens there, so that the client has something to say about the request.
    answers.push(client.patch(&path, &json!({ "payloadUrl": "http://127.0.0.1:2/" })));
    answers.push(client.post(&format!("{path}/test"), &json!({})));
    answers.push(client.delete(&path));
    for answer in answers {
        for planted in PLANTED {
            assert!(!answer.text.contains(planted), "{}", answer.text);
        }
    }
    let log = fixture.server.log();
    assert!(log.contains("an attempt was made"), "it logs much");
    for planted in PLANTED {
        let line = log.lines().find(|line| line.contains(planted));
        assert_eq!(line, None);
    }
}
