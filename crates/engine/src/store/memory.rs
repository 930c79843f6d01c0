//! The store as plain maps: the oracle the databases are compared with, and the store of simulations. Simple before
//! fast; deterministic, without threads or a clock. Nothing survives it.

mod addresses;
mod audit;
mod cluster;
mod editor_links;
mod erasure;
mod first_steps;
mod health;
mod incidents;
mod people;
mod search;
mod state;
mod telling;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, NoticeId, NoticeKind, ProgramId, ResendJobId, TestId};

use self::cluster::Member;
use self::state::State;
use super::{
    Accepted, ApiKeyRecord, AttemptRecord, Backlog, Batch, BootRecord, Changed, ClusterStore, DeliverySearch,
    DraftRecord, EndpointId, EndpointRecord, EventRecord, EventSearch, EventsFound, Expired, Forget,
    HealthRecord, HourRecord, MoveStep, Moved, NoticeRecord, PARKED_DUE_MS, Pending, PendingKey,
    ProgramRecord, PublicationRecord, ResendBatch, ResendJobRecord, ResendRecord, SMALL_BODY, SettingsChange,
    Standing, Store, StoreError, TestRecord, Unsuccessful,
};

/// The in-memory store.
#[derive(Debug, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    /// For [`Memory::stand`]; nothing else takes an answer from it.
    standing: Mutex<Option<Standing>>,
    /// The node whose handle it is, where there are several.
    member: Option<Member>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stands so from now on, as a database on a server does when it is away.
    pub fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    /// A panic elsewhere leaves the maps as they were: every write checks first and then changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        self.state().commit(batch)
    }

    async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        let state = self.state();
        let queue = state.queue(endpoint).filter(|pending| pending.key.due_at_ms < PARKED_DUE_MS);
        Ok(queue
            .filter(|pending| after.is_none_or(|after| pending.key > after))
            .take(limit)
            .copied()
            .collect())
    }

    async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        let state = self.state();
        Ok(events.iter().filter_map(|id| Some((*id, state.events.get(id)?.body.clone()))).collect())
    }

    async fn small_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        let mut bodies = self.bodies(events).await?;
        bodies.retain(|(_, body)| body.len() <= SMALL_BODY);
        Ok(bodies)
    }

    async fn earliest_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        let state = self.state();
        let first =
            |id| state.queue(id).map(|pending| pending.key.due_at_ms).find(|due| *due < PARKED_DUE_MS);
        Ok(endpoints.iter().filter_map(|id| Some((*id, first(*id)?))).collect())
    }

    async fn expired(&self, wanted: Expired) -> Result<Vec<Pending>, StoreError> {
        let state = self.state();
        let is_expired = |pending: &&Pending| {
            pending.key.due_at_ms < PARKED_DUE_MS
                && pending.expires_at_ms <= wanted.expires_by_ms
                && pending.accepted_at_ms <= wanted.accepted_by_ms
                && (pending.attempts > 0 || pending.key.due_at_ms <= wanted.due_by_ms)
        };
        let expired = state.queue(wanted.endpoint_id).filter(is_expired);
        let (unattempted, attempted): (Vec<Pending>, Vec<Pending>) =
            expired.copied().partition(|pending| pending.attempts == 0);
        Ok(unattempted.into_iter().chain(attempted).take(wanted.limit).collect())
    }

    async fn begin_boot(&self, at_ms: i64, forget_before_ms: i64) -> Result<(), StoreError> {
        let mut state = self.state();
        let is_clean = state.boots.last().is_none_or(|_| state.has_ended);
        state.has_ended = false;
        state.boots.retain(|boot| boot.at_ms >= forget_before_ms);
        state.boots.push(BootRecord { at_ms, is_clean });
        Ok(())
    }

    async fn end_boot(&self) -> Result<(), StoreError> {
        self.state().has_ended = true;
        Ok(())
    }

    async fn boots(&self) -> Result<Vec<BootRecord>, StoreError> {
        Ok(self.state().boots.clone())
    }

    async fn highest_event_id(&self) -> Result<Option<EventId>, StoreError> {
        let state = self.state();
        Ok(state.events.keys().next_back().copied().max(state.highest_forgotten))
    }

    async fn programs(&self) -> Result<Vec<ProgramRecord>, StoreError> {
        let mut programs: Vec<_> = self.state().programs.values().cloned().collect();
        programs.sort_by_key(|program| program.created_at_ms);
        Ok(programs)
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRecord>, StoreError> {
        let mut endpoints: Vec<_> = self.state().endpoints.values().cloned().collect();
        endpoints.sort_by_key(|endpoint| endpoint.created_at_ms);
        Ok(endpoints)
    }

    async fn pending_without_webhook(&self) -> Result<Vec<EndpointId>, StoreError> {
        let state = self.state();
        let waiting: BTreeSet<EndpointId> = state.pending.keys().map(|key| key.endpoint_id).collect();
        Ok(waiting.into_iter().filter(|id| !state.endpoints.contains_key(id)).collect())
    }

    async fn health(&self) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        Ok(self.state().health.iter().map(|(id, health)| (*id, *health)).collect())
    }

    async fn apply(&self, change: &SettingsChange) -> Result<(), StoreError> {
        let mut state = self.state();
        self.check_lead(&state)?;
        state.apply(change)?;
        state.note_change(|| Changed::Program(change.program().clone()));
        Ok(())
    }

    async fn move_pending(&self, step: &MoveStep) -> Result<Moved, StoreError> {
        Ok(self.state().move_pending(step))
    }

    async fn draft(&self, program: &ProgramId) -> Result<Option<DraftRecord>, StoreError> {
        Ok(self.state().drafts.get(program).cloned())
    }

    async fn save_draft(&self, draft: &DraftRecord, over: Option<i64>) -> Result<bool, StoreError> {
        self.state().save_draft(draft, over)
    }

    async fn publications(
        &self,
        program: &ProgramId,
        newest: i64,
        limit: usize,
    ) -> Result<Vec<PublicationRecord>, StoreError> {
        Ok(self.state().publications_of(program, newest).take(limit).cloned().collect())
    }

    async fn delete_draft(&self, program: &ProgramId) -> Result<(), StoreError> {
        self.state().drafts.remove(program);
        Ok(())
    }

    async fn events(
        &self,
        program: &ProgramId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let state = self.state();
        let newest_first = state.events.values().rev().map(|event| &event.record);
        let wanted = newest_first.filter(|event| {
            event.program_id == *program
                && !event.targets.is_empty()
                && before.is_none_or(|before| event.id < before)
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn find_events(&self, search: &EventSearch) -> Result<EventsFound, StoreError> {
        Ok(self.state().find_events(search))
    }

    async fn events_by_id(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError> {
        let state = self.state();
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.iter().filter_map(|id| state.events.get(id)).map(|event| event.record.clone()).collect())
    }

    async fn unsuccessful(
        &self,
        search: DeliverySearch,
        wanted: Unsuccessful,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        Ok(self.state().unsuccessful(search, wanted))
    }

    async fn pending_deliveries(&self, search: DeliverySearch) -> Result<Vec<DeliveryId>, StoreError> {
        Ok(self.state().pending_deliveries(search))
    }

    async fn endpoints_of(&self, program: &ProgramId) -> Result<Vec<EndpointId>, StoreError> {
        let state = self.state();
        let own = state.owners.iter().filter(|(_, owner)| *owner == program);
        Ok(own.map(|(endpoint, _)| *endpoint).collect())
    }

    async fn event(&self, id: EventId) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.state().events.get(&id).map(|event| event.record.clone()))
    }

    async fn attempts(&self, deliveries: &[DeliveryId]) -> Result<Vec<AttemptRecord>, StoreError> {
        let state = self.state();
        let deliveries: BTreeSet<_> = deliveries.iter().collect();
        let wanted = deliveries.iter().flat_map(|delivery| state.attempts_of(**delivery));
        let brief = wanted.map(|attempt| AttemptRecord {
            response_head: String::new(),
            response_body: Bytes::new(),
            ..attempt.clone()
        });
        Ok(brief.collect())
    }

    async fn attempts_in_full(&self, delivery: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        Ok(self.state().attempts_of(delivery).cloned().collect())
    }

    async fn pending_at(&self, keys: &[PendingKey]) -> Result<Vec<Pending>, StoreError> {
        let state = self.state();
        let keys: BTreeSet<_> = keys.iter().collect();
        Ok(keys.iter().filter_map(|key| state.pending.get(key)).copied().collect())
    }

    async fn backlog(&self, endpoints: &[EndpointId], cap: i64) -> Result<Vec<Backlog>, StoreError> {
        let state = self.state();
        let count = |id, is_parked| {
            let rows =
                state.queue(id).filter(|pending| (pending.key.due_at_ms == PARKED_DUE_MS) == is_parked);
            i64::try_from(rows.count()).unwrap_or(i64::MAX).min(cap)
        };
        let backlog = |id: &EndpointId| Backlog {
            endpoint_id: *id,
            pending: count(*id, false),
            next_due_at_ms: state
                .queue(*id)
                .map(|pending| pending.key.due_at_ms)
                .filter(|due_at_ms| *due_at_ms != PARKED_DUE_MS)
                .min(),
            parked: count(*id, true),
        };
        Ok(endpoints.iter().map(backlog).collect())
    }

    async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<String>, StoreError> {
        Ok(self.state().urls.get(&endpoint).cloned())
    }

    async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        let state = self.state();
        let wanted = state
            .notices
            .iter()
            .filter(|notice| notice.program_id == *program && after.is_none_or(|after| notice.id > after));
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn last_notice_at_ms(
        &self,
        endpoint: EndpointId,
        kind: NoticeKind,
    ) -> Result<Option<i64>, StoreError> {
        let state = self.state();
        let told = state.notices.iter().filter(|one| one.endpoint_id == endpoint && one.kind == kind);
        Ok(told.map(|notice| notice.at_ms).max())
    }

    async fn add_hours(&self, records: &[HourRecord]) -> Result<(), StoreError> {
        self.state().add_hours(records);
        Ok(())
    }

    async fn hours(&self, endpoints: &[EndpointId], first_hour: i64) -> Result<Vec<HourRecord>, StoreError> {
        Ok(self.state().hours(endpoints, first_hour))
    }

    async fn resend(&self, batch: &ResendBatch) -> Result<(), StoreError> {
        let mut state = self.state();
        self.check_lead(&state)?;
        state.resend(batch)
    }

    async fn resends(
        &self,
        program: &ProgramId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<ResendRecord>, StoreError> {
        let state = self.state();
        let newest_first = state.resends.values().rev();
        let wanted = newest_first
            .filter(|resend| resend.program_id == *program && before.is_none_or(|before| resend.id < before));
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn resends_of(&self, events: &[EventId]) -> Result<Vec<ResendRecord>, StoreError> {
        Ok(self
            .state()
            .resends
            .values()
            .filter(|resend| events.contains(&resend.event_id))
            .cloned()
            .collect())
    }

    async fn resends_by_id(&self, ids: &[DeliveryId]) -> Result<Vec<ResendRecord>, StoreError> {
        Ok(self.state().resends.values().filter(|resend| ids.contains(&resend.id)).cloned().collect())
    }

    async fn resend_job(&self, id: ResendJobId) -> Result<Option<ResendJobRecord>, StoreError> {
        Ok(self.state().resend_jobs.get(&id).cloned())
    }

    async fn resend_jobs(
        &self,
        program: &ProgramId,
        limit: usize,
    ) -> Result<Vec<ResendJobRecord>, StoreError> {
        let state = self.state();
        let newest_first = state.resend_jobs.values().rev().filter(|job| job.program_id == *program);
        Ok(newest_first.take(limit).cloned().collect())
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJobRecord>, StoreError> {
        Ok(self.state().resend_jobs.values().filter(|job| job.ended_at_ms.is_none()).cloned().collect())
    }

    async fn oldest_events(&self, after: EventId, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        let state = self.state();
        let records = state.events.values().map(|event| &event.record);
        Ok(records.filter(|event| event.id > after).take(limit).cloned().collect())
    }

    async fn oldest_parked(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let state = self.state();
        let parked = state.queue(endpoint).filter(|pending| pending.key.due_at_ms == PARKED_DUE_MS);
        Ok(parked.take(limit).copied().collect())
    }

    async fn forget(&self, forget: &Forget) -> Result<u64, StoreError> {
        let mut state = self.state();
        self.check_lead(&state)?;
        Ok(state.forget(forget))
    }

    async fn save_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        self.state().save_test(test)
    }

    async fn test(&self, program: &ProgramId, id: TestId) -> Result<Option<TestRecord>, StoreError> {
        Ok(self.state().tests.get(&id).filter(|test| test.program_id == *program).cloned())
    }

    async fn save_api_key(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let mut state = self.state();
        state.save_api_key(key)?;
        state.note_change(|| Changed::ApiKeys);
        Ok(())
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let mut keys: Vec<_> = self.state().api_keys.values().cloned().collect();
        keys.sort_by_key(|key| key.created_at_ms);
        Ok(keys)
    }

    async fn note_api_keys_used(&self, used: &[(&str, i64)]) -> Result<(), StoreError> {
        let mut state = self.state();
        for (id, at_ms) in used {
            if let Some(key) = state.api_keys.get_mut(*id) {
                key.last_used_at_ms = Some(*at_ms);
            }
        }
        Ok(())
    }

    async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let was_there = state.api_keys.remove(id).is_some();
        if was_there {
            state.people.end_invitations_of_key(id);
            state.note_change(|| Changed::ApiKeys);
        }
        Ok(was_there)
    }

    fn cluster(&self) -> Option<&dyn ClusterStore> {
        self.member.as_ref().map(|_| self as &dyn ClusterStore)
    }

    fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(Standing::Sure)
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {
        self.leave();
    }
}
