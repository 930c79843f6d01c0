//! PostgreSQL, for one process at a time: one connection that writes, a few that read, and one that keeps the lease.

mod cold;
pub(super) mod copying;
mod emit;
mod error;
mod hot;
mod keeper;
mod lease;
mod open;
mod partitions;
mod search;
mod secrets;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::EventId;
use sqlx::PgConnection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::open::Connector;
use self::writer::Writer;
use super::inspection::Inspection;
use super::sql::{Database, Transaction as _};
use super::vault::Vault;
use super::{Accepted, Batch, EmitStore, EndpointId, Pending, PendingKey, Standing, StoreError};
use crate::id::day_of;

/// How long the lease on a database lasts when it is not renewed.
const LEASE: Duration = Duration::from_secs(15);

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Now, Unix milliseconds: partitions are made for today and tomorrow.
    pub opened_at_ms: i64,
    /// Connections that read.
    pub readers: u32,
    /// How long the lease on the database lasts when it is not renewed.
    pub lease: Duration,
    /// Seals what is secret.
    pub vault: Vault,
}

impl Options {
    /// What suits most servers.
    pub const fn new(opened_at_ms: i64, vault: Vault) -> Self {
        Self { opened_at_ms, readers: 7, lease: LEASE, vault }
    }
}

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    writer: Arc<Writer>,
    readers: PgPool,
    /// Apart from the connection that writes, outside the lease: what an inbox has got is nobody's to fence.
    inbox: PgPool,
    vault: Vault,
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// Stops the keeper, also when the store is dropped without being closed.
    stop: DropGuard,
}

/// [`super::inspection::of_postgres`].
pub(super) async fn inspect(url: &str) -> Result<Inspection, StoreError> {
    Connector::parse(url)?.inspect().await
}

impl Postgres {
    /// Opens the database at a URL like `postgres://user:password@host:5432/database`, and brings the schema up to date.
    ///
    /// Answers [`StoreError::Unusable`] when it cannot be reached, another process has it, a newer version of this
    /// program wrote it, its secrets are sealed with another key, or a setting makes a commit unsafe.
    pub async fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let connector = Connector::parse(url)?;
        let (readers, inbox) = (connector.readers(options.readers), connector.inbox());
        let stop = CancellationToken::new().drop_guard();
        let token = stop.token().clone();
        let (writer, keeper) = open::writer(connector, &options, token).await?;
        Ok(Self { writer, readers, inbox, vault: options.vault, keeper: Mutex::new(Some(keeper)), stop })
    }

    /// Seals every secret of a database with another key, in one transaction. The database is brought up to date for
    /// that, and closed afterwards.
    pub async fn rotate(url: &str, options: Options, new: &Vault) -> Result<(), StoreError> {
        let now_ms = options.opened_at_ms;
        let store = Self::open(url, options).await?;
        let rotated = secrets::rotate(&store.writer, (&store.vault, new), now_ms).await;
        store.shut().await;
        rotated
    }
}

impl Database for Postgres {
    type Connection = PgConnection;
    type Reader = PoolConnection<sqlx::Postgres>;
    type Transaction<'a> = writer::Transaction<'a>;
    type Inbox<'a> = PoolConnection<sqlx::Postgres>;

    const EVENTS_SAYING: &'static str = search::EVENTS_SAYING;

    fn vault(&self) -> &Vault {
        &self.vault
    }

    async fn reader(&self) -> Result<Self::Reader, StoreError> {
        self.readers.acquire().await.map_err(error::of_read)
    }

    async fn begin(&self) -> Result<writer::Transaction<'_>, StoreError> {
        self.writer.begin().await
    }

    async fn inbox(&self) -> Result<Self::Reader, StoreError> {
        self.inbox.acquire().await.map_err(error::of_read)
    }

    async fn commit_batch(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = match db.make_room_for(&partitions::days_of(batch)).await {
            Ok(()) => emit::commit(&mut db, batch).await,
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn queue(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        hot::pending(&mut *self.reader().await?, endpoint, after, limit).await
    }

    async fn event_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        hot::bodies(&mut *self.reader().await?, events).await
    }

    async fn small_event_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        hot::small_bodies(&mut *self.reader().await?, events).await
    }

    async fn first_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        hot::earliest_due(&mut *self.reader().await?, endpoints).await
    }

    async fn has_forgotten(&self, events: &[EventId]) {
        let Some(day) = events.iter().copied().map(day_of).max() else { return };
        if let Err(error) = self.writer.drop_empty_before(day).await {
            tracing::debug!(%error, "empty partitions were not dropped; the next sweep tries again");
        }
    }

    fn emits_here(&self) -> Option<&dyn EmitStore> {
        Some(self)
    }

    fn standing_now(&self) -> Standing {
        if self.writer.lease.may_be_over() {
            Standing::Doubtful
        } else if self.writer.is_away() {
            Standing::Away
        } else {
            Standing::Sure
        }
    }

    async fn loss(&self) -> StoreError {
        self.writer.lease.lost().await
    }

    async fn shut(&self) {
        self.stop.token().cancel();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the task that keeps the lease ended early");
        }
        self.readers.close().await;
        self.inbox.close().await;
        self.writer.close().await;
    }
}
