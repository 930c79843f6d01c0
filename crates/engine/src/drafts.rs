//! Use cases of the Program Editor: the draft of a program's webhooks, its review in words, its publication.
//!
//! REST changes are live at once; the editor's wait in a draft until they are published, all or nothing.

mod headers;
mod history;
mod publish;
mod rebase;
mod rows;

use std::collections::HashMap;

use groundswell_types::editor::{
    DisabledStatus, DraftRow, DraftSaved, LiveStatus, OldSecretStatus, Panel, PanelRow, SecretChange,
    SecretDraft, SecretEdit, Seen,
};
use groundswell_types::{Activity, Change, EventKind, MAX_WEBHOOKS, Problem, ProgramId, Secret, TestView};

use rebase::Rebased;
use rows::{StoredRow, StoredSecret};

use crate::delivery::own_headers::OwnHeaders;
use crate::directory::{Endpoint, ProgramEntry};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::inbox::Signer;
use crate::store::{Backlog, DraftRecord, EndpointId, EndpointRecord, StoreError};
use crate::test_deliveries::TestTarget;
use crate::webhooks::checked_url;

/// The version that pages have when there is no draft.
const NO_DRAFT: i64 = 0;

const CHANGED_MEANWHILE: &str =
    "This draft was changed somewhere else meanwhile. Reload to see it; what you typed here is not saved.";

const LIVE_CHANGED: &str = "The live webhooks were changed after this draft was begun, by somebody else or over REST. \
    Choose which changes are to stay.";

impl Engine {
    /// The Webhooks panel: the draft if there is one, else what is live.
    pub async fn panel(&self, program: &ProgramId) -> Result<Panel, EngineError> {
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        let Rebased { stored, conflicts } = self.rebased(&entry, draft.as_ref()).await?;
        let ids: Vec<_> = entry.endpoints.iter().map(|endpoint| endpoint.record.id).collect();
        let backlogs = self.store.backlog(&ids, 10_000).await?;
        let activity = self.activity(&ids).await?;
        let mut rows = Vec::with_capacity(stored.len());
        for row in &stored {
            let live = match row.live(&entry) {
                Some(endpoint) => Some(LiveStatus {
                    disabled: self.disabled(endpoint).await?,
                    ..self.live_status(endpoint, (&backlogs, &activity))
                }),
                None => None,
            };
            let problems = row.problems(&self.destinations, &entry);
            rows.push(PanelRow { row: row.view(&entry), problems, live });
        }
        let changes = if draft.is_some() { rows::changes(&stored, &entry) } else { Vec::new() };
        Ok(Panel {
            program: crate::programs::view(&entry.record),
            rows,
            draft_version: version_of(draft.as_ref()),
            draft_saved_at: draft.as_ref().map(|draft| draft.saved_at_ms),
            live_version: entry.record.webhooks_version,
            conflicts,
            changes,
            may_edit: true,
        })
    }

    /// Saves rows as the draft, which has to be the one they were made from. What became live after that stays to be put
    /// together with them.
    pub async fn save_draft(
        &self,
        program: &ProgramId,
        seen: impl Into<Seen>,
        rows: Vec<DraftRow>,
    ) -> Result<DraftSaved, EngineError> {
        let seen = seen.into();
        if rows.len() > MAX_WEBHOOKS {
            return Err(EngineError::WebhookLimit);
        }
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        if version_of(draft.as_ref()) != seen.draft_version {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        let before = self.rebased(&entry, draft.as_ref()).await?;
        let stored = rows::merge(rows, &before.stored, &entry)?;
        let base_version = self.base_of(&entry, (draft.as_ref(), &stored), seen).await?;
        let draft = DraftRecord { base_version, ..self.or_none(&entry, draft)? };
        self.put_draft(&entry, draft, stored).await
    }

    /// Changes the secret of one row, in the draft that it was seen in; a draft is begun when there was none.
    pub async fn change_secret(
        &self,
        program: &ProgramId,
        edit: SecretEdit,
    ) -> Result<DraftSaved, EngineError> {
        let SecretEdit { row_key, change, draft_version } = edit;
        let entry = self.program_entry(program)?;
        let draft = self.store.draft(program).await?;
        if version_of(draft.as_ref()) != draft_version {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        let draft = self.or_none(&entry, draft)?;
        let mut stored = rows::read(&draft)?;
        let live = rows::of_live(&entry);
        if !stored.iter().any(|row| row.key == row_key) {
            // Added by somebody else after the draft was begun.
            stored.extend(live.into_iter().filter(|row| row.key == row_key));
        }
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
        let stored = self.rebased(&entry, self.store.draft(program).await?.as_ref()).await?.stored;
        let row = stored.iter().find(|row| row.key == row_key).ok_or(EngineError::NotFound("row"))?;
        let url =
            checked_url(&self.destinations, &row.url).map_err(|why| EngineError::invalid("/url", why))?;
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
            live: row.live(&entry).map(|endpoint| endpoint.record.id),
        };
        self.send_test(&entry, target).await
    }

    /// The draft, or one as it is before the first save: of what is live.
    fn or_none(&self, entry: &ProgramEntry, draft: Option<DraftRecord>) -> Result<DraftRecord, EngineError> {
        draft.map_or_else(
            || {
                Ok(DraftRecord {
                    program_id: entry.record.id.clone(),
                    version: NO_DRAFT,
                    base_version: entry.record.webhooks_version,
                    rows_json: rows::write(&rows::of_live(entry))?,
                    saved_at_ms: self.clock.now_ms(),
                })
            },
            Ok,
        )
    }

    /// Saves rows over `before`, keeping what they are based on.
    async fn put_draft(
        &self,
        entry: &ProgramEntry,
        before: DraftRecord,
        stored: Vec<StoredRow>,
    ) -> Result<DraftSaved, EngineError> {
        let now_ms = self.clock.now_ms();
        let over = (before.version != NO_DRAFT).then_some(before.version);
        let record = DraftRecord {
            version: over.map_or(now_ms, |version| version + 1),
            rows_json: rows::write(&stored)?,
            saved_at_ms: now_ms,
            ..before
        };
        if !self.store.save_draft(&record, over).await? {
            return Err(EngineError::Conflict(CHANGED_MEANWHILE.to_owned()));
        }
        self.changes.tell([(entry.flow, Change::Draft)]);
        Ok(DraftSaved {
            version: record.version,
            saved_at: record.saved_at_ms,
            problems: stored.iter().map(|row| row.problems(&self.destinations, entry)).collect(),
            changes: rows::changes(&self.rebased(entry, Some(&record)).await?.stored, entry),
        })
    }

    /// Since when and why it is disabled, if the server did that.
    async fn disabled(&self, endpoint: &Endpoint) -> Result<Option<DisabledStatus>, EngineError> {
        let record = &endpoint.record;
        let Some(at) = record.parked_at_ms.filter(|_| record.auto_disabled && !record.is_enabled) else {
            return Ok(None);
        };
        let failing: Vec<_> = self.directory.health(record.id).failing.into_iter().flatten().collect();
        let attempts = self.store.attempts(&failing).await?;
        let last = attempts
            .into_iter()
            .filter(|attempt| attempt.failure.is_some())
            .max_by_key(|attempt| attempt.started_at_ms);
        Ok(Some(DisabledStatus { at, last_error: last.map(|attempt| attempt.message) }))
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
            next_attempt_at: self.next_attempt_at(endpoint, backlog),
            waiting: backlog.map_or(0, |backlog| backlog.pending + backlog.parked) - parked,
            parked,
            disabled: None,
            has_secret: endpoint.record.secret.is_some(),
            old_secret: endpoint.record.old_secret_at(self.clock.now_ms()).map(|old| OldSecretStatus {
                ends_at: old.ends_at_ms,
                new_accepted_at: old.new_accepted_at_ms,
            }),
            activity: activity.get(&endpoint.record.id).cloned().unwrap_or_default(),
        }
    }

    /// When a failing webhook is tried next: with a probe once it has failed often, else when the first of what waits is
    /// due.
    fn next_attempt_at(&self, endpoint: &Endpoint, backlog: Option<&Backlog>) -> Option<i64> {
        let health = self.directory.health(endpoint.record.id);
        let is_failing = endpoint.record.is_enabled && health.consecutive_failures > 0;
        let due_at_ms = backlog.filter(|_| is_failing)?.next_due_at_ms?;
        let gate = health.gate();
        let at_ms = match gate.held {
            Some(held) => held.next_probe_at_ms,
            None => due_at_ms.max(gate.paused_until_ms.unwrap_or(due_at_ms)),
        };
        (at_ms > self.clock.now_ms()).then_some(at_ms)
    }
}

/// What pages call a draft, or that there is none.
fn version_of(draft: Option<&DraftRecord>) -> i64 {
    draft.map_or(NO_DRAFT, |draft| draft.version)
}

/// The live webhook that a row's key names.
pub(crate) fn live_endpoint(row_key: &str, entry: &ProgramEntry) -> Option<EndpointId> {
    rows::live(row_key, entry).map(|endpoint| endpoint.record.id)
}

/// How many deliveries are parked. At a disabled webhook that is everything, also what has not been moved yet.
fn parked(record: &EndpointRecord, backlog: &Backlog) -> i64 {
    if record.is_enabled { backlog.parked } else { backlog.parked + backlog.pending }
}

/// Problems of all rows with pointers into the whole draft.
fn problems_of_all(stored: &[StoredRow], engine: &Engine, entry: &ProgramEntry) -> Vec<Problem> {
    let mut all = Vec::new();
    for (at, row) in stored.iter().enumerate() {
        for problem in row.problems(&engine.destinations, entry) {
            all.push(Problem::new(format!("/rows/{at}{}", problem.pointer), problem.message));
        }
    }
    all
}

/// The rows of a draft whose URL is wanted, as what may have signed a request. None when the draft cannot be read.
pub(crate) fn signers(
    draft: &DraftRecord,
    entry: &ProgramEntry,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Signer> {
    let rows = rows::read(draft).unwrap_or_default();
    let wanted = rows.iter().filter(|row| is_wanted(&row.url));
    let signer = |row: &StoredRow| Signer {
        webhook_id: row.live(entry).map(|endpoint| endpoint.record.public_id.clone()),
        secrets: row.effective_secret(entry).into_iter().collect(),
    };
    wanted.map(signer).collect()
}

/// The names of the headers in a draft, as typed. None when it cannot be read.
pub(crate) fn header_names(draft: &DraftRecord) -> Vec<String> {
    let rows = rows::read(draft).unwrap_or_default();
    rows.into_iter().flat_map(|row| row.headers).map(|header| header.name).collect()
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

/// Reads a text as a draft's rows; what can be read is written as something that reads the same.
#[cfg(fuzzing)]
pub(crate) fn read_for_fuzzing(rows_json: &str) {
    let program_id = ProgramId::parse("p").expect("a valid id");
    let draft = |rows_json: String| DraftRecord {
        program_id: program_id.clone(),
        version: 1,
        base_version: 1,
        rows_json,
        saved_at_ms: 0,
    };
    if let Ok(rows) = rows::read(&draft(rows_json.to_owned())) {
        let written = rows::write(&rows).expect("it is plain JSON");
        assert!(rows::read(&draft(written)).is_ok_and(|again| again == rows));
    }
}
