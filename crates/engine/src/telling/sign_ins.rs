//! Telling somebody that their account was signed in to in a browser it had not seen, and keeping the language they read. Nobody
//! can end these letters, so they go to addresses alone that are known to be the account's owner's, and not without a limit.

use groundswell_types::UserId;

use super::limits::Limit;
use super::{Asking, Content};
use crate::access::{Came, hash_token};
use crate::activity::HOUR_MS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::Posting;

impl Engine {
    /// Tells somebody of a sign-in, unless their account knows the browser.
    pub(crate) async fn tell_of_sign_in(&self, user: &UserId, came: &Came) -> Result<(), EngineError> {
        self.note_language(user, came).await?;
        let now_ms = self.clock.now_ms();
        let owner = match &came.device {
            Some(device) => self.store.device(hash_token(device), now_ms).await?,
            None => None,
        };
        if owner.as_ref() == Some(user) {
            return Ok(());
        }
        let Some(account) = self.store.user(user).await? else { return Ok(()) };
        let content = Content::SignIn {
            user: Some(user.clone()),
            name: account.name.clone(),
            at_ms: now_ms,
            address: came.address.map(|address| address.to_string()),
            user_agent: came.user_agent.as_deref().map(|agent| agent.chars().take(MAX_AGENT_CHARS).collect()),
        };
        let limit = Limit { of: user.as_str(), most: SIGN_INS_OF_ONE, within_ms: 24 * HOUR_MS };
        if self.telling.sign_ins.take(&[limit], now_ms) {
            self.announce_sign_in(&account, &content).await?;
        } else {
            tracing::info!(user.id = %user, "operational webhooks are told of no more of somebody's sign-ins for today");
        }
        let Some(email) = account.email.clone().filter(|_| self.is_telling()) else { return Ok(()) };
        if !self.is_theirs(user, &email).await? {
            return self.ask_whose_address(&account, Asking::UnlessAsked).await;
        }
        let limit = Limit { of: email.as_str(), most: SIGN_INS_TO_ADDRESS, within_ms: 24 * HOUR_MS };
        if !self.telling.sign_ins.take(&[limit], now_ms) {
            tracing::info!(user.id = %user, "somebody is told of no more sign-ins for today");
            return Ok(());
        }
        let letter = self.letter(&email, &self.language_or_any(user).await?, &content);
        self.store.post(&Posting { letters: vec![letter], ..Posting::default() }).await?;
        self.telling.written.notify_one();
        Ok(())
    }

    /// Letters to somebody are in the language they last signed in with.
    pub(crate) async fn note_language(&self, user: &UserId, came: &Came) -> Result<(), EngineError> {
        if let Some(language) = &came.language {
            self.store.save_language_of(user, language).await?;
        }
        Ok(())
    }
}

/// So many sign-ins an address is told of within a day.
const SIGN_INS_TO_ADDRESS: usize = 10;

/// So many sign-ins of one person operational webhooks are told of within a day.
const SIGN_INS_OF_ONE: usize = 10;

/// Of what a browser calls itself so much is told.
const MAX_AGENT_CHARS: usize = 200;
