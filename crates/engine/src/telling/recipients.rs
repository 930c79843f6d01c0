//! Use cases on who gets letters about a webhook: those who set webhooks up name people.
//!
//! Nobody gets letters because a stranger says so. Whoever is not known to be in the webhook's team is asked first, in one
//! letter, and how many such letters there are is limited by team and by address. Who does not want any is not asked again.

use std::sync::Arc;

use groundswell_types::{Email, MAX_RECIPIENTS, ProgramId, Recipient, RecipientState, Role, WebhookId};

use super::Content;
use super::limits::Limit;
use super::writing::about;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{MembershipRecord, Posting, RecipientRecord, UserRecord};

/// Shown on pages, so its translations are in the catalogue.
const TOO_MANY_QUESTIONS: &str =
    "Too many people were asked lately whether they want e-mail from here. Try again in an hour.";

/// Shown on pages, so its translations are in the catalogue.
const TOO_MANY_RECIPIENTS: &str = "A webhook can have 10 recipients. Remove one to add another.";

/// Shown on pages, so its translations are in the catalogue.
const NO_MAIL: &str = "This server sends no e-mail, so nobody can be asked whether they want it. Whoever runs it can set GROUNDSWELL_SMTP_URL.";

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
        let mut named: Vec<Recipient> = Vec::new();
        for one in self.store.recipients(endpoint.record.id).await? {
            named.extend(self.as_known(one).await?.view());
        }
        named.sort_by(|a, b| (a.added_at, &a.email).cmp(&(b.added_at, &b.email)));
        Ok(named)
    }

    /// Names somebody to get letters about a webhook. Whoever is not known to be in the team is asked first.
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
        if let Some(named) = before.clone().filter(|one| one.added_by.is_some()) {
            return self.as_known(named).await?.view().ok_or(EngineError::NotFound("recipient"));
        }
        if known.iter().filter(|one| one.added_by.is_some()).count() >= MAX_RECIPIENTS {
            return Err(EngineError::Refused(TOO_MANY_RECIPIENTS.to_owned()));
        }
        let state = match &before {
            Some(one) if one.state == RecipientState::Unsubscribed => RecipientState::Unsubscribed,
            _ if self.store.refuses_letters(&new.email).await? => RecipientState::Unsubscribed,
            Some(one) if one.state == RecipientState::Confirmed => RecipientState::Confirmed,
            _ if self.known_role(&entry, &new.email).await?.is_some() => RecipientState::Member,
            _ => RecipientState::Invited,
        };
        let language = self.language_of_member(&entry, &new.email).await?.unwrap_or(new.language);
        let recipient =
            before.unwrap_or_else(|| self.recipient(&endpoint, new.email.clone(), language.clone()));
        let added_by = Some(new.added_by.clone());
        let created_at_ms = self.clock.now_ms();
        let recipient = RecipientRecord { language, added_by, state, created_at_ms, ..recipient };
        let mut posting = Posting { recipients: vec![recipient.clone()], ..Posting::default() };
        if state == RecipientState::Invited {
            posting.letters.push(self.question(&entry, &endpoint, &recipient).await?);
        }
        self.store.post(&posting).await?;
        self.telling.written.notify_one();
        recipient.view().ok_or(EngineError::NotFound("recipient"))
    }

    /// The letter that asks somebody.
    async fn question(
        &self,
        program: &ProgramEntry,
        endpoint: &Endpoint,
        to: &RecipientRecord,
    ) -> Result<crate::store::LetterRecord, EngineError> {
        if !self.is_telling() {
            return Err(EngineError::Refused(NO_MAIL.to_owned()));
        }
        if !self.may_ask(Limit::of_team(&program.record.team_id), &to.email).await? {
            return Err(EngineError::Refused(TOO_MANY_QUESTIONS.to_owned()));
        }
        let asked_by = to.added_by.clone().unwrap_or_default();
        let content = Content::Question { about: about(program, endpoint), asked_by };
        let letter = self.letter(&to.email, &to.language, &content);
        Ok(crate::store::LetterRecord { token: Some(to.token.clone()), ..letter })
    }

    /// Names somebody no longer; returns whom. What they have said themselves is remembered.
    pub(crate) async fn remove_recipient(
        &self,
        program: &ProgramId,
        webhook: &WebhookId,
        id: &str,
    ) -> Result<Email, EngineError> {
        let _held = self.telling.naming.lock().await;
        let (_, endpoint) = self.with_webhook(program, webhook)?;
        let known = self.store.recipients(endpoint.record.id).await?;
        let named = known.into_iter().find(|one| one.id == id && one.added_by.is_some());
        let named = named.ok_or(EngineError::NotFound("recipient"))?;
        // Whoever was asked keeps the link by which they say no, or they could be asked for ever.
        let nobodys = RecipientRecord { added_by: None, ..named };
        let email = nobodys.email.clone();
        self.store.post(&Posting { recipients: vec![nobodys], ..Posting::default() }).await?;
        Ok(email)
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

    /// The language of whoever in the program's team has this address.
    async fn language_of_member(
        &self,
        program: &ProgramEntry,
        email: &Email,
    ) -> Result<Option<String>, EngineError> {
        match self.member(program, email).await? {
            Some((member, _)) => Ok(self.store.language_of(&member.id).await?),
            None => Ok(None),
        }
    }

    /// Whoever in the program's team has this address.
    async fn member(
        &self,
        program: &ProgramEntry,
        email: &Email,
    ) -> Result<Option<(UserRecord, MembershipRecord)>, EngineError> {
        let members = self.store.members(&program.record.team_id).await?;
        Ok(members.into_iter().find(|(member, _)| member.email.as_ref() == Some(email)))
    }

    /// A recipient as they stand now: who was asked like a stranger and has shown since then that the address of their account
    /// is theirs need not answer any more.
    pub(super) async fn as_known(&self, recipient: RecipientRecord) -> Result<RecipientRecord, EngineError> {
        if recipient.state != RecipientState::Invited {
            return Ok(recipient);
        }
        let Some(program) = self.directory.program(&recipient.program_id) else { return Ok(recipient) };
        Ok(match self.known_role(&program, &recipient.email).await? {
            Some(_) => RecipientRecord { state: RecipientState::Member, ..recipient },
            None => recipient,
        })
    }

    /// What somebody may do in the program's team whose address is known to be theirs.
    pub(super) async fn known_role(
        &self,
        program: &ProgramEntry,
        email: &Email,
    ) -> Result<Option<Role>, EngineError> {
        match self.member(program, email).await? {
            Some((member, membership)) if self.is_theirs(&member.id, email).await? => {
                Ok(Some(membership.role))
            }
            _ => Ok(None),
        }
    }
}
