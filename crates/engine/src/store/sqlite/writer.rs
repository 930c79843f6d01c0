//! Whoever writes: the connection that commits the hot path, and one for everything else. One of them at a time,
//! and the checkpoints between them.

use std::ops::{Deref, DerefMut};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::committer::{Committed, Committer};
use super::error;
use crate::store::{Accepted, Batch, StoreError, sql};

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// Only asks how long the write-ahead log is.
pub(super) const WAL_LENGTH: &str = "PRAGMA wal_checkpoint(NOOP)";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout";
const WAIT_FOR_NOBODY: &str = "PRAGMA busy_timeout = 0";

#[derive(Debug)]
pub(super) struct Writer {
    state: Mutex<State>,
    broken: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// Gone once the database is closed, or broken.
    connection: Option<SqliteConnection>,
    committer: Committer,
    /// Whether a transaction may still be open, because whoever began it was dropped half-way.
    is_in_transaction: bool,
    /// Cancelled by the first fatal failure; nothing is written after it.
    broken: CancellationToken,
    checkpoints: Checkpoints,
}

/// A write transaction; dropped, it is rolled back before the next one begins.
#[derive(Debug)]
pub(in crate::store) struct Transaction<'a> {
    state: MutexGuard<'a, State>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, committer: Committer, checkpoint_pages: u32) -> Self {
        let broken = CancellationToken::new();
        let state = State {
            connection: Some(connection),
            committer,
            is_in_transaction: false,
            broken: broken.clone(),
            checkpoints: Checkpoints::every(checkpoint_pages),
        };
        Self { state: Mutex::new(state), broken }
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let mut state = self.turn().await?;
        state.is_in_transaction = true;
        match run(state.connection()?, BEGIN).await.map_err(error::of_write) {
            Ok(()) => Ok(Transaction { state }),
            Err(error) => Err(state.after_failure(error)),
        }
    }

    /// Commits a batch. Keeps its thread until the disk has it.
    pub(super) async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let mut state = self.turn().await?;
        state.connection()?;
        match state.committer.commit(batch) {
            Ok(Committed { answers, wal }) => {
                if let Some(wal) = wal {
                    state.checkpoints.has_grown(wal);
                }
                Ok(answers)
            }
            Err(error) => Err(state.after_failure(error)),
        }
    }

    /// What a statement of a test's own answers on the connection that commits.
    #[cfg(test)]
    pub(super) async fn ask(&self, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
        self.state.lock().await.committer.ask(sql)
    }

    /// Waits until nobody else writes. A checkpoint that is due is made first: those whose commit made it due have
    /// their answer by now.
    async fn turn(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.state.lock().await;
        state.leave_transaction().await?;
        if state.checkpoints.is_due {
            state.checkpoint().await?;
        }
        Ok(state)
    }

    /// Resolves when nothing is written any more.
    pub(super) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Copies the write-ahead log into the database as far as no reader needs it.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        state.leave_transaction().await?;
        state.checkpoint().await
    }

    /// Copies the write-ahead log into the database and cuts it off; says whether that was possible. Not while anybody reads,
    /// and nobody is waited for: whoever writes would have to wait, too.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        let mut state = self.state.lock().await;
        state.leave_transaction().await?;
        match empty_log(state.connection()?).await {
            Ok(is_empty) => {
                if is_empty {
                    state.checkpoints.was_made(Wal { length: 0, copied: 0 });
                }
                Ok(is_empty)
            }
            Err(error) => Err(state.after_failure(error::of_write(error))),
        }
    }

    /// Closes the connections. What they still have to do is done by the next one that opens the file.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.committer.close();
        let connection = state.connection.take();
        drop(state);
        if let Some(connection) = connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "The database was not closed cleanly");
        }
    }
}

impl sql::Transaction for Transaction<'_> {
    async fn finish<T: Send>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let result = match result {
            Ok(value) => run(&mut self, COMMIT).await.map(|()| value).map_err(error::of_commit),
            Err(error) => Err(error),
        };
        match result {
            Ok(value) => {
                self.state.is_in_transaction = false;
                self.state.measure().await;
                Ok(value)
            }
            Err(error) => {
                let error = self.state.after_failure(error);
                if !matches!(error, StoreError::Fatal(_)) {
                    self.state.leave_transaction().await?;
                }
                Err(error)
            }
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.state.connection.as_ref().expect("begin has found it open, and the lock has been held since")
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.state.connection.as_mut().expect("begin has found it open, and the lock has been held since")
    }
}

impl State {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        if self.broken.is_cancelled() {
            return Err(StoreError::Fatal(
                "an earlier commit failed; the database must be opened again".into(),
            ));
        }
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("the database is closed".into()))
    }

    /// Makes sure that no transaction is open.
    async fn leave_transaction(&mut self) -> Result<(), StoreError> {
        let is_in_transaction = self.is_in_transaction;
        let connection = self.connection()?;
        if !is_in_transaction {
            return Ok(());
        }
        let result = run(connection, ROLLBACK).await;
        // SQLite leaves a transaction by itself after some failures, and says then that there is none.
        if let Err(error) = result
            && !error::says_no_transaction(&error)
        {
            return Err(self.after_failure(StoreError::Fatal(error.into())));
        }
        self.is_in_transaction = false;
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.checkpoints.is_due = false;
        match wal(self.connection()?, CHECKPOINT).await {
            Ok(wal) => {
                self.checkpoints.was_made(wal);
                Ok(())
            }
            // The log holds everything still, so there is nothing to lose; but a failed fsync is never retried.
            Err(error) => match error::of_write(error) {
                fatal @ StoreError::Fatal(_) => Err(self.after_failure(fatal)),
                passing => {
                    tracing::warn!(error = %passing, "The write-ahead log was not copied; it grows meanwhile");
                    Ok(())
                }
            },
        }
    }

    /// Draws the consequences of a failed write.
    fn after_failure(&mut self, error: StoreError) -> StoreError {
        match error {
            StoreError::Fatal(_) => self.break_off(),
            // Copying the log lets it begin anew in the room that it has.
            StoreError::Full(_) => self.checkpoints.is_due = true,
            _ => {}
        }
        error
    }

    /// Nothing is written any more. The connections are given up but never closed: closing would copy the log into the
    /// database and try the fsync again, and what it copied may not be what is on the disk. The process is about to end;
    /// the next one reads what is there.
    fn break_off(&mut self) {
        self.broken.cancel();
        std::mem::forget(self.connection.take());
        self.committer.give_up();
    }

    /// After a commit. It has succeeded, whatever comes of this.
    async fn measure(&mut self) {
        let Ok(connection) = self.connection() else { return };
        match wal(connection, WAL_LENGTH).await {
            Ok(wal) => self.checkpoints.has_grown(wal),
            Err(error) => tracing::warn!(%error, "The length of the write-ahead log is not known"),
        }
    }
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// See [`Writer::empty_log`].
pub(super) async fn empty_log(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let waits: i64 = sqlx::query_scalar(BUSY_TIMEOUT).fetch_one(&mut *connection).await?;
    sqlx::query(WAIT_FOR_NOBODY).execute(&mut *connection).await?;
    let result = sqlx::query(EMPTY_LOG).fetch_one(&mut *connection).await;
    let restore = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {waits}"));
    sqlx::query(restore).execute(&mut *connection).await?;
    Ok(result?.try_get::<i64, _>(0)? == 0)
}

/// The write-ahead log, in pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wal {
    pub(super) length: i64,
    pub(super) copied: i64,
}

async fn wal(connection: &mut SqliteConnection, sql: &'static str) -> Result<Wal, sqlx::Error> {
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok(Wal { length: row.try_get(1)?, copied: row.try_get(2)? })
}

/// When to copy the write-ahead log into the database.
#[derive(Debug)]
struct Checkpoints {
    /// Due when this many pages have not been copied.
    every_pages: i64,
    /// A reader kept the last one from finishing: not due before the log has this many pages.
    not_before_pages: i64,
    is_due: bool,
}

impl Checkpoints {
    fn every(pages: u32) -> Self {
        Self { every_pages: pages.into(), not_before_pages: 0, is_due: false }
    }

    fn has_grown(&mut self, wal: Wal) {
        self.is_due = wal.length - wal.copied >= self.every_pages && wal.length >= self.not_before_pages;
    }

    fn was_made(&mut self, wal: Wal) {
        let is_complete = wal.copied >= wal.length;
        self.not_before_pages = if is_complete { 0 } else { wal.length + self.every_pages };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_holds_a_checkpoint_up_does_not_make_every_commit_try_again() {
        let mut checkpoints = Checkpoints::every(1000);
        checkpoints.has_grown(Wal { length: 999, copied: 0 });
        assert!(!checkpoints.is_due);
        checkpoints.has_grown(Wal { length: 1000, copied: 0 });
        assert!(checkpoints.is_due);
        checkpoints.was_made(Wal { length: 1000, copied: 10 });
        checkpoints.has_grown(Wal { length: 1500, copied: 10 });
        assert!(!checkpoints.is_due);
        checkpoints.has_grown(Wal { length: 2000, copied: 10 });
        assert!(checkpoints.is_due);
        checkpoints.was_made(Wal { length: 2000, copied: 2000 });
        checkpoints.has_grown(Wal { length: 1000, copied: 0 });
        assert!(checkpoints.is_due, "a log that was copied whole starts again");
    }
}
