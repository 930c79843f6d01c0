//! Databases of earlier versions under the real server: what waits in them still arrives; a newer one is refused; an
//! upgrade that is killed goes on.
//!
//! `crates/engine/tests/samples` has a file of each earlier version, written by it. What the tests change in a copy (where
//! webhooks lead, and when things happened) they change with plain SQL before the server sees it.

mod postgres;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use groundswell_types::signature::{StandardHeaders, verify_standard};
use groundswell_types::{EventId, Secret};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::cli::{Ran, command, run};
use crate::receiver::{Receiver, Request};
use crate::server::{QUICK_RETRY, Server};
use crate::waiting::now_ms;

/// When everything in the samples happened.
const HAPPENED_MS: i64 = 1_000_000;

/// The key that the samples' secrets are sealed with, where they are.
pub const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// A copy of a sample in which everything happened just now and webhooks lead to this machine.
pub struct Sample {
    directory: TempDir,
}

impl Sample {
    /// Of the version whose newest migration has this number.
    pub fn of(version: &str, receiver: &Receiver) -> Self {
        let sample = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let from = samples().join(format!("{version}.db"));
        fs::copy(&from, sample.path()).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let (db, now_ms) = (sample.open(), now_ms());
        let base = receiver.url("");
        db.execute("UPDATE endpoint SET url = REPLACE(url, 'https://example.com', ?1)", [&base])
            .expect("webhooks are moved");
        // So long ago that what waits for a retry is due.
        let later = now_ms - HAPPENED_MS - 6_000;
        for statement in [
            "UPDATE event SET accepted_at_ms = accepted_at_ms + ?1, occurred_at_ms = occurred_at_ms + ?1",
            "UPDATE pending SET accepted_at_ms = accepted_at_ms + ?1, expires_at_ms = expires_at_ms + ?1 + 3600000",
            "UPDATE pending SET due_at_ms = due_at_ms + ?1 WHERE due_at_ms < 9000000000000000000",
            "UPDATE attempt SET started_at_ms = started_at_ms + ?1",
            "UPDATE endpoint_state SET last_failure_at_ms = ?1 + 12, last_success_at_ms = ?1 + 11
             WHERE last_failure_at_ms IS NOT NULL",
        ] {
            db.execute(statement, [later]).expect("time is moved");
        }
        sample
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("g.db")
    }

    /// The setting that names it.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    /// Runs a statement on it, which no server uses.
    pub fn sql(&self, statement: &str) {
        self.open().execute(statement, []).expect("a statement");
    }

    /// Leaves it without a write-ahead log, as other programs make their databases.
    pub fn leave_wal(&self) {
        let mode: String =
            self.open().query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).expect("a mode");
        assert_eq!(mode, "delete");
    }

    fn open(&self) -> Connection {
        Connection::open(self.path()).expect("the copy opens")
    }

    /// The migrations that were made.
    fn applied(&self) -> Vec<i64> {
        let db = self.open();
        let mut applied =
            db.prepare("SELECT version FROM _sqlx_migrations ORDER BY version").expect("a table");
        let rows = applied.query_map([], |row| row.get(0)).expect("reads");
        rows.map(|row| row.expect("a number")).collect()
    }

    fn server(&self) -> Server {
        let settings = [("GROUNDSWELL_DATABASE_URL", &*self.url()), ("GROUNDSWELL_SECRETS_KEY", KEY)];
        Server::with(&[QUICK_RETRY.as_slice(), &settings].concat())
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/samples")
}

/// The numbers of the samples, ascending.
pub fn versions() -> Vec<String> {
    let entries = fs::read_dir(samples()).expect("there are samples");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    let mut versions: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".db").map(str::to_owned)).collect();
    versions.sort();
    versions
}

fn newest() -> i64 {
    versions().last().and_then(|version| version.parse().ok()).expect("a number")
}

fn event(number: i64) -> String {
    EventId::from_number(number).to_string()
}

/// The requests at a path, by event, once so many have arrived.
fn arrived(receiver: &Receiver, path: &str, count: usize) -> Vec<Request> {
    let mut requests = receiver.until(&format!("{count} requests at {path}"), |exchanges| {
        let requests: Vec<Request> = exchanges
            .iter()
            .filter(|exchange| exchange.answered.is_some_and(|answered| answered.status == 200))
            .map(|exchange| exchange.request.clone())
            .filter(|request| request.path == path)
            .collect();
        (requests.len() >= count).then_some(requests)
    });
    requests.sort_by_key(|request| request.webhook_id().to_owned());
    requests
}

fn is_signed(request: &Request) -> bool {
    let header = |name| request.header(name).expect("is there");
    let headers = StandardHeaders {
        id: request.webhook_id(),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let secret = Secret::parse("hunter2").expect("valid");
    verify_standard(&secret, headers, &request.body, (now_ms() / 1000, 300)).is_ok()
}

#[test]
fn what_waits_in_a_database_of_every_earlier_version_arrives_after_the_upgrade() {
    for version in versions() {
        let receiver = Receiver::start();
        let sample = Sample::of(&version, &receiver);
        let server = sample.server();
        what_waited_arrives(&version, &receiver, &server);
        drop(server);
        assert_eq!(sample.applied(), (1..=newest()).collect::<Vec<_>>(), "{version}");
    }
}

/// What a server makes of what is in a sample.
fn what_waited_arrives(version: &str, receiver: &Receiver, server: &Server) {
    // One was never tried, one had failed once.
    let mut wanted = [event(2), event(4)];
    wanted.sort();
    let requests = arrived(receiver, "/10", 2);
    let ids: Vec<&str> = requests.iter().map(Request::webhook_id).collect();
    assert_eq!(ids, wanted, "{version}");
    for request in &requests {
        assert!(is_signed(request), "{version}: the secret is the one from before");
        let number = request.json()["number"].as_i64().expect("a number");
        assert_eq!(event(number), request.webhook_id(), "{version}: the body is the one that was accepted");
    }
    // What was parked still is, for its owner to decide.
    let client = server.client();
    let parked = client.deliveries("program1", "?state=parked");
    let mut ids: Vec<&str> = parked.iter().filter_map(|one| one["eventId"].as_str()).collect();
    ids.sort_unstable();
    let mut wanted: Vec<String> = (1..=4).map(event).collect();
    wanted.sort();
    assert_eq!(ids, wanted, "{version}");
    // And it works on.
    let next = client.join("program1", "next");
    receiver.until("a new event", |exchanges| {
        exchanges.iter().any(|exchange| exchange.request.webhook_id() == next).then_some(())
    });
}

#[test]
fn a_backup_of_an_earlier_version_is_restored_and_upgraded() {
    for version in versions() {
        let receiver = Receiver::start();
        let sample = Sample::of(&version, &receiver);
        let file = sample.directory.path().join("g.backup").display().to_string();
        let key = [("GROUNDSWELL_SECRETS_KEY", KEY)];
        let url = sample.url();
        let said = run(&["backup", &file, "--database-url", &url, "--json"], &key).json();
        assert_eq!(said["contents"]["schema"], version.parse::<i64>().expect("a number"), "{said}");
        run(&["restore", &file, "--database-url", &url, "--replace"], &key).ok();
        let _server = sample.server();
        arrived(&receiver, "/10", 2);
    }
}

#[test]
fn an_address_that_a_provider_has_verified_needs_no_question_after_the_upgrade() {
    let sample = Sample::of("0016", &Receiver::start());
    // Somebody who came by the provider, and somebody who connected it and may have typed any address.
    sample.sql("UPDATE user_account SET password_hash = NULL WHERE id = 'usr_2'");
    sample.sql(
        "UPDATE user_account SET email = 'bob@example.com', password_hash = 'x', oidc_subject = 'https://id.example.com 1'
         WHERE id = 'usr_first'",
    );
    run(&["migrate", "--database-url", &sample.url()], &[("GROUNDSWELL_SECRETS_KEY", KEY)]).ok();
    let db = sample.open();
    let mut known =
        db.prepare("SELECT user_id || ' ' || email || ' ' || state FROM mail_address").expect("a table");
    let known = known.query_map([], |row| row.get::<_, String>(0)).expect("reads");
    let known: Vec<String> = known.map(|row| row.expect("a text")).collect();
    assert_eq!(known, ["usr_2 ada@example.com theirs"]);
}

/// What a command that must fail says in its one sentence.
fn refusal(ran: Ran) -> String {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "one sentence: {}", ran.err);
    ran.err
}

/// Makes a database one of a later version.
const FUTURE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      VALUES (9999, 'future', TRUE, x'', 0)";

#[test]
fn the_backup_from_before_an_upgrade_takes_its_place_and_makes_none_of_its_ids_again() {
    /// Half an hour ahead of this clock, so that only the database tells of it.
    const AHEAD_MS: i64 = 1_800_000;
    /// As the engine makes ids: milliseconds since 2024 above 19 bits.
    const EPOCH_MS: i64 = 1_704_067_200_000;
    let receiver = Receiver::start();
    let sample = Sample::of(versions().last().expect("one"), &receiver);
    let file = sample.directory.path().join("before.backup").display().to_string();
    let key = [("GROUNDSWELL_SECRETS_KEY", KEY)];
    let url = sample.url();
    run(&["backup", &file, "--database-url", &url], &key).ok();
    let newest = (now_ms() + AHEAD_MS - EPOCH_MS) << 19;
    sample.sql(FUTURE);
    sample.sql(&format!("INSERT OR REPLACE INTO meta (name, value) VALUES ('highest_event_id', {newest})"));

    let said = run(&["restore", &file, "--database-url", &url, "--replace", "--json"], &key).json();
    assert_eq!(said["replacedIdsAreKnown"], true, "a later version's is not damaged: {said}");
    assert_eq!(said["contents"]["highestEventId"], *event(newest));
    let aside = Connection::open(said["setAside"].as_str().expect("a path")).expect("it is there");
    let version = |db: &Connection| {
        db.query_row("SELECT MAX(version) FROM _sqlx_migrations", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!((version(&aside), version(&sample.open())), (Ok(9999), Ok(self::newest())));
    let server = sample.server();
    let next = server.client().join("program1", "next");
    assert!(EventId::parse(&next).expect("an id").number() > newest, "{next} may have been made before");
}

#[test]
fn a_newer_database_is_refused_by_every_command_in_one_sentence_and_stays_as_it_is() {
    let receiver = Receiver::start();
    let sample = Sample::of(versions().last().expect("one"), &receiver);
    let directory = sample.directory.path();
    sample.sql(FUTURE);
    let bytes = fs::read(sample.path()).expect("reads");
    let (url, file) = (sample.url(), sample.path().display().to_string());
    let key = [("GROUNDSWELL_SECRETS_KEY", KEY)];
    let backup = directory.join("g.backup").display().to_string();
    let elsewhere = format!("sqlite://{}", directory.join("new.db").display());
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0", "--database-url", &*url][..],
        &["migrate", "--database-url", &url],
        &["backup", &backup, "--database-url", &url],
        &["restore", &file, "--database-url", &elsewhere],
    ] {
        let said = refusal(run(arguments, &key));
        let wanted = format!(
            "last used by a newer version of Groundswell (its schema is 9999, this version knows {})",
            newest()
        );
        for words in [&*wanted, "use that version, or restore a backup made before it"] {
            assert!(said.contains(words), "{arguments:?}: no `{words}` in {said}");
        }
    }
    assert!(fs::read(sample.path()).expect("reads") == bytes, "nothing of it was changed");
}

/// Starts an upgrade, and kills it once `is_under_way`; says whether it was killed before its end.
fn kill_upgrade(url: &str, mut is_under_way: impl FnMut() -> bool) -> bool {
    let mut upgrade = command(&["migrate", "--database-url", url], &[("GROUNDSWELL_SECRETS_KEY", KEY)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let is_ended = loop {
        if upgrade.try_wait().expect("it was started here").is_some() {
            break true;
        }
        if is_under_way() {
            break false;
        }
        thread::sleep(Duration::from_millis(1));
    };
    upgrade.kill().expect("it was started here");
    upgrade.wait().expect("it was started here");
    !is_ended
}

#[test]
fn an_upgrade_that_is_killed_in_the_middle_goes_on_where_it_was() {
    const ROWS: i64 = 150_000;
    let receiver = Receiver::start();
    let sample = Sample::of("0001", &receiver);
    let db = sample.open();
    // Much to do for every migration that goes through events or attempts.
    let many = format!(
        "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {ROWS})"
    );
    for statement in [
        format!(
            "{many} INSERT INTO event SELECT 1000 + n, 'program1', 'NEW_PARTICIPANT_ADDED', {now}, {now}, '', x'7b7d' FROM counted",
            now = now_ms()
        ),
        format!(
            "{many} INSERT INTO attempt SELECT (SELECT MAX(id) FROM attempt) + n, {columns} FROM attempt, counted
             WHERE id = (SELECT MAX(id) FROM attempt WHERE after <> 'delivered')",
            columns = columns_of(&db, "attempt")
        ),
    ] {
        db.execute(&statement, []).expect("rows");
    }
    db.close().expect("closes");
    let log = PathBuf::from(format!("{}-wal", sample.path().display()));
    let mut kills = Vec::new();
    // Each time a little later: first within the first migrations, at the end within the last.
    for grown in [1_u64 << 16, 1 << 20, 3 << 20, 5 << 20] {
        let was_killed =
            kill_upgrade(&sample.url(), || fs::metadata(&log).is_ok_and(|found| found.len() >= grown));
        let applied = sample.applied();
        let whole: String =
            sample.open().query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("reads");
        assert_eq!(whole, "ok");
        assert_eq!(applied, (1..=applied.len().try_into().expect("few")).collect::<Vec<i64>>(), "no gap");
        kills.push((was_killed, applied.len()));
    }
    assert!(
        kills.iter().any(|(was_killed, applied)| *was_killed && *applied < versions().len()),
        "none was killed in the middle: {kills:?}"
    );
    let server = sample.server();
    arrived(&receiver, "/10", 2);
    drop(server);
    let count: i64 = sample
        .open()
        .query_row("SELECT COUNT(*) FROM attempt WHERE id > 0", [], |row| row.get(0))
        .expect("counts");
    assert!(count > ROWS, "nothing of what was there is lost: {count}");
}

/// The values of a copy of a row, without its key, with a number of its own.
fn columns_of(db: &Connection, table: &str) -> String {
    let mut columns = db.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).expect("a table");
    let names = columns.query_map([], |row| row.get::<_, String>(0)).expect("reads");
    let names = names.map(|name| name.expect("a name")).filter(|name| name != "id");
    let values = names.map(|name| if name == "number" { "100 + n".to_owned() } else { name });
    values.collect::<Vec<_>>().join(", ")
}
