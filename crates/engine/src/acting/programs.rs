//! Programs, for somebody.

use groundswell_types::editor::ProgramSummary;
use groundswell_types::{AuditAction, Program, ProgramId, RetentionDays, TeamId, WebhooksByHealth};

use super::Acting;
use crate::access::{Permission, Who};
use crate::audit::{Deed, Trace};
use crate::error::EngineError;
use crate::operations::operations_id;
use crate::programs::{NewProgram, ProgramPatch};

impl Acting {
    /// The programs in the actor's lists, newest first.
    pub fn programs(&self) -> Vec<Program> {
        self.engine.programs_that(|program| self.actor.lists(program))
    }

    /// The same with the state of their webhooks.
    pub async fn program_summaries(&self) -> Result<Vec<ProgramSummary>, EngineError> {
        self.actor.check_lists()?;
        let mut all = self.engine.program_summaries_that(|program| self.actor.lists(program)).await?;
        for one in &mut all {
            one.may_edit = self.may_edit(&one.program.id);
        }
        Ok(all)
    }

    /// How the webhooks of those programs do. From memory.
    pub fn webhooks_by_health(&self) -> Result<WebhooksByHealth, EngineError> {
        self.actor.check_lists()?;
        Ok(self.engine.webhooks_by_health_that(|program| self.actor.lists(program)))
    }

    /// One program.
    pub fn program(&self, id: &ProgramId) -> Result<Program, EngineError> {
        self.must(id, Permission::SeeSettings)?;
        self.engine.program(id)
    }

    /// The same with the state of its webhooks.
    pub async fn program_summary(&self, id: &ProgramId) -> Result<ProgramSummary, EngineError> {
        self.must(id, Permission::SeeSettings)?;
        Ok(ProgramSummary { may_edit: self.may_edit(id), ..self.engine.program_summary(id).await? })
    }

    /// Creates a program, in the actor's team when none is named. A team out of reach is as one that is not there.
    pub async fn create_program(
        &self,
        new: NewProgram,
        team: Option<TeamId>,
    ) -> Result<Program, EngineError> {
        let team = self.own_or_named(team).await?;
        self.actor.check_team(Permission::EditPrograms, &team)?;
        let deed = Deed {
            action: AuditAction::ProgramCreated,
            teams: vec![team.clone()],
            program: None,
            trace: Trace::default(),
        };
        self.engine.recorded(&self.actor, deed, self.engine.create_program_in(team, new)).await
    }

    /// The actor's team when none is named. Only the operator names another.
    async fn own_or_named(&self, team: Option<TeamId>) -> Result<TeamId, EngineError> {
        let own = self.actor.team()?;
        let Some(team) = team.filter(|team| *team != own) else { return Ok(own) };
        let is_operator = matches!(self.actor.who, Who::Operator);
        if !is_operator || self.engine.team_record(&team).await.is_err() {
            return Err(EngineError::NotFound("team"));
        }
        Ok(team)
    }

    /// Where the operational webhooks of a team are, the actor's when none is named; made when it is not there yet. A team out of
    /// reach is as one that is not there.
    pub async fn operations(&self, team: Option<TeamId>) -> Result<Program, EngineError> {
        let team = self.own_or_named(team).await?;
        self.actor.check_team(Permission::Manage, &team)?;
        let id = operations_id(&team);
        if let Ok(known) = self.engine.program(&id) {
            return Ok(known);
        }
        let deed = Deed {
            action: AuditAction::ProgramCreated,
            teams: vec![team.clone()],
            program: Some(id),
            trace: Trace::default(),
        };
        self.engine.recorded(&self.actor, deed, self.engine.operations_program(&team)).await
    }

    /// The same, if it is there.
    pub fn operations_if_any(&self) -> Result<Option<Program>, EngineError> {
        let team = self.actor.team()?;
        self.actor.check_team(Permission::Manage, &team)?;
        Ok(self.engine.program(&operations_id(&team)).ok())
    }

    /// Changes a program. How long its data is kept only those decide who may erase it.
    pub async fn patch_program(
        &self,
        id: &ProgramId,
        mut patch: ProgramPatch,
    ) -> Result<Program, EngineError> {
        let entry = self.must(id, Permission::EditPrograms)?;
        let mut trace = Trace::default().with("changed", patch.parts());
        let before = entry.record.retention;
        // Who sends back what they were shown changes nothing, and takes back nothing that is changed meanwhile.
        patch.retention = patch.retention.filter(|wanted| *wanted != before);
        if let Some(wanted) = patch.retention {
            self.must(id, Permission::Manage)?;
            let kept = |days: Option<RetentionDays>| {
                days.map_or("default".to_owned(), |kept| kept.days().to_string())
            };
            trace = trace.with("retentionDaysBefore", kept(before)).with("retentionDays", kept(wanted));
        }
        let deed = Deed {
            action: AuditAction::ProgramChanged,
            teams: vec![entry.record.team_id.clone()],
            program: Some(id.clone()),
            trace,
        };
        self.engine.recorded(&self.actor, deed, self.engine.patch_program(id, patch)).await
    }
}
