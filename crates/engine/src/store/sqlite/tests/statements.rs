//! Every statement there is, found in the source so that none can be forgotten: it must prepare, and its plan must
//! seek.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Executor, Row, SqliteConnection};

use super::{File, accepts, execute};
use crate::store::Store;
use crate::store::sql::Database as _;
use crate::store::statements::{self, Statement};

/// Tables with a row per event: reading one through is never right.
const HOT_TABLES: [&str; 5] = ["event", "pending", "attempt", "idempotency", "inbox_request"];

/// Tables that grow for months: what looks for the old rows of one once a minute reads no younger ones.
const KEPT_TABLES: [&str; 5] = ["audit_log", "erasure", "test_delivery", "notice", "resend_job"];

/// A backup is read whole to see that it can be; nobody uses it.
const OF_BACKUPS: &str = "check.rs: COUNTS";

/// Statements that read a whole table, because they are asked for all of it or because it stays small.
const SCANS: [&str; 13] = [
    "check.rs: COUNTS",
    "inspection.rs: RECEIVERS",
    "keys.rs: KEYS",
    "programs.rs: ALL",
    "secrets.rs: ANY_PROGRAM",
    "secrets.rs: ENDPOINTS",
    "sessions.rs: DELETE_EXPIRED_LINKS",
    "sessions.rs: DELETE_EXPIRED_SESSIONS",
    "sessions.rs: DELETE_LINKS_OF",
    "sessions.rs: DELETE_SESSIONS_OF",
    "sessions.rs: SESSIONS_OF",
    "webhooks.rs: HEALTH",
    "webhooks.rs: LIVE",
];

/// The steps the hot statements must have.
const SEEKS: [(&str, &str); 35] = [
    ("audit.rs: FORGET", "SEARCH audit_log USING INTEGER PRIMARY KEY (rowid<?)"),
    ("audit.rs: FORGET_ERASURES", "SEARCH erasure USING INTEGER PRIMARY KEY (rowid<?)"),
    ("retention.rs: DELETE_TESTS", "SEARCH test_delivery USING INTEGER PRIMARY KEY (rowid<?)"),
    ("retention.rs: DELETE_NOTICES", "SEARCH notice USING INTEGER PRIMARY KEY (rowid<?)"),
    ("retention.rs: DELETE_JOBS", "SEARCH resend_job USING INTEGER PRIMARY KEY (rowid<?)"),
    (
        "retention.rs: DELETE_TESTS_OF",
        "SEARCH test_delivery USING INDEX test_delivery_program (program_id=? AND id<?)",
    ),
    ("retention.rs: DELETE_NOTICES_OF", "SEARCH notice USING INDEX notice_program (program_id=? AND id<?)"),
    (
        "retention.rs: DELETE_JOBS_OF",
        "SEARCH resend_job USING INDEX resend_job_program (program_id=? AND id<?)",
    ),
    (
        "queue.rs: PENDING",
        "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND (due_at_ms,delivery_id)>(?,?)",
    ),
    ("queue.rs: BODY", "SEARCH event USING INTEGER PRIMARY KEY (rowid=?)"),
    ("rows.rs: EARLIEST_DUE", "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms<?)"),
    (
        "statements.rs: FIRST_ANSWER",
        "SEARCH idempotency USING PRIMARY KEY (program_id=? AND idempotency_key=?)",
    ),
    (
        "statements.rs: DELETE_PENDING",
        "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms=? AND delivery_id=?)",
    ),
    (
        "deliveries.rs: PENDING_AT",
        "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms=? AND delivery_id=?)",
    ),
    ("deliveries.rs: BACKLOG", "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms=?)"),
    ("deliveries.rs: BACKLOG", "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms<?)"),
    ("health.rs: DUE", "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms<?)"),
    ("deliveries.rs: EVENTS", "SEARCH event USING INDEX event_log (program_id=? AND id<?)"),
    ("deliveries.rs: EVENT", "SEARCH event USING INTEGER PRIMARY KEY (rowid=?)"),
    ("deliveries.rs: HIGHEST_EVENT_ID", "SEARCH event"),
    (
        "moves.rs: MOVABLE",
        "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND (due_at_ms,delivery_id)>(?,?) AND \
        (due_at_ms,delivery_id)<(?,?))",
    ),
    (
        "moves.rs: DELETE",
        "SEARCH pending USING PRIMARY KEY (endpoint_id=? AND due_at_ms=? AND delivery_id=?)",
    ),
    ("moves.rs: WITHOUT_WEBHOOK", "SEARCH pending USING PRIMARY KEY (endpoint_id>?)"),
    ("moves.rs: WITHOUT_WEBHOOK", "SEARCH endpoint USING INTEGER PRIMARY KEY (rowid=?)"),
    ("search.rs: LOOKED_AT", "SEARCH event USING INDEX event_log (program_id=? AND id>? AND id<?)"),
    ("search.rs: MATCHING", "SEARCH event USING INDEX event_log (program_id=? AND id>? AND id<?)"),
    ("search.rs: EVENTS_SAYING", "SEARCH event USING INDEX event_log (program_id=? AND id>? AND id<?)"),
    ("search.rs: BY_ID", "SEARCH event USING INTEGER PRIMARY KEY (rowid=?)"),
    (
        "search.rs: UNSUCCESSFUL",
        "SEARCH attempt USING COVERING INDEX attempt_unsuccessful (endpoint_id=? AND delivery_id>? AND delivery_id<?)",
    ),
    ("search.rs: PENDING", "SEARCH pending USING PRIMARY KEY (endpoint_id=?)"),
    ("search.rs: OF_PROGRAM", "SEARCH endpoint USING COVERING INDEX endpoint_program (program_id=?)"),
    ("attempts.rs: IN_BRIEF", "SEARCH attempt USING INDEX attempt_delivery (delivery_id=?)"),
    ("inbox.rs: OF_PROGRAM", "SEARCH inbox_request USING INDEX inbox_request_program (program_id=?)"),
    ("tests.rs: NEWEST", "SEARCH test_delivery USING INDEX test_delivery_program (program_id=?)"),
    ("attempts.rs: IN_FULL", "SEARCH attempt USING INDEX attempt_delivery (delivery_id=?)"),
];

#[tokio::test]
async fn every_statement_prepares() {
    let file = File::new();
    let store = file.open().await;
    let mut db = store.reader().await.expect("reads");
    let statements = statements();
    assert!(statements.len() > 50, "they are not found any more");
    let mut inbox = store.inbox().await.expect("opens");
    for Statement { name, text, .. } in statements {
        let db = if is_of_inbox(&name) { &mut *inbox } else { &mut *db };
        let prepared = db.prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text))).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn every_plan_seeks() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts(1..2000, 10)).await.expect("commits");
    let mut db = store.writer.begin().await.expect("begins");
    let mut inbox = store.inbox().await.expect("opens");
    let mut scans = BTreeSet::new();
    let mut plans = BTreeMap::<_, Vec<_>>::new();
    for Statement { name, text, .. } in statements() {
        let plan = plan(if is_of_inbox(&name) { &mut inbox } else { &mut db }, &text).await;
        let reads_through = |table: &str| {
            plan.iter().any(|step| {
                let read = step.strip_prefix("SCAN ").and_then(|rest| rest.split_whitespace().next());
                read == Some(table)
            })
        };
        for table in HOT_TABLES {
            assert!(name == OF_BACKUPS || !reads_through(table), "{name} reads all of {table}: {plan:#?}");
        }
        let is_of_retention = name.contains(": FORGET") || name.starts_with("retention.rs: ");
        for table in KEPT_TABLES {
            assert!(!(is_of_retention && reads_through(table)), "{name} reads all of {table}: {plan:#?}");
        }
        if ["api_key", "program", "endpoint", "endpoint_state", "session", "sign_in_link"]
            .into_iter()
            .any(reads_through)
        {
            scans.insert(name.clone());
        }
        plans.entry(name).or_default().push(plan);
    }
    assert_eq!(scans.iter().map(String::as_str).collect::<Vec<_>>(), SCANS);
    for (name, step) in SEEKS {
        // One plan per size of a list.
        for plan in plans.get(name).unwrap_or_else(|| panic!("there is no statement {name}")) {
            assert!(plan.iter().any(|one| one.starts_with(step)), "{name} has no `{step}`: {plan:#?}");
        }
    }
}

/// With statistics the planner prefers reading a table through to hundreds of seeks, which it gets wrong by a factor
/// of sixty.
#[tokio::test]
async fn nothing_gathers_statistics() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts(1..100, 10)).await.expect("commits");
    store.close().await;
    let store = file.open().await;
    let mut db = store.reader().await.expect("reads");
    let tables = sqlx::query("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'");
    assert!(tables.fetch_all(&mut *db).await.expect("reads").is_empty());
}

/// The plans above are those of a database without statistics; so see that the test would notice.
#[tokio::test]
async fn a_plan_that_reads_a_table_through_is_recognised() {
    let file = File::new();
    let store = file.open().await;
    execute(&store, "INSERT INTO meta (name, value) VALUES ('x', 1)").await;
    let mut db = store.reader().await.expect("reads");
    assert_eq!(plan(&mut db, "SELECT body FROM event WHERE kind = ?").await, ["SCAN event"]);
}

async fn plan(connection: &mut SqliteConnection, text: &str) -> Vec<String> {
    if ["BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"].iter().any(|word| text.starts_with(word)) {
        return Vec::new();
    }
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
    let rows = sqlx::query(explain).fetch_all(connection).await.expect("explains");
    rows.iter().map(|row| row.get::<String, _>(3)).collect()
}

/// The requests of inboxes are in another file.
fn is_of_inbox(name: &str) -> bool {
    name.starts_with("inbox.rs: ")
}

fn statements() -> Vec<Statement> {
    statements::in_sources_but("postgres")
}
