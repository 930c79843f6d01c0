//! The one place that keeps things: a trait, implemented by hand for each database, and by an in-memory oracle that
//! the conformance suite holds against them. Nothing outside `store` names sqlx.

mod addresses;
mod audit;
mod calendar;
mod change;
mod cluster;
pub mod copy;
mod directory;
mod editor_links;
mod emit;
mod erasure;
mod fencing;
mod first_steps;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod health;
mod idempotency;
mod incidents;
pub mod inspection;
mod joining;
mod list;
pub mod memory;
mod moves;
mod people;
pub mod postgres;
mod publication;
mod query;
mod record;
mod rows;
mod schema;
mod search;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod statements;
mod telling;
pub mod vault;

use async_trait::async_trait;
use groundswell_types::{DeliveryId, EventId, NoticeId, NoticeKind, ProgramId, ResendJobId, TestId};
use thiserror::Error;

pub use addresses::{AddressRecord, AddressState, AddressStore};
pub use audit::{AuditRecord, AuditSearch, AuditStore};
pub use change::*;
pub use cluster::{Changed, Changes, ClusterStore, Committed, NodeAddress, SettingsVersion, Settled};
pub use editor_links::{EditorLinkRecord, EditorLinkStore, EditorSessionStart};
pub use emit::{EmitStore, Emitted, EmittedId, EmittedRecord, RejectedSearch, Rejection};
pub use erasure::{EraseStep, ErasureRecord, ErasureStore};
pub use first_steps::{FirstStepsStore, INBOX_REQUESTS, InboxRecord, InboxRequestRecord};
pub use health::{Beat, HEALTH_ROWS, HealthStore, HeartbeatRecord, TroubleRecord, WaitRecord};
pub use incidents::{IncidentSearch, IncidentStore};
pub use joining::{Connection, Joining, JoiningStore};
pub use moves::{Move, MoveStep, Moved};
pub use people::*;
pub use publication::{PublicationRecord, Published, PublishedWebhook};
pub use record::*;
pub use search::*;
pub use telling::{DigestRecord, LetterRecord, Posting, RecipientRecord, TellingStore};

/// Why the store could not do something.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full. Nothing of the call was written; it may be tried again.
    #[error("the disk is full")]
    Full(#[source] BoxError),
    /// One of a batch's items cannot be stored, for example because it breaks a constraint. Nothing was written.
    #[error("an item cannot be stored")]
    Rejected(#[source] BoxError),
    /// There is no place for one of a batch's items, until somebody has mended that. Nothing was written.
    #[error("there is no place for an item")]
    NoRoom(#[source] BoxError),
    /// Nobody can say whether the commit happened, or an fsync failed: stop acknowledging and exit; reopening
    /// recovers. Never retried.
    #[error("it is not known whether a commit reached the disk")]
    Fatal(#[source] BoxError),
    /// A passing fault, for example a lock that was held too long. Nothing was written.
    #[error("the database did not answer in time")]
    Unavailable(#[source] BoxError),
    /// Settings were changed since those that the batch was decided by, or its ids are too low because other nodes went on without
    /// this one; or a partition that it needs was gone. Nothing was written; decide anew.
    #[error("the settings were changed meanwhile, or others went on without this node")]
    Outdated,
    /// Another node has taken over what this one was about to write as its leader. Nothing was written.
    #[error("another node leads by now")]
    Fenced,
    /// What is stored cannot be read back as what it should be.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The database cannot be used as it is; the message says why and what to do.
    #[error("{0}")]
    Unusable(String),
}

/// The database driver's error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the engine asks of a database.
///
/// Reads may run at any time and see only committed data. Of the writes, [`Store::commit`], [`Store::apply`] and
/// [`Store::move_pending`] are called by the writer task alone, one at a time; the others may be called by anybody.
#[async_trait]
pub trait Store:
    JoiningStore
    + FirstStepsStore
    + PeopleStore
    + AddressStore
    + AuditStore
    + EditorLinkStore
    + ErasureStore
    + HealthStore
    + IncidentStore
    + TellingStore
{
    // ---- hot path, written by hand for each database

    /// Commits a batch in one transaction and returns, fsynced, what became of each accept, in order. Accepts with
    /// equal program and key within the batch deduplicate too. Never a statement per row.
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError>;

    /// Whether [`Store::commit`] keeps its thread until the disk has the batch, instead of giving way: whoever commits has one of
    /// their own then.
    fn commits_in_place(&self) -> bool {
        false
    }

    /// The next at most `limit` pending deliveries of an endpoint behind `after`, by key; never parked ones.
    async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError>;

    /// The bodies of events, for those that exist; at most 256 ids a call.
    async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, bytes::Bytes)>, StoreError>;

    /// The same, but only those of at most [`SMALL_BODY`] bytes; the others are not even read.
    async fn small_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, bytes::Bytes)>, StoreError>;

    /// The earliest due time of each of `endpoints` that has pending, not parked work. One index seek each.
    async fn earliest_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError>;

    /// Deliveries of an endpoint whose deadline has passed while they were held, at most `limit`.
    async fn expired(&self, wanted: Expired) -> Result<Vec<Pending>, StoreError>;

    // ---- start-up

    /// Notes a start of the process, and whether the one before had stopped in order; forgets starts before
    /// `forget_before_ms`.
    async fn begin_boot(&self, at_ms: i64, forget_before_ms: i64) -> Result<(), StoreError>;

    /// Notes that the process stops in order.
    async fn end_boot(&self) -> Result<(), StoreError>;

    /// The starts of the process, oldest first.
    async fn boots(&self) -> Result<Vec<BootRecord>, StoreError>;

    /// The highest event id ever stored here, also when retention has deleted it since.
    async fn highest_event_id(&self) -> Result<Option<EventId>, StoreError>;

    /// All programs, by creation, oldest first.
    async fn programs(&self) -> Result<Vec<ProgramRecord>, StoreError>;

    /// All live webhooks of all programs, by creation, oldest first.
    async fn endpoints(&self) -> Result<Vec<EndpointRecord>, StoreError>;

    /// The endpoints that have pending rows and are no live webhook: their deletion has not come to its end. Sorted.
    async fn pending_without_webhook(&self) -> Result<Vec<EndpointId>, StoreError>;

    /// The health of every endpoint that has one.
    async fn health(&self) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError>;

    // ---- settings

    /// Commits a change of settings in one transaction. Rejected are programs that are there already or not at all,
    /// two live webhooks with one public id, and webhooks that were changed meanwhile.
    async fn apply(&self, change: &SettingsChange) -> Result<(), StoreError>;

    /// Makes a step of a move in one transaction. Moves are no part of the change of settings that asks for them.
    async fn move_pending(&self, step: &MoveStep) -> Result<Moved, StoreError>;

    /// A program's draft.
    async fn draft(&self, program: &ProgramId) -> Result<Option<DraftRecord>, StoreError>;

    /// Saves a draft over that with the version `over`, or where there is none; says whether that was so, and it is saved.
    async fn save_draft(&self, draft: &DraftRecord, over: Option<i64>) -> Result<bool, StoreError>;

    /// Removes a program's draft.
    async fn delete_draft(&self, program: &ProgramId) -> Result<(), StoreError>;

    /// A program's history, newest first: the versions up to `newest`, at most `limit`.
    async fn publications(
        &self,
        program: &ProgramId,
        newest: i64,
        limit: usize,
    ) -> Result<Vec<PublicationRecord>, StoreError>;

    // ---- log

    /// A program's events with at least one target, newest first, those before `before`.
    async fn events(
        &self,
        program: &ProgramId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError>;

    /// The next events that match a search, of the next that it looks at.
    async fn find_events(&self, search: &EventSearch) -> Result<EventsFound, StoreError>;

    /// One event.
    async fn event(&self, id: EventId) -> Result<Option<EventRecord>, StoreError>;

    /// The events with these ids, for those that exist, in no order; at most 512 ids a call.
    async fn events_by_id(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError>;

    /// The deliveries to an endpoint that had such an attempt.
    async fn unsuccessful(
        &self,
        search: DeliverySearch,
        wanted: Unsuccessful,
    ) -> Result<Vec<DeliveryId>, StoreError>;

    /// The deliveries that are pending or parked at an endpoint. Reads through all of them.
    async fn pending_deliveries(&self, search: DeliverySearch) -> Result<Vec<DeliveryId>, StoreError>;

    /// Every webhook a program has or had.
    async fn endpoints_of(&self, program: &ProgramId) -> Result<Vec<EndpointId>, StoreError>;

    /// Every attempt of the given deliveries, by delivery and number; without response head and body. At most 512
    /// ids a call.
    async fn attempts(&self, deliveries: &[DeliveryId]) -> Result<Vec<AttemptRecord>, StoreError>;

    /// Every attempt of one delivery in full, by number.
    async fn attempts_in_full(&self, delivery: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError>;

    /// The pending rows that exist under any of `keys`; at most 2,048 keys a call.
    async fn pending_at(&self, keys: &[PendingKey]) -> Result<Vec<Pending>, StoreError>;

    /// How many deliveries are pending and how many parked at each of `endpoints`, counting to `cap` each.
    async fn backlog(&self, endpoints: &[EndpointId], cap: i64) -> Result<Vec<Backlog>, StoreError>;

    /// The URL of a webhook that is gone, for the log.
    async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<String>, StoreError>;

    /// A program's notices behind `after`, oldest first.
    async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError>;

    /// When the owner of a webhook was last told of `kind`, Unix milliseconds.
    async fn last_notice_at_ms(
        &self,
        endpoint: EndpointId,
        kind: NoticeKind,
    ) -> Result<Option<i64>, StoreError>;

    /// Adds to the counts that are there. Called by the writer task alone.
    async fn add_hours(&self, records: &[HourRecord]) -> Result<(), StoreError>;

    /// The counts of these endpoints from an hour on, by endpoint and hour.
    async fn hours(&self, endpoints: &[EndpointId], first_hour: i64) -> Result<Vec<HourRecord>, StoreError>;

    // ---- resends

    /// Commits resends, their pending rows and their job's new state in one transaction. Called by the writer task
    /// alone.
    async fn resend(&self, batch: &ResendBatch) -> Result<(), StoreError>;

    /// A program's resends, newest first, those before `before`.
    async fn resends(
        &self,
        program: &ProgramId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<ResendRecord>, StoreError>;

    /// The resends of these events, oldest first.
    async fn resends_of(&self, events: &[EventId]) -> Result<Vec<ResendRecord>, StoreError>;

    /// The resends with these ids, for those that exist.
    async fn resends_by_id(&self, ids: &[DeliveryId]) -> Result<Vec<ResendRecord>, StoreError>;

    /// A resend job.
    async fn resend_job(&self, id: ResendJobId) -> Result<Option<ResendJobRecord>, StoreError>;

    /// A program's resend jobs, newest first.
    async fn resend_jobs(
        &self,
        program: &ProgramId,
        limit: usize,
    ) -> Result<Vec<ResendJobRecord>, StoreError>;

    /// The resend jobs of all programs that have not ended, oldest first.
    async fn running_resend_jobs(&self) -> Result<Vec<ResendJobRecord>, StoreError>;

    // ---- retention

    /// The events with the lowest ids above `after`, in order: as good as oldest first, since ids are made by the clock.
    async fn oldest_events(&self, after: EventId, limit: usize) -> Result<Vec<EventRecord>, StoreError>;

    /// What is parked at an endpoint, oldest first.
    async fn oldest_parked(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<Pending>, StoreError>;

    /// Removes in one transaction; answers how many rows went. Called by the writer task alone.
    async fn forget(&self, forget: &Forget) -> Result<u64, StoreError>;

    /// Keeps a test delivery.
    async fn save_test(&self, test: &TestRecord) -> Result<(), StoreError>;

    /// A test delivery of a program.
    async fn test(&self, program: &ProgramId, id: TestId) -> Result<Option<TestRecord>, StoreError>;

    // ---- keys

    /// Keeps an API key.
    async fn save_api_key(&self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// All API keys, oldest first.
    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// Keeps when these API keys were last used, Unix milliseconds; of one that is gone nothing.
    async fn note_api_keys_used(&self, used: &[(&str, i64)]) -> Result<(), StoreError>;

    /// Removes an API key; says whether it was there.
    async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError>;

    // ---- care

    /// Resolves when a write, whoever made it, has left in doubt what is on the disk ([`StoreError::Fatal`]). For
    /// databases where that concerns one call only, never.
    async fn failed(&self) {
        std::future::pending::<()>().await;
    }

    /// Copies the write-ahead log into the database file as far as it goes without waiting; a no-op elsewhere.
    async fn checkpoint(&self) -> Result<(), StoreError>;

    /// What several nodes at one database need; `None` where only one process can have it, and everything is its own.
    fn cluster(&self) -> Option<&dyn ClusterStore> {
        None
    }

    /// Where producers emit events in SQL; `None` where only this process can have the database.
    fn emits(&self) -> Option<&dyn EmitStore> {
        None
    }

    /// Whether the database answers, and belongs to this process.
    fn standing(&self) -> Standing {
        Standing::Sure
    }

    /// Of how many days to come events and attempts have their partitions, without a gap: 1 or more when all is well, 0 when only
    /// today has, -1 when not even that. Looked at twice a minute; `None` where there are no partitions.
    fn days_ahead(&self) -> Option<i64> {
        None
    }

    /// Waits until the database is lost to this process for good, and says why.
    async fn lost(&self) -> StoreError {
        std::future::pending().await
    }

    /// Closes the database; nothing may be called afterwards.
    async fn close(&self);
}

/// How a store stands to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What is written now is taken.
    Sure,
    /// The database does not answer at the moment.
    Away,
    /// It has not answered for so long that another process may have taken it over: nothing may be sent.
    Doubtful,
}

/// What waits at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub endpoint_id: EndpointId,
    pub pending: i64,
    /// When the first of `pending` is due, in Unix milliseconds.
    pub next_due_at_ms: Option<i64>,
    pub parked: i64,
}
