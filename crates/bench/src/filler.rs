//! Databases with a past: rows as the server would have written them in hours, written in seconds while no server runs.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::payload::Template;
use crate::subject;

/// Rows of events in one transaction.
const BATCH: u64 = 20_000;

/// A delivery's id is its event's times this, and the webhook's place among the program's.
const SLOTS: i64 = 8;

/// The contract's time from acceptance to the deadline.
const DEADLINE_MS: i64 = 5 * 86_400_000;

/// `deleted_at_ms IS NULL` is the condition of an index: without it every program is looked for among all.
const ENDPOINTS: &str = "
    SELECT id FROM endpoint WHERE program_id = ? AND deleted_at_ms IS NULL ORDER BY created_at_ms, id";

const EVENT: &str = "
    INSERT INTO event (id, program_id, kind, occurred_at_ms, accepted_at_ms, targets, body)
    VALUES (?1, ?2, 'NEW_PARTICIPANT_ADDED', ?3, ?3, ?4, ?5)";

const PENDING: &str = "
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const ATTEMPT: &str = "
    INSERT INTO attempt
        (delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body)
    VALUES (?1, 1, ?2, ?3, 1, NULL, 200, '', 'delivered', NULL, 0,
        'content-type: text/plain' || char(10) || 'content-length: 2' || char(10), x'6f6b')";

/// What was tried says when it is tried again; retention and the log find the pending row by it.
const FAILED_ATTEMPT: &str = "
    INSERT INTO attempt
        (delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body)
    VALUES (?1, ?2, ?3, ?4, 1, 'status', 500, 'The endpoint answered 500.', 'retry', ?5, 0, '', x'')";

/// As after ten failures in a row.
const HELD: &str = "
    INSERT INTO endpoint_state
        (endpoint_id, consecutive_failures, last_failure_at_ms, failing_since_ms, opened_at_ms, next_probe_at_ms)
    SELECT id, 10, ?2, ?2, ?2, ?3 FROM endpoint WHERE program_id = ?1";

/// Copies get numbers for ids; what the server makes is longer and higher.
const COPY_PROGRAM: &str = "
    WITH RECURSIVE copy (number) AS (VALUES (1) UNION ALL SELECT number + 1 FROM copy WHERE number < ?2)
    INSERT INTO program (id, name, kind, status, currency, created_at_ms, webhooks_version)
    SELECT printf('c%08d', number), name, kind, status, currency, created_at_ms, webhooks_version
    FROM program, copy
    WHERE id = ?1";

const COPY_ENDPOINTS: &str = "
    WITH RECURSIVE copy (number) AS (VALUES (1) UNION ALL SELECT number + 1 FROM copy WHERE number < ?2)
    INSERT INTO endpoint
        (id, program_id, public_id, url, events, is_enabled, auto_disabled, created_at_ms, parked_at_ms)
    SELECT number * 8 + (SELECT COUNT(*) FROM endpoint AS older WHERE older.program_id = ?1 AND older.id < endpoint.id),
        printf('c%08d', number), public_id, url || '/' || printf('c%08d', number) || '/' || public_id, events,
        is_enabled, auto_disabled, created_at_ms, parked_at_ms
    FROM endpoint, copy
    WHERE program_id = ?1";

/// A server's database, while no server has it open.
pub struct Filler {
    db: Connection,
    template: Template,
    /// Ids count up from 1; the server's own are higher.
    next_event: i64,
}

/// Events of a program.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a> {
    pub program: &'a str,
    pub count: u64,
    /// The number in the first one's body; the others follow.
    pub first_number: u64,
    pub accepted_at_ms: i64,
}

/// Deliveries that have not ended.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub due_at_ms: i64,
    /// Attempts made so far.
    pub attempts: i64,
}

/// Of each `every` events the first still waits, until `due_at_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Exceptions {
    pub every: i64,
    pub due_at_ms: i64,
}

impl Filler {
    /// Opens the database that a server left in `directory`.
    pub fn open(directory: &Path) -> Result<Self> {
        let db = Connection::open(subject::database(directory))?;
        // Whatever is lost in a crash here is made again.
        db.pragma_update(None, "synchronous", "OFF")?;
        db.pragma_update(None, "cache_size", -262_144)?;
        let highest: Option<i64> = db
            .query_row("SELECT MAX(id) FROM event WHERE id < (1 << 40)", [], |row| row.get(0))
            .optional()?
            .flatten();
        Ok(Self { db, template: Template::new(), next_event: highest.unwrap_or(0) + 1 })
    }

    /// Events that wait for every webhook of their program.
    pub fn waiting(&mut self, events: Events<'_>, waiting: Waiting) -> Result<()> {
        let endpoints = self.endpoints(events.program)?;
        let Waiting { due_at_ms, attempts } = waiting;
        let (accepted_at_ms, expires_at_ms) = (events.accepted_at_ms, events.accepted_at_ms + DEADLINE_MS);
        self.write(events, |db, event| {
            let mut pending = db.prepare_cached(PENDING)?;
            let mut failed = db.prepare_cached(FAILED_ATTEMPT)?;
            for (slot, endpoint) in (0_i64..).zip(&endpoints) {
                let id = event * SLOTS + slot;
                if attempts > 0 {
                    failed.execute(params![id, attempts, endpoint, accepted_at_ms, due_at_ms])?;
                }
                pending.execute(params![endpoint, due_at_ms, id, attempts, accepted_at_ms, expires_at_ms])?;
            }
            Ok(())
        })
    }

    /// Events that were delivered at once to every webhook of their program, but for some that still wait.
    pub fn ended(&mut self, events: Events<'_>, still_waiting: Exceptions) -> Result<()> {
        let endpoints = self.endpoints(events.program)?;
        let Exceptions { every, due_at_ms } = still_waiting;
        let (accepted_at_ms, expires_at_ms) = (events.accepted_at_ms, due_at_ms + DEADLINE_MS);
        self.write(events, |db, event| {
            for (slot, endpoint) in (0_i64..).zip(&endpoints) {
                let id = event * SLOTS + slot;
                if event % every == 1 {
                    let row = params![endpoint, due_at_ms, id, 1, accepted_at_ms, expires_at_ms];
                    db.prepare_cached(PENDING)?.execute(row)?;
                    let attempt = params![id, 1, endpoint, accepted_at_ms, due_at_ms];
                    db.prepare_cached(FAILED_ATTEMPT)?.execute(attempt)?;
                } else {
                    db.prepare_cached(ATTEMPT)?.execute(params![id, endpoint, accepted_at_ms])?;
                }
            }
            Ok(())
        })
    }

    /// The breakers of all webhooks of `program` are open; the next probe is made at `next_probe_at_ms`.
    pub fn hold(&mut self, program: &str, since_ms: i64, next_probe_at_ms: i64) -> Result<()> {
        let held = self.db.execute(HELD, params![program, since_ms, next_probe_at_ms])?;
        ensure!(held > 0, "there is no webhook to hold");
        Ok(())
    }

    /// Copies of `program` with its webhooks, whose URLs get a path of their own; returns their ids. They sign with no secret:
    /// it is sealed for the webhook that it belongs to.
    pub fn copies(&mut self, program: &str, copies: u64) -> Result<Vec<String>> {
        let copies = i64::try_from(copies)?;
        let transaction = self.db.transaction()?;
        transaction.execute(COPY_PROGRAM, params![program, copies])?;
        transaction.execute(COPY_ENDPOINTS, params![program, copies])?;
        transaction.commit()?;
        Ok((1..=copies).map(|number| format!("c{number:08}")).collect())
    }

    /// Writes everything into the database file, closes it, and waits until the disk has it, as it had what a server accepted: else
    /// the server would be the one to wait, when it first copies its log.
    pub fn close(self) -> Result<()> {
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let path = PathBuf::from(self.db.path().context("the database has a file")?);
        self.db.close().map_err(|(_, error)| error).context("the database does not close")?;
        File::open(path)?.sync_all().context("the database is not on the disk")
    }

    fn endpoints(&self, program: &str) -> Result<Vec<i64>> {
        let mut statement = self.db.prepare_cached(ENDPOINTS)?;
        let endpoints: Vec<i64> =
            statement.query_map([program], |row| row.get(0))?.collect::<Result<_, _>>()?;
        ensure!(!endpoints.is_empty(), "the program {program} has no webhook");
        Ok(endpoints)
    }

    fn write(
        &mut self,
        events: Events<'_>,
        deliveries: impl Fn(&Connection, i64) -> Result<()>,
    ) -> Result<()> {
        let Events { program, count, first_number, accepted_at_ms } = events;
        let targets: Vec<String> = self.endpoints(program)?.iter().map(i64::to_string).collect();
        let targets = targets.join(",");
        let mut done = 0;
        while done < count {
            let transaction = self.db.transaction()?;
            for number in done..count.min(done + BATCH) {
                let body = self.template.envelope(first_number + number);
                let row = params![self.next_event, program, accepted_at_ms, targets, body];
                transaction.prepare_cached(EVENT)?.execute(row)?;
                deliveries(&transaction, self.next_event)?;
                self.next_event += 1;
            }
            transaction.commit()?;
            done += BATCH;
        }
        Ok(())
    }
}
