//! Programs, for somebody.

use groundswell_types::editor::ProgramSummary;
use groundswell_types::{AuditAction, Program, ProgramId};

use super::Acting;
use crate::access::Permission;
use crate::audit::{Deed, Trace};
use crate::error::EngineError;
use crate::programs::{NewProgram, ProgramPatch};

impl Acting {
    /// The programs in the actor's lists, newest first.
    pub fn programs(&self) -> Vec<Program> {
        self.engine.programs_that(|program| self.actor.lists(program))
    }

    /// The same with the state of their webhooks.
    pub async fn program_summaries(&self) -> Result<Vec<ProgramSummary>, EngineError> {
        self.actor.check_lists()?;
        self.engine.program_summaries_that(|program| self.actor.lists(program)).await
    }

    /// One program.
    pub fn program(&self, id: &ProgramId) -> Result<Program, EngineError> {
        self.must(id, Permission::SeeSettings)?;
        self.engine.program(id)
    }

    /// The same with the state of its webhooks.
    pub async fn program_summary(&self, id: &ProgramId) -> Result<ProgramSummary, EngineError> {
        self.must(id, Permission::SeeSettings)?;
        self.engine.program_summary(id).await
    }

    /// Creates a program in the actor's team.
    pub async fn create_program(&self, new: NewProgram) -> Result<Program, EngineError> {
        let team = self.actor.team()?;
        self.actor.check_team(Permission::EditPrograms, &team)?;
        let deed = Deed {
            action: AuditAction::ProgramCreated,
            team: Some(team.clone()),
            program: None,
            trace: Trace::default(),
        };
        self.engine.recorded(&self.actor, deed, self.engine.create_program_in(team, new)).await
    }

    /// Changes a program.
    pub async fn patch_program(&self, id: &ProgramId, patch: ProgramPatch) -> Result<Program, EngineError> {
        let entry = self.must(id, Permission::EditPrograms)?;
        let deed = Deed {
            action: AuditAction::ProgramChanged,
            team: Some(entry.record.team_id.clone()),
            program: Some(id.clone()),
            trace: Trace::default().with("changed", patch.parts()),
        };
        self.engine.recorded(&self.actor, deed, self.engine.patch_program(id, patch)).await
    }
}
