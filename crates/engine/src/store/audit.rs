//! The audit log as it is kept. Part of [`super::Store`].
//!
//! A row is written once, never changed, and removed by age alone; the databases see to it whoever writes. What is about to be done stands beside the log
//! until it is known what came of it, so that nothing is ever done without a trace: see [`crate::audit`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use groundswell_types::{
    AuditAction, AuditActor, AuditEntry, AuditFilter, AuditId, AuditOutcome, ProgramId, TeamId,
};

use super::StoreError;

/// What somebody did, or is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: AuditId,
    pub at_ms: i64,
    /// None is the whole server: only its operator sees it.
    pub team_id: Option<TeamId>,
    pub program_id: Option<ProgramId>,
    pub actor: AuditActor,
    pub address: Option<String>,
    pub action: AuditAction,
    pub target: Option<String>,
    pub details: BTreeMap<String, String>,
    pub outcome: AuditOutcome,
}

impl AuditRecord {
    /// The record as people see it.
    pub fn entry(self) -> AuditEntry {
        AuditEntry {
            id: self.id,
            at: self.at_ms,
            action: self.action,
            actor: self.actor,
            address: self.address,
            campaign_id: self.program_id,
            target: self.target,
            details: self.details,
            outcome: self.outcome,
        }
    }
}

/// A part of the audit log, newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// Of this team alone; of everything if none.
    pub team: Option<TeamId>,
    pub filter: AuditFilter,
    /// Those with lower ids.
    pub before: Option<AuditId>,
    pub limit: usize,
}

/// See the module. All of it may be called by anybody. What is given together is written in one transaction.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Notes what is about to be done.
    async fn begin_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// Makes what was begun rows of the log, as it is now known. What is no longer among what was begun is in the log already,
    /// and stays as it is.
    async fn end_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// Forgets what was begun: nothing was done.
    async fn drop_audit(&self, ids: &[AuditId]) -> Result<(), StoreError>;

    /// Makes what was begun with ids below `before` rows of the log, with the outcome [`AuditOutcome::Unclear`].
    async fn settle_audit(&self, before: AuditId) -> Result<(), StoreError>;

    /// Adds rows to the log.
    async fn record_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// A part of the log.
    async fn audit_log(&self, search: &AuditSearch) -> Result<Vec<AuditRecord>, StoreError>;

    /// Removes at most `limit` rows from before `before_ms`, oldest first, and the erasures that had ended by then; answers how
    /// many rows went. A database refuses when one of them is younger than [`crate::audit`] keeps them.
    async fn forget_audit(&self, before_ms: i64, limit: usize) -> Result<u64, StoreError>;
}
