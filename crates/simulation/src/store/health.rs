//! How the server has been, on the disk as everything else.

use async_trait::async_trait;
use groundswell_engine::store::{Beat, EndpointId, HealthStore, HeartbeatRecord, StoreError, TroubleRecord};

use super::Disk;

#[async_trait]
impl HealthStore for Disk {
    async fn beat(&self, beat: &Beat) -> Result<(), StoreError> {
        self.write(self.memory.beat(beat), |()| ()).await
    }

    async fn heartbeats(&self) -> Result<Vec<HeartbeatRecord>, StoreError> {
        self.read(self.memory.heartbeats()).await
    }

    async fn troubles(&self) -> Result<Vec<TroubleRecord>, StoreError> {
        self.read(self.memory.troubles()).await
    }

    async fn waits(&self, first_slot: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        self.read(self.memory.waits(first_slot)).await
    }

    async fn count_due(&self, endpoints: &[EndpointId], by_ms: i64, cap: i64) -> Result<i64, StoreError> {
        self.read(self.memory.count_due(endpoints, by_ms, cap)).await
    }
}
