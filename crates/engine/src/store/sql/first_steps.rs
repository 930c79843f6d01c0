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

    async fn inbox_at(&self, token: &str) -> Result<Option<InboxRecord>, StoreError> {
        first_steps::inbox_at(&mut *Database::reader(self).await?, token).await
    }

    async fn save_inbox(&self, record: &InboxRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = first_steps::save_inbox(&mut *db, record).await;
        db.finish(result).await
    }

    async fn save_inbox_request(&self, request: &InboxRequestRecord) -> Result<(), StoreError> {
        let mut db = self.inbox().await?;
        let result = inbox::insert(&mut *db, request).await;
        db.finish(result).await
    }

    async fn inbox_requests(
        &self,
        program: &ProgramId,
        since_ms: i64,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        if !self.has_inbox() {
            return Ok(Vec::new());
        }
        let mut db = self.inbox().await?;
        let result = inbox::of_program(&mut *db, program, since_ms).await;
        db.finish(result).await
    }

    async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequestRecord>, StoreError> {
        let mut db = self.inbox().await?;
        let result = inbox::find(&mut *db, program, id).await;
        db.finish(result).await
    }

    async fn clear_inbox(&self, program: &ProgramId) -> Result<(), StoreError> {
        let mut db = self.inbox().await?;
        let result = inbox::clear(&mut *db, program).await;
        db.finish(result).await
    }

    async fn forget_inbox_requests(&self, before_ms: i64) -> Result<(), StoreError> {
        if !self.has_inbox() {
            return Ok(());
        }
        let mut db = self.inbox().await?;
        let result = inbox::forget(&mut *db, before_ms).await;
        db.finish(result).await
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
