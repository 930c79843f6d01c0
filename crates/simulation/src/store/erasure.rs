//! The erasing of participants' data, on the disk as everything else.

use async_trait::async_trait;
use groundswell_engine::store::{EraseStep, ErasureRecord, ErasureStore, EventRecord, StoreError};
use groundswell_types::{ErasureId, EventId, InboxRequestId, ProgramId};

use super::Disk;

#[async_trait]
impl ErasureStore for Disk {
    async fn events_in_order(
        &self,
        program: &ProgramId,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.read(self.memory.events_in_order(program, after, limit)).await
    }

    async fn erasure_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.write(self.memory.erasure_key(fresh), |_| ()).await
    }

    async fn save_erasure(&self, job: &ErasureRecord) -> Result<(), StoreError> {
        self.write(self.memory.save_erasure(job), |()| ()).await
    }

    async fn erase(&self, step: &EraseStep) -> Result<(), StoreError> {
        self.write(self.memory.erase(step), |()| ()).await
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<ErasureRecord>, StoreError> {
        self.read(self.memory.erasure(id)).await
    }

    async fn erasures(&self, program: &ProgramId, limit: usize) -> Result<Vec<ErasureRecord>, StoreError> {
        self.read(self.memory.erasures(program, limit)).await
    }

    async fn running_erasures(&self) -> Result<Vec<ErasureRecord>, StoreError> {
        self.read(self.memory.running_erasures()).await
    }

    async fn erased(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        self.read(self.memory.erased(events)).await
    }

    async fn delete_inbox_requests(
        &self,
        program: &ProgramId,
        requests: &[InboxRequestId],
    ) -> Result<u64, StoreError> {
        self.write(self.memory.delete_inbox_requests(program, requests), |_| ()).await
    }
}
