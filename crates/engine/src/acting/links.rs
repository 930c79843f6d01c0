//! Editor links, for those who may send somebody to a program's webhooks.

use groundswell_types::{AuditAction, ProgramId, ProgramType};

use super::Acting;
use crate::access::{EditorLink, NewEditorLink, Permission, Who};
use crate::audit::{Deed, Trace};
use crate::error::EngineError;

/// What is told there is about everybody in the team, so it opens for nobody who came by a link.
const NOT_FOR_OPERATIONS: &str =
    "Operational webhooks have no editor links: only owners of the team set them up.";

impl Acting {
    /// Makes a link to a program's webhook settings. What comes of it ends with the key that it was made with.
    pub async fn create_editor_link(
        &self,
        program: &ProgramId,
        new: NewEditorLink,
    ) -> Result<EditorLink, EngineError> {
        let entry = self.must(program, Permission::Edit)?;
        if entry.record.kind == ProgramType::Operations {
            return Err(EngineError::Refused(NOT_FOR_OPERATIONS.to_owned()));
        }
        let api_key = match &self.actor.who {
            Who::Key(key) => Some(key.id.clone()),
            Who::Operator | Who::Person(_) | Who::Link(_) => None,
        };
        let deed = Deed {
            action: AuditAction::LinkCreated,
            teams: vec![entry.record.team_id.clone()],
            program: Some(program.clone()),
            trace: Trace::default().with("for", "editor"),
        };
        let work = self.engine.create_editor_link(program, api_key, new);
        self.engine.recorded(&self.actor, deed, work).await
    }

    /// Ends a link of a program, or the session it has become.
    pub async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<(), EngineError> {
        let entry = self.must(program, Permission::Edit)?;
        let deed = Deed {
            action: AuditAction::SessionEnded,
            teams: vec![entry.record.team_id.clone()],
            program: Some(program.clone()),
            trace: Trace::of(id).with("for", "editor"),
        };
        self.engine.recorded(&self.actor, deed, self.engine.delete_editor_link(program, id)).await
    }
}
