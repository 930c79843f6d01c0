//! The erasing of participants' data, for those who manage a team.

use groundswell_types::{AuditAction, Erasure, ErasureId, ProgramId, Subject};

use super::Acting;
use crate::access::Permission;
use crate::audit::{Deed, Trace};
use crate::erasures::Asked;
use crate::error::EngineError;

impl Acting {
    /// See [`crate::Engine::begin_erasure`].
    pub async fn begin_erasure(&self, program: &ProgramId, subject: Subject) -> Result<Erasure, EngineError> {
        let entry = self.must(program, Permission::Manage)?;
        let hash = self.engine.subject_hash(program, &subject).await?;
        let deed = Deed {
            action: AuditAction::ErasureBegun,
            teams: vec![entry.record.team_id.clone()],
            program: Some(program.clone()),
            trace: Trace::default().with("by", subject.kind().as_str()).with("subjectHash", hash),
        };
        let asked = Asked {
            actor: self.actor.in_audit_log(),
            address: self.actor.address.map(|address| address.to_string()),
        };
        let work = self.engine.begin_erasure(program, subject, asked);
        self.engine.recorded(&self.actor, deed, work).await
    }

    /// See [`crate::Engine::erasures`].
    pub async fn erasures(&self, program: &ProgramId) -> Result<Vec<Erasure>, EngineError> {
        self.must(program, Permission::Manage)?;
        self.engine.erasures(program).await
    }

    /// See [`crate::Engine::erasure`].
    pub async fn erasure(&self, program: &ProgramId, id: ErasureId) -> Result<Erasure, EngineError> {
        self.must(program, Permission::Manage)?;
        self.engine.erasure(program, id).await
    }
}
