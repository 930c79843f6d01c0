//! What a batch writes, row by row. Without a hop a prepared statement costs two to three microseconds, the
//! same for one row as for a row among hundreds, so there is nothing to gain from statements with many rows.

use groundswell_types::FailureClass;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Statement, params};

use super::Committed;
use crate::store::idempotency::{Keys, Name, StoredAnswer};
use crate::store::query::attempts::{after_columns, response_column};
use crate::store::query::notices;
use crate::store::query::webhooks::failing_text;
use crate::store::rows::{changes, pending_rows, targets_text};
use crate::store::sqlite::error;
use crate::store::sqlite::writer::{BEGIN, COMMIT, ROLLBACK, WAL_LENGTH, Wal};
use crate::store::{
    Accept, Accepted, AttemptRecord, Batch, EndpointId, HealthRecord, MAX_TARGETS, Outcome, Pending,
    PendingKey, StoreError,
};

const INSERT_EVENT: &str = "
    INSERT INTO event (id, program_id, kind, occurred_at_ms, accepted_at_ms, targets, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const INSERT_PENDING: &str = "
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const DELETE_PENDING: &str =
    "DELETE FROM pending WHERE endpoint_id = ?1 AND due_at_ms = ?2 AND delivery_id = ?3";

const INSERT_ATTEMPT: &str = "
    INSERT INTO attempt
        (delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const FIRST_ANSWER: &str = "
    SELECT content_hash, event_id, deliveries, accepted_at_ms
    FROM idempotency
    WHERE program_id = ?1 AND idempotency_key = ?2";

const DELETE_KEY: &str = "DELETE FROM idempotency WHERE program_id = ?1 AND idempotency_key = ?2";

const INSERT_KEY: &str = "
    INSERT INTO idempotency (program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const SET_HEALTH: &str = "
    INSERT INTO endpoint_state
        (endpoint_id, consecutive_failures, last_failure_at_ms, last_success_at_ms, failing_deliveries,
        failing_since_ms, opened_at_ms, failed_probes, next_probe_at_ms, paused_until_ms, warnings)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (endpoint_id) DO UPDATE SET
        consecutive_failures = excluded.consecutive_failures,
        last_failure_at_ms = excluded.last_failure_at_ms,
        last_success_at_ms = excluded.last_success_at_ms,
        failing_deliveries = excluded.failing_deliveries,
        failing_since_ms = excluded.failing_since_ms,
        opened_at_ms = excluded.opened_at_ms,
        failed_probes = excluded.failed_probes,
        next_probe_at_ms = excluded.next_probe_at_ms,
        paused_until_ms = excluded.paused_until_ms,
        warnings = excluded.warnings";

/// How many statements the connection keeps.
pub(super) const COUNT: usize = 13;

/// The prepared statements of the connection.
pub(super) struct Statements<'db> {
    db: &'db Connection,
    begin: CachedStatement<'db>,
    commit: CachedStatement<'db>,
    rollback: CachedStatement<'db>,
    wal_length: CachedStatement<'db>,
    insert_event: CachedStatement<'db>,
    insert_pending: CachedStatement<'db>,
    delete_pending: CachedStatement<'db>,
    insert_attempt: CachedStatement<'db>,
    first_answer: CachedStatement<'db>,
    delete_key: CachedStatement<'db>,
    insert_key: CachedStatement<'db>,
    set_health: CachedStatement<'db>,
    insert_notice: CachedStatement<'db>,
}

type Done = Result<(), StoreError>;

impl<'db> Statements<'db> {
    /// Takes them from the connection, which has them back when this is dropped.
    pub(super) fn of(db: &'db Connection) -> Result<Self, StoreError> {
        let statement = |sql| db.prepare_cached(sql).map_err(error::of_write);
        Ok(Self {
            db,
            begin: statement(BEGIN)?,
            commit: statement(COMMIT)?,
            rollback: statement(ROLLBACK)?,
            wal_length: statement(WAL_LENGTH)?,
            insert_event: statement(INSERT_EVENT)?,
            insert_pending: statement(INSERT_PENDING)?,
            delete_pending: statement(DELETE_PENDING)?,
            insert_attempt: statement(INSERT_ATTEMPT)?,
            first_answer: statement(FIRST_ANSWER)?,
            delete_key: statement(DELETE_KEY)?,
            insert_key: statement(INSERT_KEY)?,
            set_health: statement(SET_HEALTH)?,
            insert_notice: statement(notices::INSERT)?,
        })
    }

    /// Commits a batch in one transaction.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let result = self.transact(batch);
        if matches!(result, Err(StoreError::Fatal(_))) {
            // The connection stays open from now on; its lock would keep out whoever recovers. With a write-ahead log this
            // writes nothing, and whether it works is of no interest any more.
            let _ = self.leave_transaction();
        } else if result.is_err() {
            self.leave_transaction()?;
        }
        let answers = result?;
        Ok(Committed { answers, wal: self.measure() })
    }

    fn transact(&mut self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        run(&mut self.begin, []).map_err(error::of_write)?;
        let answers = self.write(batch)?;
        run(&mut self.commit, []).map_err(error::of_commit)?;
        Ok(answers)
    }

    /// SQLite leaves a transaction by itself after some failures.
    fn leave_transaction(&mut self) -> Done {
        if self.db.is_autocommit() {
            return Ok(());
        }
        run(&mut self.rollback, []).map_err(|error| StoreError::Fatal(error.into()))
    }

    /// After a commit. It has succeeded, whatever comes of this.
    fn measure(&mut self) -> Option<Wal> {
        let wal = self
            .wal_length
            .query_row([], |row| Ok(Wal { length: row.get(1)?, copied: row.get(2)? }))
            .inspect_err(|error| tracing::warn!(%error, "The length of the write-ahead log is not known"));
        wal.ok()
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let answers = self.accept(&batch.accepts)?;
        self.finish(&batch.outcomes)?;
        for (endpoint, health) in &batch.health {
            self.set_health(*endpoint, health)?;
        }
        for notice in &batch.notices {
            let (program, kind) = (notice.program_id.as_str(), notice.kind.as_str());
            let values = params![
                notice.id.number(),
                program,
                notice.endpoint_id.0,
                kind,
                notice.at_ms,
                notice.since_ms
            ];
            run(&mut self.insert_notice, values).map_err(error::of_write)?;
        }
        Ok(answers)
    }

    fn accept(&mut self, accepts: &[Accept]) -> Result<Vec<Accepted>, StoreError> {
        if accepts.iter().any(|accept| accept.targets.len() > MAX_TARGETS) {
            return Err(StoreError::Rejected("an event has too many targets".into()));
        }
        let mut keys = Keys::default();
        for name in Keys::names(accepts) {
            if let Some(first) = self.first_answer(&name)? {
                keys.insert_stored(name, first);
            }
        }
        let answers: Vec<_> = accepts.iter().map(|accept| keys.answer(accept)).collect();
        let new = accepts.iter().zip(&answers).filter(|(_, answer)| **answer == Accepted::New);
        let new: Vec<_> = new.map(|(accept, _)| accept).collect();
        for accept in &new {
            self.insert_event(accept)?;
        }
        for pending in pending_rows(&new) {
            self.insert_pending(&pending)?;
        }
        self.write_keys(&keys)?;
        Ok(answers)
    }

    fn insert_event(&mut self, accept: &Accept) -> Done {
        let values = params![
            accept.event_id.number(),
            accept.program_id.as_str(),
            accept.kind.name(),
            accept.occurred_at_ms,
            accept.accepted_at_ms,
            targets_text(accept),
            &accept.body[..],
        ];
        run(&mut self.insert_event, values).map_err(error::of_write)
    }

    fn insert_pending(&mut self, pending: &Pending) -> Done {
        let PendingKey { endpoint_id, due_at_ms, delivery_id } = pending.key;
        let values = params![
            endpoint_id.0,
            due_at_ms,
            delivery_id.number(),
            pending.attempts,
            pending.accepted_at_ms,
            pending.expires_at_ms,
        ];
        run(&mut self.insert_pending, values).map_err(error::of_write)
    }

    fn first_answer(&mut self, (program, key): &Name) -> Result<Option<StoredAnswer>, StoreError> {
        let row = self.first_answer.query_row(params![&**program, &**key], |row| {
            Ok(StoredAnswer {
                content_hash: row.get(0)?,
                event_id: row.get(1)?,
                deliveries: row.get(2)?,
                accepted_at_ms: row.get(3)?,
            })
        });
        row.optional().map_err(error::of_write)
    }

    fn write_keys(&mut self, keys: &Keys) -> Done {
        for (program, key) in keys.expired() {
            run(&mut self.delete_key, params![&**program, &**key]).map_err(error::of_write)?;
        }
        for ((program, key), first) in keys.first_used() {
            let values = params![
                &**program,
                &**key,
                first.content_hash,
                first.event_id.number(),
                first.deliveries,
                first.accepted_at_ms,
            ];
            run(&mut self.insert_key, values).map_err(error::of_write)?;
        }
        Ok(())
    }

    fn finish(&mut self, outcomes: &[Outcome]) -> Done {
        for outcome in outcomes {
            self.insert_attempt(&outcome.attempt)?;
        }
        let (removed, inserted) = changes(outcomes);
        for PendingKey { endpoint_id, due_at_ms, delivery_id } in removed {
            let values = params![endpoint_id.0, due_at_ms, delivery_id.number()];
            run(&mut self.delete_pending, values).map_err(error::of_write)?;
        }
        for pending in &inserted {
            self.insert_pending(pending)?;
        }
        Ok(())
    }

    fn insert_attempt(&mut self, attempt: &AttemptRecord) -> Done {
        let (after, retry_at_ms) = after_columns(attempt.after);
        let values = params![
            attempt.delivery_id.number(),
            attempt.number,
            attempt.endpoint_id.0,
            attempt.started_at_ms,
            attempt.duration_ms,
            attempt.failure.map(FailureClass::as_str),
            attempt.status_code,
            attempt.message,
            after,
            retry_at_ms,
            response_column(attempt),
            attempt.response_head,
            &attempt.response_body[..],
        ];
        run(&mut self.insert_attempt, values).map_err(error::of_write)
    }

    fn set_health(&mut self, endpoint: EndpointId, health: &HealthRecord) -> Done {
        let values = params![
            endpoint.0,
            health.consecutive_failures,
            health.last_failure_at_ms,
            health.last_success_at_ms,
            failing_text(&health.failing),
            health.failing_since_ms,
            health.opened_at_ms,
            health.failed_probes,
            health.next_probe_at_ms,
            health.paused_until_ms,
            health.warnings,
        ];
        run(&mut self.set_health, values).map_err(error::of_write)
    }
}

fn run(statement: &mut Statement<'_>, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    statement.execute(values).map(drop)
}
