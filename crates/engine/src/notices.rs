//! Use cases on what owners are told.

use groundswell_types::{Notice, NoticeId, ProgramId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Notices of a page.
const PAGE: usize = 100;

impl Engine {
    /// A program's notices behind `after`, oldest first, at most 100.
    pub async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
    ) -> Result<Vec<Notice>, EngineError> {
        self.program_entry(program)?;
        let records = self.store.notices(program, after, PAGE).await?;
        let notice = |record: crate::store::NoticeRecord| Notice {
            id: record.id,
            kind: record.kind,
            webhook_id: self.directory.endpoint(record.endpoint_id).map(|one| one.record.public_id.clone()),
            at: record.at_ms,
            since: record.since_ms,
        };
        Ok(records.into_iter().map(notice).collect())
    }
}
