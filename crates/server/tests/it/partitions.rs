//! The partitions that PostgreSQL's tables have for each day: missing ones are noticed before it hurts, and nothing is lost by it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Ran, run};
use crate::client::Client;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::waiting;

/// It is looked twice a minute.
const NOTICED: Duration = Duration::from_secs(90);

/// A database of its own.
struct Database {
    name: String,
    setting: (&'static str, String),
}

impl Database {
    fn new() -> Self {
        let postgres = private_postgres::Server::shared();
        let name = postgres.create(None);
        Self { setting: ("GROUNDSWELL_DATABASE_URL", postgres.url(&name)), name }
    }

    fn sql(&self, statement: &str) -> String {
        private_postgres::Server::shared().sql(&self.name, statement)
    }

    /// The ends of partitions' names: today's and tomorrow's.
    fn days(&self) -> [String; 2] {
        ["0 days", "1 day"].map(|later| {
            self.sql(&format!("SELECT to_char((now() AT TIME ZONE 'UTC') + INTERVAL '{later}', 'YYYYMMDD')"))
        })
    }

    fn drop(&self, day: &str) {
        self.sql(&format!("DROP TABLE event_{day}, attempt_{day}"));
    }

    fn parts(&self, day: &str) -> String {
        self.sql(&format!(
            "SELECT COUNT(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid
             WHERE relname IN ('event_{day}', 'attempt_{day}')"
        ))
    }
}

fn ahead(client: &Client) -> Option<i64> {
    let text = client.get("/metrics").text;
    let value = text.lines().find_map(|line| line.strip_prefix("groundswell_partitions_ahead_days "))?;
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

/// What the doctor says of partitions.
fn doctor(server: &Server, database: &Database) -> (String, String) {
    let address = server.url().trim_start_matches("http://");
    let settings = ["--listen", address, "--database-url", &database.setting.1];
    let Ran { out, .. } = run(&[&["doctor", "--json"][..], &settings].concat(), &[]);
    let said: Value = serde_json::from_str(&out).expect("JSON");
    let checks = said["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == "partitions").unwrap_or_else(|| panic!("{said}"));
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("level"), text("said"))
}

#[test]
fn an_event_of_a_day_whose_partition_is_gone_is_accepted_and_delivered() {
    let database = Database::new();
    let (name, url) = (database.setting.0, database.setting.1.as_str());
    let server = Server::with(&[(name, url)]);
    let (client, receiver) = (server.client(), Receiver::start());
    let program = client.program("REFERRAL");
    client.webhook(&program, &receiver.url("/"), Value::Null);
    client.join(&program, "before");
    receiver.answered(1);
    waiting::until("the attempt is written", || {
        (client.deliveries(&program, "?state=delivered").len() == 1).then_some(())
    });
    let [today, _] = database.days();
    database.drop(&today);
    // The server knows nothing of that.
    client.join(&program, "after");
    receiver.request_about("after");
    assert_eq!(database.parts(&today), "2");
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p" } });
    assert_eq!(client.post(&format!("/v2/campaign/{program}/events"), &event).status, 202);
}

#[test]
fn a_partition_that_cannot_be_made_is_told_of_before_its_day_begins() {
    let database = Database::new();
    let (name, url) = (database.setting.0, database.setting.1.as_str());
    let server = Server::with(&[(name, url)]);
    let client = server.client();
    assert_eq!(ahead(&client), Some(1));
    assert_eq!(doctor(&server, &database).0, "ok");

    // What was dropped by mistake is made again.
    let [today, tomorrow] = database.days();
    database.drop(&tomorrow);
    waiting::within(NOTICED, "it is made again", || (database.parts(&tomorrow) == "2").then_some(()));
    waiting::within(NOTICED, "the log says so", || {
        server.log().contains("partitions of today or the next day were missing, and were made").then_some(())
    });
    assert_eq!(ahead(&client), Some(1));

    // A table has its name.
    database.drop(&tomorrow);
    database.sql(&format!("CREATE TABLE event_{tomorrow} (id BIGINT)"));
    waiting::within(NOTICED, "the metric says so", || (ahead(&client) == Some(0)).then_some(()));
    let (level, said) = doctor(&server, &database);
    assert_eq!((&*level, said.contains("no partition for tomorrow")), ("warn", true), "{said}");
    assert!(server.log().contains("the partitions of the next day were not made yet"), "{}", server.log());
    // Today goes on.
    let program = client.program("REFERRAL");
    client.join(&program, "p");

    // Nor can today's be made: a clear answer, and all goes on once somebody has mended it.
    database.drop(&today);
    database.sql(&format!("CREATE TABLE event_{today} (id BIGINT)"));
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "q" } });
    let path = format!("/v2/campaign/{program}/events");
    assert_eq!(client.post(&path, &event).status, 503);
    waiting::within(NOTICED, "the metric says so", || (ahead(&client) == Some(-1)).then_some(()));
    assert_eq!(doctor(&server, &database).0, "fail");
    database.sql(&format!("DROP TABLE event_{today}; DROP TABLE event_{tomorrow}"));
    waiting::until("events are accepted again", || (client.post(&path, &event).status == 202).then_some(()));
    waiting::within(NOTICED, "all is there again", || (ahead(&client) == Some(1)).then_some(()));
    assert_eq!(doctor(&server, &database).0, "ok");
}
