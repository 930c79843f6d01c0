//! The audit log and privacy.

use async_trait::async_trait;
use groundswell_app::AuditQuery;
use groundswell_app::backend::audit::{AuditBackend, AuditPage};
use groundswell_app::failure::Failure;
use groundswell_types::{Erasure, ErasureId, ErasureState, ProgramId, RetentionDays, Role, Subject};

use super::{Memory, NOW, State};

impl State {
    fn must_own(&self) -> Result<(), Failure> {
        let is_owner = self.viewer.as_ref().is_some_and(|viewer| viewer.role == Some(Role::Owner));
        if is_owner {
            Ok(())
        } else {
            Err(Failure::Forbidden("Only owners of the team can do that.".to_owned()))
        }
    }
}

#[async_trait]
impl AuditBackend for Memory {
    async fn audit_log(&self, query: AuditQuery) -> Result<AuditPage, Failure> {
        self.with(|state| {
            state.must_own()?;
            let wanted = |action| query.filter.action.is_none_or(|wanted| wanted == action);
            let entries = state.audit.iter().filter(|entry| wanted(entry.action)).cloned().collect();
            Ok(AuditPage { entries, next_id: state.audit.last().map(|entry| entry.id) })
        })
    }

    async fn erasures(&self, _: &ProgramId) -> Result<Vec<Erasure>, Failure> {
        self.with(|state| {
            state.must_own()?;
            Ok(state.erasures.clone())
        })
    }

    async fn begin_erasure(&self, id: &ProgramId, subject: Subject) -> Result<Erasure, Failure> {
        self.with(|state| {
            state.must_own()?;
            state.program(id)?;
            let erasure = Erasure {
                id: ErasureId::from_number(1),
                state: ErasureState::Running,
                by: subject.kind(),
                subject_hash: "0123456789abcdef0123".to_owned(),
                events: 3,
                attempts: 2,
                cancelled: 1,
                inbox_requests: 0,
                searched_until: 0,
                created_at: NOW,
                ended_at: None,
            };
            state.erasures.insert(0, erasure.clone());
            Ok(erasure)
        })
    }

    async fn keep_for(&self, id: &ProgramId, retention: Option<RetentionDays>) -> Result<(), Failure> {
        self.with(|state| {
            let summary = state.programs.iter_mut().find(|summary| summary.program.id == *id);
            summary.ok_or(Failure::NotFound)?.program.retention_days = retention;
            Ok(())
        })
    }
}
