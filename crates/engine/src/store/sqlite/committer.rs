//! The thread that commits the hot path: its statements prepared once, and one hop to it for a whole batch.
//!
//! sqlx makes a hop for each statement, and a batch has a dozen: that was a quarter of what an event cost. Cold writes
//! stay with sqlx on another connection. The caller lets only one of the two write at a time.

mod statements;

use std::sync::mpsc;

use tokio::sync::oneshot;

use self::statements::Statements;
use super::error;
use super::thread::{Place, Ready, Thread, connect, gone};
use super::writer::Wal;
use crate::store::{Accepted, Batch, StoreError};

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) answers: Vec<Accepted>,
    /// How long the write-ahead log is now; `None` when SQLite would not say.
    pub(super) wal: Option<Wal>,
}

#[derive(Debug)]
enum Job {
    Commit(Batch, oneshot::Sender<Result<Committed, StoreError>>),
    /// For tests: a statement of their own, and the first column of its first row.
    #[cfg(test)]
    Ask(String, oneshot::Sender<rusqlite::Result<rusqlite::types::Value>>),
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Committer(Thread<Job>);

impl Committer {
    /// Starts the thread.
    pub(super) async fn start(place: Place) -> Result<Self, StoreError> {
        // One waits while another is made: a caller that was dropped does not take its batch back.
        let thread =
            Thread::start("sqlite-commit", 1, move |ready, inbox| run(&place, ready, &inbox)).await?;
        Ok(Self(thread))
    }

    /// Commits a batch. When the caller is dropped meanwhile, it is committed all the same.
    pub(super) async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.0.ask(|reply| Job::Commit(batch, reply)).await.unwrap_or_else(|| Err(gone()))
    }

    /// Leaves the connection as it is, for ever.
    pub(super) fn give_up(&mut self) {
        self.0.give_up();
    }

    /// Waits until what was handed over is done, and closes the connection.
    pub(super) async fn close(&mut self) {
        self.0.close().await;
    }

    /// What a statement of a test's own answers.
    #[cfg(test)]
    pub(super) async fn ask(&self, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
        self.0.ask(|reply| Job::Ask(sql.to_owned(), reply)).await.expect("the thread answers")
    }
}

fn run(place: &Place, ready: Ready, inbox: &mpsc::Receiver<Job>) {
    let db = match connect(place, super::open::COMMITTER_SETTINGS) {
        Ok(db) => db,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let mut statements = match Statements::prepare(&db).map_err(error::of_write) {
        Ok(statements) => statements,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    while let Ok(job) = inbox.recv() {
        // Whoever asked may be gone; it is done all the same.
        match job {
            Job::Commit(batch, reply) => {
                let result = statements.commit(&batch);
                drop(batch);
                _ = reply.send(result);
            }
            #[cfg(test)]
            Job::Ask(sql, reply) => _ = reply.send(ask(&db, &sql)),
        }
    }
}

#[cfg(test)]
fn ask(db: &rusqlite::Connection, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map_or(Ok(rusqlite::types::Value::Null), |row| row.get(0))
}
