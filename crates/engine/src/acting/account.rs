//! What people do with their own account; nobody else does anything with it.

use std::sync::Arc;

use groundswell_types::{AuditAction, Email, SessionView, SignInChange};

use super::Acting;
use crate::access::{ALL_OTHERS, Begun, Came, Permission, Person, Who};
use crate::audit::{Deed, Trace, Unsaid};
use crate::error::EngineError;
use crate::people::Proof;
use crate::store::AddressState;

impl Acting {
    /// Gives the person another name.
    pub async fn rename_account(&self, name: &str) -> Result<(), EngineError> {
        let person = self.person()?;
        let deed = self.own_deed(AuditAction::AccountChanged, Trace::of(&person.id).with("name", "changed"));
        self.engine.recorded(&self.actor, deed, self.engine.rename(person, name)).await
    }

    /// What the person has to show before they change how they sign in.
    pub fn proof(&self) -> Result<Proof, EngineError> {
        let person = self.person()?;
        Ok(self.engine.proof(person, person.has_password))
    }

    /// Changes the person's e-mail address or password. It takes what [`Acting::proof`] says; ends all their sessions and
    /// sign-in links and forgets their browsers, and begins a new session for the one that asks.
    pub async fn change_sign_in(&self, change: SignInChange<'_>, came: Came) -> Result<Begun, EngineError> {
        let person = self.person()?;
        let action = if change.new_password.is_empty() {
            AuditAction::AccountChanged
        } else {
            AuditAction::PasswordChanged
        };
        let has_changed = person.email.as_ref().map(Email::as_str) != Some(change.email);
        let email = if has_changed { "changed" } else { "same" };
        let deed = self.own_deed(action, Trace::of(&person.id).with("email", email));
        let work = async { self.engine.change_sign_in(person, change, came).await.map(Unsaid) };
        self.engine.recorded(&self.actor, deed, work).await.map(|Unsaid(begun)| begun)
    }

    /// Whether the person's e-mail address is known to be theirs; `None` when they have none, or this server sends no letters.
    pub async fn own_address(&self) -> Result<Option<AddressState>, EngineError> {
        self.engine.own_address(self.person()?).await
    }

    /// Where the person is signed in, newest first.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, EngineError> {
        self.engine.sessions_of(self.person()?).await
    }

    /// Ends a session of the person, at once.
    pub async fn end_session(&self, id: &str) -> Result<(), EngineError> {
        let deed = self.own_deed(AuditAction::SessionEnded, Trace::of(id));
        self.engine.recorded(&self.actor, deed, self.engine.end_session(self.person()?, id)).await
    }

    /// Ends all sessions of the person but the one that asks, and their sign-in links, at once.
    pub async fn end_other_sessions(&self) -> Result<(), EngineError> {
        let deed = self.own_deed(AuditAction::SessionEnded, Trace::default().with("which", ALL_OTHERS));
        self.engine.recorded(&self.actor, deed, self.engine.end_other_sessions(self.person()?)).await
    }

    /// Makes a one-time link that signs in whoever of the actor's team has this address.
    pub async fn create_sign_in_link_of(&self, email: &Email) -> Result<(String, i64), EngineError> {
        let team = self.actor.team()?;
        self.actor.check_team(Permission::Manage, &team)?;
        let members = self.engine.store.members(&team).await?;
        let member = members.into_iter().find(|(member, _)| member.email.as_ref() == Some(email));
        let (member, _) = member.ok_or(EngineError::NotFound("member of the team"))?;
        self.create_sign_in_link(Some(&member.id)).await
    }

    /// Something that people do for themselves: it concerns every team that they are in.
    pub(super) fn own_deed(&self, action: AuditAction, trace: Trace) -> Deed {
        let teams = self.person().map(|person| person.teams()).unwrap_or_default();
        Deed { action, teams, program: None, trace }
    }

    pub(super) fn person(&self) -> Result<&Arc<Person>, EngineError> {
        match &self.actor.who {
            Who::Person(person) => Ok(person),
            Who::Operator | Who::Key(_) | Who::Link(_) => {
                let why = "Only people have an account; this is done signed in, not with a key.";
                Err(EngineError::Forbidden(why.to_owned()))
            }
        }
    }
}
