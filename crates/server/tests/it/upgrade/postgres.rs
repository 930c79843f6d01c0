//! The same on PostgreSQL. Of its earlier versions there are no files: a database is brought to a version by the migrations
//! up to it, and gets the rows of that version's SQLite sample, as its tables have the same columns.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use private_postgres::Server as PostgreSql;
use rusqlite::types::ValueRef;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{KEY, Sample, kill_upgrade, newest, versions, what_waited_arrives};
use crate::cli::{command, run};
use crate::receiver::Receiver;
use crate::server::{QUICK_RETRY, Server};
use crate::waiting;

/// As the migrator makes it.
const MIGRATIONS: &str = "
    CREATE TABLE _sqlx_migrations (
        version BIGINT PRIMARY KEY,
        description TEXT NOT NULL,
        installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
        success BOOLEAN NOT NULL,
        checksum BYTEA NOT NULL,
        execution_time BIGINT NOT NULL
    )";

/// The ids of the samples are of the first day that there are ids of; as a server has made its partitions.
const FIRST_DAY: &str = "
    CREATE TABLE event_20240101 (LIKE event INCLUDING STORAGE);
    ALTER TABLE event ATTACH PARTITION event_20240101 FOR VALUES FROM (0) TO (45298483200000);
    CREATE TABLE attempt_20240101 (LIKE attempt INCLUDING STORAGE);
    ALTER TABLE attempt ATTACH PARTITION attempt_20240101 FOR VALUES FROM (0) TO (362387865600000)";

/// Makes the migrations up to a version.
fn migrate_to(postgres: &PostgreSql, database: &str, version: &str) {
    postgres.sql(database, MIGRATIONS);
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let entries = fs::read_dir(&migrations).expect("there are migrations");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| &name[..4] <= version)
        .collect();
    names.sort();
    assert_eq!(names.last().map(|name| &name[..4]), Some(version));
    for name in names {
        let text = fs::read_to_string(migrations.join(&name)).expect("reads");
        postgres.sql(database, &text);
        let (number, about) = name.trim_end_matches(".sql").split_once('_').expect("a number and words");
        postgres.sql(
            database,
            &format!(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT {number}, '{about}', TRUE, sha384(convert_to($file${text}$file$, 'UTF8')), 0"
            ),
        );
    }
    postgres.sql(database, FIRST_DAY);
}

/// Copies all rows of a sample whose tables and columns there are.
fn fill(postgres: &PostgreSql, database: &str, sample: &Sample) {
    let db = sample.open();
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("reads");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("reads");
    // Rows come in the order of the tables' names, not in that of what they belong to.
    let mut statements = vec!["SET session_replication_role = replica".to_owned()];
    for table in tables.map(|name| name.expect("a name")).filter(|name| !name.starts_with('_')) {
        let mut rows = db.prepare(&format!("SELECT * FROM {table}")).expect("reads");
        // What numbers SQLite's attempts is for SQLite alone.
        let is_copied = |name: &str| (table.as_str(), name) != ("attempt", "id");
        let columns: Vec<String> = rows.column_names().into_iter().map(str::to_owned).collect();
        let names: Vec<&str> = columns.iter().map(String::as_str).filter(|name| is_copied(name)).collect();
        let mut rows = rows.query([]).expect("reads");
        while let Some(row) = rows.next().expect("reads") {
            let copied = columns.iter().enumerate().filter(|(_, name)| is_copied(name));
            let values: Vec<String> = copied.map(|(at, _)| literal(row.get_ref_unwrap(at))).collect();
            // What a migration has made is there already.
            statements.push(format!(
                "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
                names.join(", "),
                values.join(", ")
            ));
        }
    }
    assert!(statements.len() > 20, "a sample has something of everything");
    postgres.sql(database, &statements.join(";\n"));
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => {
            format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => {
            let hex = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            format!("'\\x{hex}'")
        }
    }
}

#[test]
fn what_waits_in_a_postgresql_database_of_every_earlier_version_arrives_after_the_upgrade() {
    let postgres = PostgreSql::shared();
    for version in versions() {
        let receiver = Receiver::start();
        let sample = Sample::of(&version, &receiver);
        let database = postgres.create(None);
        migrate_to(postgres, &database, &version);
        fill(postgres, &database, &sample);
        let url = postgres.url(&database);
        let settings = [("GROUNDSWELL_DATABASE_URL", &*url), ("GROUNDSWELL_SECRETS_KEY", KEY)];
        let server = Server::with(&[QUICK_RETRY.as_slice(), &settings].concat());
        what_waited_arrives(&version, &receiver, &server);
        drop(server);
        let applied =
            postgres.sql(&database, "SELECT MIN(version), MAX(version), COUNT(*) FROM _sqlx_migrations");
        assert_eq!(applied.trim(), format!("1|{0}|{0}", newest()), "{version}");
    }
}

#[test]
fn a_newer_postgresql_database_is_refused_by_the_server_in_one_sentence() {
    let postgres = PostgreSql::shared();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    let key = [("GROUNDSWELL_SECRETS_KEY", KEY)];
    run(&["migrate", "--database-url", &url], &key).ok();
    postgres.sql(
        &database,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'future', true, '', 0)",
    );
    let said = run(&["serve", "--listen", "127.0.0.1:0", "--database-url", &url], &key);
    let why = said.complaint();
    assert_eq!((said.code, why.lines().count()), (Some(1), 1), "one sentence: {said:?}");
    assert!(why.contains("last used by a newer version of Groundswell (its schema is 9999"), "{why}");
}

/// Each statement that changes the schema takes its time, so that an upgrade has a middle.
fn slow_down(postgres: &PostgreSql, database: &str, seconds: f64) {
    postgres.sql(
        database,
        &format!(
            "CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql
             AS $$ BEGIN PERFORM pg_sleep({seconds}); END $$;
             CREATE EVENT TRIGGER slowly ON ddl_command_start EXECUTE FUNCTION slowly()"
        ),
    );
}

/// A process that does not outlive its test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_that_is_told_to_stop_in_the_middle_of_an_upgrade_does() {
    const PATIENCE: Duration = Duration::from_secs(10);
    let postgres = PostgreSql::shared();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    // The whole of it would take minutes.
    slow_down(postgres, &database, 1.0);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--database-url", &url];
    let server = command(&arguments, &[("GROUNDSWELL_SECRETS_KEY", KEY)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut server = Ending(server);
    waiting::until("the upgrade is under way", || {
        let begun = postgres.sql(&database, "SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
        (begun.trim() == "t").then_some(())
    });
    kill_process(Pid::from_child(&server.0), Signal::TERM).expect("it runs");
    let status = waiting::within(PATIENCE, "it ends", || server.0.try_wait().expect("it was started here"));
    assert_eq!(status.code(), Some(0), "it stops in order");
}

#[test]
fn an_upgrade_of_postgresql_that_is_killed_in_the_middle_goes_on_where_it_was() {
    let postgres = PostgreSql::shared();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    slow_down(postgres, &database, 0.1);
    let is_third_made = || postgres.sql(&database, "SELECT to_regclass('resend') IS NOT NULL").trim() == "t";
    assert!(kill_upgrade(&url, is_third_made), "it was killed in the middle");
    postgres.sql(&database, "DROP EVENT TRIGGER slowly");
    let count = || postgres.sql(&database, "SELECT COUNT(*) FROM _sqlx_migrations").trim().parse::<i64>();
    assert!((3..newest()).contains(&count().expect("a number")), "{:?}", count());
    let server = Server::with(&[("GROUNDSWELL_DATABASE_URL", &url), ("GROUNDSWELL_SECRETS_KEY", KEY)]);
    assert_eq!(count(), Ok(newest()));
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), json!({}));
    server.client().join(&program, "p1");
    receiver.request_about("p1");
}
