//! What the server writes per delivered event: rows, counted by triggers in its database, and transactions, counted by
//! SQLite itself.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::Connection;

use super::{Aim, Findings};
use crate::healthy::Healthy;
use crate::measure::Settings;
use crate::numbers::float;
use crate::subject::{self, Subject, Webhook};

const ROWS_AT_MOST: f64 = 5.0;

/// Tables that a delivered event may touch, and everything else the server keeps.
const TABLES: [&str; 10] = [
    "event",
    "pending",
    "attempt",
    "endpoint_state",
    "endpoint_hour",
    "idempotency",
    "notice",
    "resend",
    "meta",
    "boot",
];

const VERBS: [&str; 3] = ["INSERT", "DELETE", "UPDATE"];

/// Statements of a transaction that have no rows: its beginning, its end, and a look at the length of the log.
const STATEMENTS_WITHOUT_ROWS: u64 = 3;

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let directory = settings.scratch()?;
    let place = directory.path();
    let time = settings.time();
    let healthy = Healthy::start(time)?;
    let server = Subject::server(&settings.server, place)?;
    let program = server.create(&[healthy.url()], Webhook::Enabled)?;
    server.kill()?;
    count_rows(place)?;

    let server = Subject::server(&settings.server, place)?;
    let target = server.events_of(&program);
    healthy.post_events(&target, settings.connections, 1_000)?;
    let before = Written::read(place)?;
    // The throughput of a database that counts is not worth telling.
    healthy.throughput(&target, settings.connections, time)?;
    let after = Written::read(place)?;
    server.kill()?;

    let since: Vec<(String, u64)> = after
        .rows
        .iter()
        .map(|(what, rows)| {
            let earlier = before.rows.iter().find(|(other, _)| other == what);
            (what.clone(), rows - earlier.map_or(0, |(_, rows)| *rows))
        })
        .filter(|(_, rows)| *rows > 0)
        .collect();
    let of = |what: &str| since.iter().find(|(other, _)| other == what).map_or(0, |(_, rows)| *rows);
    let events = of("event INSERT");
    if events != of("attempt INSERT") || of("pending INSERT") != of("pending DELETE") {
        findings.violated(format!("rows and deliveries do not match: {since:?}"));
    }
    let rows: u64 = since.iter().map(|(_, rows)| rows).sum();
    let per_event = |count: f64| count / float(events.max(1));
    findings.aimed(
        "row operations per delivered event",
        (per_event(float(rows)), ""),
        Aim::AtMost(ROWS_AT_MOST),
    );
    for (what, rows) in &since {
        findings.told(format!("  of that {what}"), per_event(float(*rows)), "");
    }
    let commits = u64::from(after.commits.wrapping_sub(before.commits));
    findings.told("delivered events per transaction", float(events) / float(commits.max(1)), "");
    let lists = [events, events, events, events].map(|rows| statements(rows / commits.max(1)));
    let statements = STATEMENTS_WITHOUT_ROWS + lists.iter().sum::<u64>();
    let title = "statements that write per delivered event, at most (by a mean transaction)";
    findings.told(title, per_event(float(statements * commits)), "");
    findings.audited("operations", healthy.audit());
    Ok(())
}

/// Lists are written in pieces of 512, 256 … 1 rows: at most one for each binary digit, and one for each whole 512.
fn statements(rows: u64) -> u64 {
    const LARGEST: u64 = 512;
    rows / LARGEST + u64::from(u64::BITS - (rows % LARGEST).max(1).leading_zeros())
}

/// Counts every row that is inserted, deleted or updated from now on.
fn count_rows(directory: &Path) -> Result<()> {
    let db = Connection::open(subject::database(directory))?;
    db.execute_batch(
        "CREATE TABLE bench_count (what TEXT NOT NULL PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID",
    )?;
    for (table, verb) in TABLES.into_iter().flat_map(|table| VERBS.map(|verb| (table, verb))) {
        db.execute_batch(&format!(
            "INSERT INTO bench_count VALUES ('{table} {verb}', 0);
            CREATE TRIGGER bench_{table}_{verb} AFTER {verb} ON {table} BEGIN
                UPDATE bench_count SET rows = rows + 1 WHERE what = '{table} {verb}';
            END;"
        ))?;
    }
    Ok(())
}

/// What has been written by now.
struct Written {
    rows: Vec<(String, u64)>,
    /// Wraps around.
    commits: u32,
}

impl Written {
    fn read(directory: &Path) -> Result<Self> {
        // In the index of the log, where SQLite counts its transactions (`iChange` in its "WAL-Index Header").
        const COMMITS_AT: usize = 8;
        let path = subject::database(directory);
        let index = fs::read(path.with_extension("db-shm"))?;
        let commits = index.get(COMMITS_AT..COMMITS_AT + 4).context("the index of the log is short")?;
        let db = Connection::open(path)?;
        let mut statement = db.prepare("SELECT what, rows FROM bench_count ORDER BY what")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(Self { rows: rows.collect::<Result<_, _>>()?, commits: u32::from_ne_bytes(commits.try_into()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_as_many_statements_as_it_has_binary_digits() {
        assert_eq!([1, 2, 3, 100, 511, 512, 700].map(statements), [1, 2, 2, 7, 9, 2, 9]);
    }
}
