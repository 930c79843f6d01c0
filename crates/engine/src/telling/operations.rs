//! Operational webhooks: what is told by e-mail goes to a team's own webhooks as well, as events of a program that is there for
//! nothing else. They are signed, retried and shown in a log like all others.
//!
//! What happens to these webhooks themselves is told by e-mail alone: telling it here would lead from one to the next for ever.

use groundswell_types::payload::{
    Campaign, CampaignType, NewSignIn, NoticedWebhook, TeamMember, WebhookNotice,
};
use groundswell_types::{Email, Event, EventData, NoticeKind, ProgramType, TeamId, json};
use serde_json::Map;
use sha2::{Digest as _, Sha256};

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
        self.announce_event(&program.record.team_id, Event { created_at: at_ms, data }, Some(key)).await
    }

    /// Tells the operational webhooks of somebody's teams of their sign-in in a new browser.
    pub(super) async fn announce_sign_in(
        &self,
        user: &UserRecord,
        content: &Content,
    ) -> Result<(), EngineError> {
        let Content::SignIn { name, at_ms, address, user_agent } = content else { return Ok(()) };
        let member = TeamMember {
            id: user.id.to_string(),
            name: Some(name.clone()),
            email: user.email.as_ref().map(Email::to_string),
            extra: Map::new(),
        };
        for membership in self.store.memberships(&user.id).await? {
            let data = NewSignIn {
                user: member.clone(),
                address: address.clone(),
                user_agent: user_agent.clone(),
                extra: Map::new(),
            };
            let event = Event { created_at: *at_ms, data: EventData::NewSignIn(Box::new(data)) };
            self.announce_event(&membership.team_id, event, None).await?;
        }
        Ok(())
    }

    /// Returns once it is on disk, or nobody wants it.
    async fn announce_event(
        &self,
        team: &TeamId,
        event: Event,
        key: Option<String>,
    ) -> Result<(), EngineError> {
        let (id, kind) = (operations_id(team), event.data.kind());
        let program = self.directory.program(&id);
        if program.is_none_or(|program| program.subscribed(kind).next().is_none()) {
            return Ok(());
        }
        let text = serde_json::to_vec(&event).expect("texts and numbers can be written");
        let body = json::parse(&text).expect("it was just written as JSON").render();
        let accepted_at_ms = self.clock.now_ms();
        let idempotency = key.map(|key| Idempotency {
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
        Content::Question { .. } | Content::Address { .. } | Content::SignIn { .. } => None,
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
