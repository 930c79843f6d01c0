//! One-time sign-in links by e-mail, for whoever has forgotten their password, or comes with a new browser while somebody else
//! guesses at it.
//!
//! They go to addresses alone that are known to be the account's owner's. Whether an account has an address shows neither in the
//! answer nor in its time: the account is looked for when the answer has been given. A link is made when its letter is sent, so
//! the outbox has none in it, and the time it waits there is none of the link's.

use std::net::IpAddr;
use std::sync::Arc;

use groundswell_types::{AuditAction, Email, UserId};

use super::{Content, Letter};
use crate::access::SIGN_IN_LINK_MS;
use crate::audit::{By, Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{LinkMaker, Posting};

impl Engine {
    /// Has a sign-in link sent to whoever has this address. How many are sent, `crate::people::guesses` says.
    pub fn send_sign_in_link(
        self: &Arc<Self>,
        email: &str,
        address: Option<IpAddr>,
    ) -> Result<(), EngineError> {
        let email = Email::parse(email).map_err(|error| EngineError::invalid("/email", error.to_string()))?;
        if !self.is_telling() {
            return Err(EngineError::NotFound("e-mail"));
        }
        self.access.doorkeeper.count_wish(address, self.clock.now_ms())?;
        let engine = Arc::clone(self);
        self.access.doorkeeper.aside(async move {
            if let Err(error) = engine.write_sign_in_link(email, address).await {
                tracing::error!(%error, "a sign-in link that somebody wished for was not sent");
            }
        });
        Ok(())
    }

    async fn write_sign_in_link(&self, email: Email, address: Option<IpAddr>) -> Result<(), EngineError> {
        let Some(account) = self.store.user_by_email(&email).await? else { return Ok(()) };
        if !self.is_theirs(&account.id, &email).await? {
            return Ok(());
        }
        let at_ms = self.clock.now_ms();
        if !self.access.doorkeeper.counts_link(&account.id, at_ms) {
            tracing::info!(user.id = %account.id, "somebody is sent no more sign-in links for a while");
            return Ok(());
        }
        let deed = Deed {
            action: AuditAction::LinkCreated,
            teams: self.teams_of(&account.id).await?,
            program: None,
            trace: Trace::of(&account.id).with("for", "sign-in").with("by", "e-mail"),
        };
        self.record(By::unknown(address), deed).await?;
        let content = Content::SignInLink {
            user: account.id.clone(),
            name: account.name,
            at_ms,
            address: address.map(|address| address.to_string()),
        };
        let letter = self.letter(&email, &self.language_or_any(&account.id).await?, &content);
        self.store.post(&Posting { letters: vec![letter], ..Posting::default() }).await?;
        self.telling.written.notify_one();
        Ok(())
    }

    /// Whether a letter with a link is sent still: its account may have another address by now, and nobody waits for long.
    pub(super) async fn is_link_wanted(&self, user: &UserId, letter: &Letter) -> Result<bool, EngineError> {
        let is_late = self.clock.now_ms().saturating_sub(letter.written_at_ms) > SIGN_IN_LINK_MS;
        let account = self.store.user(user).await?;
        let has_address = account.is_some_and(|account| account.email.as_ref() == Some(&letter.to));
        Ok(!is_late && has_address && self.is_theirs(user, &letter.to).await?)
    }

    /// Makes the link of a letter that has one. It is another one each time the letter is tried.
    pub(super) async fn with_sign_in_link(&self, letter: Letter) -> Result<Letter, EngineError> {
        let Content::SignInLink { user, .. } = &letter.content else { return Ok(letter) };
        let (token, _) = self.create_sign_in_token_by(user, LinkMaker::Mail).await?;
        Ok(Letter { token: Some(token), ..letter })
    }
}
