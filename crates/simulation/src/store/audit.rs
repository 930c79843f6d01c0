//! The audit log: nothing of the contract is about it, so it goes to the memory as it is.

use async_trait::async_trait;
use groundswell_engine::store::{AuditRecord, AuditSearch, AuditStore, StoreError};
use groundswell_types::AuditId;

use super::Disk;

#[async_trait]
impl AuditStore for Disk {
    async fn begin_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.memory.begin_audit(records).await
    }

    async fn end_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.memory.end_audit(records).await
    }

    async fn drop_audit(&self, ids: &[AuditId]) -> Result<(), StoreError> {
        self.memory.drop_audit(ids).await
    }

    async fn settle_audit(&self, before: AuditId) -> Result<(), StoreError> {
        self.memory.settle_audit(before).await
    }

    async fn record_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.memory.record_audit(records).await
    }

    async fn audit_log(&self, search: &AuditSearch) -> Result<Vec<AuditRecord>, StoreError> {
        self.memory.audit_log(search).await
    }

    async fn forget_audit(&self, before_ms: i64, limit: usize) -> Result<u64, StoreError> {
        self.memory.forget_audit(before_ms, limit).await
    }
}
