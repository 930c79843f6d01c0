//! What a program's webhooks were before, in words, and the way back into a draft.
//!
//! Secrets and the values of headers are in no history: a restore keeps those that are live now.

use std::sync::Arc;

use groundswell_types::editor::{DraftSaved, History, HistoryVersion};
use groundswell_types::{ProgramId, Secret, SecretOverlap, WebhookHeaders};

use super::rows::{self, LIVE_PREFIX, RESTORED_PREFIX, StoredRow, StoredSecret};
use super::{CHANGED_MEANWHILE, headers, version_of};
use crate::delivery::own_headers::OwnHeaders;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{DraftRecord, EndpointRecord, PublicationRecord, PublishedWebhook};

/// How many versions a page of history has.
const PAGE: usize = 20;

/// Stands for what is secret where versions are compared; it is never stored.
const UNKNOWN: &str = "unknown";

impl Engine {
    /// A program's history, newest first; those before the version `before`.
    pub async fn history(&self, program: &ProgramId, before: Option<i64>) -> Result<History, EngineError> {
        let entry = self.program_entry(program)?;
        let newest = before.map_or(i64::MAX, |before| before.saturating_sub(1));
        // What a version changed is told by the one before it.
        let mut records = self.store.publications(program, newest, PAGE + 1).await?;
        let next_before = records.get(PAGE).map(|_| records[PAGE - 1].version);
        let first = if next_before.is_some() { None } else { Some(nothing(&entry)) };
        let live = self.store.publications(program, i64::MAX, 1).await?.first().map(|record| record.version);
        let view = |pair: &[PublicationRecord]| HistoryVersion {
            version: pair[0].version,
            at: pair[0].at_ms,
            by: pair[0].published.by,
            changes: changes(&pair[1], &pair[0], &entry),
            webhooks: pair[0].published.webhooks.len(),
            is_live: live == Some(pair[0].version),
        };
        records.extend(first);
        let versions = records.windows(2).map(view).collect();
        let draft_version = version_of(self.store.draft(program).await?.as_ref());
        Ok(History {
            program: crate::programs::view(&entry.record),
            versions,
            next_before,
            draft_version,
            may_edit: true,
        })
    }

    /// Makes the draft what was live at a version, in the place of draft number `draft_version` (0 for none). Secrets and
    /// the values of headers become what is live now.
    pub async fn restore(
        &self,
        program: &ProgramId,
        version: i64,
        draft_version: i64,
    ) -> Result<DraftSaved, EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        if version_of(draft.as_ref()) != draft_version {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        let records = self.store.publications(program, version, 1).await?;
        let record = records.first().filter(|record| record.version == version);
        let record = record.ok_or(EngineError::NotFound("version"))?;
        let stored = rows_of(&record.published.webhooks, &entry);
        let base_version = entry.record.webhooks_version;
        let draft = DraftRecord { base_version, ..self.or_none(&entry, draft)? };
        self.put_draft(&entry, draft, stored).await
    }
}

/// A program without webhooks, from before its first version.
fn nothing(entry: &ProgramEntry) -> PublicationRecord {
    PublicationRecord {
        program_id: entry.record.id.clone(),
        version: 0,
        at_ms: 0,
        published: crate::store::Published { by: None, webhooks: Vec::new() },
    }
}

fn timeout_text(webhook: &PublishedWebhook) -> String {
    webhook.timeout_seconds.map_or_else(String::new, |timeout| timeout.seconds().to_string())
}

/// A webhook as a row of a draft: of the same webhook if that is live, else of a new one.
fn restored(webhook: &PublishedWebhook, entry: &ProgramEntry) -> StoredRow {
    let number = webhook.endpoint_id.0;
    let is_live = entry.endpoints.iter().any(|endpoint| endpoint.record.id == webhook.endpoint_id);
    let prefix = if is_live { LIVE_PREFIX } else { RESTORED_PREFIX };
    StoredRow {
        key: format!("{prefix}{number}"),
        url: webhook.payload_url.clone(),
        is_enabled: webhook.is_enabled,
        events: webhook.events.clone(),
        secret: StoredSecret::Kept,
        secret_overlap: SecretOverlap::None,
        name: webhook.name.as_ref().map_or_else(String::new, ToString::to_string),
        timeout: timeout_text(webhook),
        headers: headers::of_names(&webhook.header_names),
    }
}

/// A program as it was when those webhooks were live.
pub(super) fn then(webhooks: &[PublishedWebhook], entry: &ProgramEntry) -> ProgramEntry {
    let endpoint = |webhook: &PublishedWebhook| Arc::new(endpoint_of(webhook, entry));
    ProgramEntry { endpoints: webhooks.iter().map(endpoint).collect(), ..entry.clone() }
}

/// Webhooks as rows of a draft.
pub(super) fn rows_of(webhooks: &[PublishedWebhook], entry: &ProgramEntry) -> Vec<StoredRow> {
    webhooks.iter().map(|webhook| restored(webhook, entry)).collect()
}

/// What happened between two versions, in words.
fn changes(before: &PublicationRecord, after: &PublicationRecord, entry: &ProgramEntry) -> Vec<String> {
    let old = &before.published.webhooks;
    let then = then(old, entry);
    let row = |webhook: &PublishedWebhook| {
        let was = old.iter().find(|old| old.endpoint_id == webhook.endpoint_id);
        let secret = match (was.is_some_and(|was| was.has_secret), webhook.has_secret) {
            (false, true) => StoredSecret::Set(UNKNOWN.to_owned()),
            (true, false) => StoredSecret::Removed,
            _ => StoredSecret::Kept,
        };
        StoredRow { secret, ..restored(webhook, &then) }
    };
    rows::changes(&after.published.webhooks.iter().map(row).collect::<Vec<_>>(), &then)
}

/// A webhook of a version as if it were live, to be compared with.
fn endpoint_of(webhook: &PublishedWebhook, entry: &ProgramEntry) -> Endpoint {
    let names = webhook.header_names.iter().map(|name| (name.as_str(), UNKNOWN));
    Endpoint {
        record: EndpointRecord {
            id: webhook.endpoint_id,
            program_id: entry.record.id.clone(),
            public_id: webhook.id.clone(),
            url: webhook.payload_url.clone(),
            events: webhook.events.clone(),
            is_enabled: webhook.is_enabled,
            auto_disabled: webhook.auto_disabled,
            secret: webhook.has_secret.then(|| Secret::parse(UNKNOWN).ok()).flatten(),
            created_at_ms: 0,
            parked_at_ms: None,
            timeout: webhook.timeout_seconds,
            headers: WebhookHeaders::parse(names).unwrap_or_default(),
            old_secret: None,
            name: webhook.name.clone(),
        },
        url: None,
        headers: OwnHeaders::default(),
        flow: entry.flow,
    }
}
