//! What every delivery must be, worked out from what was executed in the database: the rows that wait, what has ended and
//! how, and how webhooks are set.

use std::collections::{BTreeMap, BTreeSet};

use groundswell_engine::store::{
    After, EndpointId, Move, MoveStep, PARKED_DUE_MS, Pending, PendingKey, ResendRecord, WebhooksChange,
};
use groundswell_types::{DeliveryId, EventId, ProgramId};

use super::Broken;
use crate::auditor::Rule;
use crate::trace::{AcceptFact, ChangeFact, Hook, OutcomeFact};

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Delivered,
    Undeliverable,
    Cancelled,
    /// By a node that had lost its shard: who has it by now is not told.
    DeliveredLate,
}

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: EventId,
    pub(super) row: Option<Pending>,
    pub(super) end: Option<Ending>,
    /// Attempts that count.
    attempts: i64,
    /// Besides those that count, one was successful.
    pub(super) is_disputed: bool,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) program: ProgramId,
    pub(super) hook: Hook,
    pub(super) is_enabled: bool,
    pub(super) is_deleted: bool,
    /// When it was last changed, milliseconds since the world began.
    pub(super) changed_at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) all: BTreeMap<DeliveryId, Delivery>,
    of_event: BTreeMap<(EventId, EndpointId), Vec<DeliveryId>>,
    pub(super) endpoints: BTreeMap<EndpointId, Endpoint>,
    by_hook: BTreeMap<u32, EndpointId>,
}

impl Deliveries {
    pub(super) fn endpoint_of(&self, hook: Hook) -> Option<(EndpointId, &Endpoint)> {
        let id = *self.by_hook.get(&hook.number)?;
        Some((id, self.endpoints.get(&id)?))
    }

    /// Deliveries of an event to a webhook that whoever has its shard may hold for open.
    pub(super) fn may_be_open(&self, event: EventId, endpoint: EndpointId) -> usize {
        let all = self.of_event.get(&(event, endpoint)).into_iter().flatten();
        all.filter(|id| !matches!(self.all[*id].end, Some(Ending::Delivered | Ending::Undeliverable))).count()
    }

    pub(super) fn accepted(&mut self, event: EventId, accept: &AcceptFact) -> Broken {
        for (target, slot) in accept.targets.iter().zip(0..) {
            let due_at_ms = if target.is_parked { PARKED_DUE_MS } else { accept.accepted_at_ms };
            let delivery_id = DeliveryId::new(event, slot);
            let key = PendingKey { endpoint_id: target.endpoint_id, due_at_ms, delivery_id };
            let AcceptFact { accepted_at_ms, expires_at_ms, .. } = *accept;
            self.add(event, Pending { key, attempts: 0, accepted_at_ms, expires_at_ms });
        }
        let Some(program) = accept.targets.first().and_then(|one| self.endpoints.get(&one.endpoint_id))
        else {
            return Ok(());
        };
        let live = self.endpoints.iter().filter(|(_, one)| one.program == program.program && !one.is_deleted);
        let live: BTreeSet<_> = live.map(|(id, one)| (*id, !one.is_enabled)).collect();
        let targets: BTreeSet<_> =
            accept.targets.iter().map(|target| (target.endpoint_id, target.is_parked)).collect();
        if live == targets {
            Ok(())
        } else {
            Err((Rule::SettingsHold, format!("{event} was accepted for {targets:?}; set was {live:?}")))
        }
    }

    fn add(&mut self, event: EventId, row: Pending) {
        let PendingKey { endpoint_id, delivery_id, .. } = row.key;
        let delivery = Delivery { event, row: Some(row), end: None, attempts: 0, is_disputed: false };
        self.all.insert(delivery_id, delivery);
        self.of_event.entry((event, endpoint_id)).or_default().push(delivery_id);
    }

    pub(super) fn resent(&mut self, resend: &ResendRecord, pending: Pending) -> Broken {
        let has_ended = self.all.get(&resend.original_id).is_some_and(|original| original.end.is_some());
        self.add(resend.event_id, pending);
        if has_ended {
            Ok(())
        } else {
            Err((Rule::SentIsOpen, format!("{} is sent again before it ended", resend.original_id)))
        }
    }

    /// Of a node that has lost the shard: success is success, and of all else only the attempt is logged.
    pub(super) fn late_outcome(&mut self, outcome: &OutcomeFact) -> Broken {
        let OutcomeFact { delivery: id, number, after, .. } = *outcome;
        let delivery = self.delivery(id)?;
        if number > 0 && after == After::Delivered {
            delivery.row = None;
            delivery.is_disputed |= delivery.end.is_some();
            delivery.end = delivery.end.or(Some(Ending::DeliveredLate));
        }
        Ok(())
    }

    /// Of the node that has the shard.
    pub(super) fn outcome(&mut self, outcome: &OutcomeFact) -> Broken {
        let OutcomeFact { delivery: id, endpoint, number, after, .. } = *outcome;
        let is_deleted = self.endpoints.get(&endpoint).is_none_or(|one| one.is_deleted);
        let delivery = self.delivery(id)?;
        let before = (delivery.row, delivery.end);
        let removed = delivery.row.take_if(|row| outcome.remove.contains(&row.key));
        if removed.is_some() {
            delivery.row = outcome.insert;
        }
        if number > 0 {
            delivery.attempts += 1;
            if number != delivery.attempts {
                return Err((
                    Rule::OneDecides,
                    format!("attempt {} of {id} is number {number}", delivery.attempts),
                ));
            }
        }
        match delivery.end {
            Some(Ending::Delivered | Ending::Undeliverable) => {
                return Err((
                    Rule::OneDecides,
                    format!("{id} had ended as {before:?}, and goes on as {after:?}"),
                ));
            }
            Some(_) => {
                delivery.is_disputed |= number > 0;
                return Ok(());
            }
            None => {}
        }
        delivery.end = match after {
            After::Retry(_) | After::Fenced => None,
            After::Delivered => Some(Ending::Delivered),
            After::Undeliverable => Some(Ending::Undeliverable),
            After::Cancelled => Some(Ending::Cancelled),
        };
        let is_lost = removed.is_none() && !is_deleted;
        let is_left = delivery.row.is_some() == delivery.end.is_some() && !is_deleted;
        if is_lost || is_left {
            let text = format!("after {after:?} {id} has the row {:?}, before {before:?}", delivery.row);
            return Err((Rule::RowsAreKept, text));
        }
        Ok(())
    }

    fn delivery(&mut self, id: DeliveryId) -> Result<&mut Delivery, (Rule, String)> {
        self.all.get_mut(&id).ok_or_else(|| (Rule::RecordsAreTrue, format!("{id} was never stored")))
    }

    pub(super) fn changed(&mut self, change: &ChangeFact, at_ms: i64) {
        let ChangeFact { upserts, change: WebhooksChange { deletes, .. } } = change;
        for (hook, record) in upserts {
            let endpoint = Endpoint {
                program: record.program_id.clone(),
                hook: *hook,
                is_enabled: record.is_enabled,
                is_deleted: false,
                changed_at_ms: at_ms,
            };
            self.endpoints.insert(record.id, endpoint);
            self.by_hook.insert(hook.number, record.id);
        }
        for id in deletes {
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                (endpoint.is_deleted, endpoint.changed_at_ms) = (true, at_ms);
            }
        }
    }

    /// A step of a move was made, as far as `up_to`.
    pub(super) fn moved(&mut self, step: &MoveStep, up_to: Option<PendingKey>) {
        let is_enabled =
            self.endpoints.get(&step.endpoint_id).is_some_and(|one| one.is_enabled && !one.is_deleted);
        for (id, delivery) in &mut self.all {
            let Some(row) = &mut delivery.row else { continue };
            let is_looked_at = row.key.endpoint_id == step.endpoint_id
                && step.after.is_none_or(|after| row.key > after)
                && up_to.is_none_or(|last| row.key <= last);
            if !is_looked_at {
                continue;
            }
            let is_parked = row.key.due_at_ms == PARKED_DUE_MS;
            match &step.kind {
                Move::Park if !is_enabled => row.key.due_at_ms = PARKED_DUE_MS,
                Move::Release { before, expires_at_ms } if is_parked && id < before => {
                    row.key.due_at_ms = row.accepted_at_ms;
                    row.expires_at_ms = *expires_at_ms;
                }
                Move::Discard { before } if is_parked && id < before => {
                    (delivery.row, delivery.end) = (None, Some(Ending::Cancelled));
                }
                Move::Advance { now_ms, except } if !is_parked && row.key.due_at_ms > *now_ms => {
                    if row.accepted_at_ms <= *now_ms && !except.contains(id) {
                        row.key.due_at_ms = row.accepted_at_ms;
                    }
                }
                Move::Delete => {
                    (delivery.row, delivery.end) = (None, delivery.end.or(Some(Ending::Cancelled)));
                }
                Move::Park | Move::Release { .. } | Move::Discard { .. } | Move::Advance { .. } => {}
            }
        }
    }
}
