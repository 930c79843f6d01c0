//! Batches: one event a line, an answer a line.

use serde_json::{Value, json};

use crate::client::{BatchLine, Client};
use crate::receiver::Receiver;
use crate::server::Server;

const MIB: usize = 1024 * 1024;

struct Fixture {
    _server: Server,
    client: Client,
    receiver: Receiver,
    program: String,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start();
        let client = server.client();
        let receiver = Receiver::start();
        let program = client.program("REFERRAL");
        client.webhook(&program, &receiver.url("/"), Value::Null);
        Self { _server: server, client, receiver, program }
    }

    fn deliveries(&self) -> usize {
        self.client.deliveries(&self.program, "?limit=100").len()
    }
}

fn line(participant: &str, more: Value) -> String {
    let mut event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": participant } });
    if let Value::Object(members) = more {
        event.as_object_mut().expect("an object").extend(members);
    }
    event.to_string()
}

fn joined(participant: &str) -> String {
    line(participant, Value::Null)
}

fn id_of(answer: &BatchLine) -> &str {
    match answer {
        BatchLine::Accepted { id, .. } => id,
        BatchLine::Refused { .. } => panic!("{answer:?}"),
    }
}

#[test]
fn every_line_is_an_event_of_its_own() {
    let fixture = Fixture::new();
    // Line ends of both kinds, an empty line, and none at the end.
    let text = format!("{}\n\n{}\r\n   \n{}", joined("p0"), joined("p1"), joined("p2"));
    let answer = fixture.client.post_lines(&fixture.program, &text);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/x-ndjson")));
    let answers = answer.batch();
    assert_eq!(answers.len(), 3);
    for (at, answer) in answers.iter().enumerate() {
        let request = fixture.receiver.request_about(&format!("p{at}"));
        assert_eq!(request.webhook_id(), id_of(answer));
    }
}

#[test]
fn a_wrong_line_is_named_and_keeps_no_other_from_being_accepted() {
    let fixture = Fixture::new();
    let wrong = line("x", json!({ "createdAt": "now", "data": { "id": 5, "n": 1 } }));
    let text = [
        joined("p0"),
        wrong,
        "{".to_owned(),
        joined("p1"),
        r#"{"event":"NEW_PAYOUT_ISSUED","data":{"participant":{"id":"p"},"payout":{"id":"o"}}}"#.to_owned(),
        r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","n":9007199254740993}}"#.to_owned(),
        joined("p2"),
    ];
    let answers = fixture.client.post_lines(&fixture.program, &text.join("\n")).batch();
    let refused = |status: i64, code: &str, pointers: &[&str]| BatchLine::Refused {
        status,
        code: code.to_owned(),
        pointers: pointers.iter().map(|&pointer| pointer.to_owned()).collect(),
    };
    assert_eq!(answers[1], refused(400, "BAD_REQUEST", &["/createdAt", "/data/id"]));
    assert_eq!(answers[2], refused(400, "BAD_REQUEST", &[""]));
    assert_eq!(answers[4], refused(422, "EVENT_NOT_ACCEPTED", &[]));
    assert_eq!(answers[5], refused(400, "BAD_REQUEST", &["/data/n"]));
    for (at, participant) in [(0, "p0"), (3, "p1"), (6, "p2")] {
        assert_eq!(fixture.receiver.request_about(participant).webhook_id(), id_of(&answers[at]));
    }
    assert_eq!(fixture.deliveries(), 3);
}

#[test]
fn equal_keys_are_one_event_within_a_batch_and_beyond_it() {
    let fixture = Fixture::new();
    let keyed = |participant: &str, key: &str| line(participant, json!({ "idempotencyKey": key }));
    let text = [keyed("p0", "k0"), keyed("p0", "k0"), keyed("p1", "k1"), keyed("other", "k0"), joined("p0")]
        .join("\n");
    let answers = fixture.client.post_lines(&fixture.program, &text).batch();
    let first = id_of(&answers[0]).to_owned();
    assert_eq!(answers[1], BatchLine::Accepted { id: first.clone(), duplicate: true });
    assert!(matches!(&answers[2], BatchLine::Accepted { id, duplicate: false } if *id != first));
    assert!(
        matches!(&answers[3], BatchLine::Refused { status: 409, code, .. } if code == "IDEMPOTENCY_CONFLICT")
    );
    assert!(matches!(&answers[4], BatchLine::Accepted { id, duplicate: false } if *id != first));

    let again = fixture.client.post_lines(&fixture.program, &keyed("p0", "k0")).batch();
    assert_eq!(again, [BatchLine::Accepted { id: first.clone(), duplicate: true }]);
    // A key is the same key whichever way it came.
    let single = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p0"}}"#;
    let path = format!("/v2/campaign/{}/events", fixture.program);
    let single = fixture.client.post_text(&path, single, &[("idempotency-key", "k0")]).ok();
    assert_eq!((&single["id"], &single["duplicate"]), (&json!(first), &json!(true)));
    assert_eq!(fixture.deliveries(), 3);
}

#[test]
fn a_batch_has_a_thousand_events_at_most() {
    let fixture = Fixture::new();
    let lines = |count: usize| (0..count).map(|at| joined(&format!("p{at}"))).collect::<Vec<_>>().join("\n");
    let answer = fixture.client.post_lines(&fixture.program, &lines(1_001));
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    assert!(answer.json()["message"].as_str().is_some_and(|text| text.contains("1,000")), "{}", answer.text);
    assert_eq!(fixture.deliveries(), 0, "nothing of a refused batch is accepted");
    let answers = fixture.client.post_lines(&fixture.program, &lines(1_000)).batch();
    assert_eq!(answers.len(), 1_000);
    let ids: std::collections::HashSet<&str> = answers.iter().map(id_of).collect();
    assert_eq!(ids.len(), 1_000);
    fixture.receiver.answered(1_000);
}

#[test]
fn a_batch_has_eight_mebibytes_at_most_and_an_event_in_it_four() {
    let fixture = Fixture::new();
    let event = |id: &str, bytes: usize| {
        let frame = joined(id).len() + r#","notes":"""#.len();
        let notes = "x".repeat(bytes - frame);
        line(id, json!({ "data": { "id": id, "notes": notes } }))
    };
    let fits = [event("p0", 4 * MIB - 1), event("p1", 4 * MIB)].join("\n");
    assert_eq!(fits.len(), 8 * MIB);
    let answers = fixture.client.post_lines(&fixture.program, &fits).batch();
    assert!(answers.iter().all(|answer| matches!(answer, BatchLine::Accepted { .. })), "{answers:?}");
    fixture.receiver.answered(2);
    fixture.client.post_lines(&fixture.program, &format!("{fits}\n")).refused(413, "PAYLOAD_TOO_LARGE");
    let with_one_too_large = [joined("p2"), event("p3", 4 * MIB + 1)].join("\n");
    let answers = fixture.client.post_lines(&fixture.program, &with_one_too_large).batch();
    assert!(matches!(answers[0], BatchLine::Accepted { .. }));
    assert!(
        matches!(&answers[1], BatchLine::Refused { status: 413, code, .. } if code == "PAYLOAD_TOO_LARGE"),
        "{:?}",
        answers[1]
    );
}

#[test]
fn an_empty_batch_or_one_of_an_unknown_program_is_refused() {
    let fixture = Fixture::new();
    for text in ["", "\n", " \r\n\n"] {
        fixture.client.post_lines(&fixture.program, text).refused(400, "BAD_REQUEST");
    }
    fixture.client.post_lines("nosuchprogram", &joined("p0")).refused(404, "NOT_FOUND");
}
