//! Events, one at a time: what is accepted, what is refused, and what the receiver then gets.

use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::receiver::Receiver;
use crate::server::Server;
use crate::waiting::now_ms;

const MIB: usize = 1024 * 1024;

struct Fixture {
    server: Server,
    client: Client,
    receiver: Receiver,
    program: String,
}

impl Fixture {
    fn new(kind: &str) -> Self {
        let server = Server::start();
        let client = server.client();
        let receiver = Receiver::start();
        let program = client.program(kind);
        client.webhook(&program, &receiver.url("/"), Value::Null);
        Self { server, client, receiver, program }
    }

    fn path(&self) -> String {
        format!("/v2/campaign/{}/events", self.program)
    }

    fn post(&self, text: &str) -> Answer {
        self.client.post_text(&self.path(), text, &[])
    }
}

#[test]
fn an_accepted_event_arrives_with_its_id() {
    let fixture = Fixture::new("REFERRAL");
    let before = now_ms();
    let answer =
        fixture.post(r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1","email":"a@example.com"}}"#);
    assert_eq!(answer.status, 202, "{}", answer.text);
    let accepted = answer.json();
    assert_eq!(accepted["duplicate"], false, "{accepted}");
    let request = fixture.receiver.request_about("p1");
    assert_eq!(request.method, "POST");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(json!(request.webhook_id()), accepted["id"]);
    assert!(request.webhook_id().starts_with("evt_"));
    let body = request.json();
    let created_at = body["createdAt"].as_i64().expect("a time");
    assert!((before..=now_ms()).contains(&created_at), "createdAt defaults to the acceptance");
    let expected = format!(
        r#"{{"event":"NEW_PARTICIPANT_ADDED","createdAt":{created_at},"data":{{"id":"p1","email":"a@example.com"}}}}"#
    );
    assert_eq!(request.text(), expected);
}

#[test]
fn every_event_of_its_type_of_program_is_accepted_and_no_other() {
    let everywhere = ["NEW_PARTICIPANT_ADDED", "PARTICIPANT_FRAUD_STATUS_UPDATED", "CAMPAIGN_ENDED"];
    let referral = ["PARTICIPANT_REACHED_A_GOAL"];
    let affiliate = ["NEW_COMMISSION_ADDED", "COMMISSION_ADJUSTED", "NEW_PAYOUT_ISSUED"];
    let it = json!({ "id": "x" });
    let data = json!({ "id": "x", "participant": it, "reward": it, "commission": it, "adjustedCommission": it, "payout": it });
    for (kind, own, others) in
        [("REFERRAL", &referral[..], &affiliate[..]), ("AFFILIATE", &affiliate[..], &referral[..])]
    {
        let fixture = Fixture::new(kind);
        for event in everywhere.iter().chain(own) {
            let answer = fixture.client.post(&fixture.path(), &json!({ "event": event, "data": data }));
            assert_eq!(answer.status, 202, "{event} {kind}: {}", answer.text);
        }
        for event in others {
            let answer = fixture.client.post(&fixture.path(), &json!({ "event": event, "data": data }));
            answer.refused(422, "EVENT_NOT_ACCEPTED");
        }
    }
}

#[test]
fn a_body_is_sent_as_javascript_would_print_it() {
    let fixture = Fixture::new("REFERRAL");
    let sent = concat!(
        " {\"data\" : {\"zeta\":1.0, \"id\":\"\\u0070\\u0031\", \"10\":1E21, \"9\":-0, \"a\":1, \"a\":[0.10, 1e-7],",
        "\"__proto__\":{\"x\":null},\"text\":\"\\u2028\\/\\u007f\\u001f\\ud83d\\ude00\"},\n \"createdAt\":1.7e12,",
        " \"event\":\"NEW_PARTICIPANT_ADDED\"}\n"
    );
    let answer = fixture.post(sent);
    assert_eq!(answer.status, 202, "{}", answer.text);
    let wanted = concat!(
        "{\"event\":\"NEW_PARTICIPANT_ADDED\",\"createdAt\":1700000000000,\"data\":{\"9\":0,\"10\":1e+21,\"zeta\":1,",
        "\"id\":\"p1\",\"a\":[0.1,1e-7],\"__proto__\":{\"x\":null},\"text\":\"\u{2028}/\u{7f}\\u001f😀\"}}"
    );
    assert_eq!(fixture.receiver.request_about("p1").text(), wanted);
}

#[test]
fn unknown_members_and_values_arrive_as_they_were_sent() {
    let fixture = Fixture::new("REFERRAL");
    let data = r#"{"shoeSize":43.5,"id":"p1","referralSource":"CARRIER_PIGEON","":[{}],"a/b":{"~":null}}"#;
    let answer = fixture.post(&format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","createdAt":5,"data":{data}}}"#));
    assert_eq!(answer.status, 202, "{}", answer.text);
    let wanted = format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","createdAt":5,"data":{data}}}"#);
    assert_eq!(fixture.receiver.request_about("p1").text(), wanted);
}

#[test]
fn what_is_wrong_with_an_event_is_named_and_nothing_is_written() {
    let fixture = Fixture::new("REFERRAL");
    let cases: [(&str, &[&str]); 26] = [
        ("", &[""]),
        ("{", &[""]),
        ("[]", &[""]),
        ("{}", &["/data", "/event"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED"}"#, &["/data"]),
        (r#"{"data":{"id":"p1"}}"#, &["/event"]),
        (r#"{"event":"PARTICIPANT_LEFT","data":{"id":"p1"}}"#, &["/event"]),
        (r#"{"event":null,"data":{"id":"p1"}}"#, &["/event"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":null}"#, &["/data"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":[]}"#, &["/data"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{}}"#, &["/data/id"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":""}}"#, &["/data/id"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":5}}"#, &["/data/id"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":"now","data":{"id":"p"}}"#, &["/createdAt"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":null,"data":{"id":"p"}}"#, &["/createdAt"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":1.5,"data":{"id":"p"}}"#, &["/createdAt"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":-1,"data":{"id":"p"}}"#, &["/createdAt"]),
        (
            r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","isWinner":"no","campaign":{"id":"c","rewards":[{}]}}}"#,
            &["/data/campaign/rewards/0/id", "/data/isWinner"],
        ),
        (
            r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","referrer":{"id":"q","email":1},"email":null}}"#,
            &["/data/email", "/data/referrer/email"],
        ),
        (r#"{"event":"PARTICIPANT_REACHED_A_GOAL","data":{}}"#, &["/data/participant", "/data/reward"]),
        (
            r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","metadata":{"n":9007199254740993,"m":[1,1e400]}}}"#,
            &["/data/metadata/m/1", "/data/metadata/n"],
        ),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","a/b":{"~":1e-400}}}"#, &["/data/a~1b/~0"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p","firstName":"\ud800"}}"#, &["/data/firstName"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p"},"idempotencyKey":7}"#, &["/idempotencyKey"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p"},"idempotencyKey":""}"#, &["/idempotencyKey"]),
        (r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p"}} {}"#, &[""]),
    ];
    for (text, wrong) in cases {
        let mut named = fixture.post(text).refused(400, "BAD_REQUEST");
        named.sort();
        assert_eq!(named, wrong, "{text}");
    }
    let not_utf8 = b"{\"event\":\"NEW_PARTICIPANT_ADDED\",\"data\":{\"id\":\"\xff\"}}";
    let headers = &[("content-type", "application/json")];
    fixture
        .client
        .send(Call { method: "POST", path: &fixture.path(), headers, body: not_utf8 })
        .refused(400, "BAD_REQUEST");
    assert_eq!(fixture.client.deliveries(&fixture.program, ""), Vec::<Value>::new());
    assert_eq!(fixture.receiver.connections(), 0);
}

#[test]
fn an_event_may_have_four_mebibytes_and_not_more() {
    let fixture = Fixture::new("REFERRAL");
    let event = |bytes: usize| {
        let frame = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"big","notes":""}}"#;
        let notes = "x".repeat(bytes - frame.len());
        format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"big","notes":"{notes}"}}}}"#)
    };
    let largest = event(4 * MIB);
    let answer = fixture.post(&largest);
    assert_eq!(answer.status, 202, "{}", answer.text);
    let request = fixture.receiver.request_about("big");
    assert_eq!(request.json()["data"], serde_json::from_str::<Value>(&largest).expect("JSON")["data"]);
    fixture.post(&event(4 * MIB + 1)).refused(413, "PAYLOAD_TOO_LARGE");
    fixture.post(&event(12 * MIB)).refused(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(fixture.client.deliveries(&fixture.program, "").len(), 1);
}

#[test]
fn which_webhooks_get_an_event_is_settled_when_it_is_accepted() {
    let fixture = Fixture::new("REFERRAL");
    let webhooks = format!("/v2/campaign/{}/webhooks", fixture.program);
    fixture.client.patch(&format!("{webhooks}/primary"), &json!({ "events": [] })).ok();
    let unheard = fixture.client.join(&fixture.program, "before");
    fixture
        .client
        .patch(&format!("{webhooks}/primary"), &json!({ "events": ["NEW_PARTICIPANT_ADDED"] }))
        .ok();
    fixture.client.webhook(&fixture.program, &fixture.receiver.url("/second"), Value::Null);
    let heard = fixture.client.join(&fixture.program, "after");
    fixture.receiver.answered(2);
    let ids: Vec<String> =
        fixture.receiver.requests().iter().map(|request| request.webhook_id().to_owned()).collect();
    assert_eq!(ids, [heard.clone(), heard], "every webhook gets the event under the same id");
    let log = fixture.client.deliveries(&fixture.program, "");
    assert!(log.iter().all(|delivery| delivery["eventId"] != unheard.as_str()), "{log:?}");
}

#[test]
fn accepted_events_never_share_an_id_even_over_restarts() {
    let mut fixture = Fixture::new("REFERRAL");
    let mut ids = Vec::new();
    for round in 0..3 {
        ids.extend(
            (0..20).map(|number| fixture.client.join(&fixture.program, &format!("p{round}-{number}"))),
        );
        fixture.server.kill();
        fixture.server.restart();
        fixture.client = fixture.server.client();
    }
    assert!(ids.is_sorted(), "ids are ordered by time");
    ids.dedup();
    assert_eq!(ids.len(), 60);
}
