//! Operational webhooks: what is told by e-mail goes to a team's own webhooks as well, as events of a program that is there for
//! nothing else. They are signed, retried and shown in a log like all others.
//!
//! What happens to these webhooks themselves is told by e-mail alone: telling it here would lead from one to the next for ever.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use groundswell_types::payload::{
    Campaign, CampaignType, NewSignIn, NoticedWebhook, TeamMember, WebhookNotice,
};
use groundswell_types::{Email, Event, EventData, NoticeKind, ProgramType, TeamId, json};
use serde_json::Map;
use sha2::{Digest as _, Sha256};

use super::outbox::KEPT_MS;
use super::{About, Content};
use crate::delivery::writer::NewEvent;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::events::IDEMPOTENCY_MS;
use crate::operations::operations_id;
use crate::store::{Idempotency, UserRecord};

impl Engine {
    /// Tells a team's operational webhooks of what was noticed about a webhook. Twice with the same `key` is once.
    pub(super) async fn announce(
        &self,
        program: &ProgramEntry,
        content: &Content,
        key: String,
    ) -> Result<(), EngineError> {
        if program.record.kind == ProgramType::Operations {
            return Ok(());
        }
        let Some((at_ms, data)) = data_of(content, program) else { return Ok(()) };
        self.announce_event(&program.record.team_id, Event { created_at: at_ms, data }, key).await
    }

    /// Tells the operational webhooks of somebody's teams of their sign-in in a new browser. Where they came from and with what
    /// only that team is told that they came into first: it is the person's, and what a webhook is sent leaves this server. Owners
    /// of the others find it in their audit log.
    ///
    /// Whoever signs in does so whether it can be told or not: what cannot is told later.
    pub(super) async fn announce_sign_in(
        &self,
        user: &UserRecord,
        content: &Content,
    ) -> Result<(), EngineError> {
        let Content::SignIn { name, at_ms, address, user_agent, .. } = content else { return Ok(()) };
        let member = TeamMember {
            id: user.id.to_string(),
            name: Some(name.clone()),
            email: user.email.as_ref().map(Email::to_string),
            extra: Map::new(),
        };
        let key = format!("sign-in {}", crate::id::random_text(16));
        for (number, team) in self.teams_of(&user.id).await?.into_iter().enumerate() {
            let is_first = number == 0;
            let data = NewSignIn {
                user: member.clone(),
                address: address.clone().filter(|_| is_first),
                user_agent: user_agent.clone().filter(|_| is_first),
                extra: Map::new(),
            };
            let event = Event { created_at: *at_ms, data: EventData::NewSignIn(Box::new(data)) };
            self.announce_or_keep(Announcement { team, event, key: key.clone() }).await;
        }
        Ok(())
    }

    /// Announces what could not be announced. It is in memory alone: a sign-in has no row that says that it was told.
    pub(super) async fn announce_again(&self) {
        let oldest_ms = self.clock.now_ms().saturating_sub(KEPT_MS);
        let waiting = self.telling.unannounced.take().into_iter();
        let mut waiting = waiting.filter(|one| one.event.created_at > oldest_ms);
        for announcement in waiting.by_ref() {
            if self.announce_or_keep(announcement).await == Announced::Later {
                break;
            }
        }
        // What keeps one of them keeps the others, too.
        waiting.for_each(|announcement| self.telling.unannounced.keep(announcement));
    }

    async fn announce_or_keep(&self, announcement: Announcement) -> Announced {
        let Announcement { team, event, key } = announcement.clone();
        match self.announce_event(&team, event, key).await {
            Ok(()) => Announced::Now,
            Err(error) => {
                tracing::warn!(%error, team.id = %team, "operational webhooks were not told of a sign-in; it is tried again");
                self.telling.unannounced.keep(announcement);
                Announced::Later
            }
        }
    }

    /// Returns once it is on disk, or nobody wants it.
    async fn announce_event(&self, team: &TeamId, event: Event, key: String) -> Result<(), EngineError> {
        let (id, kind) = (operations_id(team), event.data.kind());
        let program = self.directory.program(&id);
        if program.is_none_or(|program| program.subscribed(kind).next().is_none()) {
            return Ok(());
        }
        let text = serde_json::to_vec(&event).expect("texts and numbers can be written");
        let body = json::parse(&text).expect("it was just written as JSON").render();
        let accepted_at_ms = self.clock.now_ms();
        let idempotency = Some(Idempotency {
            key,
            content_hash: Sha256::digest(&body).into(),
            valid_since_ms: accepted_at_ms - IDEMPOTENCY_MS,
        });
        let event = NewEvent {
            program_id: id,
            kind,
            occurred_at_ms: event.created_at,
            accepted_at_ms,
            expires_at_ms: accepted_at_ms.saturating_add(self.config.retry.deadline_ms),
            body: body.into(),
            idempotency,
            emitted: None,
        };
        for answer in self.writer.accept(vec![event]).await? {
            match answer {
                // The webhook was renamed between two tries: it has been told of.
                Ok(_) | Err(EngineError::IdempotencyConflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a team's operational webhooks are to be told.
#[derive(Debug, Clone)]
pub(super) struct Announcement {
    team: TeamId,
    event: Event,
    /// The same whenever it is tried.
    key: String,
}

/// When something is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Now,
    Later,
}

/// So many wait at most to be announced once more; beyond that the oldest are forgotten.
const MOST_UNANNOUNCED: usize = 1_000;

/// What could not be announced, because the writer had no room or the disk none.
#[derive(Debug, Default)]
pub(super) struct Unannounced(Mutex<VecDeque<Announcement>>);

impl Unannounced {
    fn keep(&self, announcement: Announcement) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_UNANNOUNCED {
            waiting.pop_front();
        }
        waiting.push_back(announcement);
    }

    fn take(&self) -> VecDeque<Announcement> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When it happened, and what is told of it; nothing for what is for people alone.
fn data_of(content: &Content, program: &ProgramEntry) -> Option<(i64, EventData)> {
    match content {
        Content::Notice { notice, about, at_ms, since_ms } => {
            let data = Box::new(noticed(about, program, (notice.as_str(), *since_ms)));
            let data = match notice {
                NoticeKind::Failing | NoticeKind::StillFailing => EventData::WebhookFailing(data),
                NoticeKind::AutoDisabled | NoticeKind::Gone => EventData::WebhookDisabled(data),
                NoticeKind::ParkedExpiring => EventData::ParkedDeliveriesExpiring(data),
                NoticeKind::SecretReplaced => EventData::WebhookSecretReplaced(data),
            };
            Some((*at_ms, data))
        }
        Content::Digest { about, count, since_ms, until_ms } => {
            let notice = noticed(about, program, ("undeliverable", *since_ms));
            let data = WebhookNotice { count: Some(*count), ..notice };
            Some((*until_ms, EventData::DeliveriesUndeliverable(Box::new(data))))
        }
        Content::Question { .. }
        | Content::Address { .. }
        | Content::SignInLink { .. }
        | Content::SignIn { .. } => None,
    }
}

fn noticed(about: &About, program: &ProgramEntry, (notice, since_ms): (&str, i64)) -> WebhookNotice {
    let About { program: id, program_name, webhook, label } = about;
    WebhookNotice {
        notice: Some(notice.to_owned()),
        webhook: NoticedWebhook { id: webhook.to_string(), label: Some(label.clone()), extra: Map::new() },
        campaign: Some(Campaign {
            id: id.to_string(),
            name: Some(program_name.clone()),
            kind: Some(CampaignType::from(program.record.kind.as_str().to_owned())),
            currency_iso: Some(program.record.currency.as_str().to_owned()),
            rewards: None,
            extra: Map::new(),
        }),
        since: Some(since_ms),
        count: None,
        extra: Map::new(),
    }
}
