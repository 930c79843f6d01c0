//! What a program's first steps need: the inbox, and the checklist. Part of [`super::Store`].
//!
//! Addresses and the checklist are settings, kept with the others. Requests are not: they are worth little, come from
//! outside, and must never make a producer or a delivery wait. So they are kept apart, where writing them takes no turn
//! from the hot path and no fsync; a crash of the machine may lose the last of them, a crash of the process does not.

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{EventKind, HeaderView, InboxRequest, InboxRequestId, ProgramId, SignatureCheck};

use super::{StoreError, TestRecord};

/// So many requests an inbox keeps.
pub const INBOX_REQUESTS: usize = 100;

/// The address of a program's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRecord {
    pub program_id: ProgramId,
    /// The last part of its URL; whoever knows it can post.
    pub token: String,
    pub made_at_ms: i64,
}

/// A request that an inbox has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRequestRecord {
    pub id: InboxRequestId,
    pub program_id: ProgramId,
    pub received_at_ms: i64,
    pub method: String,
    /// Whether this server sent it.
    pub is_own: bool,
    /// The header of that name.
    pub webhook_id: Option<String>,
    pub event: Option<EventKind>,
    pub check: SignatureCheck,
    pub headers: Vec<HeaderView>,
    pub body: Bytes,
}

impl InboxRequestRecord {
    /// The request without what is only looked at one by one.
    pub fn view(&self) -> InboxRequest {
        InboxRequest {
            id: self.id,
            received_at: self.received_at_ms,
            method: self.method.clone(),
            is_own: self.is_own,
            webhook_id: self.webhook_id.clone(),
            event: self.event,
            body_bytes: i64::try_from(self.body.len()).unwrap_or(i64::MAX),
            signature: self.check.clone(),
        }
    }
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait FirstStepsStore: Send + Sync + 'static {
    /// The addresses of all inboxes.
    async fn inboxes(&self) -> Result<Vec<InboxRecord>, StoreError>;

    /// The inbox whose address ends in this, if there is one.
    async fn inbox_at(&self, token: &str) -> Result<Option<InboxRecord>, StoreError>;

    /// Gives a program's inbox this address; one it had before is forgotten.
    async fn save_inbox(&self, inbox: &InboxRecord) -> Result<(), StoreError>;

    /// Keeps a request, and of those of the program the newest [`INBOX_REQUESTS`] only.
    async fn save_inbox_request(&self, request: &InboxRequestRecord) -> Result<(), StoreError>;

    /// A program's requests that came at `since_ms` or later, newest first, at most [`INBOX_REQUESTS`].
    async fn inbox_requests(
        &self,
        program: &ProgramId,
        since_ms: i64,
    ) -> Result<Vec<InboxRequest>, StoreError>;

    /// A request of a program in full.
    async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequestRecord>, StoreError>;

    /// Removes all requests of a program.
    async fn clear_inbox(&self, program: &ProgramId) -> Result<(), StoreError>;

    /// Removes the requests of all programs that came before this time, Unix milliseconds.
    async fn forget_inbox_requests(&self, before_ms: i64) -> Result<(), StoreError>;

    /// A program's tests, newest first.
    async fn tests(&self, program: &ProgramId, limit: usize) -> Result<Vec<TestRecord>, StoreError>;

    /// Whether a program's checklist of first steps has ended.
    async fn has_ended_first_steps(&self, program: &ProgramId) -> Result<bool, StoreError>;

    /// Ends a program's checklist of first steps, for good.
    async fn end_first_steps(&self, program: &ProgramId, at_ms: i64) -> Result<(), StoreError>;
}
