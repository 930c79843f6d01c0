//! From what has queued up to one transaction: which webhooks each event goes to, which rows each outcome moves,
//! whose health changes.

use std::collections::HashMap;

use super::{FinishedAttempt, NewEvent, Writer};
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
            After::Delivered | After::Undeliverable | After::Cancelled => None,
        };
        Outcome { attempt, remove, insert }
    }

    /// The health of the endpoints these outcomes are about.
    pub(super) fn health_after(&self, outcomes: &[Outcome]) -> HealthChanges {
        let mut changed: HashMap<EndpointId, (HealthRecord, bool)> = HashMap::new();
        for Outcome { attempt, .. } in outcomes.iter().filter(|outcome| outcome.attempt.number > 0) {
            let (before, is_stored) = changed
                .get(&attempt.endpoint_id)
                .copied()
                .unwrap_or_else(|| (self.directory.health(attempt.endpoint_id), false));
            let ended_at_ms = attempt.started_at_ms.saturating_add(attempt.duration_ms);
            let after = if attempt.failure.is_some() {
                let consecutive_failures = before.consecutive_failures + 1;
                HealthRecord { consecutive_failures, last_failure_at_ms: Some(ended_at_ms), ..before }
            } else {
                HealthRecord { consecutive_failures: 0, last_success_at_ms: Some(ended_at_ms), ..before }
            };
            changed.insert(attempt.endpoint_id, (after, is_stored || is_worth_storing(&before, &after)));
        }
        // Of deleted webhooks nothing is kept.
        changed.retain(|id, _| self.directory.endpoint(*id).is_some());
        let stored = changed.iter().filter(|(_, (_, is_stored))| *is_stored);
        HealthChanges {
            stored: stored.map(|(id, (health, _))| (*id, *health)).collect(),
            all: changed.iter().map(|(id, (health, _))| (*id, *health)).collect(),
        }
    }

    /// Puts a transaction together; returns with it the health to be shown once it is committed.
    pub(super) fn batch_of(
        &self,
        accepts: Vec<Accept>,
        finished: &[FinishedAttempt],
    ) -> (Batch, Vec<(EndpointId, HealthRecord)>) {
        let outcomes: Vec<Outcome> = finished.iter().map(|one| self.outcome_of(one)).collect();
        let HealthChanges { stored, all } = self.health_after(&outcomes);
        (Batch { accepts, outcomes, health: stored }, all)
    }
}

/// How outcomes change the health of endpoints.
pub(super) struct HealthChanges {
    /// What is written.
    stored: Vec<(EndpointId, HealthRecord)>,
    /// What is shown: also the time of the last of many successes.
    all: Vec<(EndpointId, HealthRecord)>,
}

/// Every failure and the end of failing are stored. The time of a success after a success only once a minute: the
/// happy path writes next to nothing about health.
fn is_worth_storing(before: &HealthRecord, after: &HealthRecord) -> bool {
    let minute = |health: &HealthRecord| health.last_success_at_ms.map(|at_ms| at_ms.div_euclid(60_000));
    before.consecutive_failures != after.consecutive_failures
        || before.last_failure_at_ms != after.last_failure_at_ms
        || minute(before) != minute(after)
}
