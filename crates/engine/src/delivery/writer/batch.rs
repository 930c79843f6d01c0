//! From what has queued up to one transaction: which webhooks each event goes to, which rows each outcome moves,
//! whose health changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use groundswell_types::NoticeKind;

use super::{FinishedAttempt, NewEvent, Writer};
use crate::delivery::breaker::{Attempted, Gate};
use crate::delivery::outcome::OVERLOAD;
use crate::error::EngineError;
use crate::store::{
    Accept, After, Batch, EndpointId, HealthRecord, Outcome, PARKED_DUE_MS, Pending, PendingKey, Target,
};

impl Writer {
    /// Decides where an event goes by the settings as they are now.
    pub(super) fn accept_of(&self, event: &NewEvent) -> Result<Accept, EngineError> {
        let program = self.directory.program(&event.program_id).ok_or(EngineError::NotFound("program"))?;
        let targets = program
            .subscribed(event.kind)
            .map(|endpoint| Target {
                endpoint_id: endpoint.record.id,
                is_parked: !endpoint.record.is_enabled,
            })
            .collect();
        Ok(Accept {
            event_id: self.ids.event(),
            program_id: event.program_id.clone(),
            kind: event.kind,
            occurred_at_ms: event.occurred_at_ms,
            accepted_at_ms: event.accepted_at_ms,
            expires_at_ms: event.expires_at_ms,
            body: event.body.clone(),
            targets,
            idempotency: event.idempotency.clone(),
        })
    }

    /// Says which rows an outcome removes and writes, by the settings as they are now.
    pub(super) fn outcome_of(&self, finished: &FinishedAttempt) -> Outcome {
        let pending = finished.item.pending;
        let key = pending.key;
        let mut attempt = finished.attempt.clone();
        let Some(endpoint) = self.directory.endpoint(key.endpoint_id) else {
            // Deleted meanwhile, and its pending rows with it: nothing may come back.
            if let After::Retry(_) = attempt.after {
                attempt.after = After::Cancelled;
            }
            return Outcome { attempt, remove: Vec::new(), insert: None };
        };
        let mut remove = vec![key];
        if self.moved.contains(&key.endpoint_id) || !endpoint.record.is_enabled {
            // It was in flight while its endpoint's rows were parked, and perhaps released again.
            remove.push(PendingKey { due_at_ms: PARKED_DUE_MS, ..key });
            if key.due_at_ms != pending.accepted_at_ms {
                remove.push(PendingKey { due_at_ms: pending.accepted_at_ms, ..key });
            }
        }
        let insert = match attempt.after {
            After::Retry(due_at_ms) => {
                let due_at_ms = if endpoint.record.is_enabled { due_at_ms } else { PARKED_DUE_MS };
                Some(Pending { key: PendingKey { due_at_ms, ..key }, attempts: attempt.number, ..pending })
            }
            After::Delivered | After::Undeliverable | After::Cancelled | After::Fenced => None,
        };
        Outcome { attempt, remove, insert }
    }

    /// Puts a transaction together; returns with it what follows once it is committed.
    pub(super) fn batch_of(
        &self,
        accepts: Vec<Accept>,
        finished: &[FinishedAttempt],
    ) -> (Batch, Consequences) {
        let outcomes: Vec<Outcome> = finished.iter().map(|one| self.outcome_of(one)).collect();
        let mut health = Vec::new();
        let mut notices = Vec::new();
        let mut consequences = Consequences::default();
        for (id, change) in self.health_after(finished) {
            // Of deleted webhooks nothing is kept.
            let Some(endpoint) = self.directory.endpoint(id) else { continue };
            let before = self.directory.health(id);
            let (after, warning) = change.health.warned(&self.breaker);
            let at_ms = after.last_failure_at_ms.unwrap_or_default();
            if let Some(kind) = warning {
                let since_ms = after.failing_since_ms.unwrap_or(at_ms);
                notices.push(self.notice(&endpoint, kind, (since_ms, at_ms)));
            }
            if change.is_stored || warning.is_some() {
                health.push((id, after));
            }
            if before.gate() != after.gate() {
                consequences.gates.push((id, after.gate()));
            }
            if change.works_again {
                consequences.advance.push(id);
            }
            if after.is_hopeless(&self.breaker) {
                consequences.disable.push((id, NoticeKind::AutoDisabled, at_ms));
            } else if let Some(at_ms) = change.gone_at_ms {
                consequences.disable.push((id, NoticeKind::Gone, at_ms));
            }
            consequences.health.push((id, after));
        }
        let is_shared = self.nodes.served.is_shared();
        let epochs = if is_shared { finished.iter().map(|one| one.epoch).collect() } else { Vec::new() };
        let settings = is_shared.then_some(self.version);
        let settled = is_shared.then(|| self.ids.settle());
        let batch =
            Batch { accepts, outcomes, health, notices, epochs, settings, settled, ..Batch::default() };
        (batch, consequences)
    }

    /// Whether the attempt says something about the webhook as it is now. Of one that was under way while the URL, a
    /// secret or a header changed, only the delivery learns what came of it: failing starts anew with such a change.
    fn is_of_webhook_as_it_is(&self, finished: &FinishedAttempt) -> bool {
        let id = finished.attempt.endpoint_id;
        let (Some(then), Some(now)) = (&finished.webhook, self.directory.endpoint(id)) else { return true };
        Arc::ptr_eq(then, &now) || then.record.is_sent_like(&now.record)
    }

    /// What these attempts do to the health of their endpoints. Sorted, so that what follows has an order.
    fn health_after(&self, finished: &[FinishedAttempt]) -> BTreeMap<EndpointId, HealthChange> {
        const GONE: Option<u16> = Some(410);
        let mut changes: BTreeMap<EndpointId, HealthChange> = BTreeMap::new();
        for FinishedAttempt { item, attempt, asked_until_ms, .. } in
            finished.iter().filter(|one| one.attempt.number > 0 && self.is_of_webhook_as_it_is(one))
        {
            let change = changes.entry(attempt.endpoint_id).or_insert_with(|| HealthChange {
                health: self.directory.health(attempt.endpoint_id),
                ..HealthChange::default()
            });
            let before = change.health;
            let is_success = attempt.failure.is_none();
            let attempted = Attempted {
                delivery: attempt.delivery_id,
                started_at_ms: attempt.started_at_ms,
                ended_at_ms: attempt.started_at_ms.saturating_add(attempt.duration_ms),
                is_success,
                is_probe: item.is_probe,
                asked_until_ms: *asked_until_ms,
                is_overloaded: attempt.status_code.is_some_and(|status| OVERLOAD.contains(&status)),
            };
            change.health = before.after(attempted, &self.breaker);
            change.is_stored |= is_worth_storing(&before, &change.health);
            change.works_again |= is_success && (item.is_probe || before.opened_at_ms.is_some());
            if attempt.status_code == GONE {
                change.gone_at_ms = Some(attempted.ended_at_ms);
            }
        }
        changes
    }
}

/// How attempts change the health of an endpoint.
#[derive(Debug, Default)]
struct HealthChange {
    health: HealthRecord,
    is_stored: bool,
    /// A probe succeeded.
    works_again: bool,
    /// The receiver answered `410 Gone`.
    gone_at_ms: Option<i64>,
}

/// What follows from outcomes once they are committed.
#[derive(Debug, Default)]
pub(super) struct Consequences {
    /// What is shown: also the time of the last of many successes, which is not stored.
    pub(super) health: Vec<(EndpointId, HealthRecord)>,
    pub(super) gates: Vec<(EndpointId, Gate)>,
    /// What waits for a retry there goes out now.
    pub(super) advance: Vec<EndpointId>,
    /// Webhooks to be disabled, why, and when.
    pub(super) disable: Vec<(EndpointId, NoticeKind, i64)>,
}

/// Every failure and the end of failing are stored. The time of a success after a success only once a minute: the
/// happy path writes next to nothing about health.
fn is_worth_storing(before: &HealthRecord, after: &HealthRecord) -> bool {
    let minute = |health: &HealthRecord| health.last_success_at_ms.map(|at_ms| at_ms.div_euclid(60_000));
    let of_failures = |health: &HealthRecord| HealthRecord { last_success_at_ms: None, ..*health };
    of_failures(before) != of_failures(after) || minute(before) != minute(after)
}
