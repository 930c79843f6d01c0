//! The audit log as plain maps.

use std::collections::BTreeMap;

use async_trait::async_trait;
use groundswell_types::{AuditId, AuditOutcome};

use super::Memory;
use crate::store::{AuditRecord, AuditSearch, AuditStore, StoreError};

#[derive(Debug, Default)]
pub(super) struct Audit {
    log: BTreeMap<AuditId, AuditRecord>,
    begun: BTreeMap<AuditId, AuditRecord>,
}

/// All of them or none.
fn add(to: &mut BTreeMap<AuditId, AuditRecord>, records: &[AuditRecord]) -> Result<(), StoreError> {
    if records.iter().any(|record| to.contains_key(&record.id)) {
        return Err(StoreError::Rejected("the id is used".into()));
    }
    to.extend(records.iter().map(|record| (record.id, record.clone())));
    Ok(())
}

fn matches(search: &AuditSearch, record: &AuditRecord) -> bool {
    let filter = &search.filter;
    let is_by = |actor: &String| {
        record.actor.id.as_ref() == Some(actor) || record.actor.kind.as_str() == actor.as_str()
    };
    search.team.as_ref().is_none_or(|team| record.team_id.as_ref() == Some(team))
        && filter.action.is_none_or(|action| record.action == action)
        && filter.actor.as_ref().is_none_or(is_by)
        && (filter.campaign_id.is_none() || filter.campaign_id == record.program_id)
        && filter.from.is_none_or(|from_ms| record.at_ms >= from_ms)
        && filter.to.is_none_or(|to_ms| record.at_ms < to_ms)
}

#[async_trait]
impl AuditStore for Memory {
    async fn begin_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        add(&mut self.state().audit.begun, records)
    }

    async fn end_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let audit = &mut self.state().audit;
        let records: Vec<_> =
            records.iter().filter(|record| audit.begun.contains_key(&record.id)).cloned().collect();
        add(&mut audit.log, &records)?;
        audit.begun.retain(|id, _| !records.iter().any(|record| record.id == *id));
        Ok(())
    }

    async fn drop_audit(&self, ids: &[AuditId]) -> Result<(), StoreError> {
        self.state().audit.begun.retain(|id, _| !ids.contains(id));
        Ok(())
    }

    async fn settle_audit(&self, before: AuditId) -> Result<(), StoreError> {
        let audit = &mut self.state().audit;
        let later = audit.begun.split_off(&before);
        for record in std::mem::replace(&mut audit.begun, later).into_values() {
            audit.log.insert(record.id, AuditRecord { outcome: AuditOutcome::Unclear, ..record });
        }
        Ok(())
    }

    async fn record_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        add(&mut self.state().audit.log, records)
    }

    async fn audit_log(&self, search: &AuditSearch) -> Result<Vec<AuditRecord>, StoreError> {
        let state = self.state();
        let before = search.before.unwrap_or(AuditId::from_number(i64::MAX));
        let wanted = state.audit.log.range(..before).rev().map(|(_, record)| record);
        Ok(wanted.filter(|record| matches(search, record)).take(search.limit).cloned().collect())
    }

    async fn forget_audit(&self, before_ms: i64, limit: usize) -> Result<u64, StoreError> {
        let state = &mut *self.state();
        state.erasures.forget(before_ms);
        let log = &mut state.audit.log;
        let old = log.values().filter(|record| record.at_ms < before_ms);
        let old: Vec<AuditId> = old.take(limit).map(|record| record.id).collect();
        log.retain(|id, _| !old.contains(id));
        Ok(old.len() as u64)
    }
}
