//! The audit log on an SQL database.

use async_trait::async_trait;
use groundswell_types::AuditId;

use super::{Database, Transaction as _};
use crate::store::query::audit;
use crate::store::{AuditRecord, AuditSearch, AuditStore, StoreError};

#[async_trait]
impl<D: Database> AuditStore for D {
    async fn begin_audit(&self, record: &AuditRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::begin(&mut *db, record).await;
        db.finish(result).await
    }

    async fn end_audit(&self, record: &AuditRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = match audit::drop_begun(&mut *db, record.id).await {
            Ok(true) => audit::insert(&mut *db, record).await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn drop_audit(&self, id: AuditId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::drop_begun(&mut *db, id).await.map(drop);
        db.finish(result).await
    }

    async fn settle_audit(&self, before: AuditId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::settle(&mut *db, before).await;
        db.finish(result).await
    }

    async fn record_audit(&self, record: &AuditRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::insert(&mut *db, record).await;
        db.finish(result).await
    }

    async fn audit_log(&self, search: &AuditSearch) -> Result<Vec<AuditRecord>, StoreError> {
        audit::find(&mut *Database::reader(self).await?, search).await
    }

    async fn forget_audit(&self, before_ms: i64, limit: usize) -> Result<u64, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::forget(&mut *db, before_ms, limit).await;
        db.finish(result).await
    }
}
