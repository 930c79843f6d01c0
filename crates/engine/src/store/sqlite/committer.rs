//! The connection that commits the hot path, on the thread of whoever asks, and its statements prepared once.
//!
//! sqlx makes a hop for each statement, and a batch has a dozen: that was a quarter of what an event cost. A thread of its own,
//! with one hop to it for a whole batch, was half of what a commit took where the processors are busy: it waited for one twice.
//! Cold writes stay with sqlx on another connection. The caller lets only one of the two write at a time.

mod statements;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use self::statements::Statements;
use super::thread::{Place, connect};
use super::writer::Wal;
use crate::store::{Accepted, Batch, StoreError};

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) answers: Vec<Accepted>,
    /// How long the write-ahead log is now; `None` when SQLite would not say.
    pub(super) wal: Option<Wal>,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Committer {
    /// Gone once the database is closed, or broken.
    db: Option<Connection>,
}

impl Committer {
    /// Opens the connection.
    pub(super) fn open(place: &Place) -> Result<Self, StoreError> {
        let db = connect(place, super::open::COMMITTER_SETTINGS)?;
        db.set_prepared_statement_cache_capacity(statements::COUNT);
        Statements::of(&db)?;
        Ok(Self { db: Some(db) })
    }

    /// Commits a batch in one transaction. Keeps its thread until the disk has it.
    ///
    /// After [`StoreError::Fatal`] nothing is to be written any more. A panic is one: it may have come after the commit.
    pub(super) fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.guard(|db| Statements::of(db)?.commit(batch))
    }

    fn guard<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = self.db.as_ref().ok_or_else(|| StoreError::Unavailable("the database is closed".into()))?;
        let ended = catch_unwind(AssertUnwindSafe(|| work(db)));
        ended.unwrap_or_else(|_| {
            // As after everything that is fatal, the connection's lock would keep out whoever recovers.
            if !db.is_autocommit() {
                let _ = db.execute_batch(super::writer::ROLLBACK);
            }
            Err(StoreError::Fatal("a commit has panicked".into()))
        })
    }

    /// Leaves the connection as it is, for ever.
    pub(super) fn give_up(&mut self) {
        std::mem::forget(self.db.take());
    }

    /// Closes the connection.
    pub(super) fn close(&mut self) {
        self.db = None;
    }

    /// What a statement of a test's own answers: the first column of its first row.
    #[cfg(test)]
    pub(super) fn ask(&self, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
        let mut statement = self.db.as_ref().expect("it is open").prepare(sql)?;
        let mut rows = statement.query([])?;
        rows.next()?.map_or(Ok(rusqlite::types::Value::Null), |row| row.get(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_panic_is_fatal_and_keeps_nobody_out() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let place = Place { path: directory.path().join("test.db"), busy_timeout: Duration::ZERO };
        let other = Connection::open(&place.path).expect("opens");
        let mode: String =
            other.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("answers");
        assert_eq!(mode, "wal");
        let db = connect(&place, super::super::open::COMMITTER_SETTINGS).expect("opens");
        let committer = Committer { db: Some(db) };
        let result: Result<(), _> = committer.guard(|db| {
            db.execute_batch("BEGIN IMMEDIATE").expect("begins");
            assert!(other.execute_batch("BEGIN IMMEDIATE").is_err(), "somebody else writes");
            panic!("as a test wants it");
        });
        assert!(matches!(result, Err(StoreError::Fatal(_))), "{result:?}");
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect("nobody else writes");
    }
}
