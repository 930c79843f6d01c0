//! Who is told of a notice, and the letters that come of it.

use std::collections::HashMap;

use groundswell_types::{Email, RecipientState, Role, UserId};
use tokio_util::sync::CancellationToken;

use super::outbox::{KEPT_MS, ROOM};
use super::{About, Asking, Content, Told};
use crate::access::new_token;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::store::{LetterRecord, NoticeRecord, Posting, RecipientRecord, UserRecord};

/// Notices read at once.
const STEP: usize = 64;

/// What a language is called when nobody knows somebody's.
const ANY_LANGUAGE: &str = "en";

/// Who gets letters about a webhook.
#[derive(Default)]
pub(super) struct Readers {
    /// And whether nobody has written down yet that they do.
    pub(super) readers: Vec<(RecipientRecord, bool)>,
    /// Those who would, if their accounts' addresses were known to be theirs.
    unknown: Vec<UserRecord>,
}

impl Readers {
    fn add_unknown(&mut self, account: &UserRecord) {
        if self.unknown.iter().all(|other| other.id != account.id) {
            self.unknown.push(account.clone());
        }
    }
}

impl Engine {
    /// Writes letters about what nobody was told of yet, as long as there is room and until it is stopped.
    pub(super) async fn write_letters(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        loop {
            if self.store.waiting_letters(ROOM).await? >= ROOM {
                return Ok(());
            }
            let notices = self.store.untold_notices(STEP).await?;
            let is_last = notices.len() < STEP;
            for notice in notices {
                if stop.is_cancelled() {
                    return Ok(());
                }
                self.write_of_notice(notice).await?;
            }
            if is_last {
                break;
            }
        }
        self.write_digests(stop).await
    }

    async fn write_of_notice(&self, notice: NoticeRecord) -> Result<(), EngineError> {
        let NoticeRecord { id, endpoint_id, kind, at_ms, since_ms, .. } = notice;
        let is_news = self.clock.now_ms().saturating_sub(at_ms) <= KEPT_MS;
        let told = Told { key: format!("notice {id}"), notice: Some(id), digest: None };
        match self.directory.endpoint(endpoint_id).filter(|_| is_news) {
            Some(endpoint) => {
                let content = |about| Content::Notice { notice: kind, about, at_ms, since_ms };
                self.tell_of(&endpoint, content, told).await
            }
            None => Ok(self.store.post(&told.posting()).await?),
        }
    }

    /// Tells the team's operational webhooks of it, and puts letters to everybody who gets them into the outbox, with what
    /// says that it was told. What is told once more with the same key before that does not go to those webhooks once more.
    pub(super) async fn tell_of(
        &self,
        endpoint: &Endpoint,
        content: impl FnOnce(About) -> Content,
        told: Told,
    ) -> Result<(), EngineError> {
        let mut posting = told.posting();
        if let Some(program) = self.directory.program(&endpoint.record.program_id) {
            let content = content(about(&program, endpoint));
            self.announce(&program, &content, told.key).await?;
            if self.is_telling() {
                // Whoever says meanwhile that they want no letters says it before or after these are written.
                let _held = self.telling.naming.lock().await;
                self.write_to_readers((&program, endpoint), &content, &mut posting).await?;
                self.store.post(&posting).await?;
                self.telling.written.notify_one();
                return Ok(());
            }
        }
        Ok(self.store.post(&posting).await?)
    }

    /// The caller holds `telling.naming`.
    async fn write_to_readers(
        &self,
        (program, endpoint): (&ProgramEntry, &Endpoint),
        content: &Content,
        posting: &mut Posting,
    ) -> Result<(), EngineError> {
        let Readers { readers, unknown } = self.readers(program, endpoint).await?;
        for (recipient, is_new) in readers {
            posting.letters.push(self.letter(&recipient.email, &recipient.language, content));
            if let Some(letter) = posting.letters.last_mut() {
                letter.token = Some(recipient.token.clone());
            }
            if is_new {
                posting.recipients.push(recipient);
            }
        }
        for account in &unknown {
            if let Some((letter, address)) = self.question_whose(account, Asking::UnlessAsked).await? {
                posting.letters.push(letter);
                posting.addresses.push(address);
            }
        }
        Ok(())
    }

    /// A letter that is due at once and that nobody can end.
    pub(super) fn letter(&self, email: &Email, language: &str, content: &Content) -> LetterRecord {
        let now_ms = self.clock.now_ms();
        LetterRecord {
            id: self.ids.notice().number(),
            email: email.clone(),
            language: language.to_owned(),
            token: None,
            content_json: serde_json::to_string(content).expect("texts and numbers can be written"),
            attempts: 0,
            due_at_ms: now_ms,
            created_at_ms: now_ms,
        }
    }

    /// Whoever gets letters about a webhook. Those who were named, as far as they want it; when that is nobody, the owners of the
    /// team.
    pub(super) async fn readers(
        &self,
        program: &ProgramEntry,
        endpoint: &Endpoint,
    ) -> Result<Readers, EngineError> {
        let members = self.store.members(&program.record.team_id).await?;
        let known = self.store.recipients(endpoint.record.id).await?;
        let mut found = Readers::default();
        for one in known.iter().filter(|one| one.added_by.is_some()) {
            let member = members.iter().find(|(user, _)| user.email.as_ref() == Some(&one.email));
            match (one.state, member) {
                (RecipientState::Confirmed, None) => found.readers.push((one.clone(), false)),
                (RecipientState::Confirmed, Some((user, _))) => {
                    found.readers.push((self.in_language_of(user, one.clone()).await?, false));
                }
                (RecipientState::Member | RecipientState::Invited, Some((user, _)))
                    if self.is_theirs(&user.id, &one.email).await? =>
                {
                    let is_news = one.state == RecipientState::Invited;
                    let member = RecipientRecord { state: RecipientState::Member, ..one.clone() };
                    found.readers.push((self.in_language_of(user, member).await?, is_news));
                }
                (RecipientState::Member, Some((user, _))) => found.add_unknown(user),
                // Whoever has left the team is told nothing more, and whoever was asked has not answered.
                (RecipientState::Member, None)
                | (RecipientState::Invited | RecipientState::Unsubscribed, _) => {}
            }
        }
        if !found.readers.is_empty() {
            return Ok(found);
        }
        let mut known: HashMap<Email, RecipientRecord> =
            known.into_iter().map(|one| (one.email.clone(), one)).collect();
        for (user, membership) in members {
            let Some(email) = user.email.clone().filter(|_| membership.role == Role::Owner) else { continue };
            let before = known.remove(&email);
            let refuses = match &before {
                Some(one) => one.state == RecipientState::Unsubscribed,
                None => self.store.refuses_letters(&email).await?,
            };
            match before {
                _ if refuses => {}
                _ if !self.is_theirs(&user.id, &email).await? => found.add_unknown(&user),
                Some(one) => found.readers.push((self.in_language_of(&user, one).await?, false)),
                None => {
                    let language = self.language_or_any(&user.id).await?;
                    found.readers.push((self.recipient(endpoint, email, language), true));
                }
            }
        }
        Ok(found)
    }

    /// A recipient whose letters are in the language of their account, if that is known. What the row has is the language of whoever
    /// named them, or the one that they had then.
    async fn in_language_of(
        &self,
        account: &UserRecord,
        recipient: RecipientRecord,
    ) -> Result<RecipientRecord, EngineError> {
        let language = self.store.language_of(&account.id).await?;
        Ok(RecipientRecord { language: language.unwrap_or(recipient.language), ..recipient })
    }

    /// A recipient whom nobody named.
    pub(super) fn recipient(&self, endpoint: &Endpoint, email: Email, language: String) -> RecipientRecord {
        RecipientRecord {
            id: format!("rcp_{}", id::random_text(16)),
            token: new_token().0,
            program_id: endpoint.record.program_id.clone(),
            endpoint_id: endpoint.record.id,
            email,
            language,
            added_by: None,
            state: RecipientState::Member,
            created_at_ms: self.clock.now_ms(),
        }
    }

    pub(super) async fn language_or_any(&self, user: &UserId) -> Result<String, EngineError> {
        let language = self.store.language_of(user).await?;
        Ok(language.unwrap_or_else(|| ANY_LANGUAGE.to_owned()))
    }
}

/// A webhook as letters call it.
pub(super) fn about(program: &ProgramEntry, endpoint: &Endpoint) -> About {
    let record = &endpoint.record;
    let host = || url::Url::parse(&record.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let name = record.name.as_ref().map(|name| name.as_str().to_owned());
    About {
        program: program.record.id.clone(),
        program_name: program.record.name.clone(),
        webhook: record.public_id.clone(),
        label: name.or_else(host).unwrap_or_else(|| record.public_id.to_string()),
    }
}
