//! How the server has been, on an SQL database.

use async_trait::async_trait;

use super::{Database, Transaction as _};
use crate::store::query::health;
use crate::store::{Beat, EndpointId, HealthStore, HeartbeatRecord, StoreError, TroubleRecord};

#[async_trait]
impl<D: Database> HealthStore for D {
    async fn beat(&self, beat: &Beat) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = health::beat(&mut *db, beat).await;
        db.finish(result).await
    }

    async fn heartbeats(&self) -> Result<Vec<HeartbeatRecord>, StoreError> {
        health::heartbeats(&mut *Database::reader(self).await?).await
    }

    async fn troubles(&self) -> Result<Vec<TroubleRecord>, StoreError> {
        health::troubles(&mut *Database::reader(self).await?).await
    }

    async fn waits(&self, first_slot: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        health::waits(&mut *Database::reader(self).await?, first_slot).await
    }

    async fn count_due(&self, endpoints: &[EndpointId], by_ms: i64, cap: i64) -> Result<i64, StoreError> {
        health::count_due(&mut *Database::reader(self).await?, endpoints, (by_ms, cap)).await
    }
}
