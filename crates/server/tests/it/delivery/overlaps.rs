//! Two secrets while one replaces the other.

use groundswell_types::Secret;
use groundswell_types::signature::{StandardHeaders, verify_product, verify_standard};
use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Request};
use crate::server::Server;
use crate::waiting::now_ms;

const OLD: &str = "planted old secret";
/// So that its key differs between the two schemes.
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOUR_MS: i64 = 3_600_000;

fn fixture(receiver: Receiver) -> Fixture {
    Fixture::with(Server::start(), receiver, json!({ "secret": OLD }))
}

/// Whether a receiver that looks at these values takes the request, in each scheme.
fn verifies(request: &Request, product: &str, standard: &str, secret: &str) -> [bool; 2] {
    let secret = Secret::parse(secret).expect("a valid secret");
    let headers = StandardHeaders {
        id: request.webhook_id(),
        timestamp: request.header("webhook-timestamp").expect("dated"),
        signature: standard,
    };
    [
        verify_product(&secret, product, &request.body, (now_ms(), 300_000)).is_ok(),
        verify_standard(&secret, headers, &request.body, (now_ms() / 1000, 300)).is_ok(),
    ]
}

/// The time and the signatures of both headers.
fn signatures(request: &Request) -> (String, Vec<String>, Vec<String>) {
    let list = |text: &str, by: char| text.split(by).map(str::to_owned).collect::<Vec<_>>();
    let mut product = list(request.header("growsurf-signature").expect("signed"), ',');
    let ts = product.remove(0);
    (ts, product, list(request.header("webhook-signature").expect("signed"), ' '))
}

/// Checks that a request is signed with exactly these, in this order.
fn assert_signed_with(request: &Request, secrets: &[&str]) {
    let (ts, product, standard) = signatures(request);
    assert!(ts.starts_with("ts="), "{ts}");
    assert_eq!((product.len(), standard.len()), (secrets.len(), secrets.len()), "{request:?}");
    for (at, secret) in secrets.iter().enumerate() {
        assert!(product[at].starts_with("v=") && standard[at].starts_with("v1,"), "{request:?}");
        let alone = format!("{ts},{}", product[at]);
        assert_eq!(verifies(request, &alone, &standard[at], secret), [true; 2], "{at} of {secrets:?}");
    }
    let whole = |name| request.header(name).expect("signed");
    for secret in [OLD, NEW] {
        let verified = verifies(request, whole("growsurf-signature"), whole("webhook-signature"), secret);
        assert_eq!(verified, [secrets.contains(&secret); 2], "{secret}");
    }
}

fn sent(fixture: &Fixture, participant: &str) -> Request {
    fixture.client.join(&fixture.program, participant);
    fixture.receiver.request_about(participant)
}

fn view(fixture: &Fixture) -> Value {
    fixture.client.webhook_view(&fixture.program, "primary")
}

#[test]
fn while_an_old_secret_is_valid_requests_are_signed_with_both_the_new_one_first() {
    let mut fixture = fixture(Receiver::start());
    assert_signed_with(&sent(&fixture, "p1"), &[OLD]);
    assert_eq!(view(&fixture)["oldSecretEndsAt"], Value::Null);
    let before_ms = now_ms();
    fixture.patch(&json!({ "secret": NEW, "secretOverlapSeconds": 3600 }));
    let ends_at = view(&fixture)["oldSecretEndsAt"].as_i64().expect("a time");
    assert!((before_ms + HOUR_MS..=now_ms() + HOUR_MS).contains(&ends_at), "{ends_at}");
    assert_signed_with(&sent(&fixture, "p2"), &[NEW, OLD]);

    // Something else changes, and the process is killed.
    fixture.patch(&json!({ "isEnabled": true, "events": ["NEW_PARTICIPANT_ADDED"] }));
    fixture.server.kill();
    fixture.server.restart();
    fixture.client = fixture.server.client();
    assert_eq!(view(&fixture)["oldSecretEndsAt"], ends_at);
    assert_signed_with(&sent(&fixture, "p3"), &[NEW, OLD]);
    // The same change once more is none.
    fixture.patch(&json!({ "secret": NEW, "secretOverlapSeconds": 604_800 }));
    assert_eq!(view(&fixture)["oldSecretEndsAt"], ends_at);

    let path = format!("{}/old-secret", fixture.webhook_path());
    for _ in 0..2 {
        assert_eq!(fixture.client.delete(&path).ok()["oldSecretEndsAt"], Value::Null);
        assert_signed_with(&sent(&fixture, "p4"), &[NEW]);
    }
    let missing = fixture.webhook_path().replace("primary", "wh_missing");
    fixture.client.delete(&format!("{missing}/old-secret")).refused(404, "NOT_FOUND");
}

#[test]
fn a_secret_that_is_replaced_without_overlap_or_removed_ends_at_once() {
    let fixture = fixture(Receiver::start());
    fixture.patch(&json!({ "secret": NEW }));
    assert_signed_with(&sent(&fixture, "p1"), &[NEW]);
    fixture.patch(&json!({ "secret": OLD, "secretOverlapSeconds": 86_400 }));
    assert_signed_with(&sent(&fixture, "p2"), &[OLD, NEW]);
    fixture.patch(&json!({ "secret": OLD }));
    assert_signed_with(&sent(&fixture, "p3"), &[OLD]);
    // Of two changes in a row the second one's old secret counts.
    fixture.patch(&json!({ "secret": "between", "secretOverlapSeconds": 86_400 }));
    fixture.patch(&json!({ "secret": NEW, "secretOverlapSeconds": 86_400 }));
    assert_signed_with(&sent(&fixture, "p4"), &[NEW, "between"]);
    fixture.patch(&json!({ "secret": null }));
    assert_eq!(sent(&fixture, "p5").header("growsurf-signature"), None);
    assert_eq!(view(&fixture)["oldSecretEndsAt"], Value::Null);
    // Where there was none, none goes on.
    fixture.patch(&json!({ "secret": NEW, "secretOverlapSeconds": 604_800 }));
    assert_signed_with(&sent(&fixture, "p6"), &[NEW]);
}

#[test]
fn an_overlap_goes_with_a_new_secret_and_is_one_of_four() {
    let fixture = fixture(Receiver::start());
    for change in [
        json!({ "secret": NEW, "secretOverlapSeconds": 60 }),
        json!({ "secret": NEW, "secretOverlapSeconds": -1 }),
        json!({ "secret": NEW, "secretOverlapSeconds": "3600" }),
        json!({ "secret": NEW, "secretOverlapSeconds": null }),
        json!({ "secretOverlapSeconds": 3600 }),
        json!({ "secret": null, "secretOverlapSeconds": 3600 }),
        json!({ "secret": "", "secretOverlapSeconds": 0 }),
    ] {
        let named = fixture.client.patch(&fixture.webhook_path(), &change).refused(400, "BAD_REQUEST");
        assert_eq!(named, ["/secretOverlapSeconds"], "{change}");
    }
    assert_signed_with(&sent(&fixture, "p1"), &[OLD]);
}

#[test]
fn a_test_is_signed_with_the_new_secret_alone_and_shows_whether_the_receiver_does_without_the_old_one() {
    let fixture = fixture(Receiver::that(|_| Reaction::from(401)));
    let test = || {
        fixture.client.post(&format!("{}/test", fixture.webhook_path()), &json!({})).ok();
        let request = fixture.receiver.requests().pop().expect("it arrived");
        assert!(request.webhook_id().starts_with("test_"));
        (request, view(&fixture)["newSecretAcceptedAt"].clone())
    };
    assert_eq!(test().1, Value::Null);
    fixture.patch(&json!({ "secret": NEW, "secretOverlapSeconds": 3600 }));
    let (request, accepted_at) = test();
    assert_signed_with(&request, &[NEW]);
    assert_eq!(accepted_at, Value::Null, "it was refused");
    fixture.receiver.behave(|_| Reaction::from(200));
    assert_signed_with(&sent(&fixture, "p1"), &[NEW, OLD]);
    assert_eq!(view(&fixture)["newSecretAcceptedAt"], Value::Null, "both were in it");
    let before_ms = now_ms();
    let accepted_at = test().1.as_i64().expect("a time");
    assert!((before_ms..=now_ms()).contains(&accepted_at), "{accepted_at}");
    fixture.client.delete(&format!("{}/old-secret", fixture.webhook_path())).ok();
    assert_eq!(view(&fixture)["newSecretAcceptedAt"], Value::Null, "there is nothing to do without any more");
}

#[test]
fn an_old_secret_is_nowhere_to_be_seen() {
    let fixture = fixture(Receiver::start());
    let (path, client) = (fixture.webhook_path(), &fixture.client);
    let answers = [
        client.patch(&path, &json!({ "secret": NEW, "secretOverlapSeconds": 3600 })),
        client.get(&format!("/v2/campaign/{}/webhooks", fixture.program)),
        client.post(&format!("{path}/test"), &json!({})),
        client.delete(&format!("{path}/old-secret")),
    ];
    for answer in answers {
        assert!(!answer.text.contains("planted"), "{}", answer.text);
    }
    assert!(!fixture.server.log().contains("planted"));
}
