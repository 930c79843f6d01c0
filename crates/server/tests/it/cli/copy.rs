//! `copy`: what waits in an SQLite file arrives from the PostgreSQL database it was copied into, once; what is killed goes on;
//! what is not the same is no database.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use private_postgres::Server as PostgreSql;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, command, run};
use crate::client::Client;
use crate::receiver::{Reaction, Receiver};
use crate::server::{NO_BREAKER, QUICK_RETRY, Server};
use crate::upgrade::{KEY, Sample, versions};
use crate::waiting::{self, now_ms};

const WITH_KEY: [(&str, &str); 1] = [("GROUNDSWELL_SECRETS_KEY", KEY)];

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn copy(from: &str, to: &str, environment: &[(&str, &str)]) -> Ran {
    run(&["copy", "--from", from, "--to", to], environment)
}

/// The one line a refused command says.
fn refusal(ran: Ran) -> String {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "one sentence: {}", ran.err);
    ran.err
}

fn stop(server: &mut Server) {
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
}

/// A file with much in it, all in order: so many events, each with an attempt.
struct Large {
    sample: Sample,
    _receiver: Receiver,
}

impl Large {
    const EVENTS: i64 = 20_000;

    fn new() -> Self {
        let receiver = Receiver::start();
        let sample = Sample::of(versions().last().expect("there is one"), &receiver);
        let many = format!(
            "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {})",
            Self::EVENTS
        );
        let now = now_ms();
        sample.sql(&format!(
            "{many} INSERT INTO event SELECT 1000 + n, 'program1', 'NEW_PARTICIPANT_ADDED', {now}, {now}, '10', x'7b7d'
             FROM counted"
        ));
        sample.sql(&format!(
            "{many} INSERT INTO attempt (id, delivery_id, number, endpoint_id, started_at_ms, duration_ms, message, after,
                is_response_truncated, response_head, response_body)
             SELECT 1000 + n, (1000 + n) * 8, 1, 10, {now}, 5, 'OK', 'delivered', 0, '', x'' FROM counted"
        ));
        Self { sample, _receiver: receiver }
    }

    fn url(&self) -> String {
        self.sample.url()
    }
}

/// An empty database of its own.
struct Target {
    postgres: &'static PostgreSql,
    name: String,
}

impl Target {
    fn new() -> Self {
        let postgres = PostgreSql::shared();
        Self { postgres, name: postgres.create(None) }
    }

    fn url(&self) -> String {
        self.postgres.url(&self.name)
    }

    fn sql(&self, statement: &str) -> String {
        self.postgres.sql(&self.name, statement)
    }

    /// Has the tables, in which every statement that inserts into one of these takes its time.
    fn slow(tables: &[&str], seconds: f64) -> Self {
        let target = Self::new();
        run(&["migrate", "--database-url", &target.url()], &WITH_KEY).ok();
        target.sql(&format!(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql
             AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$"
        ));
        for table in tables {
            target.sql(&format!(
                "CREATE TRIGGER slowly BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION slowly()"
            ));
        }
        target
    }

    /// How far an unfinished copy is with a table: rows, and whether these are all.
    fn progress(&self, table: &str) -> Option<(u64, bool)> {
        if self.sql("SELECT to_regclass('unfinished_copy') IS NOT NULL") != "t" {
            return None;
        }
        let found = self.sql(&format!("SELECT value FROM unfinished_copy WHERE name = 'table {table}'"));
        let value: Value = serde_json::from_str(&found).ok()?;
        Some((value["rows"].as_u64().expect("a number"), value["done"] == true))
    }

    /// Starts a copy, and kills it as soon as `is_time`.
    fn kill_copy(&self, from: &str, is_time: impl Fn(&Self) -> bool) {
        let arguments = ["copy", "--from", from, "--to", &self.url()];
        let mut copy = command(&arguments, &WITH_KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        waiting::within(Duration::from_mins(5), "the moment to kill it", || {
            assert!(copy.try_wait().expect("it was started here").is_none(), "it has ended before");
            is_time(self).then_some(())
        });
        copy.kill().expect("it runs");
        copy.wait().expect("it was started here");
    }
}

/// Every row of every table that both have, as text, by table.
fn rows_of_file(sample: &str) -> BTreeMap<String, Vec<String>> {
    let db = Connection::open(sample.strip_prefix("sqlite://").expect("a file")).expect("opens");
    let mut tables = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 1) <> '_'")
        .expect("reads");
    let names = tables.query_map([], |row| row.get::<_, String>(0)).expect("reads");
    let rows = |table: String| {
        let columns = columns_of(&db, &table);
        let cells: Vec<String> = columns
            .iter()
            .map(|(name, kind)| match kind.as_str() {
                "BLOB" => format!("COALESCE('\\x' || lower(hex(\"{name}\")), '-')"),
                _ => format!("COALESCE(CAST(\"{name}\" AS TEXT), '-')"),
            })
            .collect();
        let mut rows =
            db.prepare(&format!("SELECT {} FROM \"{table}\"", cells.join(" || '|' || "))).expect("reads");
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).expect("reads");
        let rows: Vec<String> = rows.map(|row| row.expect("a text")).collect();
        (table, sorted_lines(&rows.join("\n")))
    };
    names.map(|name| name.expect("a name")).map(rows).collect()
}

/// A text in a row may have more than one line.
fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn columns_of(db: &Connection, table: &str) -> Vec<(String, String)> {
    let mut columns =
        db.prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY name").expect("reads");
    let columns = columns.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
    let columns = columns.map(|column| column.expect("a column"));
    columns.filter(|(name, _): &(String, String)| (table, name.as_str()) != ("attempt", "id")).collect()
}

fn rows_of_target(target: &Target, from: &str) -> BTreeMap<String, Vec<String>> {
    let db = Connection::open(from.strip_prefix("sqlite://").expect("a file")).expect("opens");
    let tables: Vec<String> = rows_of_file(from).into_keys().collect();
    let rows = |table: String| {
        let columns = columns_of(&db, &table);
        let cells: Vec<String> =
            columns.iter().map(|(name, _)| format!("COALESCE(CAST(\"{name}\" AS TEXT), '-')")).collect();
        let found = target.sql(&format!("SELECT {} FROM \"{table}\"", cells.join(" || '|' || ")));
        (table, sorted_lines(&found))
    };
    tables.into_iter().map(rows).collect()
}

/// The whole of what a program's log says.
fn log(client: &Client, program: &str) -> Vec<Value> {
    let all = client.deliveries(program, "?limit=100");
    let path =
        |one: &Value| format!("/v2/campaign/{program}/deliveries/{}", one["id"].as_str().expect("an id"));
    all.iter().map(|one| client.get(&path(one)).ok()).collect()
}

fn post(client: &Client, program: &str, participant: &str, key: &str) -> Value {
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": participant } }).to_string();
    client.post_text(&format!("/v2/campaign/{program}/events"), &event, &[("idempotency-key", key)]).ok()
}

/// What is known of a delivery, but for what the time alone changes.
fn past(log: &[Value]) -> Vec<Value> {
    let past =
        |one: &Value| json!({ "id": one["id"], "eventId": one["eventId"], "attempts": one["attemptLog"] });
    log.iter().map(past).collect()
}

#[test]
fn what_waits_is_delivered_once_from_the_copy_and_everything_else_is_as_it_was() {
    // Nothing is tried again before the copy is made.
    let patient = [("GROUNDSWELL_RETRY_BASE_MS", "20000"), ("GROUNDSWELL_RETRY_CAP_MS", "20000"), NO_BREAKER];
    let receiver =
        Receiver::that(|request| Reaction::from(if request.text().contains("good") { 200 } else { 500 }));
    let mut old = Server::with(&patient);
    let client = old.client();
    let program = client.program("REFERRAL");
    let webhook = client.webhook(&program, &receiver.url("/"), json!({ "secret": "hunter2" }));
    let events: Vec<Value> =
        (0..30).map(|n| post(&client, &program, &format!("p{n}"), &format!("key-{n}"))).collect();
    let delivered = post(&client, &program, "good", "key-good");
    waiting::until("each was tried", || {
        let log = past(&log(&client, &program));
        log.iter().all(|one| one["attempts"].as_array().is_some_and(|all| !all.is_empty())).then_some(())
    });
    let (before, webhooks) = (past(&log(&client, &program)), client.webhook_view(&program, &webhook));
    // What was committed last is in the log beside the file.
    old.kill();
    let (from, target) = (url(&old.database()), Target::new());
    let bytes = fs::read(old.database()).expect("reads");

    let key = old.key_file().display().to_string();
    let said = copy(&from, &target.url(), &[]).ok();
    for words in [
        "read back and the same on both sides, in ",
        "In it: programs 1, events 31, attempts 31, deliveries that wait 30.",
        "Set GROUNDSWELL_DATABASE_URL to the new database.",
        &format!("Set GROUNDSWELL_SECRETS_KEY_FILE={key}: "),
        &format!("Make sure that no server is started on {from} any more"),
    ] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    assert!(fs::read(old.database()).expect("reads") == bytes, "the source is as it was");

    let on_copy =
        [("GROUNDSWELL_DATABASE_URL", &*target.url()), ("GROUNDSWELL_SECRETS_KEY_FILE", &*key), NO_BREAKER];
    let seen = receiver.exchanges().len();
    receiver.behave(|_| Reaction::from(200));
    let new = Server::with(&[QUICK_RETRY.as_slice(), &on_copy].concat());
    let client = new.client();
    assert_eq!(client.webhook_view(&program, &webhook)["payloadUrl"], webhooks["payloadUrl"]);
    for (n, first) in events.iter().enumerate() {
        let again = post(&client, &program, &format!("p{n}"), &format!("key-{n}"));
        assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    }
    let id_of = |event: &Value| event["id"].as_str().expect("an id").to_owned();
    receiver.within(Duration::from_mins(1), "what waited arrives", |exchanges| {
        let arrived = |id: &String| exchanges[seen..].iter().any(|one| one.request.webhook_id() == id);
        events.iter().map(id_of).all(|id| arrived(&id)).then_some(())
    });
    let next = client.join(&program, "next");
    receiver.until("and then what is new", |exchanges| {
        exchanges.iter().any(|one| one.request.webhook_id() == next).then_some(())
    });
    let since = receiver.exchanges();
    let mut arrived: Vec<&str> = since[seen..].iter().map(|one| one.request.webhook_id()).collect();
    arrived.sort_unstable();
    let mut wanted: Vec<String> = events.iter().map(id_of).chain([next]).collect();
    wanted.sort();
    assert_eq!(arrived, wanted, "each once, and nothing that was delivered before");

    // The log of before is the beginning of the log now.
    let now = waiting::until("the log knows", || {
        let now = past(&log(&client, &program));
        let count = |log: &[Value]| {
            log.iter().filter_map(|one| one["attempts"].as_array()).map(Vec::len).sum::<usize>()
        };
        (count(&now) == count(&before) + 30 + 1).then_some(now)
    });
    for one in &before {
        let same = now.iter().find(|other| other["id"] == one["id"]).expect("is there still");
        let (before, after) = (one["attempts"].as_array(), same["attempts"].as_array());
        let (before, after) = (before.expect("a list"), after.expect("a list"));
        assert_eq!(before[..], after[..before.len()], "{same}");
        let more = usize::from(one["eventId"] != delivered["id"]);
        assert_eq!(after.len(), before.len() + more, "{same}");
    }
}

#[test]
fn a_copy_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let large = Large::new();
    let from = large.url();
    let wanted = rows_of_file(&from);
    let target = Target::slow(&["attempt", "event"], 0.4);
    for table in ["attempt", "attempt", "event", "event"] {
        let begun = target.progress(table).map_or(0, |(rows, _)| rows);
        target.kill_copy(&from, |target| target.progress(table).is_some_and(|(rows, _)| rows > begun));
        let (rows, is_done) = target.progress(table).expect("is begun");
        assert!(rows > begun && !is_done, "killed in the middle of {table}: {rows}");
        let ran = run(&["serve", "--listen", "127.0.0.1:0", "--database-url", &target.url()], &WITH_KEY);
        // Its log may say that it looks whether the one that was killed still lives.
        let said = refusal(Ran { err: ran.complaint(), ..ran });
        for words in [
            "is an unfinished copy of ",
            &format!("finish it with `groundswell copy --from {from} --to "),
            "or use another database",
        ] {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
    }
    target.sql("DROP TRIGGER slowly ON attempt; DROP TRIGGER slowly ON event");
    // Read back, and about to become a database.
    target.sql(
        "CREATE FUNCTION at_the_end() RETURNS event_trigger LANGUAGE plpgsql
         AS $$ BEGIN PERFORM pg_sleep(600); END $$;
         CREATE EVENT TRIGGER at_the_end ON ddl_command_start WHEN TAG IN ('DROP TABLE')
         EXECUTE FUNCTION at_the_end()",
    );
    let at_it =
        "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DROP TABLE unfinished%'";
    target.kill_copy(&from, |target| target.sql(&format!("SELECT COUNT(*) {at_it}")) == "1");
    assert_eq!(target.progress("attempt").map(|(_, is_done)| is_done), Some(true));
    // The database is still at it.
    target.sql(&format!("SELECT pg_terminate_backend(pid) {at_it}"));
    target.sql("DROP EVENT TRIGGER at_the_end");

    let said = run(&["copy", "--from", &from, "--to", &target.url(), "--json"], &WITH_KEY).json();
    assert_eq!(said["rowsBefore"], said["rows"], "{said}");
    let events = said["tables"].as_array().expect("a list").iter().find(|table| table["name"] == "event");
    assert_eq!(events.map(|table| &table["rows"]), Some(&json!(Large::EVENTS + 6)));
    let found = rows_of_target(&target, &from);
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (table, rows) in &wanted {
        assert!(&found[table] == rows, "{table} is another one");
    }
    let said = refusal(copy(&from, &target.url(), &WITH_KEY));
    assert!(
        said.contains("there is something in the database ") && said.contains("create an empty"),
        "{said}"
    );
}

#[test]
fn what_was_changed_in_an_unfinished_copy_is_found_and_no_server_opens_it() {
    let large = Large::new();
    let from = large.url();
    let target = Target::slow(&["event"], 0.4);
    target.kill_copy(&from, |target| target.progress("event").is_some_and(|(rows, _)| rows > 0));
    target.sql("UPDATE event SET kind = 'CAMPAIGN_ENDED' WHERE id = 1001");
    target.sql("INSERT INTO meta (name, value) VALUES ('more', 1)");
    target.sql("DROP TRIGGER slowly ON event");
    for _ in 0..2 {
        let said = refusal(copy(&from, &target.url(), &WITH_KEY));
        for words in [
            "the copy is not the same as its source: ",
            &format!("event has the same number of rows ({}) with other values in them", Large::EVENTS + 6),
            "meta has ",
            "No server opens it, and the source is as it was",
        ] {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
        assert!(!said.contains("attempt"), "only those that differ: {said}");
    }
    let said = refusal(run(&["migrate", "--database-url", &target.url()], &WITH_KEY));
    assert!(said.contains("is an unfinished copy of "), "{said}");
    let doctor = run(&["doctor", "--listen", "127.0.0.1:0", "--database-url", &target.url()], &WITH_KEY);
    assert!(doctor.code == Some(1) && doctor.out.contains("is an unfinished copy of /"), "{}", doctor.out);
}

#[test]
fn a_database_that_a_server_has_is_neither_copied_nor_copied_into() {
    let source = Server::start();
    let target = Target::new();
    let from = url(&source.database());
    let said = refusal(copy(&from, &target.url(), &[]));
    assert!(said.contains(&format!("is in use by process {} since ", source.pid())), "{said}");
    assert_eq!(target.sql("SELECT to_regclass('_sqlx_migrations') IS NULL"), "t", "nothing was made");

    let sample = Sample::of(versions().last().expect("there is one"), &Receiver::start());
    let key = [("GROUNDSWELL_DATABASE_URL", &*target.url()), WITH_KEY[0]];
    let server = Server::with(&key);
    let said = refusal(copy(&sample.url(), &target.url(), &WITH_KEY));
    assert!(said.contains("there is something in the database "), "{said}");
    assert_eq!(server.client().get("/readyz").status, 200, "the server goes on");
}

#[test]
fn a_copy_that_runs_is_nobody_elses() {
    let large = Large::new();
    let from = large.url();
    let target = Target::slow(&["event"], 3.0);
    target.kill_copy(&from, |target| {
        if target.progress("event").is_none_or(|(rows, _)| rows == 0) {
            return false;
        }
        for arguments in [
            &["copy", "--from", &*from, "--to", &target.url()][..],
            &["serve", "--listen", "127.0.0.1:0", "--database-url", &from],
        ] {
            let said = refusal(run(arguments, &WITH_KEY));
            assert!(said.contains("is in use by process "), "{said}");
        }
        true
    });
}

#[test]
fn what_cannot_be_copied_is_refused_in_a_sentence() {
    let receiver = Receiver::start();
    let newest = versions().pop().expect("there is one");
    let (old, new) = (Sample::of("0015", &receiver), Sample::of(&newest, &receiver));
    let target = Target::new();
    let to = target.url();
    let directory = TempDir::new().expect("a temporary directory");
    let nowhere = url(&directory.path().join("g.db"));
    let other_key = [("GROUNDSWELL_SECRETS_KEY", &*"ab".repeat(32))];
    let both = "copies an SQLite database into a PostgreSQL one";
    for (from, to, key, words) in [
        (
            &*old.url(),
            &*to,
            &WITH_KEY[..],
            &["is 0015, and a copy needs this version's, ", "groundswell migrate"][..],
        ),
        (&nowhere, &to, &WITH_KEY, &["there is no database at "]),
        (&nowhere, &to, &[], &["there is no database at "]),
        (&new.url(), &to, &other_key, &["encrypted with the secrets key ", "and the one given is "]),
        (&new.url(), &to, &[], &["encrypted with the secrets key ", "put your copy of it there"]),
        (&new.url(), &nowhere, &WITH_KEY, &[both, "`groundswell backup`"]),
        (&to, &nowhere, &WITH_KEY, &[both, "`pg_dump`"]),
        (&new.url(), "mysql://x", &WITH_KEY, &["the database URL must look like"]),
        (
            &new.url(),
            "postgres://me:s3cret@localhost:1/x?host=/nowhere",
            &WITH_KEY,
            &["cannot connect to the database x at "],
        ),
    ] {
        let said = refusal(copy(from, to, key));
        for words in words {
            assert!(said.contains(words) && !said.contains("s3cret"), "no `{words}` in {said}");
        }
    }
    assert_eq!(target.sql("SELECT to_regclass('_sqlx_migrations') IS NULL"), "t", "nothing was made");
}

#[test]
fn an_unfinished_copy_is_gone_on_with_from_the_same_state_of_its_source_alone() {
    let large = Large::new();
    let from = large.url();
    let target = Target::slow(&["event"], 0.4);
    target.kill_copy(&from, |target| target.progress("event").is_some_and(|(rows, _)| rows > 0));
    let other = Sample::of(versions().last().expect("there is one"), &Receiver::start());
    let refused = |from: &str| {
        let said = refusal(copy(from, &target.url(), &WITH_KEY));
        assert!(
            said.contains("as it was before: of another database, or a server has used it since"),
            "{said}"
        );
    };
    refused(&other.url());
    let settings = [("GROUNDSWELL_DATABASE_URL", &*from), WITH_KEY[0]];
    let mut server = Server::with(&settings);
    stop(&mut server);
    refused(&from);
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_sees_how_far_the_copy_is() {
    let sample = Sample::of(versions().last().expect("there is one"), &Receiver::start());
    let target = Target::new();
    let binary = env!("CARGO_BIN_EXE_groundswell");
    let line = format!("{binary} copy --from '{}' --to '{}'", sample.url(), target.url());
    let output = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("GROUNDSWELL_SECRETS_KEY", KEY)
        .stdin(Stdio::null())
        .output()
        .expect("util-linux is there");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && said.contains("Copying event: "), "{said}");
    assert!(said.contains("Reading back event: ") && said.contains("Copied sqlite://"), "{said}");
}
