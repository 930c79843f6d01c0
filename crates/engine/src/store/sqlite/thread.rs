//! A thread with a connection of its own, for what is asked so often that sqlx's hop for each statement, and its copy of
//! each value, would cost more than SQLite does.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::store::StoreError;
use crate::store::sqlite::open;

/// Which file, and how long a lock of another connection is waited for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) busy_timeout: Duration,
}

/// The way to the thread. It ends when this is closed or dropped.
#[derive(Debug)]
pub(super) struct Thread<J> {
    jobs: Option<mpsc::SyncSender<J>>,
    thread: Option<JoinHandle<()>>,
}

/// Told once the thread can work, or why it cannot.
pub(super) type Ready = oneshot::Sender<Result<(), StoreError>>;

impl<J: Send + 'static> Thread<J> {
    /// Starts a thread in front of which at most `queue` jobs wait; returns once it says that it is ready.
    pub(super) async fn start(
        name: &str,
        queue: usize,
        serve: impl FnOnce(Ready, mpsc::Receiver<J>) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, inbox) = mpsc::sync_channel(queue);
        let (ready, is_ready) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(ready, inbox))
            .map_err(|error| StoreError::Unusable(format!("cannot start the thread {name}: {error}")))?;
        let this = Self { jobs: Some(jobs), thread: Some(thread) };
        let has_ended = || StoreError::Fatal("a thread of the database has ended".into());
        is_ready.await.unwrap_or_else(|_| Err(has_ended()))?;
        Ok(this)
    }

    /// Hands a job over and waits for its answer. When the caller is dropped meanwhile, it is done all the same.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> J) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref()?;
        match jobs.try_send(job(reply)) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Disconnected(_)) => return None,
            Err(mpsc::TrySendError::Full(job)) => {
                let jobs = jobs.clone();
                tokio::task::spawn_blocking(move || jobs.send(job)).await.ok()?.ok()?;
            }
        }
        answer.await.ok()
    }

    /// Waits until what was handed over is done, and closes the connection.
    pub(super) async fn close(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let ended = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !ended.unwrap_or(false) {
                tracing::error!("a thread of the database ended early");
            }
        }
    }
}

/// Opens the file that is there with `settings`, and reads back those that keep data safe.
pub(super) fn connect(place: &Place, settings: &str) -> Result<Connection, StoreError> {
    let unusable = |error: rusqlite::Error| {
        StoreError::Unusable(format!("cannot open the database {}: {error}", place.path.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&place.path, flags).map_err(unusable)?;
    db.busy_timeout(place.busy_timeout).map_err(unusable)?;
    db.execute_batch(settings).map_err(unusable)?;
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(unusable);
    let mode = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, String>(0)).map_err(unusable);
    open::check(open::Settings {
        synchronous: number(open::SYNCHRONOUS)?,
        journal_mode: mode(open::JOURNAL_MODE)?,
        foreign_keys: number(open::FOREIGN_KEYS)?,
    })?;
    Ok(db)
}
