//! The erasing of participants' data, as it is kept and done. Part of [`super::Store`].

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{
    AuditActor, DeliveryId, Erasure, ErasureId, ErasureState, EventId, InboxRequestId, ProgramId, Subject,
    SubjectKind,
};

use super::{AuditRecord, EventRecord, StoreError};

/// A job that erases a participant's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    pub id: ErasureId,
    pub program_id: ProgramId,
    pub kind: SubjectKind,
    /// Whom to look for; none once it has ended.
    pub subject: Option<Subject>,
    /// Hexadecimal.
    pub subject_hash: String,
    /// Who asked for it, and from where.
    pub actor: AuditActor,
    pub address: Option<String>,
    /// Events up to this one have been looked at.
    pub cursor: EventId,
    /// Events after this one are not meant.
    pub until: EventId,
    pub events: i64,
    pub attempts: i64,
    pub cancelled: i64,
    pub inbox_requests: i64,
    pub created_at_ms: i64,
    pub ended_at_ms: Option<i64>,
}

impl ErasureRecord {
    /// The job as people see it.
    pub fn view(&self) -> Erasure {
        let is_running = self.ended_at_ms.is_none();
        Erasure {
            id: self.id,
            state: if is_running { ErasureState::Running } else { ErasureState::Done },
            by: self.kind,
            subject_hash: self.subject_hash.clone(),
            events: self.events,
            attempts: self.attempts,
            cancelled: self.cancelled,
            inbox_requests: self.inbox_requests,
            searched_until: if self.cursor.number() <= 0 { 0 } else { crate::id::made_at_ms(self.cursor) },
            created_at: self.created_at_ms,
            ended_at: self.ended_at_ms,
        }
    }
}

/// A step of an erasure.
#[derive(Debug, Clone)]
pub struct EraseStep {
    /// The job as it is after the step. The store counts the attempts.
    pub job: ErasureRecord,
    /// What is left of the bodies of these events.
    pub events: Vec<(EventId, Bytes)>,
    /// Of the attempts of these, what receivers answered goes.
    pub deliveries: Vec<DeliveryId>,
    /// For the audit log, when the job has come to its end.
    pub audit: Option<AuditRecord>,
}

/// See the module.
#[async_trait]
pub trait ErasureStore: Send + Sync + 'static {
    /// A program's events above `after`, oldest first, those that went nowhere included.
    async fn events_in_order(
        &self,
        program: &ProgramId,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError>;

    /// The key under which subjects are hashed: the one that is kept, else `fresh`, which is kept from now on.
    async fn erasure_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Keeps a job that begins.
    async fn save_erasure(&self, job: &ErasureRecord) -> Result<(), StoreError>;

    /// Makes a step in one transaction; what it replaces is overwritten where it stood. Called by the writer task alone.
    async fn erase(&self, step: &EraseStep) -> Result<(), StoreError>;

    /// A job.
    async fn erasure(&self, id: ErasureId) -> Result<Option<ErasureRecord>, StoreError>;

    /// A program's jobs, newest first.
    async fn erasures(&self, program: &ProgramId, limit: usize) -> Result<Vec<ErasureRecord>, StoreError>;

    /// The jobs of all programs that have not ended, oldest first.
    async fn running_erasures(&self) -> Result<Vec<ErasureRecord>, StoreError>;

    /// Those of `events` whose data was erased; at most 512 a call.
    async fn erased(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError>;

    /// Removes requests from a program's inbox; answers how many.
    async fn delete_inbox_requests(
        &self,
        program: &ProgramId,
        requests: &[InboxRequestId],
    ) -> Result<u64, StoreError>;

    /// Sees to it that nothing that was overwritten is left in the database's files beside it, as in a log of changes; says
    /// whether that is so. If not, somebody is still reading what was there before.
    async fn scrub(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
