//! Events that producers emit in SQL, with their own changes: they come as events over REST do, once, or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use groundswell_types::Secret;
use groundswell_types::signature::{StandardHeaders, verify_product, verify_standard};
use private_postgres::Server as PostgreSql;
use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::{Exchange, Receiver, Request};
use crate::server::{QUICK_RETRY, Server};
use crate::waiting;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server on a database, a program in it, and what a producer does there.
struct Setup {
    postgres: &'static PostgreSql,
    database: String,
    server: Server,
    program: String,
    receiver: Receiver,
}

impl Setup {
    fn new(more: &[(&str, &str)]) -> Self {
        let postgres = PostgreSql::shared();
        let database = postgres.create(None);
        let url = postgres.url(&database);
        // After a kill the next one, on another port, goes on once the lease is over.
        let own = [("GROUNDSWELL_DATABASE_URL", &*url), ("GROUNDSWELL_NODE_LEASE_MS", "3000")];
        let settings = [&own[..], &QUICK_RETRY[..], more].concat();
        let server = Server::with(&settings);
        let program = server.client().program("REFERRAL");
        let receiver = Receiver::start();
        let webhook = json!({ "secret": SECRET });
        server.client().webhook(&program, &receiver.url("/hook"), webhook);
        Self { postgres, database, server, program, receiver }
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.sql(&self.database, sql)
    }

    /// The statement that emits that somebody has joined.
    fn joined(&self, participant: &str, key: Option<&str>) -> String {
        let key = key.map_or("NULL".to_owned(), |key| format!("'{key}'"));
        let program = &self.program;
        format!(
            "SELECT groundswell.emit('{program}', 'NEW_PARTICIPANT_ADDED', \
             jsonb_build_object('id', '{participant}'), {key});"
        )
    }

    fn rejected(&self, client: &Client) -> Vec<Value> {
        let page = client.get(&format!("/v2/campaign/{}/rejected-events", self.program)).ok();
        page["rejectedEvents"].as_array().expect("a list").clone()
    }

    /// Waits until nothing waits any more.
    fn until_drained(&self) {
        waiting::until("everything that was emitted is taken", || {
            (self.sql("SELECT COUNT(*) FROM emitted").trim() == "0").then_some(())
        });
    }
}

fn participant(request: &Request) -> String {
    request.json()["data"]["id"].as_str().unwrap_or_default().to_owned()
}

/// How often each participant was told of with success.
fn told(exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for exchange in exchanges {
        *told.entry(participant(&exchange.request)).or_default() += 1;
    }
    told
}

#[test]
fn what_is_rolled_back_does_not_arrive_and_what_commits_arrives_signed_and_once() {
    let setup = Setup::new(&[]);
    setup.sql("CREATE TABLE member (id TEXT PRIMARY KEY)");
    let (undone, done) = (setup.joined("undone", None), setup.joined("done", Some("k")));
    setup.sql(&format!("BEGIN; INSERT INTO member VALUES ('undone'); {undone} ROLLBACK"));
    setup.sql(&format!("BEGIN; INSERT INTO member VALUES ('done'); {done} COMMIT"));
    setup.sql(&setup.joined("done", Some("k")));
    setup.sql(&setup.joined("last", None));
    let last = setup.receiver.request_about("last");
    setup.until_drained();
    assert_eq!(told(&setup.receiver.exchanges()), [("done".to_owned(), 1), ("last".to_owned(), 1)].into());

    let request = setup.receiver.request_about("done");
    let secret = Secret::parse(SECRET).expect("a secret");
    let product = request.header("growsurf-signature").expect("signed");
    verify_product(&secret, product, &request.body, (waiting::now_ms(), 300_000)).expect("is right");
    let standard = StandardHeaders {
        id: request.webhook_id(),
        timestamp: request.header("webhook-timestamp").expect("signed"),
        signature: request.header("webhook-signature").expect("signed"),
    };
    verify_standard(&secret, standard, &request.body, (waiting::now_ms() / 1000, 300)).expect("is right");
    assert_ne!(request.webhook_id(), last.webhook_id());
    assert_eq!(setup.sql("SELECT id FROM member").trim(), "done");
    assert_eq!(setup.rejected(&setup.server.client()), Vec::<Value>::new());
    // Over REST the same key stands for the same event.
    let text = r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"done"}}"#;
    let path = format!("/v2/campaign/{}/events", setup.program);
    let repeated = setup.server.client().post_text(&path, text, &[("idempotency-key", "k")]).ok();
    assert_eq!((&repeated["duplicate"], &repeated["id"]), (&json!(true), &json!(request.webhook_id())));
}

/// What `psql` would make of an example's file.
fn example(text: &str, program: &str, participant: &str) -> String {
    let address = format!("'{participant}@example.com'");
    let text =
        text.replace(":'program'", &format!("'{program}'")).replace(":'id'", &format!("'{participant}'"));
    let text = text.replace(":'email'", &address);
    text.lines().filter(|line| !line.starts_with(['\\', '-'])).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_adds_a_member_and_emits_the_event_or_does_neither() {
    const SETUP: &str = include_str!("../../../../examples/producer-sql/setup.sql");
    const JOIN: &str = include_str!("../../../../examples/producer-sql/join.sql");
    let setup = Setup::new(&[]);
    setup.sql(SETUP);
    let join = |participant| example(JOIN, &setup.program, participant);
    setup.sql(&format!("SET ROLE shop; {}", join("ada")));
    setup.sql(&format!("SET ROLE shop; {}", join("bob").replace("COMMIT", "ROLLBACK")));
    setup.sql(&format!("SET ROLE shop; {}", join("cleo")));
    setup.receiver.request_about("cleo");
    setup.until_drained();
    assert_eq!(told(&setup.receiver.exchanges()), [("ada".to_owned(), 1), ("cleo".to_owned(), 1)].into());
    assert_eq!(setup.sql("SELECT id FROM member ORDER BY id"), "ada\ncleo");
}

#[test]
fn a_bad_event_is_rejected_where_its_owner_sees_it_and_keeps_nobody_waiting() {
    let setup = Setup::new(&[]);
    let program = &setup.program;
    let bad = [
        format!("'{program}', 'NO_EVENT', '{{}}'"),
        format!("'{program}', 'NEW_PARTICIPANT_ADDED', '{{\"id\":5}}'"),
        format!("'{program}', 'NEW_PARTICIPANT_ADDED', '{{}} , \"createdAt\":5'"),
        format!("'{program}', 'NEW_PARTICIPANT_ADDED', 'no JSON'"),
        format!(
            "'{program}', 'NEW_PAYOUT_ISSUED', '{{\"participant\":{{\"id\":\"p\"}},\"payout\":{{\"id\":\"o\"}}}}'"
        ),
        format!("'{program}', 'NEW_PARTICIPANT_ADDED', '{{\"id\":\"p\"}}', ''"),
        format!("'{program}', 'NEW_PARTICIPANT_ADDED', REPEAT('x', 4194305)"),
        "'nowhere', 'NEW_PARTICIPANT_ADDED', '{\"id\":\"p\"}'".to_owned(),
        "'no id at all', 'NEW_PARTICIPANT_ADDED', '{\"id\":\"p\"}'".to_owned(),
    ];
    let bad = bad.map(|arguments| format!("SELECT groundswell.emit({arguments});")).concat();
    let first = setup.joined("first", Some("k"));
    setup.sql(&format!(
        "BEGIN; {first} {bad} {} {} COMMIT",
        setup.joined("other", Some("k")),
        setup.joined("good", None)
    ));
    setup.receiver.request_about("good");
    setup.until_drained();
    assert_eq!(told(&setup.receiver.exchanges()), [("first".to_owned(), 1), ("good".to_owned(), 1)].into());

    let admin = setup.server.client();
    let rejected = waiting::until("all bad ones are rejected", || {
        let rejected = setup.rejected(&admin);
        (rejected.len() == 8).then_some(rejected)
    });
    let reasons: Vec<&str> =
        rejected.iter().map(|event| event["reason"].as_str().expect("a reason")).collect();
    for (reason, wanted) in reasons.iter().zip([
        "with other content",
        "4 MiB at most",
        "/idempotencyKey the idempotency key must",
        "is no event of",
        "/data",
        "/data",
        "/data/id",
        "/event must be one of",
    ]) {
        assert!(reason.contains(wanted), "{reason} is not {wanted}: {reasons:?}");
    }
    assert_eq!(rejected[6]["data"], r#"{"id":5}"#);
    assert_eq!((&rejected[1]["data"], &rejected[1]["dataBytes"]), (&Value::Null, &json!(4_194_305)));
    let page = admin.get("/v2/rejected-events?before=9223372036854775807").ok();
    let all = page["rejectedEvents"].as_array().expect("a list");
    let of_nobody: Vec<_> = all
        .iter()
        .filter(|event| event["reason"] == "There is no such program.")
        .map(|event| (event["campaignId"].as_str().expect("an id"), &event["data"]))
        .collect();
    assert_eq!(of_nobody, [("no id at all", &Value::Null), ("nowhere", &Value::Null)]);
    let before = &rejected[6]["id"];
    let older = admin.get(&format!("/v2/campaign/{program}/rejected-events?before={before}")).ok();
    assert_eq!(older["rejectedEvents"], json!([rejected[7]]));
    admin.get("/v2/rejected-events?before=x").refused(400, "BAD_REQUEST");

    let metrics = admin.get("/metrics").text;
    for line in [
        "groundswell_emitted_events_rejected_total{program=\"known\"} 8",
        "groundswell_emitted_events_rejected_total{program=\"unknown\"} 2",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let log = setup.server.log();
    assert!(log.contains("emitted for programs that there are not"), "{log}");
    assert!(!log.contains("no JSON"), "{log}");
}

#[test]
fn ten_thousand_events_of_one_transaction_arrive_once_each_although_the_server_is_killed() {
    let mut setup = Setup::new(&[]);
    let program = setup.program.clone();
    setup.sql(&format!(
        "SELECT COUNT(groundswell.emit('{program}', 'NEW_PARTICIPANT_ADDED', \
         jsonb_build_object('id', 'p' || n))) FROM generate_series(1, 10000) AS n"
    ));
    // Some are accepted, some wait, and some are just being accepted.
    setup.receiver.within(Duration::from_secs(30), "the first ones", |all| (all.len() > 100).then_some(()));
    setup.server.kill();
    let left: usize = setup.sql("SELECT COUNT(*) FROM emitted").trim().parse().expect("a number");
    assert!(left > 0, "everything was taken before the kill");
    setup.sql(&setup.joined("meanwhile", None));
    setup.server.restart();
    setup.receiver.request_about("meanwhile");
    setup.until_drained();
    let ids = setup.receiver.within(Duration::from_mins(2), "all of them", |all| {
        let told = told(all);
        (told.len() == 10_001).then(|| {
            let mut ids: Vec<_> = all.iter().map(|one| one.request.webhook_id().to_owned()).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        })
    });
    // A request that was under way may repeat, with the id it had.
    assert_eq!(ids.len(), 10_001, "each was accepted once");
    assert_eq!(setup.sql("SELECT COUNT(*) FROM event").trim(), "10001");
}

#[test]
fn what_was_emitted_is_erased_and_forgotten_like_everything_else() {
    let mut setup = Setup::new(&[]);
    let program = setup.program.clone();
    let emit = |kind: &str, data: &str| format!("SELECT groundswell.emit('{program}', '{kind}', '{data}');");
    let about = r#"{"id":"ada","email":"ada@example.com"}"#;
    setup.sql(&emit("NO_EVENT", about));
    setup.sql(&emit("NO_EVENT", r#"{"id":"bob"}"#));
    setup.sql(&emit("NO_EVENT", "broken ada@example.com"));
    let admin = setup.server.client();
    waiting::until("they are rejected", || (setup.rejected(&admin).len() == 3).then_some(()));
    // Some of these are accepted when the erasure begins, and the others wait.
    setup.sql(&format!(
        "SELECT COUNT(groundswell.emit('{program}', 'NEW_PARTICIPANT_ADDED', '{about}')) FROM generate_series(1, 2000)"
    ));
    let path = format!("/v2/campaign/{program}/erasures");
    let begun = admin.post(&path, &json!({ "email": "ada@example.com" })).ok();
    let id = begun["id"].as_str().expect("an id").to_owned();
    let shown = waiting::until("it is done", || {
        let shown = admin.get(&format!("{path}/{id}")).ok();
        (shown["state"] == "done").then_some(shown)
    });
    assert_eq!(shown["events"], 2_002, "{shown}");
    setup.until_drained();
    assert_eq!(setup.sql("SELECT COUNT(*) FROM event WHERE POSITION('ada@'::bytea IN body) > 0").trim(), "0");
    let left: Vec<Value> = setup.rejected(&admin).iter().map(|event| event["data"].clone()).collect();
    assert_eq!(left, [json!(r#"{"id":"bob"}"#)]);

    setup.server.terminate();
    setup.server.wait(Duration::from_secs(20));
    setup.server.set("GROUNDSWELL_RETENTION_MS", "1000");
    setup.server.restart();
    waiting::until("it is forgotten", || setup.rejected(&setup.server.client()).is_empty().then_some(()));
}
