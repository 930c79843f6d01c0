//! Signing in with e-mail address and password.
//!
//! Whoever gets it wrong learns nothing: an address that nobody has, an account without a password and a wrong password are
//! answered alike, after the same time, and locked alike.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use groundswell_types::{AuditAction, Email, UserId};

use super::guesses::{Guesser, TooMany};
use super::passwords::{Line, Password, Verdict};
use crate::access::{Begun, Came, hash_token};
use crate::audit::{By, Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::UserRecord;

/// What somebody signs in with, as they typed it.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub email: &'a str,
    pub password: &'a str,
    /// What marks the browser as one that has signed in before.
    pub device: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl From<TooMany> for EngineError {
    fn from(TooMany { wait_ms }: TooMany) -> Self {
        Self::TooManyGuesses { wait_ms }
    }
}

impl Engine {
    /// Begins a session for whoever has this address and this password. How often may be tried, `super::guesses` says; a
    /// try too many is not looked at, be it right or wrong.
    pub async fn sign_in_with_password(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        came: Came,
    ) -> Result<Begun, EngineError> {
        let Ok(email) = Email::parse(credentials.email) else { return Err(EngineError::WrongPassword) };
        let user = self.store.user_by_email(&email).await?;
        let (guesser, line) = match (&user, self.known_device(user.as_ref(), credentials.device).await?) {
            (_, Some(device)) => (Guesser::known(&device), Line::Known),
            (Some(user), None) => (Guesser::unknown(&user.id, came.address), Line::Strangers),
            (None, None) => (Guesser::at_nobody(&email, came.address), Line::Strangers),
        };
        let kept = user.as_ref().and_then(|user| user.password_hash.clone());
        let password = Password::typed(credentials.password);
        let verdict = self.guess(guesser, line, (password.clone(), kept)).await?;
        let Some(user) = user else { return Err(EngineError::WrongPassword) };
        if verdict == Verdict::Wrong {
            self.record_wrong_password(user.id, came.address);
            return Err(EngineError::WrongPassword);
        }
        let anew = match verdict {
            Verdict::RightButOld => Some(self.access.doorkeeper.passwords.hash(password, line).await?),
            Verdict::Right | Verdict::Wrong => None,
        };
        let _held = self.access.doorkeeper.accounts.lock().await;
        let now = self.store.user(&user.id).await?;
        // It may have been changed while it was compared.
        let now = now.filter(|now| now.password_hash == user.password_hash && now.email == user.email);
        let Some(now) = now else { return Err(EngineError::WrongPassword) };
        if let Some(hash) = anew {
            self.store.save_user(&UserRecord { password_hash: Some(hash), ..now }).await?;
        }
        self.record_sign_in(&user.id, came.address, "password").await?;
        self.tell_of_sign_in(&user.id, &came).await?;
        self.begin_session(user.id, came).await
    }

    /// Of accounts alone, of which each has so many guesses a day: what is said to addresses that nobody has could fill the
    /// disk. The answer does not wait for it, or its time would tell one from the other.
    fn record_wrong_password(self: &Arc<Self>, user: UserId, address: Option<IpAddr>) {
        let engine = Arc::clone(self);
        self.access.doorkeeper.records.spawn(async move {
            let recorded = async {
                let teams = engine.teams_of(&user).await?;
                let trace = Trace::of(&user).with("by", "password");
                let deed = Deed { action: AuditAction::SessionFailed, teams, program: None, trace };
                engine.record(By::unknown(address), deed).await
            };
            if let Err(error) = recorded.await {
                tracing::error!(%error, "a wrong password is missing in the audit log");
            }
        });
    }

    /// Compares a password with what is kept, if the guesser has a try left; a right one takes none.
    pub(super) async fn guess(
        &self,
        guesser: Guesser,
        line: Line,
        (password, kept): (Password, Option<String>),
    ) -> Result<Verdict, EngineError> {
        let super::Doorkeeper { guesses, passwords, .. } = &self.access.doorkeeper;
        guesses.take(guesser, self.clock.now_ms())?;
        let verdict = passwords.compare(password, kept, line).await;
        if !matches!(verdict, Ok(Verdict::Wrong)) {
            guesses.give_back(guesser);
        }
        verdict
    }

    /// The hash of the device, if it is one of this account's.
    async fn known_device(
        &self,
        user: Option<&UserRecord>,
        device: Option<&str>,
    ) -> Result<Option<[u8; 32]>, EngineError> {
        let (Some(user), Some(device)) = (user, device) else { return Ok(None) };
        let hash = hash_token(device);
        let owner = self.store.device(hash, self.clock.now_ms()).await?;
        Ok((owner.as_ref() == Some(&user.id)).then_some(hash))
    }
}
