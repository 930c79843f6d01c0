//! What may be sent to endpoints that fail or asked for a pause, by what is on disk about their health.

use std::collections::BTreeMap;

use groundswell_engine::store::{EndpointId, HealthRecord};

use super::Rule;
use crate::trace::Entry;

/// What was begun before the engine knew may still go out, after a read that is slow.
const GRACE_MS: i64 = 5_000;

/// Times are compared in whole milliseconds on clocks that are read one after the other.
const ROUNDING_MS: i64 = 1_010;

#[derive(Debug, Default)]
struct Gate {
    /// What the engine goes by.
    health: HealthRecord,
    /// What a start would find.
    on_disk: HealthRecord,
    /// When the breaker opened, on the world's clock.
    open_since_ms: i64,
    /// When the probe's time was set.
    probe_set_at_ms: i64,
    /// When the receiver asked for the pause.
    paused_since_ms: i64,
    /// Probes that there may have been since it opened, and those that there were.
    allowed: i64,
    made: i64,
}

#[derive(Debug, Default)]
pub(super) struct Gates(BTreeMap<EndpointId, Gate>);

impl Gates {
    pub(super) fn changed(&mut self, endpoint: EndpointId, health: HealthRecord, at_ms: i64) {
        let gate = self.0.entry(endpoint).or_default();
        let before = std::mem::replace(&mut gate.health, health);
        gate.on_disk = health;
        if health.opened_at_ms != before.opened_at_ms {
            (gate.open_since_ms, gate.allowed, gate.made) = (at_ms, 1, 0);
        } else if health.failed_probes > before.failed_probes {
            gate.allowed += 1;
        }
        if health.next_probe_at_ms != before.next_probe_at_ms {
            gate.probe_set_at_ms = at_ms;
        }
        if health.paused_until_ms != before.paused_until_ms {
            gate.paused_since_ms = at_ms;
        }
    }

    /// Its owner enabled it, or gave it another URL: it starts anew, also when the store cannot be told at once.
    pub(super) fn renewed(&mut self, endpoint: EndpointId) {
        self.0.entry(endpoint).or_default().health = HealthRecord::default();
    }

    /// The probe that was under way is lost, so there is another one. What is on disk counts again.
    pub(super) fn life_began(&mut self) {
        for gate in self.0.values_mut() {
            gate.allowed += 1;
            if gate.health.opened_at_ms.is_none() {
                (gate.allowed, gate.made) = (2 + gate.on_disk.failed_probes, 0);
            }
            gate.health = gate.on_disk;
        }
    }

    pub(super) fn sent(
        &mut self,
        endpoint: EndpointId,
        entry: &Entry,
        has_jumps: bool,
    ) -> Result<(), (Rule, String)> {
        let Some(gate) = self.0.get_mut(&endpoint) else { return Ok(()) };
        let breach = |text: &str, gate: &Gate| Err((Rule::GatesHold, format!("{text}: {gate:?}")));
        let is_known = |since_ms: i64| entry.at_ms > since_ms + GRACE_MS;
        let is_early = |at_ms: Option<i64>| at_ms.is_some_and(|at_ms| entry.clock_ms + ROUNDING_MS < at_ms);
        if gate.health.opened_at_ms.is_some() && is_known(gate.open_since_ms) {
            gate.made += 1;
            if gate.made > gate.allowed {
                return breach("more than a probe", gate);
            }
            if !has_jumps && is_known(gate.probe_set_at_ms) && is_early(gate.health.next_probe_at_ms) {
                return breach("a probe before its time", gate);
            }
        }
        if !has_jumps && is_known(gate.paused_since_ms) && is_early(gate.health.paused_until_ms) {
            return breach("a request within the pause", gate);
        }
        Ok(())
    }
}
