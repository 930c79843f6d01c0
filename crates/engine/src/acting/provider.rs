//! Connecting one's own account with that of an OpenID provider.

use groundswell_types::AuditAction;

use super::Acting;
use crate::access::Who;
use crate::audit::{Deed, Trace};
use crate::error::EngineError;
use crate::people::provider::Provided;

impl Acting {
    /// Lets the person sign in through the provider from now on. What it says of names and addresses changes nothing.
    pub async fn connect_provider(&self, provided: Provided) -> Result<(), EngineError> {
        let Who::Person(person) = &self.actor.who else {
            let why = "Only people have an account; this is done signed in, not with a key.";
            return Err(EngineError::Forbidden(why.to_owned()));
        };
        let trace = Trace::of(&person.id).with("provider", "connected");
        let team = self.actor.team().ok();
        let deed = Deed { action: AuditAction::AccountChanged, team, program: None, trace };
        let work = self.engine.connect_subject(person, provided.subject);
        self.engine.recorded(&self.actor, deed, work).await
    }
}
