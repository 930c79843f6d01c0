//! Use cases on who gets letters about a webhook: those who set webhooks up name people; those who were named decide whether
//! they want it, by the link in their letters, without an account.
//!
//! Nobody gets letters because a stranger says so. Whoever is not in the webhook's team is asked first, in one letter, and how
//! many such letters there are is limited by team and by address. Who does not want any is not asked again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use groundswell_types::{Email, MAX_RECIPIENTS, ProgramId, Recipient, RecipientState, WebhookId};

use super::writing::about;
use super::{About, Content};
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{Posting, RecipientRecord};

const HOUR_MS: i64 = 3_600_000;

/// So many people a team can have asked within an hour.
const QUESTIONS_OF_TEAM: usize = 20;

/// So many times an address can be asked within a day.
const QUESTIONS_TO_ADDRESS: usize = 3;

/// Shown on pages, so its translations are in the catalogue.
const TOO_MANY_QUESTIONS: &str =
    "Too many people were asked lately whether they want e-mail from here. Try again in an hour.";

/// Shown on pages, so its translations are in the catalogue.
const TOO_MANY_RECIPIENTS: &str = "A webhook can have 10 recipients. Remove one to add another.";

/// Shown on pages, so its translations are in the catalogue.
const NO_MAIL: &str = "This server sends no e-mail, so nobody can be asked whether they want it. Whoever runs it can set GROUNDSWELL_SMTP_URL.";

/// Shown on pages, so its translations are in the catalogue.
const NO_SUCH_LINK: &str =
    "This link leads nowhere any more: the webhook was removed, or you are no longer named.";

/// What somebody sees who follows the link in a letter about a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub email: Email,
    pub about: About,
    pub added_by: Option<String>,
    pub state: RecipientState,
}

/// What they want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Letters about this webhook.
    These,
    /// None about this webhook.
    NotThese,
    /// None about any webhook, whoever names them.
    None,
}

/// Who names whom.
#[derive(Debug, Clone)]
pub struct NewRecipient {
    pub email: Email,
    /// What letters to them are to be in: a language tag.
    pub language: String,
    /// A name, for people.
    pub added_by: String,
}

impl Engine {
    /// The people who were named to get letters about a webhook, by when they were.
    pub(crate) async fn recipients(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
    ) -> Result<Vec<Recipient>, EngineError> {
        let (_, endpoint) = self.with_webhook(program, webhook)?;
        let known = self.store.recipients(endpoint.record.id).await?;
        let mut named: Vec<Recipient> = known.into_iter().filter_map(RecipientRecord::view).collect();
        named.sort_by(|a, b| (a.added_at, &a.email).cmp(&(b.added_at, &b.email)));
        Ok(named)
    }

    /// Names somebody to get letters about a webhook. Whoever is not in the team is asked first.
    pub(crate) async fn add_recipient(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
        new: NewRecipient,
    ) -> Result<Recipient, EngineError> {
        let _held = self.telling.naming.lock().await;
        let (entry, endpoint) = self.with_webhook(program, webhook)?;
        let known = self.store.recipients(endpoint.record.id).await?;
        let before = known.iter().find(|one| one.email == new.email).cloned();
        if let Some(view) = before.clone().and_then(RecipientRecord::view) {
            return Ok(view);
        }
        if known.iter().filter(|one| one.added_by.is_some()).count() >= MAX_RECIPIENTS {
            return Err(EngineError::Refused(TOO_MANY_RECIPIENTS.to_owned()));
        }
        let state = match &before {
            Some(one) if one.state == RecipientState::Unsubscribed => RecipientState::Unsubscribed,
            _ if self.store.refuses_letters(&new.email).await? => RecipientState::Unsubscribed,
            _ if self.is_member(&entry, &new.email).await? => RecipientState::Member,
            _ => RecipientState::Invited,
        };
        let recipient =
            before.unwrap_or_else(|| self.recipient(&endpoint, new.email.clone(), new.language.clone()));
        let added_by = Some(new.added_by.clone());
        let created_at_ms = self.clock.now_ms();
        let recipient = RecipientRecord { added_by, state, created_at_ms, ..recipient };
        let mut posting = Posting { recipients: vec![recipient.clone()], ..Posting::default() };
        if state == RecipientState::Invited {
            posting.letters.push(self.question(&entry, &endpoint, &recipient)?);
        }
        self.store.post(&posting).await?;
        self.telling.written.notify_one();
        recipient.view().ok_or(EngineError::NotFound("recipient"))
    }

    /// The letter that asks somebody.
    fn question(
        &self,
        program: &ProgramEntry,
        endpoint: &Endpoint,
        to: &RecipientRecord,
    ) -> Result<crate::store::LetterRecord, EngineError> {
        if !self.is_telling() {
            return Err(EngineError::Refused(NO_MAIL.to_owned()));
        }
        let team = program.record.team_id.as_str();
        if !self.telling.questions.take(team, to.email.as_str(), self.clock.now_ms()) {
            return Err(EngineError::Refused(TOO_MANY_QUESTIONS.to_owned()));
        }
        let asked_by = to.added_by.clone().unwrap_or_default();
        let content = Content::Question { about: about(program, endpoint), asked_by };
        let letter = self.letter(&to.email, &to.language, &content);
        Ok(crate::store::LetterRecord { token: Some(to.token.clone()), ..letter })
    }

    /// Names somebody no longer. What they have said themselves is remembered.
    pub(crate) async fn remove_recipient(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
        id: &str,
    ) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        let (_, endpoint) = self.with_webhook(program, webhook)?;
        let known = self.store.recipients(endpoint.record.id).await?;
        let named = known.into_iter().find(|one| one.id == id && one.added_by.is_some());
        let named = named.ok_or(EngineError::NotFound("recipient"))?;
        if named.state == RecipientState::Unsubscribed {
            let nobodys = RecipientRecord { added_by: None, ..named };
            self.store.post(&Posting { recipients: vec![nobodys], ..Posting::default() }).await?;
        } else {
            self.store.delete_recipient(id).await?;
        }
        Ok(())
    }

    /// What the link in a letter is about.
    pub async fn subscription(&self, token: &str) -> Result<Subscription, EngineError> {
        let (recipient, entry, endpoint) = self.subscribed(token).await?;
        let RecipientRecord { email, added_by, state, .. } = recipient;
        Ok(Subscription { email, about: about(&entry, &endpoint), added_by, state })
    }

    /// Does what somebody wants who has the link in a letter. Once more changes nothing.
    pub async fn subscribe(&self, token: &str, wish: Wish) -> Result<(), EngineError> {
        let _held = self.telling.naming.lock().await;
        let (recipient, _, _) = self.subscribed(token).await?;
        let state = match wish {
            Wish::These => {
                self.store.allow_letters(&recipient.email).await?;
                RecipientState::Confirmed
            }
            Wish::NotThese => RecipientState::Unsubscribed,
            Wish::None => {
                return Ok(self.store.refuse_letters(&recipient.email, self.clock.now_ms()).await?);
            }
        };
        let recipient = RecipientRecord { state, ..recipient };
        Ok(self.store.post(&Posting { recipients: vec![recipient], ..Posting::default() }).await?)
    }

    async fn subscribed(
        &self,
        token: &str,
    ) -> Result<(RecipientRecord, Arc<ProgramEntry>, Arc<Endpoint>), EngineError> {
        let gone = || EngineError::Refused(NO_SUCH_LINK.to_owned());
        let recipient = self.store.recipient(token).await?.ok_or_else(gone)?;
        let endpoint = self.directory.endpoint(recipient.endpoint_id).ok_or_else(gone)?;
        let entry = self.directory.program(&recipient.program_id).ok_or_else(gone)?;
        Ok((recipient, entry, endpoint))
    }

    fn with_webhook(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
    ) -> Result<(Arc<ProgramEntry>, Arc<Endpoint>), EngineError> {
        let entry = self.program_entry(program)?;
        let endpoint = entry.webhook(webhook).cloned().ok_or(EngineError::NotFound("webhook"))?;
        Ok((entry, endpoint))
    }

    async fn is_member(&self, program: &ProgramEntry, email: &Email) -> Result<bool, EngineError> {
        let members = self.store.members(&program.record.team_id).await?;
        Ok(members.iter().any(|(member, _)| member.email.as_ref() == Some(email)))
    }
}

/// Counts questions. In memory: a restart forgets them.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<HashMap<String, VecDeque<i64>>>);

/// So many teams and addresses are counted.
const MANY: usize = 20_000;

impl Questions {
    /// Counts one, or says that there were too many.
    fn take(&self, team: &str, email: &str, now_ms: i64) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MANY {
            asked.retain(|_, times| times.back().is_some_and(|at| now_ms - at < 24 * HOUR_MS));
        }
        let limits = [(team, QUESTIONS_OF_TEAM, HOUR_MS), (email, QUESTIONS_TO_ADDRESS, 24 * HOUR_MS)];
        for (whose, most, within_ms) in limits {
            let times = asked.entry(whose.to_owned()).or_default();
            while times.front().is_some_and(|at| now_ms - at >= within_ms) {
                times.pop_front();
            }
            if times.len() >= most {
                return false;
            }
        }
        if asked.len() > MANY {
            return false;
        }
        for (whose, _, _) in limits {
            asked.entry(whose.to_owned()).or_default().push_back(now_ms);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_and_an_address_have_so_many_questions() {
        let questions = Questions::default();
        for _ in 0..QUESTIONS_TO_ADDRESS {
            assert!(questions.take("team_1", "ada@example.com", 0));
        }
        assert!(!questions.take("team_2", "ada@example.com", 1));
        for number in QUESTIONS_TO_ADDRESS..QUESTIONS_OF_TEAM {
            assert!(questions.take("team_1", &format!("{number}@example.com"), 2), "{number}");
        }
        assert!(!questions.take("team_1", "grace@example.com", 3));
        assert!(questions.take("team_1", "grace@example.com", HOUR_MS));
        assert!(!questions.take("team_2", "ada@example.com", HOUR_MS));
        assert!(questions.take("team_2", "ada@example.com", 24 * HOUR_MS));
    }
}
