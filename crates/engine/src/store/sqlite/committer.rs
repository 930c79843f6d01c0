//! The thread that commits the hot path: a connection of its own, its statements prepared once, and one hop to it for a
//! whole batch.
//!
//! sqlx makes a hop for each statement, and a batch has a dozen: that was a quarter of what an event cost. Cold writes
//! stay with sqlx on another connection. The caller lets only one of the two write at a time.

mod statements;

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use self::statements::Statements;
use super::error;
use super::writer::Wal;
use crate::store::{Accepted, Batch, StoreError};

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) answers: Vec<Accepted>,
    /// How long the write-ahead log is now; `None` when SQLite would not say.
    pub(super) wal: Option<Wal>,
}

enum Job {
    Commit(Batch, oneshot::Sender<Result<Committed, StoreError>>),
    /// For tests: a statement of their own, and the first column of its first row.
    #[cfg(test)]
    Ask(String, oneshot::Sender<rusqlite::Result<rusqlite::types::Value>>),
}

/// The way to the thread. It ends when this is closed or dropped.
#[derive(Debug)]
pub(super) struct Committer {
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread; returns once its connection is open and its statements are prepared.
    pub(super) async fn start(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        // One waits while another is made: a caller that was dropped does not take its batch back.
        let (jobs, inbox) = mpsc::sync_channel(1);
        let (ready, is_ready) = oneshot::channel();
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("sqlite-commit".to_owned())
            .spawn(move || run(&path, busy_timeout, ready, &inbox))
            .map_err(|error| {
                StoreError::Unusable(format!("cannot start the thread that commits: {error}"))
            })?;
        let started = is_ready.await;
        let this = Self { jobs: Some(jobs), thread: Some(thread) };
        started.unwrap_or_else(|_| Err(gone()))?;
        Ok(this)
    }

    /// Commits a batch. When the caller is dropped meanwhile, it is committed all the same.
    pub(super) async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Commit(batch, reply)).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        match jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(gone()),
            // Only behind a caller that was dropped.
            Err(mpsc::TrySendError::Full(job)) => {
                let jobs = jobs.clone();
                let sent = tokio::task::spawn_blocking(move || jobs.send(job).is_ok()).await;
                if sent.unwrap_or(false) { Ok(()) } else { Err(gone()) }
            }
        }
    }

    /// Waits until what was handed over is done, and closes the connection.
    pub(super) async fn close(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let ended = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !ended.unwrap_or(false) {
                tracing::error!("the thread that commits ended early");
            }
        }
    }

    /// What a statement of a test's own answers.
    #[cfg(test)]
    pub(super) async fn ask(&self, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Ask(sql.to_owned(), reply)).await.expect("the thread runs");
        answer.await.expect("the thread answers")
    }
}

/// A panic in the thread may have come after the commit.
fn gone() -> StoreError {
    StoreError::Fatal("the thread that commits has ended".into())
}

fn run(
    path: &Path,
    busy_timeout: Duration,
    ready: oneshot::Sender<Result<(), StoreError>>,
    inbox: &mpsc::Receiver<Job>,
) {
    let db = match open(path, busy_timeout) {
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
fn ask(db: &Connection, sql: &str) -> rusqlite::Result<rusqlite::types::Value> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map_or(Ok(rusqlite::types::Value::Null), |row| row.get(0))
}

/// Opens the file that is there, with the settings that every connection must have, and reads them back.
fn open(path: &Path, busy_timeout: Duration) -> Result<Connection, StoreError> {
    let unusable = |error: rusqlite::Error| {
        StoreError::Unusable(format!("cannot open the database {}: {error}", path.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(unusable)?;
    db.busy_timeout(busy_timeout).map_err(unusable)?;
    db.execute_batch(super::open::COMMITTER_SETTINGS).map_err(unusable)?;
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(unusable);
    let mode = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, String>(0)).map_err(unusable);
    super::open::check(super::open::Settings {
        synchronous: number(super::open::SYNCHRONOUS)?,
        journal_mode: mode(super::open::JOURNAL_MODE)?,
        foreign_keys: number(super::open::FOREIGN_KEYS)?,
    })?;
    Ok(db)
}
