//! Whose an e-mail address is. An account can have any address, so it is no proof that letters about the account, or about the
//! webhooks of its teams, reach whoever has it: somebody else may read them, who never asked for any. An address counts as
//! theirs once whoever reads it has said so, by the link in the one letter that asks, or once the provider that they sign in
//! with says so. An invitation shows nothing: its link is given to whoever invites.

use groundswell_types::{Email, TeamId, UserId};

use super::Content;
use super::limits::Limit;
use super::outbox::ROOM;
use crate::access::{Person, new_token};
use crate::activity::HOUR_MS;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{AddressRecord, AddressState, LetterRecord, Posting, UserRecord};

/// Who has not answered is asked again after so long, if there is a reason to: thirty days. Until then their link is good.
pub(super) const ASKED_AGAIN_MS: i64 = 30 * 24 * HOUR_MS;

/// So many people a team can have asked within an hour.
const QUESTIONS_OF_TEAM: usize = 20;

/// So many times an account can have the address asked that it has just then, within a day. It asks nobody but its owner, who
/// has few addresses.
const QUESTIONS_OF_ACCOUNT: usize = 5;

/// So many times an address can be asked within a day.
const QUESTIONS_TO_ADDRESS: usize = 3;

/// Questions take half of the room at most, so that there is always some for what has happened.
const ROOM_FOR_QUESTIONS: i64 = ROOM / 2;

/// Why somebody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// They want it: they have just typed the address.
    Anew,
    /// There is something that they would be told.
    UnlessAsked,
}

impl Engine {
    /// Whether the address of somebody's account is known to be theirs.
    pub(super) async fn is_theirs(&self, user: &UserId, email: &Email) -> Result<bool, EngineError> {
        let known = self.store.address(user, email).await?;
        Ok(known.is_some_and(|known| known.state == AddressState::Theirs))
    }

    /// Whether the address of somebody's account is known to be theirs; `None` when they have none, or there are no letters.
    pub(crate) async fn own_address(&self, person: &Person) -> Result<Option<AddressState>, EngineError> {
        let Some(email) = person.email.as_ref().filter(|_| self.is_telling()) else { return Ok(None) };
        let known = self.store.address(&person.id, email).await?;
        Ok(Some(known.map_or(AddressState::Asked, |known| known.state)))
    }

    /// Notes that the provider somebody signs in with says that an address is theirs.
    ///
    /// Whoever reads it may have said that it is not, or that they want nothing of the account: that stands.
    pub(crate) async fn note_address(&self, user: &UserId, email: &Email) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        let known = self.store.address(user, email).await?;
        if known.as_ref().is_some_and(|known| known.state != AddressState::Asked) {
            return Ok(());
        }
        let was_asked = known.is_some();
        let token = known.and_then(|known| known.token);
        let (user_id, email, at_ms) = (user.clone(), email.clone(), self.clock.now_ms());
        let record = AddressRecord { user_id, email, token, state: AddressState::Theirs, at_ms };
        self.store.save_address(&record).await?;
        if was_asked {
            self.tell_what_waited(user, &record.email).await?;
        }
        Ok(())
    }

    /// Asks whoever reads the address of an account whether it is theirs, unless that is known.
    pub(crate) async fn ask_whose_address(
        &self,
        account: &UserRecord,
        asking: Asking,
    ) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        if let Some((letter, address)) = self.question_whose(account, asking).await? {
            let posting = Posting { letters: vec![letter], addresses: vec![address], ..Posting::default() };
            self.store.post(&posting).await?;
            self.telling.written.notify_one();
        }
        Ok(())
    }

    /// The letter that asks, with what notes that it did; none when they have answered, do not want letters, were asked not
    /// long ago, or too many were. The caller holds `telling.naming` until it is posted: two questions at once would else have
    /// different links, of which one is kept.
    pub(super) async fn question_whose(
        &self,
        account: &UserRecord,
        asking: Asking,
    ) -> Result<Option<(LetterRecord, AddressRecord)>, EngineError> {
        let Some(email) = account.email.as_ref().filter(|_| self.is_telling()) else { return Ok(None) };
        let known = self.store.address(&account.id, email).await?;
        let at_ms = self.clock.now_ms();
        let is_open = known.as_ref().is_none_or(|known| {
            let is_long_ago = at_ms.saturating_sub(known.at_ms) >= ASKED_AGAIN_MS;
            known.state == AddressState::Asked && (is_long_ago || asking == Asking::Anew)
        });
        if !is_open
            || self.store.refuses_letters(email).await?
            || !self.may_ask(Limit::of_account(&account.id), email).await?
        {
            return Ok(None);
        }
        let token = known.and_then(|known| known.token).unwrap_or_else(|| new_token().0);
        let content = Content::Address { name: account.name.clone() };
        let letter = self.letter(email, &self.language_or_any(&account.id).await?, &content);
        let letter = LetterRecord { token: Some(token.clone()), ..letter };
        let (user_id, email, token) = (account.id.clone(), email.clone(), Some(token));
        Ok(Some((letter, AddressRecord { user_id, email, token, state: AddressState::Asked, at_ms })))
    }

    /// Counts a question to an address for a team or an account, or says that there were too many.
    pub(super) async fn may_ask(&self, asker: Limit<'_>, email: &Email) -> Result<bool, EngineError> {
        if self.store.waiting_letters(ROOM_FOR_QUESTIONS).await? >= ROOM_FOR_QUESTIONS {
            return Ok(false);
        }
        let limits =
            [asker, Limit { of: email.as_str(), most: QUESTIONS_TO_ADDRESS, within_ms: 24 * HOUR_MS }];
        Ok(self.telling.questions.take(&limits, self.clock.now_ms()))
    }
}

impl<'a> Limit<'a> {
    /// How often a team may have people asked.
    pub(super) fn of_team(team: &'a TeamId) -> Self {
        Self { of: team.as_str(), most: QUESTIONS_OF_TEAM, within_ms: HOUR_MS }
    }

    /// How often an account may have the reader of its address asked.
    fn of_account(user: &'a UserId) -> Self {
        Self { of: user.as_str(), most: QUESTIONS_OF_ACCOUNT, within_ms: 24 * HOUR_MS }
    }
}
