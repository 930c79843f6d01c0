//! First steps on an SQL database.

use async_trait::async_trait;
use groundswell_types::{InboxRequest, InboxRequestId, ProgramId};

use super::{Database, Transaction as _};
use crate::store::query::{self, first_steps, inbox};
use crate::store::{FirstStepsStore, InboxRecord, InboxRequestRecord, StoreError, TestRecord};

#[async_trait]
impl<D: Database> FirstStepsStore for D {
    async fn inboxes(&self) -> Result<Vec<InboxRecord>, StoreError> {
        first_steps::inboxes(&mut *Database::reader(self).await?).await
    }

    async fn save_inbox(&self, record: &InboxRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = first_steps::save_inbox(&mut *db, record).await;
        db.finish(result).await
    }

    async fn save_inbox_request(&self, request: &InboxRequestRecord) -> Result<(), StoreError> {
        inbox::insert(&mut *self.inbox().await?, request).await
    }

    async fn inbox_requests(
        &self,
        program: &ProgramId,
        since_ms: i64,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        if !self.has_inbox() {
            return Ok(Vec::new());
        }
        inbox::of_program(&mut *self.inbox().await?, program, since_ms).await
    }

    async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequestRecord>, StoreError> {
        inbox::find(&mut *self.inbox().await?, program, id).await
    }

    async fn clear_inbox(&self, program: &ProgramId) -> Result<(), StoreError> {
        inbox::clear(&mut *self.inbox().await?, program).await
    }

    async fn forget_inbox_requests(&self, before_ms: i64) -> Result<(), StoreError> {
        if !self.has_inbox() {
            return Ok(());
        }
        inbox::forget(&mut *self.inbox().await?, before_ms).await
    }

    async fn tests(&self, program: &ProgramId, limit: usize) -> Result<Vec<TestRecord>, StoreError> {
        query::tests::newest(&mut *Database::reader(self).await?, program, limit).await
    }

    async fn has_ended_first_steps(&self, program: &ProgramId) -> Result<bool, StoreError> {
        first_steps::has_ended(&mut *Database::reader(self).await?, program).await
    }

    async fn end_first_steps(&self, program: &ProgramId, at_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = first_steps::end(&mut *db, program, at_ms).await;
        db.finish(result).await
    }
}
