//! What somebody has to show before they change what they sign in with: whoever finds a browser open is to have no lasting way
//! in by it.
//!
//! It is the present password, as a rule. Who has none, or came by a one-time link because they have forgotten it, has nothing
//! to type; they have to have signed in a short while ago.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use groundswell_types::AuditAction;

use super::guesses::Guesser;
use super::passwords::{Line, Password, Verdict};
use crate::access::Person;
use crate::audit::{By, Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{LinkMaker, UserRecord};

/// So long after signing in nobody is asked for more who has no password to be asked for: one hour.
pub const RECENT_MS: i64 = 3_600_000;

/// Shown on pages, so its translations are in the catalogue.
const TOO_LONG_AGO: &str =
    "You signed in more than an hour ago. To change how you sign in, sign out and sign in again first.";

/// What somebody has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing more than that they have just signed in.
    Nothing,
    PresentPassword,
    /// That they can sign in again.
    NewSignIn,
}

/// What somebody who is to show something has typed, and from where.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub proof: Proof,
    pub typed: &'a str,
    pub address: Option<IpAddr>,
}

impl Engine {
    /// What the person has to show before they change their password or address.
    pub(crate) fn proof(&self, person: &Person, has_password: bool) -> Proof {
        match (has_password, self.is_recent(person)) {
            (true, true) if self.access.doorkeeper.by_link.of(&person.session).is_some() => Proof::Nothing,
            (true, _) => Proof::PresentPassword,
            (false, true) => Proof::Nothing,
            (false, false) => Proof::NewSignIn,
        }
    }

    /// What the person has to show before they connect their account with the provider: a password that there is, be it that
    /// they came by a link. An owner of their team can make such a link; unlike a new password, which they would notice, an
    /// account of the owner's at the provider could come in beside them from then on. Whoever has forgotten their password
    /// sets a new one first.
    pub(super) fn proof_to_connect(&self, person: &Person, has_password: bool) -> Proof {
        if has_password { Proof::PresentPassword } else { self.proof(person, has_password) }
    }

    /// Whether the person has come through the provider a short while ago, as the subject that their account is connected
    /// with. Then it is they who connected it, and nobody else who once came in in their name.
    pub(super) fn has_shown(&self, person: &Person, subject: &str) -> bool {
        let shown = self.access.doorkeeper.by_provider.of(&person.session);
        self.is_recent(person) && shown.as_deref() == Some(subject)
    }

    /// Whether the person has just come by a one-time link that was not sent to their own address. Of a key's links the session itself
    /// tells, of others only as many as are noted.
    pub(super) fn came_by_anothers_link(&self, person: &Person) -> bool {
        let made_by = self.access.doorkeeper.by_link.of(&person.session);
        person.api_key_id.is_some() || made_by.is_some_and(|made_by| made_by != LinkMaker::Mail)
    }

    fn is_recent(&self, person: &Person) -> bool {
        self.clock.now_ms().saturating_sub(person.signed_in_at_ms) <= RECENT_MS
    }

    /// Fails when the person has to show something, and what they typed does not. A wrong password is recorded; guesses are
    /// counted, so there are not many.
    pub(super) async fn check_proof(
        &self,
        person: &Person,
        user: &UserRecord,
        shown: Shown<'_>,
    ) -> Result<(), EngineError> {
        match shown.proof {
            Proof::Nothing => return Ok(()),
            Proof::NewSignIn => return Err(EngineError::Forbidden(TOO_LONG_AGO.to_owned())),
            Proof::PresentPassword => {}
        }
        // Whoever found the browser open has as many guesses as whoever has its device.
        let guesser = Guesser::known(&person.session);
        let compared = (Password::typed(shown.typed), user.password_hash.clone());
        if self.guess(guesser, Line::Known, compared).await? == Verdict::Wrong {
            let (action, teams) = (AuditAction::PasswordRefused, person.teams());
            let deed = Deed { action, teams, program: None, trace: Trace::of(&person.id) };
            self.record(By::person(&person.id, &person.name, shown.address), deed).await?;
            return Err(EngineError::invalid("/presentPassword", "the present password is not right"));
        }
        Ok(())
    }
}

/// So many sessions of a kind are known.
const MANY: usize = 10_000;

/// The sessions that began in one way a short while ago, and what is known of each. In memory: after a restart signing in
/// once more is as good.
#[derive(Debug)]
pub(crate) struct Lately<T>(Mutex<HashMap<[u8; 32], (i64, T)>>);

impl<T> Default for Lately<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Lately<T> {
    pub(crate) fn note(&self, session: [u8; 32], known: T, now_ms: i64) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (began_at_ms, _)| now_ms.saturating_sub(*began_at_ms) <= RECENT_MS);
        if sessions.len() < MANY {
            sessions.insert(session, (now_ms, known));
        }
    }

    fn of(&self, session: &[u8; 32]) -> Option<T> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(session).map(|(_, known)| known.clone())
    }
}
