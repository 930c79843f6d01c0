//! What the link in a letter is for: whoever has it says what they want, without an account.

use groundswell_types::{Email, RecipientState, Role};

use super::writing::about;
use super::{About, Content, Letter};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{AddressRecord, AddressState, Posting, RecipientRecord};

/// Shown on pages, so its translations are in the catalogue.
const NO_SUCH_LINK: &str =
    "This link leads nowhere any more: the webhook was removed, or you are no longer named.";

/// What somebody sees who follows the link in a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub email: Email,
    pub topic: Topic,
}

/// What letters are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// A webhook.
    Webhook { about: About, added_by: Option<String>, state: RecipientState },
    /// A webhook that is no more, or for which nobody names them.
    Gone { state: RecipientState },
    /// The account of somebody with this name, which has the address.
    Account { name: String, state: AddressState },
}

/// What they want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Letters about this webhook, or this account.
    These,
    /// None about it.
    NotThese,
    /// None about any webhook, whoever names them.
    None,
}

impl Engine {
    /// What the link in a letter is about.
    pub async fn subscription(&self, token: &str) -> Result<Subscription, EngineError> {
        let gone = || EngineError::Refused(NO_SUCH_LINK.to_owned());
        if let Some(AddressRecord { user_id, email, state, .. }) = self.store.address_of_link(token).await? {
            let account = self.store.user(&user_id).await?.ok_or_else(gone)?;
            return Ok(Subscription { email, topic: Topic::Account { name: account.name, state } });
        }
        let recipient = self.store.recipient(token).await?.ok_or_else(gone)?;
        let recipient = self.as_known(recipient).await?;
        let RecipientRecord { program_id, endpoint_id, email, added_by, state, .. } = recipient;
        let topic = match (self.directory.program(&program_id), self.directory.endpoint(endpoint_id)) {
            (Some(program), Some(endpoint))
                if added_by.is_some() || self.known_role(&program, &email).await? == Some(Role::Owner) =>
            {
                Topic::Webhook { about: about(&program, &endpoint), added_by, state }
            }
            _ => Topic::Gone { state },
        };
        Ok(Subscription { email, topic })
    }

    /// Whether a letter's reader still gets it. It may have waited for days, in which they said no, were removed, or left the team.
    pub(super) async fn is_wanted(&self, letter: &Letter) -> Result<bool, EngineError> {
        if let Content::SignIn { user, .. } = &letter.content {
            return match user {
                Some(user) => self.is_theirs(user, &letter.to).await,
                None => Ok(true),
            };
        }
        if let Content::SignInLink { user, .. } = &letter.content {
            return self.is_link_wanted(user, letter).await;
        }
        let Some(token) = &letter.token else { return Ok(true) };
        if self.store.refuses_letters(&letter.to).await? {
            return Ok(false);
        }
        let is_question = match &letter.content {
            Content::Address { .. } => {
                let known = self.store.address_of_link(token).await?;
                return Ok(known.is_some_and(|known| known.state == AddressState::Asked));
            }
            Content::Question { .. } => true,
            Content::Notice { .. }
            | Content::Digest { .. }
            | Content::SignInLink { .. }
            | Content::SignIn { .. } => false,
        };
        let Some(recipient) = self.store.recipient(token).await? else { return Ok(false) };
        let recipient = self.as_known(recipient).await?;
        let RecipientRecord { program_id, endpoint_id, email, added_by, state, .. } = recipient;
        let program = self.directory.program(&program_id).filter(|_| state != RecipientState::Unsubscribed);
        let (Some(program), Some(_)) = (program, self.directory.endpoint(endpoint_id)) else {
            return Ok(false);
        };
        let is_named = added_by.is_some();
        if is_question {
            return Ok(is_named && state == RecipientState::Invited);
        }
        Ok(match (state, self.known_role(&program, &email).await?) {
            // Owners get it whatever else they are.
            (_, Some(Role::Owner)) => true,
            (RecipientState::Confirmed, _) | (RecipientState::Member, Some(_)) => is_named,
            _ => false,
        })
    }

    /// Does what somebody wants who has the link in a letter. Once more changes nothing. What they say is kept when they are not
    /// named at the moment: they may be again.
    pub async fn subscribe(&self, token: &str, wish: Wish) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        let email = self.subscription(token).await?.email;
        if let Some(address) = self.store.address_of_link(token).await? {
            let state = match wish {
                Wish::These => AddressState::Theirs,
                Wish::NotThese | Wish::None => AddressState::NotTheirs,
            };
            // Who has said no by this link and says yes by it now wants letters, whatever else was refused meanwhile.
            if wish == Wish::These && address.state == AddressState::NotTheirs {
                self.store.allow_letters(&email).await?;
            }
            let is_news = (wish, address.state) == (Wish::These, AddressState::Asked);
            let at_ms = self.clock.now_ms();
            let address = AddressRecord { state, at_ms, ..address };
            self.store.save_address(&address).await?;
            if is_news {
                self.tell_what_waited(&address.user_id, &email).await?;
            }
        } else if let Some(recipient) = self.store.recipient(token).await? {
            let state = match wish {
                Wish::These => {
                    self.store.allow_letters(&recipient.email).await?;
                    RecipientState::Confirmed
                }
                Wish::NotThese | Wish::None => RecipientState::Unsubscribed,
            };
            let recipient = RecipientRecord { state, ..recipient };
            self.store.post(&Posting { recipients: vec![recipient], ..Posting::default() }).await?;
        }
        if wish == Wish::None {
            self.store.refuse_letters(&email, self.clock.now_ms()).await?;
        }
        Ok(())
    }
}
