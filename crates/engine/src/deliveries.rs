//! Use cases on the delivery log.
//!
//! There is no table of deliveries: an event and its targets say which there are, attempts and pending rows say how
//! each is doing. So a healthy delivery costs no row of its own, and this is where it is put together.

mod view;

use std::collections::{HashMap, HashSet};

use groundswell_types::editor::{DeliveryPage, DeliveryQuery};
use groundswell_types::{DeliveryDetail, DeliveryId, DeliveryState, DeliveryView, EventId, ProgramId};

use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{AttemptRecord, EndpointId, EventRecord, PARKED_DUE_MS, Pending, PendingKey, StoreError};

/// Rows of a page when nothing else is asked for.
const DEFAULT_LIMIT: usize = 50;

/// The most rows of a page.
pub const MAX_LIMIT: usize = 100;

/// Events read at once. Five deliveries each at most, so well below what the store takes in a call.
const EVENTS_PER_READ: usize = 100;

/// A filter that matches next to nothing stops here and says where to go on.
const MAX_EVENTS_PER_PAGE: usize = 2_000;

/// A delivery with what the store knows about it.
struct Known {
    id: DeliveryId,
    endpoint: EndpointId,
    /// By number.
    attempts: Vec<AttemptRecord>,
    pending: Option<Pending>,
}

impl Engine {
    /// A page of a program's deliveries, newest first.
    pub async fn deliveries(
        &self,
        program: &ProgramId,
        query: &DeliveryQuery,
    ) -> Result<DeliveryPage, EngineError> {
        let entry = self.program_entry(program)?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(EngineError::invalid("/limit", "must be from 1 to 100"));
        }
        let wanted_endpoint = match &query.webhook_id {
            None => None,
            Some(id) => Some(entry.webhook(id).ok_or(EngineError::NotFound("webhook"))?.record.id),
        };
        let mut before = query.next_id.map(|id| EventId::from_number(id.event().number().saturating_add(1)));
        let mut found: Vec<DeliveryView> = Vec::with_capacity(limit);
        let mut scanned = 0;
        loop {
            let events = self.store.events(program, before, EVENTS_PER_READ).await?;
            let is_last = events.len() < EVENTS_PER_READ;
            let Some(oldest) = events.last().map(|event| event.id) else {
                return Ok(DeliveryPage { deliveries: found, next_id: None });
            };
            let wanted = |event: &EventRecord| query.event.is_none_or(|kind| kind == event.kind);
            let events: Vec<EventRecord> = events.into_iter().filter(wanted).collect();
            let mut views = self.views(&entry, &events).await?;
            views.retain(|(endpoint, view)| {
                query.next_id.is_none_or(|from| view.id <= from)
                    && wanted_endpoint.is_none_or(|wanted| wanted == *endpoint)
                    && query.state.is_none_or(|state| state == view.state)
            });
            for (_, view) in views {
                if found.len() == limit {
                    return Ok(DeliveryPage { deliveries: found, next_id: Some(view.id) });
                }
                found.push(view);
            }
            scanned += EVENTS_PER_READ;
            if is_last {
                return Ok(DeliveryPage { deliveries: found, next_id: None });
            }
            if scanned >= MAX_EVENTS_PER_PAGE {
                let next = EventId::from_number(oldest.number() - 1);
                return Ok(DeliveryPage { deliveries: found, next_id: Some(DeliveryId::new(next, 7)) });
            }
            before = Some(oldest);
        }
    }

    /// One delivery in full.
    pub async fn delivery(&self, program: &ProgramId, id: DeliveryId) -> Result<DeliveryDetail, EngineError> {
        let entry = self.program_entry(program)?;
        let event = self
            .store
            .event(id.event())
            .await?
            .filter(|event| event.program_id == *program && id.slot() < event.targets.len())
            .ok_or(EngineError::NotFound("delivery"))?;
        let body = self.store.bodies(&[event.id]).await?.into_iter().next().map(|(_, body)| body);
        let body = body.ok_or_else(|| StoreError::Damaged(format!("event {} has no body", event.id)))?;
        let mut known = self.known(std::slice::from_ref(&event)).await?;
        let at = known.iter().position(|known| known.id == id).ok_or(EngineError::NotFound("delivery"))?;
        let known = known.swap_remove(at);
        let delivery = self.view(&entry, &event, &known).await?;
        let attempts = self.store.attempts_in_full(id).await?;
        let made: Vec<AttemptRecord> =
            attempts.iter().filter(|attempt| attempt.number > 0).cloned().collect();
        let flags = view::possibly_sent_before(event.accepted_at_ms, &made, &self.boots);
        let schedule = match (delivery.next_attempt_at, delivery.deadline_at) {
            (Some(next), Some(deadline)) if delivery.state != DeliveryState::Held => {
                self.config.retry.schedule(delivery.attempts, next, deadline)
            }
            _ => Vec::new(),
        };
        Ok(DeliveryDetail {
            delivery,
            body: String::from_utf8_lossy(&body).into_owned(),
            attempt_log: made.iter().zip(flags).map(|(attempt, flag)| view::attempt(attempt, flag)).collect(),
            schedule,
            reason: attempts.iter().find(|attempt| attempt.number == 0).map(|ending| ending.message.clone()),
        })
    }

    async fn views(
        &self,
        entry: &ProgramEntry,
        events: &[EventRecord],
    ) -> Result<Vec<(EndpointId, DeliveryView)>, EngineError> {
        let by_id: HashMap<EventId, &EventRecord> = events.iter().map(|event| (event.id, event)).collect();
        let mut views = Vec::new();
        for known in self.known(events).await? {
            if let Some(event) = by_id.get(&known.id.event()) {
                views.push((known.endpoint, self.view(entry, event, &known).await?));
            }
        }
        Ok(views)
    }

    /// What the store knows about the deliveries of `events`, newest first.
    async fn known(&self, events: &[EventRecord]) -> Result<Vec<Known>, EngineError> {
        let mut all: Vec<Known> = Vec::new();
        for event in events {
            let slots: Vec<(u8, &EndpointId)> = (0..).zip(&event.targets).collect();
            for &(slot, endpoint) in slots.iter().rev() {
                let id = DeliveryId::new(event.id, slot);
                all.push(Known { id, endpoint: *endpoint, attempts: Vec::new(), pending: None });
            }
        }
        let accepted: HashMap<EventId, i64> =
            events.iter().map(|event| (event.id, event.accepted_at_ms)).collect();
        self.look_up(&mut all, &accepted, |_| true).await?;
        // Between the two reads an outcome may have moved a row: what seems to be nowhere is looked up once more.
        let lost: HashSet<DeliveryId> = all
            .iter()
            .filter(|known| known.pending.is_none() && !view::has_ended(&known.attempts))
            .filter(|known| self.directory.endpoint(known.endpoint).is_some())
            .map(|known| known.id)
            .collect();
        if !lost.is_empty() {
            self.look_up(&mut all, &accepted, |id| lost.contains(&id)).await?;
        }
        Ok(all)
    }

    async fn look_up(
        &self,
        all: &mut [Known],
        accepted: &HashMap<EventId, i64>,
        is_wanted: impl Fn(DeliveryId) -> bool,
    ) -> Result<(), EngineError> {
        let ids: Vec<DeliveryId> = all.iter().map(|known| known.id).filter(|id| is_wanted(*id)).collect();
        let mut attempts: HashMap<DeliveryId, Vec<AttemptRecord>> = HashMap::new();
        for chunk in ids.chunks(512) {
            for attempt in self.store.attempts(chunk).await? {
                attempts.entry(attempt.delivery_id).or_default().push(attempt);
            }
        }
        let mut keys = Vec::new();
        for known in all.iter_mut().filter(|known| is_wanted(known.id)) {
            known.attempts = attempts.remove(&known.id).unwrap_or_default();
            if !view::has_ended(&known.attempts) {
                let accepted_at_ms = accepted.get(&known.id.event()).copied().unwrap_or_default();
                let next_due_ms = view::next_due_ms(&known.attempts);
                let dues = [Some(accepted_at_ms), next_due_ms, Some(PARKED_DUE_MS)];
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

    async fn view(
        &self,
        entry: &ProgramEntry,
        event: &EventRecord,
        known: &Known,
    ) -> Result<DeliveryView, EngineError> {
        let endpoint = entry.endpoints.iter().find(|endpoint| endpoint.record.id == known.endpoint);
        let payload_url = match endpoint {
            Some(endpoint) => Some(endpoint.record.url.clone()),
            None => self.store.endpoint_url(known.endpoint).await?,
        };
        let held = self.directory.health(known.endpoint).gate().held.filter(|_| endpoint.is_some());
        let state = view::state(&known.attempts, known.pending.as_ref(), held.is_some());
        let last = known.attempts.iter().rfind(|attempt| attempt.number > 0);
        let is_waiting =
            matches!(state, DeliveryState::Waiting | DeliveryState::Retrying | DeliveryState::Held);
        let next_attempt_at = match held {
            Some(held) => Some(held.next_probe_at_ms),
            None => known.pending.map(|pending| pending.key.due_at_ms),
        };
        Ok(DeliveryView {
            id: known.id,
            event_id: event.id,
            event: event.kind,
            webhook_id: endpoint.map(|endpoint| endpoint.record.public_id.clone()),
            payload_url,
            state,
            attempts: last.map_or(0, |attempt| attempt.number),
            accepted_at: event.accepted_at_ms,
            created_at: event.occurred_at_ms,
            last_attempt_at: last.map(|attempt| attempt.started_at_ms),
            last_status_code: last.and_then(|attempt| attempt.status_code),
            last_failure: last.and_then(|attempt| attempt.failure),
            next_attempt_at: next_attempt_at.filter(|_| is_waiting),
            deadline_at: known.pending.filter(|_| is_waiting).map(|pending| pending.expires_at_ms),
        })
    }
}
