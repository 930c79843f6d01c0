//! Searching the delivery log over REST, and taking it away as a file.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, Server};
use crate::waiting;

struct Fixture {
    _server: Server,
    client: Client,
    receiver: Receiver,
    program: String,
}

/// Everything that is sent to `/down` is undeliverable at once.
fn fixture() -> Fixture {
    let server = Server::with(&[("GROUNDSWELL_RETRY_DEADLINE_MS", "1"), NO_BREAKER]);
    let client = server.client();
    let receiver = Receiver::that(|request| match request.path.as_str() {
        "/down" => Reaction::from(503),
        "/created" => Reaction::from(201),
        _ => Reaction::from(200),
    });
    let program = client.program("REFERRAL");
    for path in ["/up", "/down", "/created"] {
        client.webhook(&program, &receiver.url(path), Value::Null);
    }
    Fixture { _server: server, client, receiver, program }
}

impl Fixture {
    fn join(&self, participant: &str, email: &str) -> String {
        let data = json!({ "id": participant, "email": email });
        let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": data });
        let answer = self.client.post(&format!("/v2/campaign/{}/events", self.program), &event).ok();
        answer["id"].as_str().expect("an id").to_owned()
    }

    fn settle(&self) {
        waiting::until("every delivery has ended", || {
            let all = self.client.deliveries(&self.program, "?limit=100");
            let has_ended = |one: &Value| one["state"] == "delivered" || one["state"] == "undeliverable";
            all.iter().all(has_ended).then_some(())
        });
    }

    fn get(&self, path: &str) -> Answer {
        self.client.get(&format!("/v2/campaign/{}/deliveries{path}", self.program))
    }

    /// How many match, and that they are the same one by one.
    fn count(&self, query: &str) -> usize {
        let whole = self.client.deliveries(&self.program, &format!("?limit=100&{query}"));
        let mut ids = Vec::new();
        let mut next = String::new();
        loop {
            let page = self.get(&format!("?limit=1&{query}{next}")).ok();
            ids.extend(page["deliveries"].as_array().expect("a list").iter().map(|one| one["id"].clone()));
            let Some(id) = page["nextId"].as_str() else { break };
            next = format!("&nextId={id}");
        }
        assert_eq!(ids, whole.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), "{query}");
        whole.len()
    }
}

#[test]
fn the_log_is_searched_by_status_time_and_text() {
    let fixture = fixture();
    let before = waiting::now_ms();
    let first = fixture.join("gavin", "Gavin.Belson@Hooli.example");
    for number in 0..3 {
        fixture.join(&format!("p{number}"), &format!("p{number}@example.com"));
    }
    fixture.settle();
    let delivery = fixture.client.deliveries(&fixture.program, "?text=gavin").remove(0);
    let id = delivery["id"].as_str().expect("an id").to_owned();
    for (query, wanted) in [
        ("status=503", 4),
        ("status=5xx", 4),
        ("status=500-502", 0),
        ("status=2xx", 8),
        ("status=201", 4),
        ("status=200-599", 12),
        ("state=undeliverable", 4),
        ("state=undeliverable&status=503&text=gavin", 1),
        ("state=delivered&status=503", 0),
        ("state=waiting", 0),
        ("text=gavin.belson%40hooli.example", 3),
        ("text=GAVIN", 3),
        ("text=example.com", 9),
        ("text=%25", 0),
        (&format!("text={first}"), 3),
        (&format!("text={id}"), 1),
        ("text=dlv_000000000000z", 0),
        (&format!("since={before}"), 12),
        (&format!("until={before}"), 0),
        (&format!("since={}", waiting::now_ms() + 1), 0),
        (&format!("since={before}&until={}&status=503", waiting::now_ms() + 1), 4),
    ] {
        assert_eq!(fixture.count(query), wanted, "{query}");
    }
    for (query, pointer) in [
        ("status=5", "/status"),
        ("since=x", "/since"),
        ("until=", "/until"),
        ("since=5&until=5", "/until"),
        (&format!("text={}", "x".repeat(201)), "/text"),
    ] {
        assert_eq!(fixture.get(&format!("?{query}")).refused(400, "BAD_REQUEST"), [pointer], "{query}");
    }
}

#[test]
fn what_waits_is_found_in_the_queues() {
    let fixture = fixture();
    fixture
        .client
        .patch(&format!("/v2/campaign/{}/webhooks/primary", fixture.program), &json!({ "isEnabled": false }));
    let events: Vec<String> = (0..3).map(|at| fixture.join(&format!("p{at}"), "a@example.com")).collect();
    waiting::until("the others have ended", || {
        (fixture.client.deliveries(&fixture.program, "?state=parked").len() == 3
            && fixture.client.deliveries(&fixture.program, "?state=undeliverable").len() == 3)
            .then_some(())
    });
    assert_eq!(fixture.count("state=parked&webhookId=primary"), 3);
    assert_eq!(fixture.count(&format!("state=parked&text={}", events[1])), 1);
    assert_eq!(fixture.count("state=parked&text=nobody"), 0);
    assert_eq!(fixture.count("state=retrying"), 0);
    let removed = fixture.client.delete(&format!("/v2/campaign/{}/webhooks/primary", fixture.program));
    assert!(removed.status < 300, "{}", removed.text);
    waiting::until("what was parked is cancelled", || {
        (fixture.client.deliveries(&fixture.program, "?state=cancelled").len() == 3).then_some(())
    });
    assert_eq!(fixture.count("state=parked"), 0);
}

#[test]
fn a_search_is_sent_again_and_nothing_else() {
    let fixture = fixture();
    for number in 0..3 {
        fixture.join(&format!("p{number}"), &format!("p{number}@example.com"));
    }
    fixture.settle();
    let resends = format!("/v2/campaign/{}/resends", fixture.program);
    let count = |selection: Value| {
        let mut selection = selection;
        selection["dryRun"] = json!(true);
        fixture.client.post(&resends, &selection).ok()["total"].clone()
    };
    assert_eq!(count(json!({ "status": "5xx" })), 3);
    assert_eq!(count(json!({ "text": "p1@example.com" })), 3);
    assert_eq!(count(json!({ "status": "2xx", "text": "p1@example.com" })), 2);
    fixture.receiver.behave(|_| Reaction::from(200));
    let job = fixture.client.post(&resends, &json!({ "status": "503", "text": "P1@" })).ok();
    assert_eq!(job["total"], 1);
    let query = "text=p1@example.com&status=200";
    // While the log grows, two readings of it differ.
    waiting::until("it is sent again", || {
        let found = fixture.client.deliveries(&fixture.program, &format!("?limit=100&{query}"));
        (found.len() == 2).then_some(())
    });
    assert_eq!(fixture.count(query), 2);
    let original = fixture.client.deliveries(&fixture.program, "?text=p1&state=undeliverable").remove(0);
    let id = original["id"].as_str().expect("an id");
    assert_eq!(fixture.count(&format!("text={id}")), 2, "the original and its resend");
}

#[test]
fn the_log_is_exported_as_it_is_filtered() {
    let fixture = fixture();
    for number in 0..130 {
        fixture.join(&format!("p{number}"), &format!("p{number}@example.com"));
    }
    waiting::until("everything has ended", || {
        (fixture.get("/export?format=ndjson").text.matches("\"state\":\"waiting\"").count() == 0)
            .then_some(())
    });
    fixture.settle();
    let lines = fixture.get("/export?format=ndjson");
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let rows: Vec<Value> =
        lines.text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let mut all = Vec::new();
    let mut next = String::new();
    loop {
        let page = fixture.get(&format!("?limit=100{next}")).ok();
        all.extend(page["deliveries"].as_array().expect("a list").iter().cloned());
        let Some(id) = page["nextId"].as_str() else { break };
        next = format!("&nextId={id}");
    }
    assert_eq!((rows.len(), rows == all), (390, true), "the same rows in the same order");

    let csv = fixture.get("/export?format=csv&state=undeliverable");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"deliveries-{}.csv\"", fixture.program);
    assert_eq!(csv.header("content-disposition"), Some(name.as_str()));
    let mut lines = csv.text.split_terminator("\r\n");
    let head = lines.next().expect("a line of names");
    assert!(head.starts_with("id,eventId,event,webhookId,payloadUrl,state,attempts,acceptedAt"), "{head}");
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 130);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells.len(), cells[5], cells[10]), (15, "undeliverable", "503"), "{line}");
        assert!(cells[7].ends_with('Z'), "{line}");
    }
    assert_eq!(fixture.get("/export?format=xml").refused(400, "BAD_REQUEST"), ["/format"]);
    assert_eq!(fixture.get("/export?format=csv&state=lost").refused(400, "BAD_REQUEST"), ["/state"]);
    let nobody = fixture.client.authorized_by(None);
    let path = format!("/v2/campaign/{}/deliveries/export?format=csv", fixture.program);
    assert_eq!(nobody.get(&path).status, 401);
}

#[test]
fn a_delivery_shows_what_it_is_sent_with_and_no_secret() {
    let fixture = fixture();
    fixture.client.patch(
        &format!("/v2/campaign/{}/webhooks/primary", fixture.program),
        &json!({ "secret": "hunter2-the-secret" }),
    );
    let event = fixture.join("p1", "p1@example.com");
    fixture.settle();
    let row = fixture.client.deliveries(&fixture.program, "?webhookId=primary").remove(0);
    let detail = fixture.get(&format!("/{}", row["id"].as_str().expect("an id")));
    assert!(!detail.text.contains("hunter2"));
    let request = &detail.ok()["request"];
    assert_eq!(request["url"], fixture.receiver.url("/up"));
    let headers = request["headers"].as_array().expect("a list");
    let header = |name: &str| {
        let header = headers.iter().find(|header| header["name"] == name);
        header.unwrap_or_else(|| panic!("no {name} in {headers:?}"))["value"].clone()
    };
    assert_eq!(header("webhook-id"), json!(event));
    assert_eq!(header("webhook-signature"), "<value of webhook-signature>");
    assert_eq!(header("growsurf-signature"), "<value of growsurf-signature>");
    let sent =
        fixture.receiver.requests().into_iter().find(|request| request.path == "/up").expect("arrived");
    assert_eq!(header("webhook-timestamp"), sent.header("webhook-timestamp").expect("is sent"));
}
