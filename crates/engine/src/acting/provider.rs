//! Connecting one's own account with that of an OpenID provider, and ending that.

use groundswell_types::AuditAction;

use super::Acting;
use crate::audit::Trace;
use crate::error::EngineError;
use crate::people::provider::Provided;

impl Acting {
    /// Whether the person may begin to connect their account: it takes their password, if they have one, else what
    /// [`Acting::proof`] says. Whoever may is led to the provider, and comes back to [`Acting::connect_provider`].
    pub async fn begin_to_connect_provider(&self, present_password: &str) -> Result<(), EngineError> {
        let shown = (present_password, self.actor.address);
        self.engine.check_before_connecting(self.person()?, shown).await
    }

    /// Lets the person sign in through the provider from now on. What it says of names and addresses changes nothing.
    pub async fn connect_provider(&self, provided: Provided) -> Result<(), EngineError> {
        let person = self.person()?;
        let trace = Trace::of(&person.id).with("provider", "connected");
        let deed = self.own_deed(AuditAction::AccountChanged, trace);
        let work = self.engine.connect_subject(person, provided.subject);
        self.engine.recorded(&self.actor, deed, work).await
    }

    /// Has the person not sign in through the provider any more, if they have a password; ends their other sessions. An account that is
    /// not connected stays as it is, and nothing is recorded.
    pub async fn disconnect_provider(&self) -> Result<(), EngineError> {
        let person = self.person()?;
        let trace = Trace::of(&person.id).with("provider", "disconnected");
        let deed = self.own_deed(AuditAction::AccountChanged, trace);
        self.engine.recorded(&self.actor, deed, self.engine.disconnect_subject(person)).await.map(drop)
    }
}
