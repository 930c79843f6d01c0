//! PostgreSQL, for several processes at a time. Each has one connection that writes, a few that read, one for its leases, and
//! one that gives signs of life.

mod changes;
mod cluster;
mod cold;
mod compact;
mod connector;
pub(super) mod copying;
mod emit;
mod error;
mod fence;
mod hot;
mod keeper;
mod lease;
mod migrations;
mod node;
mod open;
mod partitions;
mod pools;
mod search;
mod secrets;
mod statement;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::EventId;
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::cluster::Cluster;
use self::connector::Connector;
use self::open::Opened;
use self::pools::{InboxTransaction, Reader};
use self::writer::Writer;
use super::inspection::Inspection;
use super::sql::{Database, Transaction as _};
use super::vault::Vault;
use super::{
    Accepted, Batch, Changed, ClusterStore, EmitStore, EndpointId, Pending, PendingKey, Standing, StoreError,
};
use crate::id::day_of;

/// How long a process counts as living, and a lease on the whole database lasts, when nothing is heard.
const LEASE: Duration = Duration::from_secs(15);

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Now, Unix milliseconds: partitions are made for today and tomorrow.
    pub opened_at_ms: i64,
    /// Connections that read.
    pub readers: u32,
    /// How long the process counts as having the database open when nothing is heard of it; the same for the lease on the
    /// whole database while it starts.
    pub lease: Duration,
    /// What people call the process.
    pub name: String,
    /// Where other nodes speak to it, like `http://10.0.0.7:3000`; empty where there are none.
    pub address: String,
    /// Seals what is secret.
    pub vault: Vault,
}

impl Options {
    /// What suits most servers.
    pub fn new(opened_at_ms: i64, vault: Vault) -> Self {
        let (name, address) = (open::own_name(), String::new());
        Self { opened_at_ms, readers: 7, lease: LEASE, name, address, vault }
    }
}

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    writer: Arc<Writer>,
    readers: PgPool,
    /// Apart from the connection that writes, and not counted: what an inbox has got is nobody's to fence.
    inbox: PgPool,
    cluster: Cluster,
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
    /// Opens the database at a URL like `postgres://user:password@host:5432/database`, beside other processes, and brings the
    /// schema up to date.
    ///
    /// Answers [`StoreError::Unusable`] when it cannot be reached, something must be alone with it, a newer version of this
    /// program wrote it, its secrets are sealed with another key, or a setting makes a commit unsafe.
    pub async fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let connector = Connector::parse(url)?;
        let stop = CancellationToken::new();
        let opened = open::open(&connector, &options, &stop).await?;
        Ok(Self::new(connector, options, (opened, stop)))
    }

    fn new(connector: Connector, options: Options, (opened, stop): (Opened, CancellationToken)) -> Self {
        let Opened { writer, keeper } = opened;
        let (readers, inbox) = (connector.readers(options.readers), connector.inbox());
        let (keeper, stop) = (Mutex::new(Some(keeper)), stop.drop_guard());
        Self { writer, readers, inbox, cluster: Cluster::new(connector), vault: options.vault, keeper, stop }
    }

    /// Seals every secret of a database with another key, in one transaction. The database is brought up to date for
    /// that, and closed afterwards. Nobody else may have it open.
    pub async fn rotate(url: &str, options: Options, new: &Vault) -> Result<(), StoreError> {
        let (now_ms, connector, stop) =
            (options.opened_at_ms, Connector::parse(url)?, CancellationToken::new());
        let (opened, lease) = open::open_alone(&connector, &options, &stop).await?;
        let store = Self::new(connector, options, (opened, stop));
        let rotated = secrets::rotate(&store.writer, (&store.vault, new), now_ms).await;
        store.shut().await;
        lease.release().await;
        rotated
    }
}

impl Database for Postgres {
    type Connection = PgConnection;
    type Reader = Reader;
    type Transaction<'a> = writer::Transaction<'a>;
    type Inbox<'a> = InboxTransaction;

    const EVENTS_SAYING: &'static str = search::EVENTS_SAYING;
    const COMMITS_IN_PLACE: bool = false;

    fn vault(&self) -> &Vault {
        &self.vault
    }

    async fn reader(&self) -> Result<Reader, StoreError> {
        Reader::of(&self.readers, self.cluster.has_own_sessions()).await
    }

    async fn begin(&self) -> Result<writer::Transaction<'_>, StoreError> {
        self.writer.begin().await
    }

    async fn inbox(&self) -> Result<InboxTransaction, StoreError> {
        InboxTransaction::begin(&self.inbox).await
    }

    async fn commit_batch(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = match db.make_room_for(&partitions::days_of(batch)).await {
            Ok(()) => hot::commit(&mut db, batch).await,
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn check_lead(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        self.cluster.check_lead(db).await
    }

    async fn note_change(db: &mut PgConnection, change: &Changed) -> Result<(), StoreError> {
        changes::note(db, change).await
    }

    fn several(&self) -> Option<&dyn ClusterStore> {
        Some(self)
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

    fn days_ahead_now(&self) -> Option<i64> {
        Some(self.writer.days_ahead())
    }

    fn standing_now(&self) -> Standing {
        if self.writer.node.check().is_err() {
            Standing::Doubtful
        } else if self.writer.is_away() || self.writer.node.is_silent() {
            Standing::Away
        } else {
            Standing::Sure
        }
    }

    async fn loss(&self) -> StoreError {
        self.writer.node.lost().await
    }

    async fn shut(&self) {
        self.stop.token().cancel();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the task that gives signs of life ended early");
        }
        self.cluster.close().await;
        self.readers.close().await;
        self.inbox.close().await;
        self.writer.close().await;
    }
}
