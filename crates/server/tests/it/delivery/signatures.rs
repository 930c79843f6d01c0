//! Signatures and the headers around them.

use groundswell_types::Secret;
use groundswell_types::signature::{StandardHeaders, VerifyError, verify_product, verify_standard};
use serde_json::{Value, json};

use super::Fixture;
use crate::receiver::{Reaction, Receiver, Request};
use crate::server::Server;
use crate::waiting::now_ms;

const TOLERANCE_MS: i64 = 5 * 60_000;

/// What both checks say about a request.
fn verdicts(request: &Request, secret: &str) -> [Result<(), VerifyError>; 2] {
    let secret = Secret::parse(secret).expect("a valid secret");
    let header = request.header("growsurf-signature").expect("signed");
    let headers = StandardHeaders {
        id: request.webhook_id(),
        timestamp: request.header("webhook-timestamp").expect("dated"),
        signature: request.header("webhook-signature").expect("signed"),
    };
    [
        verify_product(&secret, header, &request.body, (now_ms(), TOLERANCE_MS)),
        verify_standard(&secret, headers, &request.body, (now_ms() / 1000, TOLERANCE_MS / 1000)),
    ]
}

fn first_request(secret: &Value) -> Request {
    let fixture = Fixture::with(Server::start(), Receiver::start(), json!({ "secret": secret }));
    fixture.client.join(&fixture.program, "p1");
    fixture.receiver.request_about("p1")
}

#[test]
fn without_a_secret_a_request_is_dated_but_not_signed() {
    let fixture = Fixture::new(Receiver::start());
    fixture.client.join(&fixture.program, "p1");
    let request = fixture.receiver.request_about("p1");
    assert_eq!((request.header("growsurf-signature"), request.header("webhook-signature")), (None, None));
    let timestamp = request.header("webhook-timestamp").expect("dated");
    assert!(timestamp.len() == 10 && timestamp.bytes().all(|byte| byte.is_ascii_digit()), "{timestamp}");
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    assert!(
        request.header("user-agent").is_some_and(|agent| agent.starts_with("Groundswell")),
        "{request:?}"
    );
    for name in ["authorization", "cookie", "proxy-authorization", "referer"] {
        assert_eq!(request.header(name), None);
    }
}

#[test]
fn a_request_is_signed_with_any_kind_of_secret() {
    let kinds = [
        "hunter2",
        "x",
        "pässwörd ✓ with spaces",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        &"s".repeat(256),
    ];
    for secret in kinds {
        let request = first_request(&json!(secret));
        assert_eq!(verdicts(&request, secret), [Ok(()), Ok(())], "{secret}");
        assert_eq!(verdicts(&request, "another"), [Err(VerifyError::Mismatch); 2]);
        let header = request.header("growsurf-signature").expect("signed");
        let (ts, v) = header.split_once(',').expect("two parts");
        let digits = ts.strip_prefix("ts=").expect("ts is first");
        assert!(digits.len() == 13 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{header}");
        let hex = v.strip_prefix("v=").expect("v is second");
        assert!(
            hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{header}"
        );
    }
}

#[test]
fn every_attempt_has_the_same_id_and_body_and_a_signature_of_its_own() {
    let receiver = Receiver::that(|request| Reaction::from(if request.number < 5 { 500 } else { 200 }));
    let fixture = Fixture::with(Server::start(), receiver, json!({ "secret": "hunter2" }));
    let event = fixture.client.join(&fixture.program, "p1");
    let attempts: Vec<Request> =
        fixture.receiver.answered(5).into_iter().map(|exchange| exchange.request).collect();
    let mut timestamps = Vec::new();
    for request in &attempts {
        assert_eq!(request.webhook_id(), event);
        assert_eq!(request.text(), attempts[0].text());
        assert_eq!(verdicts(request, "hunter2"), [Ok(()), Ok(())]);
        let header = request.header("growsurf-signature").expect("signed");
        let ts: i64 = header[3..16].parse().expect("Unix milliseconds");
        assert!((request.arrived_at_ms - ts).abs() < 5_000, "ts is the time of the attempt");
        timestamps.push(ts);
    }
    assert!(timestamps.windows(2).all(|pair| pair[0] < pair[1]), "{timestamps:?}");
}

#[test]
fn all_webhooks_of_a_program_get_the_same_bytes_under_the_same_id() {
    let fixture = Fixture::new(Receiver::start());
    for number in 2..=5 {
        fixture.client.webhook(
            &fixture.program,
            &fixture.receiver.url(&format!("/{number}")),
            json!({ "secret": number.to_string() }),
        );
    }
    let event = fixture.client.join(&fixture.program, "p1");
    let exchanges = fixture.receiver.answered(5);
    let mut paths: Vec<&str> = exchanges.iter().map(|exchange| exchange.request.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/2", "/3", "/4", "/5", "/hook"]);
    for exchange in &exchanges {
        assert_eq!(exchange.request.webhook_id(), event);
        assert_eq!(exchange.request.body, exchanges[0].request.body);
    }
}
