//! The maps, and the writes that touch several of them. Every write checks everything first and then changes, so
//! that a refused one leaves no trace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, HourCount, InboxRequestId, ProgramId, ResendJobId, TestId};

use super::addresses::Addresses;
use super::audit::Audit;
use super::cluster::Several;
use super::erasure::{Erasures, erase_answer};
use super::health::Healths;
use super::incidents::Incidents;
use super::people::People;
use super::telling::Letters;
use crate::store::fencing::{Fenced, Fencing, Logged};
use crate::store::moves::Fate;
use crate::store::rows::changes;
use crate::store::{
    Accept, Accepted, ApiKeyRecord, AttemptRecord, Batch, BootRecord, Committed, DraftRecord,
    EditorLinkRecord, EndpointId, EndpointRecord, EventRecord, Forget, HealthRecord, HourRecord, Idempotency,
    InboxRecord, InboxRequestRecord, MAX_TARGETS, MoveStep, Moved, NoticeRecord, PARKED_DUE_MS, Pending,
    PendingKey, ProgramRecord, PublicationRecord, Published, ResendBatch, ResendJobRecord, ResendRecord,
    SettingsChange, StoreError, TestRecord, WebhooksChange,
};

#[derive(Debug)]
pub(super) struct Event {
    pub(super) record: EventRecord,
    pub(super) body: Bytes,
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, Copy)]
struct FirstAnswer {
    content_hash: [u8; 32],
    event_id: EventId,
    deliveries: i64,
    accepted_at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) events: BTreeMap<EventId, Event>,
    first_answers: BTreeMap<(ProgramId, String), FirstAnswer>,
    pub(super) pending: BTreeMap<PendingKey, Pending>,
    /// By delivery and number as it is stored.
    pub(super) attempts: BTreeMap<(DeliveryId, i64), AttemptRecord>,
    pub(super) health: BTreeMap<EndpointId, HealthRecord>,
    pub(super) programs: BTreeMap<ProgramId, ProgramRecord>,
    /// Live webhooks only.
    pub(super) endpoints: BTreeMap<EndpointId, EndpointRecord>,
    /// Of every webhook there ever was.
    pub(super) urls: BTreeMap<EndpointId, String>,
    /// The program of every webhook there ever was.
    pub(super) owners: BTreeMap<EndpointId, ProgramId>,
    pub(super) drafts: BTreeMap<ProgramId, DraftRecord>,
    publications: BTreeMap<(ProgramId, i64), PublicationRecord>,
    pub(super) tests: BTreeMap<TestId, TestRecord>,
    pub(super) api_keys: BTreeMap<String, ApiKeyRecord>,
    pub(super) people: People,
    pub(super) audit: Audit,
    pub(super) editor_links: Vec<EditorLinkRecord>,
    pub(super) erasures: Erasures,
    pub(super) healths: Healths,
    pub(super) incidents: Incidents,
    pub(super) resends: BTreeMap<DeliveryId, ResendRecord>,
    pub(super) resend_jobs: BTreeMap<ResendJobId, ResendJobRecord>,
    /// The highest event that retention removed.
    pub(super) highest_forgotten: Option<EventId>,
    pub(super) notices: Vec<NoticeRecord>,
    pub(super) letters: Letters,
    pub(super) addresses: Addresses,
    pub(super) inboxes: BTreeMap<ProgramId, InboxRecord>,
    pub(super) inbox_requests: BTreeMap<InboxRequestId, InboxRequestRecord>,
    pub(super) first_steps_ended: BTreeSet<ProgramId>,
    /// By endpoint and hour.
    hours: BTreeMap<(EndpointId, i64), HourCount>,
    pub(super) boots: Vec<BootRecord>,
    /// Whether the last boot ended in order.
    pub(super) has_ended: bool,
    /// What nodes share, once one has joined.
    pub(super) several: Option<Several>,
}

fn rejected(reason: &'static str) -> StoreError {
    StoreError::Rejected(reason.into())
}

impl State {
    /// What is pending or parked at an endpoint, in order.
    pub(super) fn queue(&self, endpoint_id: EndpointId) -> impl Iterator<Item = &Pending> {
        let key =
            |due_at_ms, id| PendingKey { endpoint_id, due_at_ms, delivery_id: DeliveryId::from_number(id) };
        self.pending.range(key(i64::MIN, i64::MIN)..=key(i64::MAX, i64::MAX)).map(|(_, pending)| pending)
    }

    /// The attempts of one delivery, by number.
    pub(super) fn attempts_of(&self, delivery: DeliveryId) -> impl Iterator<Item = &AttemptRecord> {
        let range = (delivery, i64::MIN)..=(delivery, i64::MAX);
        let mut attempts: Vec<_> = self.attempts.range(range).map(|(_, attempt)| attempt).collect();
        attempts.sort_by_key(|attempt| (attempt.number, attempt.started_at_ms));
        attempts.into_iter()
    }

    pub(super) fn commit(&mut self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let attempts: Vec<_> = batch.outcomes.iter().map(|outcome| Logged::of(&outcome.attempt)).collect();
        let answers = self.accept_and_log(batch, &attempts)?;
        for outcome in &batch.outcomes {
            for key in &outcome.remove {
                self.pending.remove(key);
            }
            self.pending.extend(outcome.insert.map(|pending| (pending.key, pending)));
        }
        self.health.extend(batch.health.iter().copied());
        self.notices.extend(batch.notices.iter().cloned());
        Ok(answers)
    }

    /// The same of a node whose leases may be others' by now.
    pub(super) fn commit_fenced(
        &mut self,
        batch: &Batch,
        fencing: &Fencing,
    ) -> Result<Committed, StoreError> {
        let Fenced { current, ended, attempts, stale } = fencing.outcomes(batch);
        let accepted = self.accept_and_log(batch, &attempts)?;
        self.pending.retain(|key, _| !ended.contains(&(key.endpoint_id, key.delivery_id)));
        let (removed, inserted) = changes(current);
        let gone = removed.iter().filter(|key| self.pending.remove(key).is_some());
        let waited: BTreeSet<_> = gone.map(|key| (key.endpoint_id, key.delivery_id)).collect();
        let (next, lost): (Vec<Pending>, Vec<Pending>) = inserted
            .into_iter()
            .partition(|row| waited.contains(&(row.key.endpoint_id, row.key.delivery_id)));
        self.pending.extend(next.into_iter().map(|row| (row.key, row)));
        let mut ended: Vec<_> = lost.iter().map(|row| (row.key.endpoint_id, row.key.delivery_id)).collect();
        ended.sort_unstable();
        self.health.extend(fencing.health(batch).copied());
        self.notices.extend(fencing.notices(batch));
        Ok(Committed { accepted, stale, ended })
    }

    fn accept_and_log(
        &mut self,
        batch: &Batch,
        attempts: &[Logged<'_>],
    ) -> Result<Vec<Accepted>, StoreError> {
        let mut fresh = BTreeMap::new();
        let answers: Vec<_> = batch.accepts.iter().map(|accept| self.answer(&mut fresh, accept)).collect();
        let new = || batch.accepts.iter().zip(&answers).filter(|(_, answer)| **answer == Accepted::New);
        self.check(new().map(|(accept, _)| accept), attempts)?;

        self.first_answers.extend(fresh);
        for (accept, _) in new() {
            self.accept(accept);
        }
        for one @ Logged { attempt, number, after } in attempts {
            let mut logged = AttemptRecord { after: *after, ..(*attempt).clone() };
            let id = attempt.delivery_id;
            let event = self.resends.get(&id).map_or_else(|| id.event(), |resend| resend.event_id);
            if one.is_late() && self.erasures.events.contains(&event) {
                erase_answer(&mut logged);
            }
            self.attempts.insert((attempt.delivery_id, *number), logged);
        }
        Ok(answers)
    }

    fn check<'a>(
        &self,
        accepts: impl Iterator<Item = &'a Accept>,
        attempts: &[Logged<'_>],
    ) -> Result<(), StoreError> {
        let mut ids = BTreeSet::new();
        for accept in accepts {
            if accept.targets.len() > MAX_TARGETS {
                return Err(rejected("an event has too many targets"));
            }
            if self.events.contains_key(&accept.event_id) || !ids.insert(accept.event_id) {
                return Err(rejected("an event id is used twice"));
            }
        }
        let mut numbers = BTreeSet::new();
        for Logged { attempt, number, .. } in attempts {
            let key = (attempt.delivery_id, *number);
            if self.attempts.contains_key(&key) || !numbers.insert(key) {
                return Err(rejected("an attempt is logged twice"));
            }
        }
        Ok(())
    }

    fn accept(&mut self, accept: &Accept) {
        for (slot, target) in (0..).zip(&accept.targets) {
            let key = PendingKey {
                endpoint_id: target.endpoint_id,
                due_at_ms: if target.is_parked { PARKED_DUE_MS } else { accept.accepted_at_ms },
                delivery_id: DeliveryId::new(accept.event_id, slot),
            };
            let pending = Pending {
                key,
                attempts: 0,
                accepted_at_ms: accept.accepted_at_ms,
                expires_at_ms: accept.expires_at_ms,
            };
            self.pending.insert(key, pending);
        }
        let record = EventRecord {
            id: accept.event_id,
            program_id: accept.program_id.clone(),
            kind: accept.kind,
            occurred_at_ms: accept.occurred_at_ms,
            accepted_at_ms: accept.accepted_at_ms,
            targets: accept.targets.iter().map(|target| target.endpoint_id).collect(),
        };
        self.events.insert(accept.event_id, Event { record, body: accept.body.clone() });
    }

    pub(super) fn apply(&mut self, change: &SettingsChange) -> Result<(), StoreError> {
        match change {
            SettingsChange::CreateProgram(program) => {
                if self.programs.contains_key(&program.id) {
                    return Err(rejected("a program with this id is there"));
                }
                self.programs.insert(program.id.clone(), program.clone());
            }
            SettingsChange::UpdateProgram(change) => {
                let program =
                    self.programs.get_mut(&change.id).ok_or_else(|| rejected("there is no such program"))?;
                change.name.clone_into(&mut program.name);
                program.status = change.status;
                program.retention = change.retention;
            }
            SettingsChange::Webhooks(change) => self.change_webhooks(change)?,
            SettingsChange::OldSecret(change) => {
                let endpoint = self
                    .endpoints
                    .get_mut(&change.endpoint_id)
                    .ok_or_else(|| rejected("there is no such webhook"))?;
                endpoint.old_secret.clone_from(&change.old_secret);
            }
        }
        Ok(())
    }

    fn change_webhooks(&mut self, change: &WebhooksChange) -> Result<(), StoreError> {
        let mut endpoints = self.endpoints.clone();
        endpoints.retain(|id, _| !change.deletes.contains(id));
        for endpoint in &change.upserts {
            if !self.programs.contains_key(&endpoint.program_id) {
                return Err(rejected("a webhook's program is not there"));
            }
            let name = |one: &EndpointRecord| (one.program_id.clone(), one.public_id.clone());
            if endpoints.values().any(|other| other.id != endpoint.id && name(other) == name(endpoint)) {
                return Err(rejected("two webhooks have one public id"));
            }
            endpoints.insert(endpoint.id, endpoint.clone());
        }
        let Some(program) = self.programs.get_mut(&change.program_id) else {
            return Err(rejected("there is no such program"));
        };
        if change.version < program.webhooks_version {
            return Err(rejected("the webhooks were changed meanwhile"));
        }
        program.webhooks_version = change.version;
        self.endpoints = endpoints;
        self.urls.extend(change.upserts.iter().map(|endpoint| (endpoint.id, endpoint.url.clone())));
        self.owners.extend(change.upserts.iter().map(|endpoint| (endpoint.id, endpoint.program_id.clone())));
        if !(change.deletes.is_empty() && change.upserts.is_empty()) {
            self.publish(change);
        }
        if change.clears_draft {
            self.drafts.remove(&change.program_id);
        }
        self.health.retain(|id, _| !change.deletes.contains(id));
        self.letters.forget_webhooks(&change.deletes, change.at_ms);
        self.notices.extend(change.notices.iter().cloned());
        Ok(())
    }

    fn publish(&mut self, change: &WebhooksChange) {
        let mut live: Vec<&EndpointRecord> =
            self.endpoints.values().filter(|endpoint| endpoint.program_id == change.program_id).collect();
        live.sort_by_key(|endpoint| (endpoint.created_at_ms, endpoint.id));
        let record = PublicationRecord {
            program_id: change.program_id.clone(),
            version: change.version,
            at_ms: change.at_ms,
            published: Published::new(change.by, live),
        };
        self.publications.insert((change.program_id.clone(), change.version), record);
    }

    /// The versions up to `newest`, newest first.
    pub(super) fn publications_of(
        &self,
        program: &ProgramId,
        newest: i64,
    ) -> impl Iterator<Item = &PublicationRecord> {
        let range = (program.clone(), i64::MIN)..=(program.clone(), newest);
        self.publications.range(range).rev().map(|(_, publication)| publication)
    }

    pub(super) fn move_pending(&mut self, step: &MoveStep) -> Moved {
        let (from, to) = step.bounds();
        let between = self.pending.range((Bound::Excluded(from), Bound::Excluded(to)));
        let rows: Vec<Pending> = between.map(|(_, row)| *row).take(step.limit).collect();
        let mut moved = 0;
        for row in &rows {
            let fate = step.fate(row);
            if fate != Fate::Stays {
                self.pending.remove(&row.key);
                moved += 1;
            }
            if let Fate::Becomes(new) = fate {
                self.pending.insert(new.key, new);
            }
        }
        step.moved(&rows, moved)
    }

    pub(super) fn resend(&mut self, batch: &ResendBatch) -> Result<(), StoreError> {
        let mut ids = BTreeSet::new();
        let is_used = |id: &DeliveryId| self.resends.contains_key(id);
        if batch.resends.iter().any(|resend| is_used(&resend.id) || !ids.insert(resend.id)) {
            return Err(rejected("a resend's id is used twice"));
        }
        if batch.job.as_ref().is_some_and(|job| !self.programs.contains_key(&job.program_id)) {
            return Err(rejected("there is no such program"));
        }
        self.resends.extend(batch.resends.iter().map(|resend| (resend.id, resend.clone())));
        self.pending.extend(batch.pending.iter().map(|pending| (pending.key, *pending)));
        if let Some(job) = &batch.job {
            self.resend_jobs.insert(job.id, job.clone());
        }
        Ok(())
    }

    pub(super) fn add_hours(&mut self, records: &[HourRecord]) {
        for HourRecord { endpoint_id, hour, count } in records {
            let known = self.hours.entry((*endpoint_id, *hour)).or_default();
            *known = known.plus(*count);
        }
    }

    pub(super) fn hours(&self, endpoints: &[EndpointId], first_hour: i64) -> Vec<HourRecord> {
        let wanted =
            self.hours.iter().filter(|((id, hour), _)| *hour >= first_hour && endpoints.contains(id));
        wanted
            .map(|((endpoint_id, hour), count)| HourRecord {
                endpoint_id: *endpoint_id,
                hour: *hour,
                count: *count,
            })
            .collect()
    }

    pub(super) fn forget(&mut self, forget: &Forget) -> u64 {
        let before = self.rows();
        let of_events = self.resends.values().filter(|resend| forget.events.contains(&resend.event_id));
        let of_events: Vec<_> = of_events.map(|resend| (resend.id, resend.event_id)).collect();
        let (events, deliveries) = forget.over(&of_events);
        self.attempts.retain(|(delivery, _), _| !deliveries.contains(delivery));
        self.resends.retain(|_, resend| !events.contains(&resend.event_id));
        if let Some(last) = self.events.keys().next_back()
            && events.contains(last)
        {
            self.highest_forgotten = self.highest_forgotten.max(Some(*last));
        }
        self.events.retain(|id, _| !events.contains(id));
        self.erasures.events.retain(|id| !events.contains(id));
        self.pending.retain(|key, _| !forget.parked.contains(key));
        if let Some(before_ms) = forget.keys_before_ms {
            let mut old: Vec<_> = self
                .first_answers
                .iter()
                .filter(|(_, first)| first.accepted_at_ms < before_ms)
                .map(|(name, first)| (first.accepted_at_ms, name.clone()))
                .collect();
            old.sort();
            for (_, name) in old.into_iter().take(forget.limit) {
                self.first_answers.remove(&name);
            }
        }
        if let Some(before_hour) = forget.hours_before {
            let mut old: Vec<_> = self.hours.keys().filter(|key| key.1 < before_hour).copied().collect();
            old.sort_by_key(|(_, hour)| *hour);
            for key in old.into_iter().take(forget.limit) {
                self.hours.remove(&key);
            }
        }
        if let Some(before_ms) = forget.tests_before_ms {
            self.tests.retain(|_, test| test.started_at_ms >= before_ms);
        }
        if let Some(before_ms) = forget.notices_before_ms {
            self.notices.retain(|notice| notice.at_ms >= before_ms);
            self.resend_jobs
                .retain(|_, job| job.ended_at_ms.is_none_or(|ended_at_ms| ended_at_ms >= before_ms));
        }
        if let Some((program, before_ms)) = &forget.of_program {
            self.tests.retain(|_, test| test.program_id != *program || test.started_at_ms >= *before_ms);
            self.notices.retain(|notice| notice.program_id != *program || notice.at_ms >= *before_ms);
            let is_young = |job: &ResendJobRecord| job.ended_at_ms.is_none_or(|at_ms| at_ms >= *before_ms);
            self.resend_jobs.retain(|_, job| job.program_id != *program || is_young(job));
        }
        u64::try_from(before - self.rows()).unwrap_or(0)
    }

    fn rows(&self) -> usize {
        let logged = self.attempts.len() + self.resends.len() + self.events.len() + self.pending.len();
        let logged = logged + self.hours.len();
        logged + self.first_answers.len() + self.tests.len() + self.notices.len() + self.resend_jobs.len()
    }

    pub(super) fn save_draft(&mut self, draft: &DraftRecord, over: Option<i64>) -> Result<bool, StoreError> {
        if self.drafts.get(&draft.program_id).map(|stored| stored.version) != over {
            return Ok(false);
        }
        if !self.programs.contains_key(&draft.program_id) {
            return Err(rejected("there is no such program"));
        }
        self.drafts.insert(draft.program_id.clone(), draft.clone());
        Ok(true)
    }

    pub(super) fn save_test(&mut self, test: &TestRecord) -> Result<(), StoreError> {
        if !self.programs.contains_key(&test.program_id) || self.tests.contains_key(&test.id) {
            return Err(rejected("a test's program is not there, or its id is used twice"));
        }
        self.tests.insert(test.id, test.clone());
        Ok(())
    }

    pub(super) fn save_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        if self.api_keys.values().any(|other| other.id == key.id || other.key_hash == key.key_hash) {
            return Err(rejected("an API key is used twice"));
        }
        self.api_keys.insert(key.id.clone(), key.clone());
        Ok(())
    }

    /// Looks the accept's key up, and adds it to `fresh` when this is its first use.
    fn answer(&self, fresh: &mut BTreeMap<(ProgramId, String), FirstAnswer>, accept: &Accept) -> Accepted {
        let Some(Idempotency { key, content_hash, valid_since_ms }) = &accept.idempotency else {
            return Accepted::New;
        };
        let name = (accept.program_id.clone(), key.clone());
        match fresh.get(&name).or_else(|| self.first_answers.get(&name)) {
            Some(first) if first.accepted_at_ms >= *valid_since_ms => {
                if first.content_hash == *content_hash {
                    Accepted::Duplicate { event_id: first.event_id, deliveries: first.deliveries }
                } else {
                    Accepted::Conflict
                }
            }
            _ => {
                let first = FirstAnswer {
                    content_hash: *content_hash,
                    event_id: accept.event_id,
                    deliveries: i64::try_from(accept.targets.len()).unwrap_or(i64::MAX),
                    accepted_at_ms: accept.accepted_at_ms,
                };
                fresh.insert(name, first);
                Accepted::New
            }
        }
    }
}
