//! Events that producers hand over in SQL (`groundswell.emit`), within transactions of their own. They wait in the database
//! until they are accepted or rejected.

use async_trait::async_trait;
use groundswell_types::{ProgramId, RejectedEvent};

use super::StoreError;

/// What `groundswell.emit` has returned. The numbers are in the order in which events were emitted, which is not the one in
/// which they were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EmittedId(pub i64);

/// An event that waits to be accepted, as its producer wrote it: nothing of it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmittedRecord {
    pub id: EmittedId,
    /// This, `event` and `idempotency_key` are cut to 300 characters, which is more than a right one can have.
    pub program_id: String,
    pub event: String,
    /// None when it has more than [`crate::events::MAX_EVENT_BYTES`].
    pub data: Option<String>,
    pub idempotency_key: Option<String>,
    /// On the database's clock, Unix milliseconds.
    pub created_at_ms: i64,
}

/// Why an event is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub id: EmittedId,
    /// In words for its producer.
    pub reason: String,
    /// Whether its data and key are kept: not of what belongs to nobody, whom no erasure would reach.
    pub keeps_content: bool,
}

/// Which rejected events are wanted.
#[derive(Debug, Clone, Copy)]
pub struct RejectedSearch<'a> {
    /// As it was emitted; `None` for all, those of no program among them.
    pub program: Option<&'a str>,
    /// Only those before this one.
    pub before: Option<EmittedId>,
    pub limit: usize,
}

/// What the engine asks of a database in which producers can emit events, besides [`super::Store`]. What is taken from here
/// is taken by [`super::Store::commit`], see [`super::Batch::emitted`].
#[async_trait]
pub trait EmitStore: Send + Sync {
    /// The next events that wait behind `after`, in the order of their ids: at most `limit`, and no more than one besides
    /// 4 MiB of them.
    async fn emitted(&self, after: EmittedId, limit: usize) -> Result<Vec<EmittedRecord>, StoreError>;

    /// The same of one program.
    async fn emitted_of(
        &self,
        program: &ProgramId,
        after: EmittedId,
        limit: usize,
    ) -> Result<Vec<EmittedRecord>, StoreError>;

    /// Takes events from what waits and keeps them as rejected, in one transaction; says how many still waited.
    async fn reject(&self, rejections: &[Rejection], at_ms: i64) -> Result<u64, StoreError>;

    /// Rejected events, newest first.
    async fn rejected(&self, search: RejectedSearch<'_>) -> Result<Vec<RejectedEvent>, StoreError>;

    /// Removes at most `limit` events, of one program or of all, that were rejected before then; says how many.
    async fn forget_rejected(
        &self,
        program: Option<&ProgramId>,
        before_ms: i64,
        limit: usize,
    ) -> Result<u64, StoreError>;

    /// Removes events, those that wait or those that were rejected; says how many there were.
    async fn erase_emitted(&self, events: Emitted, ids: &[EmittedId]) -> Result<u64, StoreError>;
}

/// What has become of an emitted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emitted {
    /// Nothing yet.
    Waiting,
    /// It was rejected.
    Rejected,
}
