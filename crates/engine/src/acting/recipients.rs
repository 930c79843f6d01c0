//! Who gets letters about a webhook, for those who work on the program. Addresses are people's, so whoever only looks at
//! settings, or came by an editor link, does not see them.

use groundswell_types::{AuditAction, Email, ProgramId, Recipient, WebhookId};

use super::Acting;
use crate::access::Permission;
use crate::audit::{Deed, Trace, Unsaid};
use crate::error::EngineError;
use crate::telling::NewRecipient;

impl Acting {
    /// The people who were named to get letters about a webhook, by when they were.
    pub async fn recipients(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
    ) -> Result<Vec<Recipient>, EngineError> {
        self.must(program, Permission::Edit)?;
        self.engine.recipients(program, webhook).await
    }

    /// Names somebody to get letters about a webhook, in that language. Whoever is not known to be in the team is asked first.
    pub async fn add_recipient(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
        (email, language): (Email, &str),
    ) -> Result<Recipient, EngineError> {
        let trace = Trace::of(webhook).with("email", &email);
        let deed = self.deed(program, AuditAction::RecipientAdded, trace)?;
        let added_by = self.actor.in_audit_log().name;
        let new = NewRecipient { email, language: language.to_owned(), added_by };
        let work = async { self.engine.add_recipient(program, webhook, new).await.map(Unsaid) };
        self.engine.recorded(&self.actor, deed, work).await.map(|Unsaid(recipient)| recipient)
    }

    /// Names somebody no longer.
    pub async fn remove_recipient(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
        id: &str,
    ) -> Result<(), EngineError> {
        let trace = Trace::of(webhook).with("recipient", id);
        let deed = self.deed(program, AuditAction::RecipientRemoved, trace)?;
        let work = self.engine.remove_recipient(program, webhook, id);
        self.engine.recorded(&self.actor, deed, work).await.map(drop)
    }

    /// Whether this server sends letters at all.
    pub fn is_telling(&self) -> bool {
        self.engine.is_telling()
    }

    fn deed(&self, program: &ProgramId, action: AuditAction, trace: Trace) -> Result<Deed, EngineError> {
        let entry = self.must(program, Permission::Edit)?;
        let teams = vec![entry.record.team_id.clone()];
        Ok(Deed { action, teams, program: Some(program.clone()), trace })
    }
}
