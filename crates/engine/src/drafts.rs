//! Use cases of the Program Editor: the draft of a program's webhooks, its review in words, its publication.
//!
//! REST changes are live at once; the editor's wait in a draft until they are published, all or nothing.

mod headers;
mod publish;
mod rows;

use std::collections::HashMap;

use groundswell_types::editor::{
    DraftRow, DraftSaved, LiveStatus, Panel, PanelRow, SecretChange, SecretDraft,
};
use groundswell_types::{Activity, Change, EventKind, MAX_WEBHOOKS, Problem, ProgramId, Secret, TestView};

use rows::{StoredRow, StoredSecret};

use crate::delivery::own_headers::OwnHeaders;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{Backlog, DraftRecord, EndpointId, EndpointRecord, StoreError};
use crate::test_deliveries::TestTarget;
use crate::webhooks::checked_url;

const CHANGED_MEANWHILE: &str =
    "This draft was changed somewhere else meanwhile. Reload to see it; what you typed here is not saved.";

impl Engine {
    /// The Webhooks panel: the draft if there is one, else what is live.
    pub async fn panel(&self, program: &ProgramId) -> Result<Panel, EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        let stored = match &draft {
            Some(draft) => rows::read(draft)?,
            None => rows::of_live(&entry),
        };
        let ids: Vec<_> = entry.endpoints.iter().map(|endpoint| endpoint.record.id).collect();
        let backlogs = self.store.backlog(&ids, 10_000).await?;
        let activity = self.activity(&ids).await?;
        let rows = stored
            .iter()
            .map(|row| {
                let live = row.live(&entry);
                PanelRow {
                    row: row.view(&entry),
                    problems: row.problems(&self.guard, &entry),
                    live: live.map(|endpoint| self.live_status(endpoint, (&backlogs, &activity))),
                }
            })
            .collect();
        let changes = if draft.is_some() { rows::changes(&stored, &entry) } else { Vec::new() };
        Ok(Panel {
            program: crate::programs::view(&entry.record),
            rows,
            draft_version: draft.as_ref().map_or(0, |draft| draft.version),
            draft_saved_at: draft.as_ref().map(|draft| draft.saved_at_ms),
            is_outdated: draft.is_some_and(|draft| draft.base_version != entry.record.webhooks_version),
            changes,
        })
    }

    /// Saves rows as the draft; `version` is the draft's number they were made from, 0 for none.
    pub async fn save_draft(
        &self,
        program: &ProgramId,
        version: i64,
        rows: Vec<DraftRow>,
    ) -> Result<DraftSaved, EngineError> {
        if rows.len() > MAX_WEBHOOKS {
            return Err(EngineError::WebhookLimit);
        }
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        if draft.as_ref().map_or(0, |draft| draft.version) != version {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        let before = match &draft {
            Some(draft) => rows::read(draft)?,
            None => rows::of_live(&entry),
        };
        let stored = rows::merge(rows, &before, &entry)?;
        self.put_draft(&entry, draft, stored).await
    }

    /// Changes the secret of one row; a draft is begun when there is none.
    pub async fn change_secret(
        &self,
        program: &ProgramId,
        row_key: &str,
        change: SecretChange,
    ) -> Result<DraftSaved, EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        let mut stored = match &draft {
            Some(draft) => rows::read(draft)?,
            None => rows::of_live(&entry),
        };
        let row = stored.iter_mut().find(|row| row.key == row_key).ok_or(EngineError::NotFound("row"))?;
        row.secret = match change {
            SecretChange::Set(text) => {
                let secret =
                    Secret::parse(&text).map_err(|why| EngineError::invalid("/secret", why.to_string()))?;
                StoredSecret::Set(secret.expose().to_owned())
            }
            SecretChange::Remove => StoredSecret::Removed,
            SecretChange::Keep => StoredSecret::Kept,
        };
        self.put_draft(&entry, draft, stored).await
    }

    /// Throws the draft away.
    pub async fn discard_draft(&self, program: &ProgramId) -> Result<(), EngineError> {
        let entry = self.program_entry(program)?;
        self.store.delete_draft(program).await?;
        self.changes.tell([(entry.flow, Change::Draft)]);
        Ok(())
    }

    /// Tests a row as it is in the draft, or live when there is no draft.
    pub async fn test_row(
        &self,
        program: &ProgramId,
        row_key: &str,
        event: Option<EventKind>,
    ) -> Result<TestView, EngineError> {
        let entry = self.program_entry(program)?;
        let stored = match self.store.draft(program).await? {
            Some(draft) => rows::read(&draft)?,
            None => rows::of_live(&entry),
        };
        let row = stored.iter().find(|row| row.key == row_key).ok_or(EngineError::NotFound("row"))?;
        let url = checked_url(&self.guard, &row.url).map_err(|why| EngineError::invalid("/url", why))?;
        // A row without events can be tested all the same: with the first event such programs have.
        let event = event
            .or_else(|| row.events.first().copied())
            .or_else(|| EventKind::fitting(entry.record.kind).next())
            .ok_or(EngineError::NotFound("event"))?;
        let timeout =
            row.parsed_timeout().map_err(|why| EngineError::invalid("/timeout", why.to_string()))?;
        let headers = row.effective_headers(&entry).map_err(EngineError::Invalid)?;
        let target = TestTarget {
            url,
            secret: row.effective_secret(&entry),
            event,
            timeout,
            headers: OwnHeaders::from(&headers),
        };
        self.send_test(&entry, target).await
    }

    async fn put_draft(
        &self,
        entry: &ProgramEntry,
        before: Option<DraftRecord>,
        stored: Vec<StoredRow>,
    ) -> Result<DraftSaved, EngineError> {
        let record = DraftRecord {
            program_id: entry.record.id.clone(),
            version: before.as_ref().map_or(0, |draft| draft.version) + 1,
            base_version: before.map_or(entry.record.webhooks_version, |draft| draft.base_version),
            rows_json: rows::write(&stored)?,
            saved_at_ms: self.clock.now_ms(),
        };
        if !self.store.save_draft(&record).await? {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        self.changes.tell([(entry.flow, Change::Draft)]);
        Ok(DraftSaved {
            version: record.version,
            saved_at: record.saved_at_ms,
            problems: stored.iter().map(|row| row.problems(&self.guard, entry)).collect(),
            changes: rows::changes(&stored, entry),
        })
    }

    fn live_status(
        &self,
        endpoint: &Endpoint,
        (backlogs, activity): (&[Backlog], &HashMap<EndpointId, Activity>),
    ) -> LiveStatus {
        let health = self.directory.health(endpoint.record.id);
        let backlog = backlogs.iter().find(|backlog| backlog.endpoint_id == endpoint.record.id);
        let parked = backlog.map_or(0, |backlog| parked(&endpoint.record, backlog));
        LiveStatus {
            webhook_id: endpoint.record.public_id.clone(),
            is_enabled: endpoint.record.is_enabled,
            is_auto_disabled: endpoint.record.auto_disabled,
            failure_count: health.consecutive_failures,
            last_failure_at: health.last_failure_at_ms,
            last_success_at: health.last_success_at_ms,
            waiting: backlog.map_or(0, |backlog| backlog.pending + backlog.parked) - parked,
            parked,
            activity: activity.get(&endpoint.record.id).cloned().unwrap_or_default(),
        }
    }
}

/// How many deliveries are parked. At a disabled webhook that is everything, also what has not been moved yet.
fn parked(record: &EndpointRecord, backlog: &Backlog) -> i64 {
    if record.is_enabled { backlog.parked } else { backlog.parked + backlog.pending }
}

/// Problems of all rows with pointers into the whole draft.
fn problems_of_all(stored: &[StoredRow], engine: &Engine, entry: &ProgramEntry) -> Vec<Problem> {
    let mut all = Vec::new();
    for (at, row) in stored.iter().enumerate() {
        for problem in row.problems(&engine.guard, entry) {
            all.push(Problem::new(format!("/rows/{at}{}", problem.pointer), problem.message));
        }
    }
    all
}

fn secret_draft(row: &StoredRow, live: Option<&Endpoint>) -> SecretDraft {
    match (&row.secret, live.and_then(|endpoint| endpoint.record.secret.as_ref())) {
        (StoredSecret::Set(_), _) => SecretDraft::New,
        (StoredSecret::Kept, Some(_)) => SecretDraft::Kept,
        (StoredSecret::Removed, Some(_)) => SecretDraft::Removed,
        (StoredSecret::Kept | StoredSecret::Removed, None) => SecretDraft::None,
    }
}

fn damaged(error: &serde_json::Error) -> EngineError {
    EngineError::Store(StoreError::Damaged(format!("a draft cannot be read: {error}")))
}
