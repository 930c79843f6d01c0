//! Use cases on live webhooks, as the REST API has them.

use std::sync::Arc;

use groundswell_types::editor::ChangedBy;
use groundswell_types::{
    AuditAction, EventKind, MAX_WEBHOOKS, PayloadUrl, ProgramId, RESERVED_PUBLIC_ID, Secret, SecretOverlap,
    Webhook, WebhookHeaders, WebhookId, WebhookName, WebhookTimeout,
};

use crate::delivery::destinations::Destinations;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointRecord, SettingsChange, WebhooksChange};

const HEADERS_OF_ANOTHER_HOST: &str = "must be given with a payloadUrl of another host: the values that are there were given for \
    the present one; an empty object removes them";

/// What is to be set about a webhook; what is `None` stays, or gets its default.
#[derive(Debug, Clone, Default)]
pub struct WebhookInput {
    pub payload_url: Option<String>,
    pub events: Option<Vec<EventKind>>,
    pub is_enabled: Option<bool>,
    pub secret: Option<SecretInput>,
    pub timeout: Option<TimeoutInput>,
    /// All of them: what is not among them is removed.
    pub headers: Option<WebhookHeaders>,
    pub name: Option<NameInput>,
}

impl WebhookInput {
    /// What a change with it is called in the audit log.
    pub(crate) const fn action(&self) -> AuditAction {
        if self.secret.is_some() { AuditAction::SecretReplaced } else { AuditAction::WebhookChanged }
    }

    /// What is given, by name.
    pub(crate) fn parts(&self) -> String {
        let parts = [
            ("url", self.payload_url.is_some()),
            ("events", self.events.is_some()),
            ("enabled", self.is_enabled.is_some()),
            ("secret", self.secret.is_some()),
            ("timeout", self.timeout.is_some()),
            ("headers", self.headers.is_some()),
            ("name", self.name.is_some()),
        ];
        parts
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// What people are to call it.
#[derive(Debug, Clone)]
pub enum NameInput {
    Set(WebhookName),
    Remove,
}

impl NameInput {
    fn name(self) -> Option<WebhookName> {
        match self {
            Self::Set(name) => Some(name),
            Self::Remove => None,
        }
    }
}

/// How long the receiver is to have.
#[derive(Debug, Clone, Copy)]
pub enum TimeoutInput {
    /// So long.
    Set(WebhookTimeout),
    /// As long as the configuration says.
    Usual,
}

impl TimeoutInput {
    const fn timeout(self) -> Option<WebhookTimeout> {
        match self {
            Self::Set(timeout) => Some(timeout),
            Self::Usual => None,
        }
    }
}

/// What is to become of a secret.
#[derive(Debug, Clone)]
pub enum SecretInput {
    /// Take this one, and keep the one before it valid for so long.
    Set(Secret, SecretOverlap),
    /// Have none; the one before ends at once.
    Remove,
}

impl Engine {
    /// A program's live webhooks, oldest first.
    pub fn webhooks(&self, program: &ProgramId) -> Result<Vec<Webhook>, EngineError> {
        let entry = self.program_entry(program)?;
        Ok(entry.endpoints.iter().map(|endpoint| self.webhook_view(endpoint)).collect())
    }

    /// One live webhook.
    pub fn webhook(&self, program: &ProgramId, id: &WebhookId) -> Result<Webhook, EngineError> {
        let entry = self.program_entry(program)?;
        let endpoint = entry.webhook(id).ok_or(EngineError::NotFound("webhook"))?;
        Ok(self.webhook_view(endpoint))
    }

    /// Adds a live webhook. Without `events` it is subscribed to none.
    pub async fn create_webhook(
        &self,
        program: &ProgramId,
        input: WebhookInput,
    ) -> Result<Webhook, EngineError> {
        let Some(url) = &input.payload_url else {
            return Err(EngineError::invalid("/payloadUrl", "is required: an http or https URL"));
        };
        let url =
            checked_url(&self.destinations, url).map_err(|why| EngineError::invalid("/payloadUrl", why))?;
        let (program_id, now_ms) = (program.clone(), self.clock.now_ms());
        let (endpoint_id, fresh_id) = (self.ids.endpoint(), self.ids.webhook());
        self.writer
            .change(program, move |directory| {
                let entry = directory.program(&program_id).ok_or(EngineError::NotFound("program"))?;
                if entry.endpoints.len() >= MAX_WEBHOOKS {
                    return Err(EngineError::WebhookLimit);
                }
                let record = EndpointRecord {
                    id: endpoint_id,
                    public_id: next_public_id(&entry, fresh_id),
                    program_id,
                    url: url.as_str().to_owned(),
                    events: distinct(input.events.unwrap_or_default()),
                    is_enabled: input.is_enabled.unwrap_or(true),
                    auto_disabled: false,
                    secret: match input.secret {
                        Some(SecretInput::Set(secret, _)) => Some(secret),
                        Some(SecretInput::Remove) | None => None,
                    },
                    created_at_ms: now_ms,
                    parked_at_ms: None,
                    timeout: input.timeout.and_then(TimeoutInput::timeout),
                    headers: input.headers.unwrap_or_default(),
                    old_secret: None,
                    name: input.name.and_then(NameInput::name),
                };
                Ok(change(&entry, now_ms, |change| change.upserts.push(record)))
            })
            .await?;
        let endpoint = self.directory.endpoint(endpoint_id).ok_or(EngineError::NotFound("webhook"))?;
        Ok(self.webhook_view(&endpoint))
    }

    /// Changes a live webhook. Disabling parks what waits; enabling clears the automatic disabling and the count of
    /// failures, leaves parked what is parked, and waits until everything is.
    pub async fn patch_webhook(
        &self,
        program: &ProgramId,
        id: &WebhookId,
        input: WebhookInput,
    ) -> Result<Webhook, EngineError> {
        let url = match &input.payload_url {
            Some(url) => Some(
                checked_url(&self.destinations, url)
                    .map_err(|why| EngineError::invalid("/payloadUrl", why))?,
            ),
            None => None,
        };
        let (program_id, webhook_id, now_ms) = (program.clone(), id.clone(), self.clock.now_ms());
        self.writer
            .change(program, move |directory| {
                let entry = directory.program(&program_id).ok_or(EngineError::NotFound("program"))?;
                let live = entry.webhook(&webhook_id).ok_or(EngineError::NotFound("webhook"))?;
                let mut after = live.record.clone();
                if let Some(url) = url {
                    let keeps_headers =
                        input.headers.is_none() && live.record.headers.names().next().is_some();
                    if keeps_headers && !has_same_origin(&live.record.url, url.as_str()) {
                        return Err(EngineError::invalid("/headers", HEADERS_OF_ANOTHER_HOST));
                    }
                    url.as_str().clone_into(&mut after.url);
                }
                if let Some(events) = input.events {
                    after.events = distinct(events);
                }
                match input.secret {
                    Some(SecretInput::Set(secret, overlap)) => {
                        after.replace_secret(Some(secret), overlap, now_ms);
                    }
                    Some(SecretInput::Remove) => after.replace_secret(None, SecretOverlap::None, now_ms),
                    None => {}
                }
                if let Some(timeout) = input.timeout {
                    after.timeout = timeout.timeout();
                }
                if let Some(name) = input.name {
                    after.name = name.name();
                }
                if let Some(headers) = input.headers {
                    after.headers = headers;
                }
                if let Some(is_enabled) = input.is_enabled {
                    after.is_enabled = is_enabled;
                    after.auto_disabled &= !is_enabled;
                }
                Ok(change(&entry, now_ms, |change| change.upserts.push(after)))
            })
            .await?;
        self.webhook(program, id)
    }

    /// Removes a live webhook; what waits for it is cancelled.
    pub async fn delete_webhook(&self, program: &ProgramId, id: &WebhookId) -> Result<(), EngineError> {
        let (program_id, webhook_id, now_ms) = (program.clone(), id.clone(), self.clock.now_ms());
        self.writer
            .change(program, move |directory| {
                let entry = directory.program(&program_id).ok_or(EngineError::NotFound("program"))?;
                let gone = entry.webhook(&webhook_id).ok_or(EngineError::NotFound("webhook"))?.record.id;
                Ok(change(&entry, now_ms, |change| change.deletes.push(gone)))
            })
            .await?;
        Ok(())
    }

    pub(crate) fn webhook_view(&self, endpoint: &Arc<Endpoint>) -> Webhook {
        let health = self.directory.health(endpoint.record.id);
        let old_secret = endpoint.record.old_secret_at(self.clock.now_ms());
        Webhook {
            id: endpoint.record.public_id.clone(),
            payload_url: Some(endpoint.record.url.clone()),
            events: endpoint.record.events.clone(),
            is_enabled: endpoint.record.is_enabled,
            auto_disabled_due_to_failures: endpoint.record.auto_disabled,
            failure_count: health.consecutive_failures,
            last_failure_at: health.last_failure_at_ms,
            timeout_seconds: endpoint.record.timeout,
            header_names: endpoint.record.headers.names().map(str::to_owned).collect(),
            old_secret_ends_at: old_secret.map(|old| old.ends_at_ms),
            new_secret_accepted_at: old_secret.and_then(|old| old.new_accepted_at_ms),
            name: endpoint.record.name.clone(),
        }
    }
}

/// Reads a URL and refuses one whose host is an address that may not be reached.
pub(crate) fn checked_url(destinations: &Destinations, text: &str) -> Result<PayloadUrl, String> {
    let url = PayloadUrl::parse(text).map_err(|error| error.to_string())?;
    destinations.check(url.url()).map_err(|forbidden| format!("{forbidden}."))?;
    Ok(url)
}

/// Whether two URLs have the same scheme, host and port. A text that is no URL has none.
pub(crate) fn has_same_origin(one: &str, other: &str) -> bool {
    let origin = |text: &str| PayloadUrl::parse(text.trim()).ok().map(|url| url.url().origin());
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

/// `primary` when it is free, else the generated one.
pub(crate) fn next_public_id(entry: &ProgramEntry, fresh: WebhookId) -> WebhookId {
    let primary = WebhookId::parse(RESERVED_PUBLIC_ID).expect("`primary` is a valid id");
    if entry.webhook(&primary).is_none() { primary } else { fresh }
}

/// A change of a program's webhooks on top of what is live, over REST unless `fill` says otherwise.
pub(crate) fn change(
    entry: &ProgramEntry,
    now_ms: i64,
    fill: impl FnOnce(&mut WebhooksChange),
) -> SettingsChange {
    let mut change = WebhooksChange {
        program_id: entry.record.id.clone(),
        version: entry.record.webhooks_version + 1,
        upserts: Vec::new(),
        deletes: Vec::new(),
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: now_ms,
    };
    fill(&mut change);
    let was_enabled = |id| entry.endpoints.iter().any(|one| one.record.id == id && one.record.is_enabled);
    for record in &mut change.upserts {
        if !record.is_enabled && (record.parked_at_ms.is_none() || was_enabled(record.id)) {
            record.parked_at_ms = Some(now_ms);
        }
    }
    SettingsChange::Webhooks(change)
}

/// Each event once, in the order given.
pub(crate) fn distinct(events: Vec<EventKind>) -> Vec<EventKind> {
    let mut once = Vec::with_capacity(events.len());
    for event in events {
        if !once.contains(&event) {
            once.push(event);
        }
    }
    once
}
