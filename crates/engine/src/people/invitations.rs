//! What somebody does with an invitation's link. The token says that they were invited; it never makes them anybody who is
//! here already: an account's owner comes with their session.

use std::net::IpAddr;
use std::sync::Arc;

use groundswell_types::{AuditAction, Invited, NewPerson, UserId, WayIn};

use super::account::checked_name;
use super::passwords::{Line, Password};
use super::sign_in::Credentials;
use crate::access::{ALL_OTHERS, Begun, Came, Person, hash_token};
use crate::audit::{By, Deed, Trace, Traced};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{Connection, InvitationRecord, Joining, StoreError, UserRecord};

/// Shown on pages, so its translations are in the catalogue.
const NO_LONGER: &str =
    "This invitation has been used or taken back, or it has expired. Ask whoever invited you for a new one.";

impl Engine {
    /// What an invitation says to `person`, or to somebody who is not signed in.
    pub async fn invited(&self, token: &str, person: Option<&Person>) -> Result<Invited, EngineError> {
        let invitation = self.open_invitation(token).await?;
        let team = self.team_record(&invitation.team_id).await?.name;
        let way = self.way(&invitation, person).await?;
        let InvitationRecord { email, role, invited_by, .. } = invitation;
        Ok(Invited { team, email, role, invited_by, way })
    }

    /// Brings somebody who is signed in into the team, with the account they have. Their other sessions end, and their
    /// connection with the provider unless they have just come through it. Returns the token that marks their browser as one that has signed in, as [`Begun::device`] does.
    pub async fn join(
        &self,
        token: &str,
        person: &Person,
        address: Option<IpAddr>,
    ) -> Result<String, EngineError> {
        let invitation = self.open_invitation(token).await?;
        match self.way(&invitation, Some(person)).await? {
            WayIn::OwnAccount { .. } => {}
            WayIn::IsMember { .. } => return Err(EngineError::Refused(IS_MEMBER.to_owned())),
            WayIn::NewAccount | WayIn::SignIn => return Err(EngineError::Refused(HAS_ACCOUNT.to_owned())),
        }
        // Nobody is signed in meanwhile by what is about to end.
        let _held = self.access.doorkeeper.accounts.lock().await;
        let connection = self.connection_after_joining(person, &self.account(person).await?)?;
        let (user, session, at_ms) = (&person.id, person.session, self.clock.now_ms());
        let joining = Joining { invitation: &invitation, user, session, connection, at_ms };
        let by = By::person(&person.id, &person.name, address);
        let mut trace = Trace::of(&person.id).with("role", invitation.role);
        if connection == Connection::Ends {
            trace = trace.with("provider", "disconnected");
        }
        let work = async {
            let is_open = self.store.join_by_invitation(joining).await?;
            is_open.then_some(()).ok_or_else(|| EngineError::Refused(NO_LONGER.to_owned()))
        };
        let deed = joined(&invitation, trace);
        match in_earlier_teams(person, connection) {
            Some(earlier) => self.recorded(by.clone(), earlier, self.recorded(by, deed, work)).await?,
            None => self.recorded(by, deed, work).await?,
        }
        self.access.tell();
        self.remember_device(&person.id).await
    }

    /// What becomes of an account's connection with the provider. An owner of an earlier team may have signed in with a link of
    /// their own making and connected an account of theirs, which would open the new team to them. So it stays only if whoever
    /// joins has shown that it is theirs. Whoever has a password connects again by that. For whoever has none it may be the
    /// only way in, so it is not taken from them: they join once they have come by it, or set a password.
    fn connection_after_joining(
        &self,
        person: &Person,
        user: &UserRecord,
    ) -> Result<Connection, EngineError> {
        match &user.oidc_subject {
            Some(subject) if !self.has_shown(person, subject) => match user.password_hash {
                Some(_) => Ok(Connection::Ends),
                None => Err(EngineError::Refused(WHOSE_CONNECTION.to_owned())),
            },
            _ => Ok(Connection::Stays),
        }
    }

    /// Makes an account with the invited address, brings it into the team, and begins a session.
    pub async fn accept_as_new(
        &self,
        token: &str,
        new: NewPerson<'_>,
        came: Came,
    ) -> Result<Begun, EngineError> {
        let invitation = self.open_invitation(token).await?;
        if self.store.user_by_email(&invitation.email).await?.is_some() {
            return Err(EngineError::Refused(HAS_ACCOUNT.to_owned()));
        }
        let name = checked_name(new.name)?;
        let password = Password::chosen(new.password, &invitation.email)
            .map_err(|problem| EngineError::Invalid(vec![problem]))?;
        let hash = self.access.doorkeeper.passwords.hash(password, Line::Strangers).await?;
        let now_ms = self.clock.now_ms();
        let user = UserRecord {
            id: UserId::parse(&format!("usr_{}", id::random_text(10))).expect("letters and digits"),
            name,
            email: Some(invitation.email.clone()),
            password_hash: Some(hash),
            oidc_subject: None,
            created_at_ms: now_ms,
        };
        match self.accept((&invitation, Trace::of(&user.id)), &user, came.address).await? {
            Accepted::Joined => {}
            Accepted::NoLonger => return Err(EngineError::Refused(NO_LONGER.to_owned())),
            Accepted::Taken => return Err(EngineError::Refused(HAS_ACCOUNT.to_owned())),
        }
        self.note_language(&user.id, &came).await?;
        self.record_sign_in(&user.id, came.address, "invitation").await?;
        self.begin_session(user.id, came).await
    }

    /// Makes the account of somebody who was invited and brings it into the team.
    pub(super) async fn accept(
        &self,
        (invitation, trace): (&InvitationRecord, Trace),
        user: &UserRecord,
        address: Option<IpAddr>,
    ) -> Result<Accepted, EngineError> {
        let deed = joined(invitation, trace.with("role", invitation.role));
        let work = async {
            match self.store.accept_invitation(invitation, user, self.clock.now_ms()).await {
                Ok(true) => Ok(Accepted::Joined),
                Ok(false) => Ok(Accepted::NoLonger),
                Err(StoreError::Rejected(_)) => Ok(Accepted::Taken),
                Err(error) => Err(error.into()),
            }
        };
        self.recorded(By::person(&user.id, &user.name, address), deed, work).await
    }

    /// Signs the owner of the invited address in, as [`Engine::sign_in_with_password`] does, and brings them into the team.
    pub async fn sign_in_and_join(
        self: &Arc<Self>,
        token: &str,
        (password, device): (&str, Option<&str>),
        came: Came,
    ) -> Result<Begun, EngineError> {
        let invitation = self.open_invitation(token).await?;
        let credentials = Credentials { email: invitation.email.as_str(), password, device };
        let address = came.address;
        let begun = self.sign_in_with_password(credentials, came).await?;
        let joined = match self.person(&begun.token).await? {
            Some(person) => self.join(token, &person, address).await,
            None => Err(EngineError::Refused(NO_LONGER.to_owned())),
        };
        if let Err(error) = joined {
            self.sign_out(&begun.token, address).await?;
            return Err(error);
        }
        Ok(begun)
    }

    async fn open_invitation(&self, token: &str) -> Result<InvitationRecord, EngineError> {
        let found = self.store.invitation(hash_token(token), self.clock.now_ms()).await?;
        found.ok_or_else(|| EngineError::Refused(NO_LONGER.to_owned()))
    }

    async fn way(
        &self,
        invitation: &InvitationRecord,
        person: Option<&Person>,
    ) -> Result<WayIn, EngineError> {
        let owner = self.store.user_by_email(&invitation.email).await?;
        Ok(match (person, owner) {
            (Some(person), _) if person.role_in(&invitation.team_id).is_some() => {
                WayIn::IsMember { name: person.name.clone() }
            }
            (Some(person), Some(owner)) if owner.id == person.id => {
                WayIn::OwnAccount { name: person.name.clone() }
            }
            (_, Some(_)) => WayIn::SignIn,
            (Some(person), None) => WayIn::OwnAccount { name: person.name.clone() },
            (None, None) => WayIn::NewAccount,
        })
    }
}

/// What came of an invitation that somebody accepts who has no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    Joined,
    /// It was taken back or used meanwhile.
    NoLonger,
    /// Somebody took the address or the subject meanwhile.
    Taken,
}

impl Traced for Accepted {
    fn traced(&self, trace: Trace) -> Trace {
        trace
    }

    fn has_changed(&self) -> bool {
        *self == Self::Joined
    }
}

/// What joining ends, for the teams that somebody is in already, whose owners need not know that they join another.
fn in_earlier_teams(person: &Person, connection: Connection) -> Option<Deed> {
    let (action, trace) = match connection {
        Connection::Ends => {
            (AuditAction::AccountChanged, Trace::of(&person.id).with("provider", "disconnected"))
        }
        Connection::Stays => (AuditAction::SessionEnded, Trace::default().with("which", ALL_OTHERS)),
    };
    let teams = person.teams();
    (!teams.is_empty()).then_some(Deed { action, teams, program: None, trace })
}

/// That somebody comes into a team.
fn joined(invitation: &InvitationRecord, trace: Trace) -> Deed {
    let teams = vec![invitation.team_id.clone()];
    Deed { action: AuditAction::MemberJoined, teams, program: None, trace }
}

/// Shown on pages, so its translations are in the catalogue.
const IS_MEMBER: &str = "You are in this team already.";

/// Shown on pages, so its translations are in the catalogue.
const WHOSE_CONNECTION: &str =
    "Sign in through the provider once more, or set a password first. Then open the invitation again.";

/// Shown on pages, so its translations are in the catalogue.
const HAS_ACCOUNT: &str =
    "The invited address has an account here. Sign in with it, then open the invitation again.";
