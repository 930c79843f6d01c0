//! SQLite: one file, one process, one writer at a time and a few connections that read.

pub mod backup;
mod cold;
mod committer;
pub(super) mod copying;
mod error;
mod inbox;
mod lock;
mod open;
mod queue;
mod rows;
mod search;
mod secrets;
#[cfg(test)]
mod tests;
mod thread;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::EventId;
use sqlx::SqliteConnection;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{MappedMutexGuard, RwLock};

use self::committer::Committer;
use self::inbox::InboxFile;
use self::lock::Lock;
use self::queue::QueueReader;
use self::thread::Place;
use self::writer::Writer;
use super::inspection::Inspection;
use super::sql::Database;
use super::vault::Vault;
use super::{Accepted, Batch, EndpointId, Pending, PendingKey, StoreError};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Now, Unix milliseconds: what the lock file says since when the database is in use.
    pub opened_at_ms: i64,
    /// Connections that read; each has a thread.
    pub readers: u32,
    /// How long a lock of another connection is waited for.
    pub busy_timeout: Duration,
    /// The write-ahead log is copied into the database when it has grown by this many pages (of 8 KiB).
    pub checkpoint_pages: u32,
    /// Seals what is secret.
    pub vault: Vault,
}

impl Options {
    /// What suits most machines.
    pub const fn new(opened_at_ms: i64, vault: Vault) -> Self {
        Self { opened_at_ms, readers: 4, busy_timeout: Duration::from_secs(5), checkpoint_pages: 1000, vault }
    }
}

/// A store in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    /// Locked for writing only to be closed.
    queue: RwLock<QueueReader>,
    readers: SqlitePool,
    inbox: InboxFile,
    vault: Vault,
    /// Given back when the database is closed.
    lock: Mutex<Option<Lock>>,
}

/// [`super::inspection::of_sqlite`].
pub(super) async fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    open::inspect(path).await
}

impl Sqlite {
    /// Opens the database at `path`, creating directory and file if need be and bringing the schema up to date.
    ///
    /// Answers [`StoreError::Unusable`] when another process has it, a newer version of this program wrote it, its secrets
    /// are sealed with another key, or SQLite does not take the settings that make a commit safe.
    pub async fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        open::create_directory(path)?;
        let lock = Lock::take(path, options.opened_at_ms)?;
        let connect = open::connect_options(path, options.busy_timeout);
        let mut writer = open::writer(path, &connect).await?;
        secrets::settle(&mut writer, &options.vault, options.opened_at_ms).await?;
        secrets::remove_leftovers(&mut writer, path).await?;
        let readers = open::readers(&connect, options.readers).await?;
        let place = Place { path: path.to_owned(), busy_timeout: options.busy_timeout };
        let committer = Committer::open(&place)?;
        let queue = QueueReader::start(place).await?;
        let writer = Writer::new(writer, committer, options.checkpoint_pages);
        let inbox = InboxFile::beside(path, options.busy_timeout);
        let (queue, lock) = (RwLock::new(queue), Mutex::new(Some(lock)));
        Ok(Self { writer, queue, readers, inbox, vault: options.vault, lock })
    }

    /// Seals every secret of the database at `path` with another key, in one transaction. The database is brought up to
    /// date for that, and closed afterwards.
    pub async fn rotate(path: &Path, options: Options, new: &Vault) -> Result<(), StoreError> {
        open::create_directory(path)?;
        let _lock = Lock::take(path, options.opened_at_ms)?;
        let connect = open::connect_options(path, options.busy_timeout);
        let mut writer = open::writer(path, &connect).await?;
        secrets::settle(&mut writer, &options.vault, options.opened_at_ms).await?;
        secrets::rotate(writer, path, (&options.vault, new), options.opened_at_ms).await
    }
}

impl Database for Sqlite {
    type Connection = SqliteConnection;
    type Reader = PoolConnection<sqlx::Sqlite>;
    type Transaction<'a> = writer::Transaction<'a>;
    type Inbox<'a> = MappedMutexGuard<'a, SqliteConnection>;

    const EVENTS_SAYING: &'static str = search::EVENTS_SAYING;
    const COMMITS_IN_PLACE: bool = true;

    fn vault(&self) -> &Vault {
        &self.vault
    }

    async fn reader(&self) -> Result<Self::Reader, StoreError> {
        self.readers.acquire().await.map_err(error::of_read)
    }

    async fn begin(&self) -> Result<writer::Transaction<'_>, StoreError> {
        self.writer.begin().await
    }

    async fn inbox(&self) -> Result<Self::Inbox<'_>, StoreError> {
        self.inbox.connection().await
    }

    fn has_inbox(&self) -> bool {
        self.inbox.is_there()
    }

    async fn commit_batch(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        self.writer.commit(batch).await
    }

    async fn queue(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.queue.read().await.pending(endpoint, after, limit).await
    }

    async fn event_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.queue.read().await.bodies(events).await
    }

    async fn small_event_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.queue.read().await.small_bodies(events).await
    }

    async fn first_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        rows::earliest_due(&mut *self.reader().await?, endpoints).await
    }

    async fn begin_overwriting(db: &mut SqliteConnection) -> Result<(), StoreError> {
        open::overwrite(db).await
    }

    async fn end_overwriting(db: &mut SqliteConnection) -> Result<(), StoreError> {
        open::overwrite_no_more(db).await
    }

    async fn scrub_files(&self) -> Result<bool, StoreError> {
        Ok(self.writer.empty_log().await? && self.inbox.empty_log().await?)
    }

    async fn broken(&self) {
        self.writer.broken().await;
    }

    async fn copy_log(&self) -> Result<(), StoreError> {
        self.writer.checkpoint().await
    }

    async fn shut(&self) {
        self.queue.write().await.close().await;
        self.readers.close().await;
        self.inbox.close().await;
        self.writer.close().await;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
