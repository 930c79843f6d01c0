//! What the link in a letter is for: whoever has it says what they want, without an account.

use groundswell_types::{Email, RecipientState, Role};

use super::About;
use super::writing::about;
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
            let at_ms = self.clock.now_ms();
            self.store.save_address(&AddressRecord { state, at_ms, ..address }).await?;
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
