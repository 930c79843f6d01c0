//! What attempts do to an endpoint's health: when its breaker opens and closes, when probes go out, when its owner is
//! warned and when it is disabled. Pure.

use groundswell_types::{DeliveryId, NoticeKind};

use crate::config::BreakerPolicy;
use crate::store::{FAILING_DELIVERIES, HealthRecord};

/// How an attempt ended, as far as health is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    pub delivery: DeliveryId,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub is_success: bool,
    /// It was tried out of turn.
    pub is_probe: bool,
    /// The receiver said when to come again (`Retry-After`), Unix milliseconds.
    pub asked_until_ms: Option<i64>,
    /// It said that it is asked too much: until then nothing is sent to the endpoint.
    pub is_overloaded: bool,
}

/// What the scheduler must know of an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gate {
    /// The breaker is open.
    pub held: Option<Held>,
    /// Nothing is sent before this, Unix milliseconds.
    pub paused_until_ms: Option<i64>,
}

/// An open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Unix milliseconds.
    pub next_probe_at_ms: i64,
    /// When the endpoint was last tried: what was accepted by then may expire. Unix milliseconds.
    pub tried_at_ms: i64,
}

const DAY_MS: i64 = 86_400_000;

impl HealthRecord {
    /// The health after an attempt.
    #[must_use]
    pub fn after(self, attempted: Attempted, policy: &BreakerPolicy) -> Self {
        if attempted.is_success { self.succeeded(attempted) } else { self.failed(attempted, policy) }
    }

    fn succeeded(self, attempted: Attempted) -> Self {
        Self {
            last_failure_at_ms: self.last_failure_at_ms,
            last_success_at_ms: self.last_success_at_ms.max(Some(attempted.ended_at_ms)),
            // It asked for a pause, whatever it made of a request that was under way.
            paused_until_ms: self.paused_until_ms.filter(|until_ms| *until_ms > attempted.ended_at_ms),
            ..Self::default()
        }
    }

    fn failed(self, attempted: Attempted, policy: &BreakerPolicy) -> Self {
        let Attempted { delivery, started_at_ms, ended_at_ms, is_probe, asked_until_ms, .. } = attempted;
        let pause_until_ms = asked_until_ms.filter(|_| attempted.is_overloaded);
        // A probe before that would be the attempt that the receiver did not want yet.
        let probe_at_ms = |failed| {
            let waited_ms = ended_at_ms.saturating_add(policy.probe_wait_ms(failed));
            Some(waited_ms).max(asked_until_ms)
        };
        let goes_on = self
            .last_failure_at_ms
            .is_none_or(|last_ms| started_at_ms.saturating_sub(last_ms) <= policy.longest_silence_ms());
        let mut after = Self {
            consecutive_failures: self.consecutive_failures + 1,
            last_failure_at_ms: self.last_failure_at_ms.max(Some(ended_at_ms)),
            failing_since_ms: self.failing_since_ms.filter(|_| goes_on).or(Some(started_at_ms)),
            warnings: if goes_on { self.warnings } else { 0 },
            paused_until_ms: self
                .paused_until_ms
                .max(pause_until_ms)
                .filter(|until_ms| *until_ms > ended_at_ms),
            ..self
        };
        if !after.failing.contains(&Some(delivery))
            && let Some(place) = after.failing.iter_mut().find(|place| place.is_none())
        {
            *place = Some(delivery);
        }
        match self.opened_at_ms {
            None if after.consecutive_failures >= policy.failures
                && after.failing_deliveries() >= policy.deliveries() =>
            {
                after.opened_at_ms = Some(ended_at_ms);
                after.next_probe_at_ms = probe_at_ms(0);
            }
            // Attempts that were under way when it opened are no probes.
            Some(_) if is_probe => {
                after.failed_probes += 1;
                after.next_probe_at_ms = probe_at_ms(after.failed_probes);
            }
            _ => {}
        }
        after
    }

    /// A new URL or secret, or enabling: everything starts anew.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self {
            last_failure_at_ms: self.last_failure_at_ms,
            last_success_at_ms: self.last_success_at_ms,
            ..Self::default()
        }
    }

    /// What the scheduler must know. A receiver that asked for a pause is left alone by probes as well.
    pub fn gate(&self) -> Gate {
        let held = self.opened_at_ms.map(|opened_at_ms| Held {
            next_probe_at_ms: self.next_probe_at_ms.max(self.paused_until_ms).unwrap_or(opened_at_ms),
            tried_at_ms: self.last_failure_at_ms.unwrap_or(opened_at_ms),
        });
        Gate { held, paused_until_ms: self.paused_until_ms }
    }

    /// What the owner is to be told after a failure, and the health that remembers it.
    pub fn warned(self, policy: &BreakerPolicy) -> (Self, Option<NoticeKind>) {
        let failing_ms = self.failing_ms();
        let due = if failing_ms >= policy.second_warning_ms() {
            2
        } else {
            i64::from(failing_ms >= policy.first_warning_ms())
        };
        if due <= self.warnings {
            return (self, None);
        }
        let kind = if due == 2 { NoticeKind::StillFailing } else { NoticeKind::Failing };
        (Self { warnings: due, ..self }, Some(kind))
    }

    /// Whether the webhook is to be disabled.
    pub fn is_hopeless(&self, policy: &BreakerPolicy) -> bool {
        self.failing_ms() >= policy.autodisable_ms
    }

    /// How long every attempt has failed.
    fn failing_ms(&self) -> i64 {
        match (self.failing_since_ms, self.last_failure_at_ms) {
            (Some(since_ms), Some(last_ms)) => last_ms.saturating_sub(since_ms),
            _ => 0,
        }
    }

    fn failing_deliveries(&self) -> usize {
        self.failing.iter().flatten().count()
    }
}

impl BreakerPolicy {
    /// How many different deliveries must fail, too.
    fn deliveries(&self) -> usize {
        usize::try_from(self.failures).unwrap_or(FAILING_DELIVERIES).min(FAILING_DELIVERIES)
    }

    /// The wait before the next probe after `failed` failed ones.
    fn probe_wait_ms(&self, failed: i64) -> i64 {
        let doublings = u32::try_from(failed.clamp(0, 62)).unwrap_or(62);
        let factor = 1_i64.checked_shl(doublings).unwrap_or(i64::MAX);
        self.probe_base_ms.saturating_mul(factor).min(self.probe_cap_ms.max(self.probe_base_ms))
    }

    /// 2 days of 7, more than any wait between two attempts. After a longer silence it is not known whether it would have gone on
    /// failing.
    fn longest_silence_ms(&self) -> i64 {
        const LEAST_MS: i64 = 3_600_000;
        (self.autodisable_ms / 7 * 2).max(LEAST_MS)
    }

    /// 1 day, as the letters say, and 1 of 7 of what is shorter.
    fn first_warning_ms(&self) -> i64 {
        (self.autodisable_ms / 7).min(DAY_MS)
    }

    /// 3 days, and 3 of 7 of what is shorter.
    fn second_warning_ms(&self) -> i64 {
        (self.autodisable_ms / 7 * 3).min(3 * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn attempt(number: i64, at_ms: i64, is_success: bool) -> Attempted {
        let delivery = DeliveryId::from_number(number);
        Attempted {
            delivery,
            started_at_ms: at_ms,
            ended_at_ms: at_ms + 5,
            is_success,
            is_probe: false,
            asked_until_ms: None,
            is_overloaded: false,
        }
    }

    fn fail(health: HealthRecord, numbers: impl IntoIterator<Item = i64>) -> HealthRecord {
        let policy = BreakerPolicy::default();
        numbers
            .into_iter()
            .fold(health, |health, number| health.after(attempt(number, 1_000, false), &policy))
    }

    #[test]
    fn it_opens_after_ten_failures_in_a_row_of_three_deliveries() {
        assert_eq!(fail(HealthRecord::default(), [1, 2, 3, 1, 2, 3, 1, 2, 3]).opened_at_ms, None);
        let open = fail(HealthRecord::default(), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
        assert_eq!((open.opened_at_ms, open.next_probe_at_ms), (Some(1_005), Some(31_005)));
        assert_eq!(fail(HealthRecord::default(), [1, 2].repeat(50)).opened_at_ms, None, "two deliveries");
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let policy = BreakerPolicy::default();
        let nine = fail(HealthRecord::default(), 1..10);
        let after = nine.after(attempt(1, 2_000, true), &policy);
        assert_eq!((after.consecutive_failures, after.failing_since_ms), (0, None));
        assert_eq!(fail(after, 1..10).opened_at_ms, None);
    }

    #[test]
    fn probes_back_off_from_30_seconds_to_15_minutes() {
        let policy = BreakerPolicy::default();
        let mut health = fail(HealthRecord::default(), 1..11);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let at_ms = health.next_probe_at_ms.expect("open");
            health = health.after(Attempted { is_probe: true, ..attempt(9, at_ms, false) }, &policy);
            waits.push((health.next_probe_at_ms.expect("open") - at_ms - 5) / 1_000);
        }
        assert_eq!(waits, [60, 120, 240, 480, 900, 900, 900]);
        let closed = health.after(attempt(9, health.next_probe_at_ms.expect("open"), true), &policy);
        assert_eq!(closed.gate(), Gate::default());
    }

    #[test]
    fn what_was_under_way_when_it_opened_is_no_probe() {
        let open = fail(HealthRecord::default(), 1..11);
        let after = open.after(attempt(20, 1_010, false), &BreakerPolicy::default());
        assert_eq!((after.failed_probes, after.next_probe_at_ms), (0, open.next_probe_at_ms));
    }

    #[test]
    fn owners_are_warned_after_one_day_and_three_and_at_seven_it_is_disabled() {
        let policy = BreakerPolicy::default();
        let mut health = HealthRecord::default();
        let mut told = Vec::new();
        for hour in 0..=168 {
            health = health.after(attempt(hour, hour * HOUR, false), &policy);
            let (after, notice) = health.warned(&policy);
            health = after;
            told.extend(notice.map(|kind| (hour, kind)));
            assert_eq!(health.is_hopeless(&policy), hour >= 168, "{hour}");
        }
        assert_eq!(told, [(24, NoticeKind::Failing), (72, NoticeKind::StillFailing)]);
    }

    #[test]
    fn warnings_come_after_a_day_and_three_however_late_it_is_disabled() {
        let policy = BreakerPolicy { autodisable_ms: 28 * DAY_MS, ..BreakerPolicy::default() };
        let failing = |hours| {
            let since = HealthRecord::default().after(attempt(1, 0, false), &policy);
            since.after(attempt(1, hours * HOUR, false), &policy).warned(&policy).1
        };
        assert_eq!(
            [23, 24, 72].map(failing),
            [None, Some(NoticeKind::Failing), Some(NoticeKind::StillFailing)]
        );
    }

    #[test]
    fn one_failure_after_a_long_silence_disables_nothing() {
        let policy = BreakerPolicy::default();
        // A delivery that is tried for five days, a month without any, and one failure.
        let before = (0..=120).fold(HealthRecord::default(), |health, hour| {
            health.after(attempt(1, hour * HOUR, false), &policy).warned(&policy).0
        });
        assert_eq!(before.warnings, 2);
        let later = before.after(attempt(2, 30 * 24 * HOUR, false), &policy);
        assert!(!later.is_hopeless(&policy));
        assert_eq!((later.failing_since_ms, later.warned(&policy).1), (Some(30 * 24 * HOUR), None));
        // A receiver that asks for a day each time goes on failing.
        let days = (0..=7).fold(HealthRecord::default(), |health, day| {
            health.after(attempt(1, day * 25 * HOUR, false), &policy)
        });
        assert!(days.is_hopeless(&policy));
    }

    #[test]
    fn a_pause_is_kept_until_it_is_over_or_everything_starts_anew() {
        let policy = BreakerPolicy::default();
        let asked =
            Attempted { asked_until_ms: Some(60_000), is_overloaded: true, ..attempt(1, 1_000, false) };
        let paused = HealthRecord::default().after(asked, &policy);
        assert_eq!(paused.gate().paused_until_ms, Some(60_000));
        assert_eq!(paused.after(attempt(2, 2_000, true), &policy).gate().paused_until_ms, Some(60_000));
        assert_eq!(paused.after(attempt(2, 60_000, true), &policy).gate().paused_until_ms, None);
        assert_eq!(paused.renewed().gate(), Gate::default());
    }

    #[test]
    fn no_probe_goes_out_within_a_pause() {
        let asked = Attempted { asked_until_ms: Some(HOUR), is_overloaded: true, ..attempt(1, 1_000, false) };
        let open = fail(HealthRecord::default().after(asked, &BreakerPolicy::default()), 2..11);
        assert_eq!(open.next_probe_at_ms, Some(31_005));
        assert_eq!(open.gate().held.map(|held| held.next_probe_at_ms), Some(HOUR));
    }

    #[test]
    fn no_probe_goes_out_before_the_receiver_said_to_come_again() {
        let policy = BreakerPolicy::default();
        let asks = |number, at_ms| Attempted { asked_until_ms: Some(HOUR), ..attempt(number, at_ms, false) };
        let nine = fail(HealthRecord::default(), 1..10);
        assert_eq!(
            nine.after(asks(1, 1_000), &policy).next_probe_at_ms,
            Some(HOUR),
            "whatever its status was"
        );
        let open = fail(nine, [1]);
        let probe = Attempted { is_probe: true, ..asks(1, 31_005) };
        let after = open.after(probe, &policy);
        assert_eq!((after.next_probe_at_ms, after.gate().paused_until_ms), (Some(HOUR), None));
        let again = after.after(Attempted { is_probe: true, ..attempt(2, HOUR, false) }, &policy);
        assert_eq!(again.next_probe_at_ms, Some(HOUR + 5 + 120_000), "and then as ever");
    }

    proptest! {
        #[test]
        fn it_is_open_only_while_enough_failed_since_the_last_success(
            outcomes in proptest::collection::vec((0..6_i64, proptest::bool::weighted(0.1)), 1..200)
        ) {
            let policy = BreakerPolicy::default();
            let mut health = HealthRecord::default();
            let mut since = Vec::new();
            for (step, (number, is_success)) in (0..).zip(outcomes) {
                health = health.after(attempt(number, step * 1_000, is_success), &policy);
                if is_success { since.clear() } else { since.push(number) }
                let different: std::collections::BTreeSet<_> = since.iter().collect();
                // With three different ones among them it opens at the tenth failure or later.
                prop_assert_eq!(health.opened_at_ms.is_some(), since.len() >= 10 && different.len() >= 3);
            }
        }
    }
}
