//! The audit log on an SQL database.

use async_trait::async_trait;
use groundswell_types::AuditId;

use super::{Database, Transaction as _};
use crate::store::query::audit;
use crate::store::{AuditRecord, AuditSearch, AuditStore, StoreError};

#[async_trait]
impl<D: Database> AuditStore for D {
    async fn begin_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            for record in records {
                audit::begin(&mut *db, record).await?;
            }
            Ok(())
        };
        let result = result.await;
        db.finish(result).await
    }

    async fn end_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            for record in records {
                if audit::drop_begun(&mut *db, record.id).await? {
                    audit::insert(&mut *db, record).await?;
                }
            }
            Ok(())
        };
        let result = result.await;
        db.finish(result).await
    }

    async fn drop_audit(&self, ids: &[AuditId]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            for id in ids {
                audit::drop_begun(&mut *db, *id).await?;
            }
            Ok(())
        };
        let result = result.await;
        db.finish(result).await
    }

    async fn settle_audit(&self, before: AuditId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = audit::settle(&mut *db, before).await;
        db.finish(result).await
    }

    async fn record_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            for record in records {
                audit::insert(&mut *db, record).await?;
            }
            Ok(())
        };
        let result = result.await;
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
