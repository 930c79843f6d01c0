//! Signing in with what an OpenID provider says of somebody. Whoever calls this has checked that the provider said it.
//!
//! Whose an account is, the subject alone decides: issuer and subject never change and are never given to somebody else. An
//! e-mail address is neither. So no account that is here already is ever taken for somebody's because of an address:
//! whoever typed another's address into their own account would else wait for them in it, and whoever gets a provider to
//! say an address would be let into its owner's. An account gets its subject in one of two ways only. Somebody who was
//! invited, and whose address the provider has verified, comes into the team as by the link in their mail. Somebody who is
//! signed in connects their own account.

use std::net::IpAddr;

use groundswell_types::{Email, UserId};
use thiserror::Error;

use super::invitations::Accepted;
use super::proof::Shown;
use crate::access::{Begun, Came, Person, hash_token};
use crate::audit::{Trace, Traced};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{InvitationRecord, StoreError, UserRecord};

const MAX_NAME_CHARS: usize = 200;

/// Who a provider says somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// Issuer, a space, subject: nobody else is this.
    pub subject: String,
    /// Only what the provider has verified.
    pub email: Option<Email>,
    pub name: Option<String>,
}

/// Why somebody was not signed in.
#[derive(Debug, Error)]
pub enum TurnedAway {
    /// The provider does not say that an address is theirs, so nobody knows whether they were invited.
    #[error("the provider names no verified e-mail address")]
    NoVerifiedEmail,
    /// Nobody has invited that address.
    #[error("the address was not invited")]
    NotInvited,
    /// The address is that of an account that is not connected with the provider.
    #[error("the address has an account that is not connected with the provider")]
    HasAccount,
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Since when an account is not connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disconnected {
    Now,
    Before,
}

impl Traced for Disconnected {
    fn traced(&self, trace: Trace) -> Trace {
        trace
    }

    fn has_changed(&self) -> bool {
        *self == Self::Now
    }
}

impl From<StoreError> for TurnedAway {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Begins a session for whoever has that subject, or was invited.
    pub async fn sign_in_with_subject(&self, provided: Provided, came: Came) -> Result<Begun, TurnedAway> {
        let subject = provided.subject.clone();
        // A subject that is being disconnected begins no session behind it.
        let _held = self.access.doorkeeper.accounts.lock().await;
        let user = if let Some(user) = self.store.user_by_subject(&provided.subject).await? {
            if let Some(email) = provided.email.filter(|email| user.email.as_ref() == Some(email)) {
                self.note_address(&user.id, &email).await?;
            }
            self.tell_of_sign_in(&user.id, &came).await?;
            user.id
        } else {
            let user = self.accept_as_provided(provided, &came).await?;
            self.note_language(&user, &came).await?;
            user
        };
        self.record_sign_in(&user, came.address, "provider").await?;
        let begun = self.begin_session(user, came).await?;
        self.access.doorkeeper.by_provider.note(hash_token(&begun.token), subject, self.clock.now_ms());
        Ok(begun)
    }

    /// Fails when somebody cannot show that the account is theirs: whoever finds a browser open could else come in through an
    /// account of their own at the provider from then on.
    pub(crate) async fn check_before_connecting(
        &self,
        person: &Person,
        (typed, address): (&str, Option<IpAddr>),
    ) -> Result<(), EngineError> {
        let user = self.account(person).await?;
        let proof = self.proof_to_connect(person, user.password_hash.is_some());
        self.check_proof(person, &user, Shown { proof, typed, address }).await
    }

    /// Takes the subject from the account of somebody who has a password as well; ends their other sessions, which may have
    /// begun with it, and sign-in links.
    pub(crate) async fn disconnect_subject(&self, person: &Person) -> Result<Disconnected, EngineError> {
        let _held = self.access.doorkeeper.accounts.lock().await;
        let user = self.account(person).await?;
        if user.password_hash.is_none() {
            return Err(EngineError::Refused(ONLY_WAY_IN.to_owned()));
        }
        if user.oidc_subject.is_none() {
            return Ok(Disconnected::Before);
        }
        self.store.save_user(&UserRecord { oidc_subject: None, ..user }).await?;
        self.store.delete_sign_in_links_of(&person.id).await?;
        self.store.delete_sessions_of(&person.id, Some(person.session)).await?;
        self.access.tell();
        Ok(Disconnected::Now)
    }

    /// Connects the account of somebody who is signed in.
    pub(crate) async fn connect_subject(&self, person: &Person, subject: String) -> Result<(), EngineError> {
        let taken = || EngineError::Refused(IS_ANOTHERS.to_owned());
        if self.store.user_by_subject(&subject).await?.is_some_and(|other| other.id != person.id) {
            return Err(taken());
        }
        let _held = self.access.doorkeeper.accounts.lock().await;
        let user = self.account(person).await?;
        // Else whoever made a link in their name would come in instead of them.
        let replaces = user.oidc_subject.as_ref().is_some_and(|present| *present != subject);
        if replaces && user.password_hash.is_none() && self.came_by_anothers_link(person) {
            return Err(EngineError::Refused(WAY_IN_STAYS.to_owned()));
        }
        match self.store.save_user(&UserRecord { oidc_subject: Some(subject), ..user }).await {
            Err(StoreError::Rejected(_)) => Err(taken()),
            result => Ok(result?),
        }
    }

    /// Makes an account for somebody who was invited, in the team that invited them first.
    async fn accept_as_provided(&self, provided: Provided, came: &Came) -> Result<UserId, TurnedAway> {
        let Provided { subject, email, name } = provided;
        let email = email.ok_or(TurnedAway::NoVerifiedEmail)?;
        if self.store.user_by_email(&email).await?.is_some() {
            return Err(TurnedAway::HasAccount);
        }
        let now_ms = self.clock.now_ms();
        let invitation = self.invitation_of(&email, now_ms).await?.ok_or(TurnedAway::NotInvited)?;
        let user = UserRecord {
            id: UserId::parse(&format!("usr_{}", id::random_text(10))).expect("letters and digits"),
            name: name_of(name.as_deref(), &email),
            email: Some(email.clone()),
            password_hash: None,
            oidc_subject: Some(subject),
            created_at_ms: now_ms,
        };
        let trace = Trace::of(&user.id).with("by", "provider");
        match self.accept((&invitation, trace), &user, came.address).await? {
            Accepted::Joined => {}
            Accepted::NoLonger => return Err(TurnedAway::NotInvited),
            Accepted::Taken => return Err(TurnedAway::HasAccount),
        }
        self.note_address(&user.id, &email).await?;
        Ok(user.id)
    }

    /// The oldest that is open.
    async fn invitation_of(
        &self,
        email: &Email,
        now_ms: i64,
    ) -> Result<Option<InvitationRecord>, EngineError> {
        let mut oldest: Option<InvitationRecord> = None;
        for team in self.store.teams().await? {
            let invitations = self.store.invitations(&team.id).await?.into_iter();
            let open = invitations.filter(|one| one.email == *email && one.expires_at_ms > now_ms);
            oldest = oldest.into_iter().chain(open).min_by_key(|one| one.created_at_ms);
        }
        Ok(oldest)
    }
}

/// Shown on pages, so its translations are in the catalogue.
const ONLY_WAY_IN: &str = "Set a password first. Without one you could not sign in any more.";

const WAY_IN_STAYS: &str =
    "The account is connected already. Sign in through the provider, or set a password first.";

const IS_ANOTHERS: &str = "another account is connected with this subject";

/// The name that the provider says, as far as it can be one here; else what stands before the address's at sign.
fn name_of(said: Option<&str>, email: &Email) -> String {
    let said: String = said.unwrap_or_default().chars().filter(|one| !one.is_control()).collect();
    let said: String = said.trim().chars().take(MAX_NAME_CHARS).collect();
    if !said.is_empty() {
        return said;
    }
    email.as_str().split('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_and_never_empty() {
        let email = Email::parse("ada@example.com").expect("an address");
        for (said, name) in [
            (Some("Ada Lovelace"), "Ada Lovelace"),
            (Some(" Ada\r\n\u{1b}[1m "), "Ada[1m"),
            (Some("\n "), "ada"),
            (None, "ada"),
        ] {
            assert_eq!(name_of(said, &email), name);
        }
        assert_eq!(name_of(Some(&"ä".repeat(300)), &email).chars().count(), MAX_NAME_CHARS);
    }
}
