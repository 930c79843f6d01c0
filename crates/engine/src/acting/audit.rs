//! The audit log, for those who manage a team.

use groundswell_types::{AuditAction, AuditEntry, AuditFilter, AuditId, TeamId};

use super::Acting;
use crate::access::{Permission, Who};
use crate::audit::{Deed, Trace};
use crate::error::EngineError;
use crate::store::AuditSearch;

impl Acting {
    /// At most `limit` entries of the audit log that match, newest first, those before `before`.
    pub async fn audit_log(
        &self,
        filter: AuditFilter,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, EngineError> {
        let (team, filter) = self.audit_reach(filter)?;
        self.engine.audit_log(&AuditSearch { team, filter, before, limit }).await
    }

    /// Notes that the audit log is exported, as it has to be before any of it goes out.
    pub async fn record_audit_export(&self, format: &str) -> Result<(), EngineError> {
        let (team, AuditFilter { campaign_id: program, .. }) = self.audit_reach(AuditFilter::default())?;
        let trace = Trace::default().with("format", format);
        let teams = team.into_iter().collect();
        let deed = Deed { action: AuditAction::AuditExported, teams, program, trace };
        self.engine.record(&self.actor, deed).await
    }

    /// Whose entries the actor sees: the operator all, owners those of their team, the admin key of one program those of the
    /// program.
    fn audit_reach(&self, filter: AuditFilter) -> Result<(Option<TeamId>, AuditFilter), EngineError> {
        match &self.actor.who {
            Who::Operator => Ok((None, filter)),
            Who::Key(key) => match &key.program {
                Some(program) => {
                    self.must(program, Permission::Manage)?;
                    if filter.campaign_id.as_ref().is_some_and(|wanted| wanted != program) {
                        return Err(EngineError::NotFound("program"));
                    }
                    Ok((Some(key.team.clone()), AuditFilter { campaign_id: Some(program.clone()), ..filter }))
                }
                None => self.audit_of_team(key.team.clone(), filter),
            },
            Who::Person(_) | Who::Link(_) => self.audit_of_team(self.actor.team()?, filter),
        }
    }

    fn audit_of_team(
        &self,
        team: TeamId,
        filter: AuditFilter,
    ) -> Result<(Option<TeamId>, AuditFilter), EngineError> {
        self.actor.check_team(Permission::Manage, &team)?;
        Ok((Some(team), filter))
    }
}
