//! What each database does in its own way.

use std::future::Future;
use std::ops::DerefMut;

use bytes::Bytes;
use groundswell_types::EventId;

use crate::store::query::Connection;
use crate::store::vault::Vault;
use crate::store::{
    Accepted, Batch, Changed, ClusterStore, EmitStore, EndpointId, Pending, PendingKey, Standing, StoreError,
};

/// What each database does in its own way.
pub(in crate::store) trait Database: Send + Sync + 'static {
    type Connection: Connection;

    /// A connection that reads; it goes back when it is dropped.
    type Reader: DerefMut<Target = Self::Connection> + Send;

    type Transaction<'a>: Transaction<Target = Self::Connection> + Send
    where
        Self: 'a;

    /// A transaction on what inboxes have got; others wait until it is dropped.
    type Inbox<'a>: Transaction<Target = Self::Connection> + Send
    where
        Self: 'a;

    /// Finds events by what their body says; see [`crate::store::query::search`].
    const EVENTS_SAYING: &'static str;

    /// [`crate::store::Store::commits_in_place`].
    const COMMITS_IN_PLACE: bool;

    /// What seals and opens what is secret.
    fn vault(&self) -> &Vault;

    fn reader(&self) -> impl Future<Output = Result<Self::Reader, StoreError>> + Send;

    /// Begins a transaction on the connection that writes.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction<'_>, StoreError>> + Send;

    /// Begins a transaction on what inboxes have got, on a connection apart from everything else.
    fn inbox(&self) -> impl Future<Output = Result<Self::Inbox<'_>, StoreError>> + Send;

    /// Whether any inbox has ever got anything.
    fn has_inbox(&self) -> bool {
        true
    }

    /// [`crate::store::Store::commit`].
    fn commit_batch(&self, batch: &Batch) -> impl Future<Output = Result<Vec<Accepted>, StoreError>> + Send;

    /// [`crate::store::Store::pending`].
    fn queue(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Pending>, StoreError>> + Send;

    /// [`crate::store::Store::bodies`].
    fn event_bodies(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<Vec<(EventId, Bytes)>, StoreError>> + Send;

    /// [`crate::store::Store::small_bodies`].
    fn small_event_bodies(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<Vec<(EventId, Bytes)>, StoreError>> + Send;

    /// [`crate::store::Store::earliest_due`].
    fn first_due(
        &self,
        endpoints: &[EndpointId],
    ) -> impl Future<Output = Result<Vec<(EndpointId, i64)>, StoreError>> + Send;

    /// Within the transaction of what only the node that leads may write: refuses it where another one does.
    fn check_lead(&self, _: &mut Self::Connection) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Within the transaction that changes settings: has other nodes know of it.
    fn note_change(
        _: &mut Self::Connection,
        _: &Changed,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// [`crate::store::Store::cluster`].
    fn several(&self) -> Option<&dyn ClusterStore> {
        None
    }

    /// After [`crate::store::Store::forget`] has removed these: what the database does about the room they took.
    fn has_forgotten(&self, _events: &[EventId]) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// From now on, within the transaction, what is replaced or deleted is overwritten where it stood.
    fn begin_overwriting(_: &mut Self::Connection) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The end of [`Database::begin_overwriting`].
    fn end_overwriting(_: &mut Self::Connection) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// [`crate::store::ErasureStore::scrub`].
    fn scrub_files(&self) -> impl Future<Output = Result<bool, StoreError>> + Send {
        std::future::ready(Ok(true))
    }

    /// [`crate::store::Store::failed`].
    fn broken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// [`crate::store::Store::checkpoint`].
    fn copy_log(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// [`crate::store::Store::emits`].
    fn emits_here(&self) -> Option<&dyn EmitStore> {
        None
    }

    /// [`crate::store::Store::days_ahead`].
    fn days_ahead_now(&self) -> Option<i64> {
        None
    }

    /// [`crate::store::Store::standing`].
    fn standing_now(&self) -> Standing {
        Standing::Sure
    }

    /// [`crate::store::Store::lost`].
    fn loss(&self) -> impl Future<Output = StoreError> + Send {
        std::future::pending()
    }

    /// [`crate::store::Store::close`].
    fn shut(&self) -> impl Future<Output = ()> + Send;
}

/// A write transaction; it is a connection meanwhile. Dropped without [`Transaction::finish`] it is rolled back before
/// the next one begins.
pub(in crate::store) trait Transaction: DerefMut {
    /// Commits what has succeeded, rolls back what has not.
    fn finish<T: Send>(
        self,
        result: Result<T, StoreError>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;
}
