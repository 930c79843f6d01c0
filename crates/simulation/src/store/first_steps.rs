//! First steps, on the disk as everything else.

use async_trait::async_trait;
use groundswell_engine::store::{FirstStepsStore, InboxRecord, InboxRequestRecord, StoreError, TestRecord};
use groundswell_types::{InboxRequest, InboxRequestId, ProgramId};

use super::Disk;

#[async_trait]
impl FirstStepsStore for Disk {
    async fn inboxes(&self) -> Result<Vec<InboxRecord>, StoreError> {
        self.read(self.memory.inboxes()).await
    }

    async fn inbox_at(&self, token: &str) -> Result<Option<InboxRecord>, StoreError> {
        self.read(self.memory.inbox_at(token)).await
    }

    async fn save_inbox(&self, inbox: &InboxRecord) -> Result<(), StoreError> {
        self.write(self.memory.save_inbox(inbox), |()| ()).await
    }

    async fn save_inbox_request(&self, request: &InboxRequestRecord) -> Result<(), StoreError> {
        self.write(self.memory.save_inbox_request(request), |()| ()).await
    }

    async fn inbox_requests(
        &self,
        program: &ProgramId,
        since_ms: i64,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        self.read(self.memory.inbox_requests(program, since_ms)).await
    }

    async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequestRecord>, StoreError> {
        self.read(self.memory.inbox_request(program, id)).await
    }

    async fn clear_inbox(&self, program: &ProgramId) -> Result<(), StoreError> {
        self.write(self.memory.clear_inbox(program), |()| ()).await
    }

    async fn forget_inbox_requests(&self, before_ms: i64) -> Result<(), StoreError> {
        self.write(self.memory.forget_inbox_requests(before_ms), |()| ()).await
    }

    async fn tests(&self, program: &ProgramId, limit: usize) -> Result<Vec<TestRecord>, StoreError> {
        self.read(self.memory.tests(program, limit)).await
    }

    async fn has_ended_first_steps(&self, program: &ProgramId) -> Result<bool, StoreError> {
        self.read(self.memory.has_ended_first_steps(program)).await
    }

    async fn end_first_steps(&self, program: &ProgramId, at_ms: i64) -> Result<(), StoreError> {
        self.write(self.memory.end_first_steps(program, at_ms), |()| ()).await
    }
}
