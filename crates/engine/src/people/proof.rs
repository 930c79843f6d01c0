//! What somebody has to show before they change what they sign in with: whoever finds a browser open is to have no lasting way
//! in by it.
//!
//! It is the present password, as a rule. Who has none, or came by a one-time link because they have forgotten it, has nothing
//! to type; they have to have signed in a short while ago.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::guesses::Guesser;
use super::passwords::{Line, Password, Verdict};
use crate::access::Person;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::UserRecord;

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

impl Engine {
    /// What the person has to show.
    pub(crate) fn proof(&self, person: &Person, has_password: bool) -> Proof {
        let now_ms = self.clock.now_ms();
        let is_recent = now_ms.saturating_sub(person.signed_in_at_ms) <= RECENT_MS;
        match (has_password, is_recent) {
            (true, true) if self.access.doorkeeper.by_link.has(&person.session) => Proof::Nothing,
            (true, _) => Proof::PresentPassword,
            (false, true) => Proof::Nothing,
            (false, false) => Proof::NewSignIn,
        }
    }

    /// Fails when the person has to show something, and what they typed does not.
    pub(super) async fn check_proof(
        &self,
        person: &Person,
        user: &UserRecord,
        typed: &str,
    ) -> Result<(), EngineError> {
        match self.proof(person, user.password_hash.is_some()) {
            Proof::Nothing => return Ok(()),
            Proof::NewSignIn => return Err(EngineError::Forbidden(TOO_LONG_AGO.to_owned())),
            Proof::PresentPassword => {}
        }
        // Whoever found the browser open has as many guesses as whoever has its device.
        let guesser = Guesser::known(&person.session);
        let compared = (Password::typed(typed), user.password_hash.clone());
        if self.guess(guesser, Line::Known, compared).await? == Verdict::Wrong {
            return Err(EngineError::invalid("/presentPassword", "the present password is not right"));
        }
        Ok(())
    }
}

/// So many sessions are known; each has used a link up.
const MANY: usize = 10_000;

/// The sessions that began with a one-time link a short while ago. In memory: after a restart a new link is as good.
#[derive(Debug, Default)]
pub(crate) struct ByLink(Mutex<HashMap<[u8; 32], i64>>);

impl ByLink {
    pub(crate) fn note(&self, session: [u8; 32], now_ms: i64) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, began_at_ms| now_ms.saturating_sub(*began_at_ms) <= RECENT_MS);
        if sessions.len() < MANY {
            sessions.insert(session, now_ms);
        }
    }

    fn has(&self, session: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(session)
    }
}
