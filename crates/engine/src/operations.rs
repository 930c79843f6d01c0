//! Where a team's operational webhooks are: a program of a type that nobody makes, one a team.

use groundswell_types::{Currency, Program, ProgramId, ProgramStatus, ProgramType, TeamId};

use crate::directory::Directory;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{ProgramRecord, SettingsChange};

/// What the program with a team's operational webhooks is called, until somebody calls it otherwise.
pub(crate) const NAME: &str = "Operational webhooks";

/// The id of the program with a team's operational webhooks.
pub(crate) fn operations_id(team: &TeamId) -> ProgramId {
    let own = team.as_str().trim_start_matches("team_");
    ProgramId::parse(&format!("ops_{own}")).expect("ids of teams are as short and plain as those of programs")
}

/// Fails when it is the type of programs that nobody makes.
pub(crate) fn refuse_to_make(kind: ProgramType) -> Result<(), EngineError> {
    if kind == ProgramType::Operations {
        return Err(EngineError::invalid("/type", "must be REFERRAL or AFFILIATE"));
    }
    Ok(())
}

impl Engine {
    /// Where a team's operational webhooks are, made when it is not there yet.
    pub(crate) async fn operations_program(&self, team: &TeamId) -> Result<Program, EngineError> {
        let id = operations_id(team);
        if let Ok(known) = self.program(&id) {
            return Ok(known);
        }
        let record = ProgramRecord {
            id: id.clone(),
            team_id: team.clone(),
            name: NAME.to_owned(),
            kind: ProgramType::Operations,
            status: ProgramStatus::InProgress,
            currency: Currency::default(),
            created_at_ms: self.clock.now_ms(),
            webhooks_version: 0,
            retention: None,
        };
        let own = id.clone();
        let made = move |directory: &Directory| match directory.program(&own) {
            Some(_) => Err(EngineError::Conflict("it is there already".to_owned())),
            None => Ok(SettingsChange::CreateProgram(record)),
        };
        match self.writer.change(&id, made).await {
            // Somebody else may have been quicker.
            Ok(_) | Err(EngineError::Conflict(_)) => self.program(&id),
            Err(error) => Err(error),
        }
    }
}
