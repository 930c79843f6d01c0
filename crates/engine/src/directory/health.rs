//! How a webhook has been doing, in little more than half the room that a [`HealthRecord`] takes: there is one for each that was
//! tried.

use groundswell_types::DeliveryId;

use crate::store::{FAILING_DELIVERIES, HealthRecord};

/// All of a [`HealthRecord`].
#[derive(Debug)]
pub(super) struct KeptHealth {
    consecutive_failures: i64,
    failed_probes: i64,
    warnings: i64,
    last_failure_at_ms: Kept,
    last_success_at_ms: Kept,
    failing: [Kept; FAILING_DELIVERIES],
    failing_since_ms: Kept,
    opened_at_ms: Kept,
    next_probe_at_ms: Kept,
    paused_until_ms: Kept,
}

const _: () = assert!(size_of::<KeptHealth>() <= 96);

/// A number, or none: a time or the number of an id, which are never as low as what stands for none.
#[derive(Debug, Clone, Copy)]
struct Kept(i64);

impl Kept {
    const NONE: i64 = i64::MIN;

    fn of(number: Option<i64>) -> Self {
        Self(number.unwrap_or(Self::NONE))
    }

    fn number(self) -> Option<i64> {
        (self.0 != Self::NONE).then_some(self.0)
    }
}

impl KeptHealth {
    pub(super) fn of(record: &HealthRecord) -> Self {
        Self {
            consecutive_failures: record.consecutive_failures,
            failed_probes: record.failed_probes,
            warnings: record.warnings,
            last_failure_at_ms: Kept::of(record.last_failure_at_ms),
            last_success_at_ms: Kept::of(record.last_success_at_ms),
            failing: record.failing.map(|id| Kept::of(id.map(DeliveryId::number))),
            failing_since_ms: Kept::of(record.failing_since_ms),
            opened_at_ms: Kept::of(record.opened_at_ms),
            next_probe_at_ms: Kept::of(record.next_probe_at_ms),
            paused_until_ms: Kept::of(record.paused_until_ms),
        }
    }

    pub(super) fn record(&self) -> HealthRecord {
        HealthRecord {
            consecutive_failures: self.consecutive_failures,
            failed_probes: self.failed_probes,
            warnings: self.warnings,
            last_failure_at_ms: self.last_failure_at_ms.number(),
            last_success_at_ms: self.last_success_at_ms.number(),
            failing: self.failing.map(|id| id.number().map(DeliveryId::from_number)),
            failing_since_ms: self.failing_since_ms.number(),
            opened_at_ms: self.opened_at_ms.number(),
            next_probe_at_ms: self.next_probe_at_ms.number(),
            paused_until_ms: self.paused_until_ms.number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_record_is_lost() {
        let full = HealthRecord {
            consecutive_failures: 1,
            last_failure_at_ms: Some(2),
            last_success_at_ms: Some(-3),
            failing: [Some(DeliveryId::from_number(4)), None, Some(DeliveryId::from_number(i64::MAX))],
            failing_since_ms: Some(0),
            opened_at_ms: Some(5),
            failed_probes: 6,
            next_probe_at_ms: Some(i64::MAX),
            paused_until_ms: Some(7),
            warnings: 2,
        };
        for record in [full, HealthRecord::default()] {
            assert_eq!(KeptHealth::of(&record).record(), record);
        }
    }
}
