//! Use cases on the delivery log.
//!
//! There is no table of deliveries: an event and its targets say which there are, attempts and pending rows say how
//! each is doing. So a healthy delivery costs no row of its own, and this is where it is put together.

mod request;
mod search;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use groundswell_types::{DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, EventId, ProgramId};

pub use self::search::MAX_LIMIT;
pub(crate) use self::search::{Part, Search};
use self::view::{Receiving, Standing};
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{
    AttemptRecord, EndpointId, EventRecord, PARKED_DUE_MS, Pending, PendingKey, ResendRecord, StoreError,
};

/// A delivery that is tried again between any two reads of the store is looked up so often at most.
const MOST_LOOKS: usize = 8;

/// A delivery with what the store knows about it.
struct Known {
    id: DeliveryId,
    endpoint: EndpointId,
    event: Arc<EventRecord>,
    /// When the delivery was: for a resend that is later than its event.
    accepted_at_ms: i64,
    resend_of: Option<DeliveryId>,
    /// By number.
    attempts: Vec<AttemptRecord>,
    pending: Option<Pending>,
    /// How many attempts had been made when the one began that was under way just before the store was read.
    under_way: Option<i64>,
}

impl Known {
    fn first(event: &Arc<EventRecord>, slot: u8, endpoint: EndpointId) -> Self {
        Self {
            id: DeliveryId::new(event.id, slot),
            endpoint,
            event: Arc::clone(event),
            accepted_at_ms: event.accepted_at_ms,
            resend_of: None,
            attempts: Vec::new(),
            pending: None,
            under_way: None,
        }
    }

    fn resend(event: &Arc<EventRecord>, resend: &ResendRecord) -> Self {
        Self {
            id: resend.id,
            endpoint: resend.endpoint_id,
            event: Arc::clone(event),
            accepted_at_ms: resend.accepted_at_ms,
            resend_of: Some(resend.original_id),
            attempts: Vec::new(),
            pending: None,
            under_way: None,
        }
    }
}

impl Engine {
    /// One delivery in full.
    pub async fn delivery(&self, program: &ProgramId, id: DeliveryId) -> Result<DeliveryDetail, EngineError> {
        let entry = self.program_entry(program)?;
        let mut known = self.find(program, id).await?;
        let event_id = known.event.id;
        let body = self.store.bodies(&[event_id]).await?.into_iter().next().map(|(_, body)| body);
        let body = body.ok_or_else(|| StoreError::Damaged(format!("event {event_id} has no body")))?;
        let delivery = self.views(&entry, std::slice::from_mut(&mut known)).await?.remove(0).1;
        let attempts = self.store.attempts_in_full(id).await?;
        let (made, endings): (Vec<AttemptRecord>, Vec<_>) =
            attempts.into_iter().partition(|attempt| attempt.number > 0);
        let flags = view::possibly_sent_before(known.accepted_at_ms, &made, &self.boots());
        let schedule = match (delivery.next_attempt_at, delivery.deadline_at) {
            (Some(next), Some(deadline)) if delivery.state != DeliveryState::Held => {
                self.config.retry.schedule(delivery.attempts, next, deadline)
            }
            _ => Vec::new(),
        };
        let resends = self.store.resends_of(&[event_id]).await?;
        let endpoint = self.directory.endpoint(known.endpoint);
        let last_sent_at_ms = delivery.last_attempt_at.unwrap_or(delivery.accepted_at);
        Ok(DeliveryDetail {
            delivery,
            request: endpoint.and_then(|endpoint| request::head(&endpoint, event_id, last_sent_at_ms)),
            body: String::from_utf8_lossy(&body).into_owned(),
            attempt_log: made.iter().zip(flags).map(|(attempt, flag)| view::attempt(attempt, flag)).collect(),
            schedule,
            resends: resends.into_iter().filter(|one| one.original_id == id).map(|one| one.id).collect(),
            reason: endings.first().map(|ending| ending.message.clone()),
        })
    }

    /// A delivery of a program as the log shows it, and the webhook it goes to.
    pub(crate) async fn delivery_in_brief(
        &self,
        entry: &ProgramEntry,
        id: DeliveryId,
    ) -> Result<(EndpointId, DeliveryView), EngineError> {
        let mut known = self.find(&entry.record.id, id).await?;
        Ok(self.views(entry, std::slice::from_mut(&mut known)).await?.remove(0))
    }

    /// Without what the store knows of how it is doing.
    async fn find(&self, program: &ProgramId, id: DeliveryId) -> Result<Known, EngineError> {
        let missing = || EngineError::NotFound("delivery");
        let known = if id.is_resend() {
            let resend = self.store.resends_by_id(&[id]).await?.pop().ok_or_else(missing)?;
            let event = self.store.event(resend.event_id).await?.ok_or_else(missing)?;
            Known::resend(&Arc::new(event), &resend)
        } else {
            let event = Arc::new(self.store.event(id.event()).await?.ok_or_else(missing)?);
            let endpoint = *event.targets.get(id.slot()).ok_or_else(missing)?;
            Known::first(&event, u8::try_from(id.slot()).unwrap_or_default(), endpoint)
        };
        if known.event.program_id != *program {
            return Err(missing());
        }
        Ok(known)
    }

    /// Which of `events` something still waits of, resends included, and all their deliveries.
    pub(crate) async fn still_waiting(
        &self,
        events: Vec<EventRecord>,
    ) -> Result<(HashSet<EventId>, Vec<(EventId, DeliveryId)>), EngineError> {
        let all = self.deliveries_of(events).await?;
        let waiting =
            all.iter().filter(|known| known.pending.is_some()).map(|known| known.event.id).collect();
        Ok((waiting, all.iter().map(|known| (known.event.id, known.id)).collect()))
    }

    /// Everything that waits of `events`, resends included, with wherever it may stand, and all their deliveries.
    pub(crate) async fn waiting_of(
        &self,
        events: Vec<EventRecord>,
    ) -> Result<(Vec<(Pending, Vec<PendingKey>)>, Vec<DeliveryId>), EngineError> {
        let all = self.deliveries_of(events).await?;
        let waiting = all.iter().filter_map(|known| {
            let pending = known.pending?;
            let mut dues = vec![known.accepted_at_ms, pending.key.due_at_ms, PARKED_DUE_MS];
            dues.sort_unstable();
            dues.dedup();
            let keys = dues.into_iter().map(|due_at_ms| PendingKey { due_at_ms, ..pending.key });
            Some((pending, keys.collect()))
        });
        Ok((waiting.collect(), all.iter().map(|known| known.id).collect()))
    }

    /// All deliveries of `events`, resends included, with what the store knows.
    async fn deliveries_of(&self, events: Vec<EventRecord>) -> Result<Vec<Known>, EngineError> {
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let resends = self.store.resends_of(&ids).await?;
        let mut all = Vec::new();
        for event in events {
            let event = Arc::new(event);
            all.extend((0..).zip(&event.targets).map(|(slot, id)| Known::first(&event, slot, *id)));
            let own = resends.iter().filter(|resend| resend.event_id == event.id);
            all.extend(own.map(|resend| Known::resend(&event, resend)));
        }
        self.look_up_all(&mut all).await?;
        Ok(all)
    }

    /// Adds what the store knows.
    async fn look_up_all(&self, all: &mut [Known]) -> Result<(), EngineError> {
        self.look_up(all, |_| true).await?;
        // Between the two reads an outcome may have moved a row: what seems to be nowhere is looked up once more, and as
        // long as attempts are made meanwhile.
        let mut attempts_before: HashMap<DeliveryId, usize> = HashMap::new();
        for _ in 0..MOST_LOOKS {
            let lost: HashSet<DeliveryId> = all
                .iter()
                .filter(|known| known.pending.is_none() && !view::has_ended(&known.attempts))
                .filter(|known| self.directory.endpoint(known.endpoint).is_some())
                .filter(|known| attempts_before.get(&known.id) != Some(&known.attempts.len()))
                .map(|known| known.id)
                .collect();
            if lost.is_empty() {
                break;
            }
            let attempts = all.iter().filter(|known| lost.contains(&known.id));
            attempts_before.extend(attempts.map(|known| (known.id, known.attempts.len())));
            self.look_up(all, |id| lost.contains(&id)).await?;
        }
        Ok(())
    }

    async fn look_up(
        &self,
        all: &mut [Known],
        is_wanted: impl Fn(DeliveryId) -> bool,
    ) -> Result<(), EngineError> {
        let ids: Vec<DeliveryId> = all.iter().map(|known| known.id).filter(|id| is_wanted(*id)).collect();
        let mut under_way = self.under_way.among(&ids);
        let mut attempts: HashMap<DeliveryId, Vec<AttemptRecord>> = HashMap::new();
        for chunk in ids.chunks(512) {
            for attempt in self.store.attempts(chunk).await? {
                attempts.entry(attempt.delivery_id).or_default().push(attempt);
            }
        }
        let mut keys = Vec::new();
        for known in all.iter_mut().filter(|known| is_wanted(known.id)) {
            known.attempts = attempts.remove(&known.id).unwrap_or_default();
        }
        if self.nodes.has_others() {
            // Before the rows that wait are read: they tell whether the attempt has ended since.
            let open = all.iter().filter(|known| is_wanted(known.id) && !view::has_ended(&known.attempts));
            let open = open.map(|known| (known.endpoint, known.id)).collect();
            under_way.extend(self.nodes.under_way_elsewhere(open).await);
        }
        for known in all.iter_mut().filter(|known| is_wanted(known.id)) {
            known.under_way = under_way.remove(&known.id);
            if !view::has_ended(&known.attempts) {
                let next_due_ms = view::next_due_ms(&known.attempts);
                let dues = [Some(known.accepted_at_ms), next_due_ms, Some(PARKED_DUE_MS)];
                keys.extend(dues.into_iter().flatten().map(|due_at_ms| PendingKey {
                    endpoint_id: known.endpoint,
                    due_at_ms,
                    delivery_id: known.id,
                }));
            }
        }
        let mut pending: HashMap<DeliveryId, Pending> = HashMap::new();
        for chunk in keys.chunks(1_024) {
            for row in self.store.pending_at(chunk).await? {
                pending.insert(row.key.delivery_id, row);
            }
        }
        for known in all.iter_mut().filter(|known| is_wanted(known.id)) {
            known.pending = pending.remove(&known.id);
        }
        Ok(())
    }

    /// Looks deliveries up and shows them, each with the webhook it goes to.
    async fn views(
        &self,
        entry: &ProgramEntry,
        all: &mut [Known],
    ) -> Result<Vec<(EndpointId, DeliveryView)>, EngineError> {
        self.look_up_all(all).await?;
        let mut of_deleted: HashMap<EndpointId, Option<String>> = HashMap::new();
        let mut views = Vec::with_capacity(all.len());
        for known in all.iter() {
            let is_live = entry.endpoints.iter().any(|endpoint| endpoint.record.id == known.endpoint);
            if !is_live && !of_deleted.contains_key(&known.endpoint) {
                of_deleted.insert(known.endpoint, self.store.endpoint_url(known.endpoint).await?);
            }
            let url = of_deleted.get(&known.endpoint).cloned().flatten();
            views.push((known.endpoint, self.view(entry, known, url)));
        }
        Ok(views)
    }

    /// `url_of_deleted` is the webhook's, if it is not live.
    fn view(&self, entry: &ProgramEntry, known: &Known, url_of_deleted: Option<String>) -> DeliveryView {
        let endpoint = entry.endpoints.iter().find(|endpoint| endpoint.record.id == known.endpoint);
        let payload_url = endpoint.map(|endpoint| endpoint.record.url.clone()).or(url_of_deleted);
        let held = self.directory.health(known.endpoint).gate().held.filter(|_| endpoint.is_some());
        let webhook = match endpoint {
            None => Receiving::Deleted,
            Some(endpoint) if !endpoint.record.is_enabled => Receiving::Disabled,
            Some(_) if held.is_some() => Receiving::Held,
            Some(_) => Receiving::Open,
        };
        let state = view::state(&Standing {
            attempts: &known.attempts,
            pending: known.pending.as_ref(),
            under_way: known.under_way,
            webhook,
        });
        let last = known.attempts.iter().rfind(|attempt| attempt.number > 0);
        let is_waiting =
            matches!(state, DeliveryState::Waiting | DeliveryState::Retrying | DeliveryState::Held);
        let has_deadline = is_waiting || state == DeliveryState::Sending;
        let next_attempt_at = match held {
            Some(held) => Some(held.next_probe_at_ms),
            None => known.pending.map(|pending| pending.key.due_at_ms),
        };
        DeliveryView {
            id: known.id,
            event_id: known.event.id,
            event: known.event.kind,
            webhook_id: endpoint.map(|endpoint| endpoint.record.public_id.clone()),
            payload_url,
            state,
            attempts: last.map_or(0, |attempt| attempt.number),
            accepted_at: known.accepted_at_ms,
            created_at: known.event.occurred_at_ms,
            last_attempt_at: last.map(|attempt| attempt.started_at_ms),
            last_status_code: last.and_then(|attempt| attempt.status_code),
            last_failure: last.and_then(|attempt| attempt.failure),
            next_attempt_at: next_attempt_at.filter(|_| is_waiting),
            deadline_at: known.pending.filter(|_| has_deadline).map(|pending| pending.expires_at_ms),
            resend_of: known.resend_of,
        }
    }
}
