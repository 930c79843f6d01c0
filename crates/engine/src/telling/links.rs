//! What the link in a letter is for: whoever has it says what they want, without an account.

use std::net::IpAddr;

use groundswell_types::{AuditAction, Email, RecipientState, Role};

use super::limits::Limit;
use super::writing::about;
use super::{About, Content, Letter};
use crate::activity::HOUR_MS;
use crate::audit::{By, Deed, Trace};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{AddressRecord, AddressState, Posting, RecipientRecord};

/// Shown on pages, so its translations are in the catalogue.
const NO_SUCH_LINK: &str =
    "This link leads nowhere any more: the webhook was removed, or you are no longer named.";

/// Shown on pages, so its translations are in the catalogue.
const TOO_MANY_ANSWERS: &str = "You have changed your mind too often lately. Try again in an hour.";

/// So often letters are begun by one link in an hour.
const ANSWERS_BY_LINK: usize = 10;

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

    /// Does what somebody wants who has the link in a letter, and records it: it changes who is told. Once more changes nothing.
    /// What they say is kept when they are not named at the moment: they may be again.
    pub async fn subscribe(
        &self,
        token: &str,
        wish: Wish,
        address: Option<IpAddr>,
    ) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        let email = self.subscription(token).await?.email;
        let refuses = self.store.refuses_letters(&email).await?;
        if let Some(known) = self.store.address_of_link(token).await? {
            return self.answer_for_account((known, refuses), (token, wish), address).await;
        }
        match self.store.recipient(token).await? {
            Some(recipient) => self.answer_for_webhook((recipient, refuses), (token, wish), address).await,
            None => Ok(()),
        }
    }

    /// Whether somebody's own address is theirs, by the link that was sent to it.
    async fn answer_for_account(
        &self,
        (known, refuses): (AddressRecord, bool),
        (token, wish): (&str, Wish),
        address: Option<IpAddr>,
    ) -> Result<(), EngineError> {
        let (state, said) = match wish {
            Wish::These => (AddressState::Theirs, "confirmed"),
            Wish::NotThese | Wish::None => (AddressState::NotTheirs, "refused"),
        };
        if known.state == state && (wish != Wish::None || refuses) {
            return Ok(());
        }
        self.count_answer(token, wish)?;
        let deed = Deed {
            action: AuditAction::AccountChanged,
            teams: self.teams_of(&known.user_id).await?,
            program: None,
            trace: Trace::of(&known.user_id).with("address", said),
        };
        let work = async {
            // Who has said no by this link and says yes by it now wants letters, whatever else was refused meanwhile.
            if wish == Wish::These && known.state == AddressState::NotTheirs {
                self.store.allow_letters(&known.email).await?;
            }
            let is_news = (wish, known.state) == (Wish::These, AddressState::Asked);
            let at_ms = self.clock.now_ms();
            let known = AddressRecord { state, at_ms, ..known };
            self.store.save_address(&known).await?;
            if is_news {
                self.tell_what_waited(&known.user_id, &known.email).await?;
            }
            if wish == Wish::None {
                self.store.refuse_letters(&known.email, at_ms).await?;
            }
            Ok(())
        };
        self.recorded(By::unknown(address), deed, work).await
    }

    /// Whether somebody wants letters about a webhook.
    async fn answer_for_webhook(
        &self,
        (recipient, refuses): (RecipientRecord, bool),
        (token, wish): (&str, Wish),
        address: Option<IpAddr>,
    ) -> Result<(), EngineError> {
        let (state, action) = match wish {
            Wish::These => (RecipientState::Confirmed, AuditAction::RecipientConfirmed),
            Wish::NotThese | Wish::None => (RecipientState::Unsubscribed, AuditAction::RecipientUnsubscribed),
        };
        let is_so = match wish {
            Wish::These => !refuses,
            Wish::NotThese => true,
            Wish::None => refuses,
        };
        if recipient.state == state && is_so {
            return Ok(());
        }
        self.count_answer(token, wish)?;
        let deed = self.deed_of(&recipient, (action, wish));
        let work = async {
            let email = recipient.email.clone();
            if wish == Wish::These {
                self.store.allow_letters(&email).await?;
            }
            let recipient = RecipientRecord { state, ..recipient };
            self.store.post(&Posting { recipients: vec![recipient], ..Posting::default() }).await?;
            if wish == Wish::None {
                self.store.refuse_letters(&email, self.clock.now_ms()).await?;
            }
            Ok(())
        };
        self.recorded(By::unknown(address), deed, work).await
    }

    /// What a recipient wants, for the owners of the webhook's team.
    fn deed_of(&self, recipient: &RecipientRecord, (action, wish): (AuditAction, Wish)) -> Deed {
        let program = self.directory.program(&recipient.program_id);
        let endpoint = self.directory.endpoint(recipient.endpoint_id);
        let trace = match &endpoint {
            Some(endpoint) => Trace::of(&endpoint.record.public_id),
            None => Trace::default(),
        };
        let trace = trace.with("recipient", &recipient.id).with("email", &recipient.email);
        Deed {
            action,
            teams: program.map(|program| program.record.team_id.clone()).into_iter().collect(),
            program: Some(recipient.program_id.clone()),
            trace: if wish == Wish::None { trace.with("letters", "none") } else { trace },
        }
    }

    /// Fails when letters were begun anew by a link too often: each time is an entry in the log. They can always be ended, which
    /// is as often as they were begun.
    fn count_answer(&self, token: &str, wish: Wish) -> Result<(), EngineError> {
        let limit = Limit { of: token, most: ANSWERS_BY_LINK, within_ms: HOUR_MS };
        if wish == Wish::These && !self.telling.answers.take(&[limit], self.clock.now_ms()) {
            return Err(EngineError::Refused(TOO_MANY_ANSWERS.to_owned()));
        }
        Ok(())
    }
}
