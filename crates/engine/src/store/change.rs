//! Changes of settings, as they are committed, and drafts of them.

use groundswell_types::ProgramId;
use groundswell_types::editor::ChangedBy;

use super::record::{EndpointId, EndpointRecord, NoticeRecord, OldSecret, ProgramChange, ProgramRecord};

/// A change of settings, committed in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingsChange {
    /// Adds a program.
    CreateProgram(ProgramRecord),
    /// Changes a program's name and status.
    UpdateProgram(ProgramChange),
    /// Changes a program's live webhooks.
    Webhooks(WebhooksChange),
    /// Changes what is known of a live webhook's old secret. That is nothing a draft shows, so it is no new version.
    OldSecret(OldSecretChange),
}

/// A change of a live webhook's old secret; rejected when there is no such webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct OldSecretChange {
    pub program_id: ProgramId,
    pub endpoint_id: EndpointId,
    /// None erases it.
    pub old_secret: Option<Box<OldSecret>>,
}

/// A change of a program's live webhooks. What waits for them is moved afterwards, in steps.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhooksChange {
    pub program_id: ProgramId,
    /// What `webhooks_version` becomes. A change whose version is below the stored one is rejected.
    pub version: i64,
    /// Webhooks as they are now, new or changed.
    pub upserts: Vec<EndpointRecord>,
    /// Webhooks that are gone, applied before `upserts`, so that a public id can pass on. Their secrets, headers and health
    /// are deleted with them, their pending rows after them.
    pub deletes: Vec<EndpointId>,
    /// What its owner is to be told.
    pub notices: Vec<NoticeRecord>,
    /// Whether the program's draft is removed, because this is its publication.
    pub clears_draft: bool,
    /// For history: who.
    pub by: ChangedBy,
    /// For history: when, Unix milliseconds.
    pub at_ms: i64,
}

/// A program's draft of its webhooks.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftRecord {
    pub program_id: ProgramId,
    /// Counts up with each save, from the milliseconds at which it was begun: so no two drafts of a program have one, and a page
    /// that shows one which was thrown away cannot pass for a page of the next.
    pub version: i64,
    /// The `webhooks_version` it started from.
    pub base_version: i64,
    /// The rows as JSON, secrets included; only the draft use cases read it.
    pub rows_json: String,
    pub saved_at_ms: i64,
}
