//! What the pages of the audit log and of privacy need.

use async_trait::async_trait;
use groundswell_types::{AuditEntry, AuditId, Erasure, ProgramId, RetentionDays, Subject};

use crate::audit_query::AuditQuery;
use crate::failure::Failure;

/// A page of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// To ask for the next page with.
    pub next_id: Option<AuditId>,
}

/// See the module. For owners of the team.
#[async_trait]
pub trait AuditBackend: Send + Sync {
    /// A page of the audit log.
    async fn audit_log(&self, query: AuditQuery) -> Result<AuditPage, Failure>;

    /// A program's erasures, newest first.
    async fn erasures(&self, id: &ProgramId) -> Result<Vec<Erasure>, Failure>;

    /// Begins to erase a participant's data.
    async fn begin_erasure(&self, id: &ProgramId, subject: Subject) -> Result<Erasure, Failure>;

    /// Says how long a program's data is kept; none is what the server is set to.
    async fn keep_for(&self, id: &ProgramId, retention: Option<RetentionDays>) -> Result<(), Failure>;
}
