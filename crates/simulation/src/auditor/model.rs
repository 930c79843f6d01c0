//! What deliveries must be, worked out from what reached the disk: who is pending where, what has ended, and how.

use std::collections::BTreeMap;

use groundswell_engine::store::{
    After, EndpointId, Forget, Move, MoveStep, PARKED_DUE_MS, Pending, PendingKey, ResendRecord,
    WebhooksChange,
};
use groundswell_types::{DeliveryId, EventId};

use super::Rule;
use super::requests::Request;
use crate::trace::{AcceptFact, ChangeFact, Hook, OutcomeFact};

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Delivered,
    Undeliverable,
    /// Its webhook is gone, or it was discarded, or parked for too long.
    Cancelled,
}

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: EventId,
    accepted_at_ms: i64,
    pub(super) row: Option<Pending>,
    pub(super) end: Option<Ending>,
    /// Recorded attempts.
    pub(super) attempts: i64,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) hook: Hook,
    pub(super) is_enabled: bool,
    pub(super) is_deleted: bool,
    /// When the last recorded attempt that failed was over.
    failed_at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(super) of_event: BTreeMap<(EventId, EndpointId), Vec<DeliveryId>>,
    pub(super) endpoints: BTreeMap<EndpointId, Endpoint>,
    by_hook: BTreeMap<u32, EndpointId>,
    /// On disk, but the engine has not been told yet.
    change: Option<ChangeFact>,
    /// When events of the first webhook were committed that were not sent yet.
    waiting_since_ms: BTreeMap<EventId, i64>,
}

type Checked = Result<(), (Rule, String)>;

impl Model {
    pub(super) fn endpoint_of(&self, hook: Hook) -> Option<(EndpointId, &Endpoint)> {
        let id = *self.by_hook.get(&hook.number)?;
        Some((id, self.endpoints.get(&id)?))
    }

    /// Deliveries of an event to a webhook that have not ended.
    pub(super) fn open(&self, event: EventId, endpoint: EndpointId) -> impl Iterator<Item = DeliveryId> {
        let all = self.of_event.get(&(event, endpoint)).into_iter().flatten().copied();
        all.filter(|id| self.deliveries[id].end.is_none())
    }

    /// Since when the event has been waiting for its first attempt, if that is measured.
    pub(super) fn take_first_wait(&mut self, event: EventId) -> Option<i64> {
        self.waiting_since_ms.remove(&event)
    }

    pub(super) fn accepted(&mut self, event: EventId, accept: &AcceptFact, at_ms: i64) {
        for (target, slot) in accept.targets.iter().zip(0..) {
            let id = DeliveryId::new(event, slot);
            let due_at_ms = if target.is_parked { PARKED_DUE_MS } else { accept.accepted_at_ms };
            let key = PendingKey { endpoint_id: target.endpoint_id, due_at_ms, delivery_id: id };
            let AcceptFact { accepted_at_ms, expires_at_ms, .. } = *accept;
            self.add(event, Pending { key, attempts: 0, accepted_at_ms, expires_at_ms });
            // The first webhook is the one whose waits are measured.
            if self.endpoints.get(&target.endpoint_id).is_some_and(|one| one.hook.number == 1) {
                self.waiting_since_ms.insert(event, at_ms);
            }
        }
    }

    fn add(&mut self, event: EventId, row: Pending) {
        let PendingKey { endpoint_id: endpoint, delivery_id, .. } = row.key;
        let accepted_at_ms = row.accepted_at_ms;
        let delivery = Delivery { event, accepted_at_ms, row: Some(row), end: None, attempts: 0 };
        self.deliveries.insert(delivery_id, delivery);
        self.of_event.entry((event, endpoint)).or_default().push(delivery_id);
    }

    pub(super) fn resent(&mut self, resend: &ResendRecord, pending: Pending) -> Checked {
        let original = self.deliveries.get(&resend.original_id);
        let has_ended = original.is_some_and(|original| original.end.is_some());
        self.add(resend.event_id, pending);
        if has_ended {
            Ok(())
        } else {
            Err((Rule::SentIsOpen, format!("{} is sent again before it ended", resend.original_id)))
        }
    }

    pub(super) fn outcome(
        &mut self,
        clock_ms: i64,
        outcome: &OutcomeFact,
        request: Option<&Request>,
    ) -> Checked {
        let OutcomeFact { delivery: id, endpoint, number, started_at_ms, duration_ms, after, .. } = *outcome;
        let delivery =
            self.deliveries.get_mut(&id).ok_or((Rule::RecordsAreTrue, format!("{id} was never stored")))?;
        let before = delivery.row;
        delivery.row.take_if(|row| outcome.remove.contains(&row.key));
        let is_replaced = outcome.insert.is_some() && delivery.row.is_some();
        delivery.row = outcome.insert.or(delivery.row);
        // What was under way while it was parked and released goes on with the deadline it had.
        let was_parked = outcome.remove.iter().any(|key| key.due_at_ms == PARKED_DUE_MS);
        let is_shortened = !was_parked
            && outcome.insert.is_some_and(|after| {
                before.is_some_and(|before| {
                    after.expires_at_ms != before.expires_at_ms
                        || after.accepted_at_ms != before.accepted_at_ms
                })
            });
        let failed_at_ms = self.endpoints.get(&endpoint).map_or(i64::MIN, |one| one.failed_at_ms);
        let is_deleted = self.endpoints.get(&endpoint).is_none_or(|one| one.is_deleted);
        if number > 0 {
            delivery.attempts += 1;
            if after != After::Delivered
                && let Some(endpoint) = self.endpoints.get_mut(&endpoint)
            {
                endpoint.failed_at_ms = endpoint.failed_at_ms.max(started_at_ms + duration_ms);
            }
            if number != delivery.attempts {
                return Err((
                    Rule::RecordsAreTrue,
                    format!("attempt {} of {id} is number {number}", delivery.attempts),
                ));
            }
        }
        let end = match after {
            // Fenced nothing is: there is one process here.
            After::Retry(_) | After::Fenced => None,
            After::Delivered => Some(Ending::Delivered),
            After::Undeliverable => Some(Ending::Undeliverable),
            After::Cancelled => Some(Ending::Cancelled),
        };
        if let Some(was) = delivery.end
            && !(was == Ending::Cancelled && request.is_some())
        {
            return Err((Rule::SentIsOpen, format!("{id} had ended as {was:?} and goes on")));
        }
        delivery.end = end.or(delivery.end);
        if is_replaced || is_shortened || delivery.row.is_some() == delivery.end.is_some() {
            let row = delivery.row;
            return Err((
                Rule::RowsAreKept,
                format!("after {after:?} {id} has the row {row:?}, before {before:?}"),
            ));
        }
        let is_tried = failed_at_ms >= delivery.accepted_at_ms;
        let has_reason = match (end, request) {
            (None, Some(request)) => match after {
                After::Retry(due_at_ms) => request.is_respected_by(due_at_ms),
                _ => true,
            },
            (None | Some(Ending::Delivered), _) => true,
            (Some(Ending::Cancelled), _) => is_deleted,
            (Some(Ending::Undeliverable), request) => {
                is_over(before, request, (started_at_ms, clock_ms, is_tried))
            }
        };
        if has_reason {
            Ok(())
        } else {
            Err((
                Rule::EndsForAReason,
                format!("after {after:?} {id} has ended as {end:?}, {request:?}; its row was {before:?}"),
            ))
        }
    }

    pub(super) fn changed(&mut self, change: &ChangeFact) {
        self.change = Some(change.clone());
    }

    /// The engine goes by the change from now on; returns which endpoints start anew by it.
    pub(super) fn go_live(&mut self) -> Vec<EndpointId> {
        let Some(ChangeFact { upserts, change }) = self.change.take() else { return Vec::new() };
        let mut renewed = Vec::new();
        for (hook, record) in upserts {
            let before = self.endpoints.get(&record.id);
            if record.is_enabled && before.is_some_and(|before| !before.is_enabled || before.hook != hook) {
                renewed.push(record.id);
            }
            let failed_at_ms = self.endpoints.get(&record.id).map_or(i64::MIN, |one| one.failed_at_ms);
            let endpoint = Endpoint { hook, is_enabled: record.is_enabled, is_deleted: false, failed_at_ms };
            self.endpoints.insert(record.id, endpoint);
            self.by_hook.insert(hook.number, record.id);
        }
        for id in &change.deletes {
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.is_deleted = true;
            }
        }
        self.park_and_cancel(&change);
        renewed
    }

    /// A disabled webhook counts as parked and a deleted one as cancelled at once, whenever its rows are moved.
    fn park_and_cancel(&mut self, change: &WebhooksChange) {
        for delivery in self.deliveries.values_mut() {
            let Some(row) = &mut delivery.row else { continue };
            let endpoint = row.key.endpoint_id;
            if change.deletes.contains(&endpoint) {
                delivery.row = None;
                delivery.end = Some(Ending::Cancelled);
            } else if change.upserts.iter().any(|one| one.id == endpoint && !one.is_enabled) {
                row.key.due_at_ms = PARKED_DUE_MS;
            }
        }
    }

    /// A step of a move was made, as far as `up_to`.
    pub(super) fn moved(&mut self, step: &MoveStep, up_to: Option<PendingKey>) {
        for (id, delivery) in &mut self.deliveries {
            let Some(row) = &mut delivery.row else { continue };
            let is_looked_at = row.key.endpoint_id == step.endpoint_id
                && step.after.is_none_or(|after| row.key > after)
                && up_to.is_none_or(|last| row.key <= last);
            if !is_looked_at {
                continue;
            }
            let is_parked = row.key.due_at_ms == PARKED_DUE_MS;
            match &step.kind {
                Move::Release { before, expires_at_ms } if is_parked && id < before => {
                    row.key.due_at_ms = row.accepted_at_ms;
                    row.expires_at_ms = *expires_at_ms;
                }
                Move::Discard { before } if is_parked && id < before => {
                    delivery.row = None;
                    delivery.end = Some(Ending::Cancelled);
                }
                Move::Advance { now_ms, except } => {
                    let is_later = row.key.due_at_ms > *now_ms && row.accepted_at_ms <= *now_ms;
                    if !is_parked && is_later && !except.contains(id) {
                        row.key.due_at_ms = row.accepted_at_ms;
                    }
                }
                Move::Park | Move::Delete | Move::Release { .. } | Move::Discard { .. } => {}
            }
        }
    }

    pub(super) fn forgotten(&mut self, forget: &Forget, before_ms: i64) -> Checked {
        for key in &forget.parked {
            let delivery = self.deliveries.get_mut(&key.delivery_id);
            let Some(delivery) = delivery.filter(|delivery| delivery.row.is_some_and(|row| row.key == *key))
            else {
                continue;
            };
            delivery.row = None;
            delivery.end = Some(Ending::Cancelled);
            if delivery.accepted_at_ms >= before_ms || key.due_at_ms != PARKED_DUE_MS {
                return Err((Rule::EndsForAReason, format!("{} was cancelled too early", key.delivery_id)));
            }
        }
        // What was sent again since it was looked what is over stays.
        let is_new = |id: &DeliveryId| id.is_resend() && !forget.deliveries.contains(id);
        let new = self.deliveries.iter().filter(|(id, one)| is_new(id) && forget.events.contains(&one.event));
        let stay: Vec<EventId> = new.map(|(_, one)| one.event).collect();
        let is_forgotten = |one: &Delivery| forget.events.contains(&one.event) && !stay.contains(&one.event);
        let waiting = self.deliveries.iter().find(|(_, one)| is_forgotten(one) && one.row.is_some());
        if let Some((id, delivery)) = waiting {
            return Err((Rule::RowsAreKept, format!("{id} is forgotten while it waits: {delivery:?}")));
        }
        let young = self
            .deliveries
            .iter()
            .find(|(id, one)| is_forgotten(one) && !id.is_resend() && one.accepted_at_ms >= before_ms);
        match young {
            Some((id, _)) => Err((Rule::RowsAreKept, format!("{id} is forgotten too early"))),
            None => Ok(()),
        }
    }
}

/// Whether no further attempt may be made: the deadline has passed, and an ending without an attempt also needs that the
/// endpoint was tried; or the receiver asked to wait past it.
fn is_over(
    before: Option<Pending>,
    request: Option<&Request>,
    (started_at_ms, clock_ms, is_tried): (i64, i64, bool),
) -> bool {
    let expires_at_ms = before.map_or(i64::MIN, |row| row.expires_at_ms);
    match request {
        Some(request) => started_at_ms >= expires_at_ms || request.asked_to_wait_until(expires_at_ms),
        None => clock_ms >= expires_at_ms && is_tried,
    }
}
