//! The audit log and privacy, over the engine.

use async_trait::async_trait;
use groundswell_app::AuditQuery;
use groundswell_app::backend::audit::{AuditBackend, AuditPage};
use groundswell_app::failure::Failure;
use groundswell_engine::programs::ProgramPatch;
use groundswell_types::{Erasure, ProgramId, RetentionDays, Subject};

use super::PageBackend;

/// Entries of a page.
const PAGE: usize = 50;

#[async_trait]
impl AuditBackend for PageBackend {
    async fn audit_log(&self, query: AuditQuery) -> Result<AuditPage, Failure> {
        let entries = self.engine().await?.audit_log(query.filter, query.next_id, PAGE + 1).await;
        let mut entries = entries.map_err(|error| self.failure(error))?;
        let has_more = entries.len() > PAGE;
        entries.truncate(PAGE);
        let next_id = entries.last().filter(|_| has_more).map(|entry| entry.id);
        Ok(AuditPage { entries, next_id })
    }

    async fn erasures(&self, id: &ProgramId) -> Result<Vec<Erasure>, Failure> {
        self.engine().await?.erasures(id).await.map_err(|error| self.failure(error))
    }

    async fn begin_erasure(&self, id: &ProgramId, subject: Subject) -> Result<Erasure, Failure> {
        self.engine().await?.begin_erasure(id, subject).await.map_err(|error| self.failure(error))
    }

    async fn keep_for(&self, id: &ProgramId, retention: Option<RetentionDays>) -> Result<(), Failure> {
        let patch = ProgramPatch { retention: Some(retention), ..ProgramPatch::default() };
        self.engine().await?.patch_program(id, patch).await.map(drop).map_err(|error| self.failure(error))
    }
}
