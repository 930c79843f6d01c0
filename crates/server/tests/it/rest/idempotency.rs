//! Idempotency keys: a repeat is answered like the first time and writes nothing.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::receiver::Receiver;
use crate::server::Server;

struct Fixture {
    server: Server,
    receiver: Receiver,
    program: String,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start();
        let receiver = Receiver::start();
        let program = server.client().program("REFERRAL");
        server.client().webhook(&program, &receiver.url("/"), Value::Null);
        Self { server, receiver, program }
    }

    fn post(&self, key: &str, text: &str) -> Answer {
        post(&self.server.client(), &self.program, key, text)
    }

    /// Waits until everything accepted is delivered, and returns how many requests that took.
    fn requests(&self) -> usize {
        let client = self.server.client();
        crate::waiting::until("everything is delivered", || {
            let deliveries = client.deliveries(&self.program, "?limit=100");
            deliveries.iter().all(|delivery| delivery["state"] == "delivered").then_some(())
        });
        self.receiver.requests().len()
    }
}

fn post(client: &Client, program: &str, key: &str, text: &str) -> Answer {
    client.post_text(&format!("/v2/campaign/{program}/events"), text, &[("idempotency-key", key)])
}

const EVENT: &str = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1","n":1}}"#;

#[test]
fn a_repeat_returns_the_first_answer_and_writes_nothing() {
    let mut fixture = Fixture::new();
    let first = fixture.post("key-1", EVENT);
    assert_eq!((first.status, &first.json()["duplicate"]), (202, &json!(false)));
    // Spelled otherwise it is the same event.
    let again = r#" {"data":{"id":"\u0070\u0031", "n":1.0}, "event":"NEW_PARTICIPANT_ADDED"}"#;
    for text in [EVENT, again] {
        let repeat = fixture.post("key-1", text);
        assert!((200..300).contains(&repeat.status), "{}", repeat.text);
        let mut wanted = first.json();
        wanted["duplicate"] = json!(true);
        assert_eq!(repeat.json(), wanted);
    }
    // On record as delivered first: what a kill catches in the air may be sent once more.
    assert_eq!(fixture.requests(), 1);
    fixture.server.kill();
    fixture.server.restart();
    assert_eq!(fixture.post("key-1", EVENT).json()["duplicate"], true, "keys survive a kill");
    assert_eq!(fixture.requests(), 1);
}

#[test]
fn a_repeat_with_other_content_is_409() {
    let fixture = Fixture::new();
    assert_eq!(fixture.post("key-1", EVENT).status, 202);
    for other in [
        r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1","n":2}}"#,
        r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"n":1,"id":"p1"}}"#,
        r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1,"data":{"id":"p1","n":1}}"#,
        r#"{"event":"CAMPAIGN_ENDED","data":{"id":"p1","n":1}}"#,
    ] {
        fixture.post("key-1", other).refused(409, "IDEMPOTENCY_CONFLICT");
    }
    assert_eq!(fixture.requests(), 1);
}

#[test]
fn keys_belong_to_a_program() {
    let fixture = Fixture::new();
    let other = fixture.server.client().program("REFERRAL");
    assert_eq!(fixture.post("key-1", EVENT).json()["duplicate"], false);
    let elsewhere = post(
        &fixture.server.client(),
        &other,
        "key-1",
        r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"q"}}"#,
    );
    assert_eq!((elsewhere.status, &elsewhere.json()["duplicate"]), (202, &json!(false)));
}

#[test]
fn a_refused_event_uses_up_no_key() {
    let fixture = Fixture::new();
    fixture.post("key-1", r#"{"event":"NEW_PARTICIPANT_ADDED","data":{}}"#).refused(400, "BAD_REQUEST");
    fixture
        .post(
            "key-1",
            r#"{"event":"NEW_PAYOUT_ISSUED","data":{"participant":{"id":"p"},"payout":{"id":"o"}}}"#,
        )
        .refused(422, "EVENT_NOT_ACCEPTED");
    assert_eq!(fixture.post("key-1", EVENT).json()["duplicate"], false);
}

#[test]
fn a_key_has_1_to_255_bytes() {
    let fixture = Fixture::new();
    for key in ["", &"k".repeat(256)] {
        fixture.post(key, EVENT).refused(400, "BAD_REQUEST");
    }
    assert_eq!(fixture.post(&"k".repeat(255), EVENT).status, 202);
    assert_eq!(fixture.requests(), 1);
}

#[test]
fn many_at_once_with_one_key_are_one_event() {
    let fixture = Fixture::new();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16).map(|_| scope.spawn(|| fixture.post("key-1", EVENT).ok())).collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer["duplicate"] == false).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]), "{answers:?}");
    assert_eq!(fixture.requests(), 1);
}
