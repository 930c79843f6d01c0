//! Publication: the draft becomes live, all of it or nothing; and what is parked is sent or discarded.

use groundswell_types::editor::ChangedBy;
use groundswell_types::{ProgramId, Secret};

use super::rebase::Rebased;
use super::rows::{self, StoredRow, StoredSecret};
use super::{CHANGED_MEANWHILE, LIVE_CHANGED, parked, problems_of_all};
use crate::delivery::own_headers::OwnHeaders;
use crate::delivery::writer::ParkedMove;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointId, EndpointRecord, WebhooksChange};
use crate::webhooks::{change, next_public_id};

impl Engine {
    /// Makes draft number `version` live.
    pub async fn publish(&self, program: &ProgramId, version: i64) -> Result<(), EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self
            .store
            .draft(program)
            .await?
            .ok_or_else(|| EngineError::Conflict("There is nothing to publish any more.".to_owned()))?;
        if draft.version != version {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        let Rebased { stored, conflicts } = self.rebased(&entry, Some(&draft)).await?;
        if !conflicts.is_empty() {
            return Err(EngineError::Conflict(LIVE_CHANGED.to_owned()));
        }
        let live_version = entry.record.webhooks_version;
        let problems = problems_of_all(&stored, self, &entry);
        if !problems.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
        let fresh: Vec<Fresh> =
            stored.iter().map(|_| Fresh { id: self.ids.endpoint(), public_id: self.ids.webhook() }).collect();
        let (program_id, now_ms) = (program.clone(), self.clock.now_ms());
        self.writer
            .change(program, move |directory| {
                let entry = directory.program(&program_id).ok_or(EngineError::NotFound("program"))?;
                if live_version != entry.record.webhooks_version {
                    return Err(EngineError::Conflict(LIVE_CHANGED.to_owned()));
                }
                Ok(change(&entry, now_ms, |change| fill(change, &entry, (stored, fresh), now_ms)))
            })
            .await?;
        Ok(())
    }

    /// Enables a live webhook at once; a draft that does not touch that stays as it is.
    pub async fn enable_row(&self, program: &ProgramId, row_key: &str) -> Result<(), EngineError> {
        let entry = self.program_entry(program)?;
        let id = rows::live(row_key, &entry).ok_or(EngineError::NotFound("webhook"))?.record.id;
        let (program_id, now_ms) = (program.clone(), self.clock.now_ms());
        self.writer
            .change(program, move |directory| {
                let entry = directory.program(&program_id).ok_or(EngineError::NotFound("program"))?;
                let live = entry.endpoints.iter().find(|endpoint| endpoint.record.id == id);
                let before = live.ok_or(EngineError::NotFound("webhook"))?.record.clone();
                let after = EndpointRecord { is_enabled: true, auto_disabled: false, ..before };
                Ok(change(&entry, now_ms, |change| {
                    change.by = ChangedBy::Editor;
                    change.upserts.push(after);
                }))
            })
            .await?;
        Ok(())
    }

    /// Sends what is parked at a live, enabled webhook, with a fresh deadline; returns how many there were.
    pub async fn release_parked(&self, program: &ProgramId, row_key: &str) -> Result<i64, EngineError> {
        let expires_at_ms = self.clock.now_ms().saturating_add(self.config.retry.deadline_ms);
        self.move_parked(program, row_key, ParkedMove::Release { expires_at_ms }).await
    }

    /// Discards what is parked at a live webhook; returns how many there were.
    pub async fn discard_parked(&self, program: &ProgramId, row_key: &str) -> Result<i64, EngineError> {
        self.move_parked(program, row_key, ParkedMove::Discard).await
    }

    async fn move_parked(
        &self,
        program: &ProgramId,
        row_key: &str,
        wanted: ParkedMove,
    ) -> Result<i64, EngineError> {
        let entry = self.program_entry(program)?;
        let live = rows::live(row_key, &entry).ok_or(EngineError::NotFound("webhook"))?;
        let backlog = self.store.backlog(&[live.record.id], i64::MAX).await?;
        self.writer.move_parked(program, live.record.id, wanted).await?;
        Ok(backlog.first().map_or(0, |backlog| parked(&live.record, backlog)))
    }
}

/// Ids for a row in case it is a new webhook.
struct Fresh {
    id: EndpointId,
    public_id: groundswell_types::WebhookId,
}

fn fill(
    change: &mut WebhooksChange,
    entry: &ProgramEntry,
    (stored, fresh): (Vec<StoredRow>, Vec<Fresh>),
    now_ms: i64,
) {
    change.clears_draft = true;
    change.by = ChangedBy::Editor;
    let is_kept =
        |id: EndpointId| stored.iter().any(|row| row.live(entry).is_some_and(|live| live.record.id == id));
    let (kept, gone): (Vec<_>, Vec<_>) =
        entry.endpoints.iter().cloned().partition(|endpoint| is_kept(endpoint.record.id));
    change.deletes = gone.iter().map(|endpoint| endpoint.record.id).collect();
    // `primary` may have become free; the first new webhook takes it.
    let mut primary_from = ProgramEntry { endpoints: kept, ..entry.clone() };
    for ((row, fresh), order) in stored.into_iter().zip(fresh).zip(0..) {
        let secret = row.effective_secret(entry);
        // Rows with problems are not published, so this is what was typed.
        let timeout = row.parsed_timeout().ok().flatten();
        let headers = row.effective_headers(entry).unwrap_or_default();
        let name = row.parsed_name().ok().flatten();
        if let Some(live) = row.live(entry) {
            let before = &live.record;
            let mut after = EndpointRecord {
                url: row.url.trim().to_owned(),
                events: row.events,
                is_enabled: row.is_enabled,
                auto_disabled: before.auto_disabled && !row.is_enabled,
                timeout,
                headers,
                name,
                ..before.clone()
            };
            if row.secret != StoredSecret::Kept {
                after.replace_secret(secret, row.secret_overlap, now_ms);
            }
            if after != *before {
                change.upserts.push(after);
            }
            continue;
        }
        let record = EndpointRecord {
            id: fresh.id,
            program_id: entry.record.id.clone(),
            public_id: next_public_id(&primary_from, fresh.public_id),
            url: row.url.trim().to_owned(),
            events: row.events,
            is_enabled: row.is_enabled,
            auto_disabled: false,
            secret: match row.secret {
                StoredSecret::Set(text) => Secret::parse(&text).ok(),
                StoredSecret::Kept | StoredSecret::Removed => None,
            },
            // Several published at once keep the order of their rows.
            created_at_ms: now_ms + order,
            parked_at_ms: None,
            timeout,
            headers,
            old_secret: None,
            name,
        };
        primary_from.endpoints.push(std::sync::Arc::new(crate::directory::Endpoint {
            record: record.clone(),
            url: None,
            headers: OwnHeaders::default(),
            flow: entry.flow,
        }));
        change.upserts.push(record);
    }
}
