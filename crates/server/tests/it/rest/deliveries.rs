//! The delivery log over REST.

use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server};
use crate::waiting;

struct Fixture {
    _server: Server,
    client: Client,
    receiver: Receiver,
    program: String,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::with(&[("GROUNDSWELL_RETRY_BASE_MS", "3600000"), NO_BREAKER]);
        let client = server.client();
        let receiver = Receiver::that(|request| match request.path.as_str() {
            "/down" => Reaction::Answer(Reply::status(503).header("x-reason", "maintenance")),
            _ => Reaction::from(200),
        });
        let program = client.program("REFERRAL");
        client.webhook(
            &program,
            &receiver.url("/up"),
            json!({ "events": ["NEW_PARTICIPANT_ADDED", "CAMPAIGN_ENDED"] }),
        );
        Self { _server: server, client, receiver, program }
    }

    /// Waits until no delivery is on its way.
    fn settle(&self) {
        waiting::until("every delivery is made or has failed", || {
            let all = self.client.deliveries(&self.program, "?limit=100");
            let settled =
                |delivery: &Value| delivery["state"] == "delivered" || delivery["state"] == "retrying";
            all.iter().all(settled).then_some(())
        });
    }

    fn page(&self, query: &str) -> (Vec<String>, Option<String>) {
        let page = self.client.get(&format!("/v2/campaign/{}/deliveries{query}", self.program)).ok();
        let list = page["deliveries"].as_array().expect("a list");
        let ids = list.iter().map(|delivery| delivery["id"].as_str().expect("an id").to_owned()).collect();
        (ids, page["nextId"].as_str().map(str::to_owned))
    }
}

#[test]
fn the_log_is_paged_newest_first_without_gaps_or_repeats() {
    let fixture = Fixture::new();
    fixture.client.webhook(&fixture.program, &fixture.receiver.url("/down"), Value::Null);
    let events: Vec<String> =
        (0..25).map(|at| fixture.client.join(&fixture.program, &format!("p{at}"))).collect();
    fixture.settle();
    for limit in [1, 2, 7, 49, 50] {
        let (mut all, mut next) = fixture.page(&format!("?limit={limit}"));
        while let Some(next_id) = next {
            assert_eq!(all.len() % limit, 0, "a page before the last is full");
            // What comes meanwhile is newer and must not disturb the pages.
            let (more, after) = fixture.page(&format!("?limit={limit}&nextId={next_id}"));
            assert!(!more.is_empty(), "an empty page after {next_id}");
            all.extend(more);
            next = after;
        }
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((all.len(), distinct.len()), (50, 50), "limit {limit}");
    }
    let newest = fixture.client.deliveries(&fixture.program, "?limit=2");
    assert!(newest.iter().all(|delivery| delivery["eventId"] == *events.last().expect("some")), "{newest:?}");
    for wrong in ["0", "101", "-1", "x", ""] {
        let answer =
            fixture.client.get(&format!("/v2/campaign/{}/deliveries?limit={wrong}", fixture.program));
        assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/limit"], "{wrong}");
    }
}

#[test]
fn the_log_is_filtered_by_state_event_and_webhook() {
    let fixture = Fixture::new();
    let down = fixture.client.webhook(&fixture.program, &fixture.receiver.url("/down"), Value::Null);
    for at in 0..3 {
        fixture.client.join(&fixture.program, &format!("p{at}"));
    }
    let ended = json!({ "event": "CAMPAIGN_ENDED", "data": { "id": fixture.program } });
    fixture.client.post(&format!("/v2/campaign/{}/events", fixture.program), &ended).ok();
    fixture.settle();
    let count = |query: &str| fixture.client.deliveries(&fixture.program, query).len();
    for (query, wanted) in [
        ("", 7),
        ("?state=delivered", 4),
        ("?state=retrying", 3),
        ("?state=undeliverable", 0),
        ("?event=CAMPAIGN_ENDED", 1),
        ("?event=NEW_PARTICIPANT_ADDED", 6),
        ("?webhookId=primary", 4),
        (&format!("?webhookId={down}"), 3),
        ("?webhookId=primary&event=NEW_PARTICIPANT_ADDED&state=delivered", 3),
        (&format!("?webhookId={down}&event=CAMPAIGN_ENDED"), 0),
    ] {
        assert_eq!(count(query), wanted, "{query}");
    }
    for (query, pointer) in [("?state=lost", "/state"), ("?event=X", "/event"), ("?nextId=x", "/nextId")] {
        let answer = fixture.client.get(&format!("/v2/campaign/{}/deliveries{query}", fixture.program));
        assert_eq!(answer.refused(400, "BAD_REQUEST"), [pointer]);
    }
}

#[test]
fn a_delivery_shows_its_body_its_attempts_and_what_came_back() {
    let fixture = Fixture::new();
    fixture.client.patch(
        &format!("/v2/campaign/{}/webhooks/primary", fixture.program),
        &json!({ "payloadUrl": fixture.receiver.url("/down"), "secret": "hunter2-the-secret" }),
    );
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.settle();
    let delivery = fixture.client.delivery_of(&fixture.program, &event);
    let sent = fixture.receiver.request_about("p1");
    assert_eq!(delivery["body"], sent.text());
    for (key, value) in [
        ("event", json!("NEW_PARTICIPANT_ADDED")),
        ("webhookId", json!("primary")),
        ("payloadUrl", json!(fixture.receiver.url("/down"))),
        ("state", json!("retrying")),
        ("attempts", json!(1)),
        ("lastStatusCode", json!(503)),
        ("lastFailure", json!("status")),
    ] {
        assert_eq!(delivery[key], value, "{key}");
    }
    let attempt = &delivery["attemptLog"][0];
    assert_eq!((&attempt["number"], &attempt["response"]["body"]), (&json!(1), &json!("noted")));
    let headers = attempt["response"]["headers"].as_array().expect("headers");
    assert!(headers.contains(&json!({ "name": "x-reason", "value": "maintenance" })), "{headers:?}");
    assert!(!delivery.to_string().contains("hunter2"), "the secret is in the log");
    let row = fixture.client.deliveries(&fixture.program, "").remove(0);
    for (key, value) in row.as_object().expect("an object") {
        assert_eq!(&delivery[key], value, "{key}");
    }
}

#[test]
fn a_delivery_is_seen_in_its_own_program_only() {
    let fixture = Fixture::new();
    let event = fixture.client.join(&fixture.program, "p1");
    fixture.settle();
    let id = fixture.client.delivery_of(&fixture.program, &event)["id"].as_str().expect("an id").to_owned();
    let other = fixture.client.program("REFERRAL");
    fixture.client.get(&format!("/v2/campaign/{other}/deliveries/{id}")).refused(404, "NOT_FOUND");
    assert_eq!(fixture.client.deliveries(&other, ""), Vec::<Value>::new());
}

/// Holds every request until it is opened.
#[derive(Clone, Default)]
struct Gate {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    fn wait(&self) {
        let (is_open, opened) = &*self.state;
        let is_open = is_open.lock().expect("no panic under the lock");
        drop(opened.wait_while(is_open, |is_open| !*is_open).expect("no panic under the lock"));
    }

    fn open(&self) {
        *self.state.0.lock().expect("no panic under the lock") = true;
        self.state.1.notify_all();
    }
}

#[test]
fn a_delivery_whose_attempt_is_under_way_shows_as_sending() {
    let server = Server::with(&[QUICK_RETRY.as_slice(), &[NO_BREAKER]].concat());
    let client = server.client();
    let gate = Gate::default();
    let held = gate.clone();
    let receiver = Receiver::that(move |request| {
        if request.number == 1 {
            return Reaction::from(500);
        }
        held.wait();
        Reaction::from(200)
    });
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let retried = client.join(&program, "retried");
    receiver.until("its second attempt", |exchanges| (exchanges.len() == 2).then_some(()));
    let first = client.join(&program, "first");
    // The endpoint has one request at a time after its failure; so this one waits.
    let delivery = client.delivery_of(&program, &retried);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("sending"), &json!(1)), "{delivery:#}");
    assert_eq!((&delivery["nextAttemptAt"], &delivery["schedule"]), (&Value::Null, &json!([])));
    assert!(delivery["deadlineAt"].is_i64(), "{delivery:#}");
    let events = |query: &str| -> Vec<Value> {
        client.deliveries(&program, query).into_iter().map(|delivery| delivery["eventId"].clone()).collect()
    };
    assert_eq!(events("?state=sending"), [json!(retried)]);
    assert_eq!(events("?state=waiting"), [json!(first)]);
    assert_eq!(events("?state=retrying"), Vec::<Value>::new());
    let listed = client.deliveries(&program, "");
    assert_eq!(listed[1]["state"], "sending", "the list says what the filter and the detail say");

    gate.open();
    waiting::until("both are delivered", || (events("?state=delivered").len() == 2).then_some(()));
    assert_eq!(events("?state=sending"), Vec::<Value>::new());
}

#[test]
fn a_delivery_that_is_being_retried_never_looks_cancelled() {
    let server = Server::with(&[QUICK_RETRY.as_slice(), &[NO_BREAKER]].concat());
    let client = server.client();
    let receiver = Receiver::that(|_| Reaction::from(500));
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    for at in 0..20 {
        client.join(&program, &format!("p{at}"));
    }
    // Each look reads while attempts are being written down.
    waiting::until("400 attempts were made", || {
        for delivery in client.deliveries(&program, "?limit=100") {
            let state = delivery["state"].as_str().expect("a state");
            assert!(matches!(state, "waiting" | "sending" | "retrying" | "held"), "{delivery:#}");
        }
        (receiver.requests().len() > 400).then_some(())
    });
}
