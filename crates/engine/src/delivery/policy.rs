//! When a failed delivery is tried again. Pure.

use rand::Rng;

use crate::config::RetryPolicy;

/// A `Retry-After` of more than this is cut to it: 24 hours.
pub const MAX_RETRY_AFTER_MS: i64 = 86_400_000;

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again then, Unix milliseconds.
    At(i64),
    /// The deadline has passed.
    DeadlinePassed,
    /// The receiver asked to wait until after the deadline.
    RetryAfterPastDeadline,
}

/// A delivery whose attempt has just failed.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    /// Attempts made so far, this one included; at least 1.
    pub attempts: i64,
    /// When it began, Unix milliseconds.
    pub started_at_ms: i64,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// The delivery's deadline, Unix milliseconds.
    pub expires_at_ms: i64,
    /// The receiver's `Retry-After`, in milliseconds from now.
    pub retry_after_ms: Option<i64>,
}

impl RetryPolicy {
    /// The wait after attempt `attempts` without jitter, in milliseconds.
    pub fn wait_ms(&self, attempts: i64) -> i64 {
        let exponent = i32::try_from(attempts.max(1) - 1).unwrap_or(i32::MAX);
        let wait = ms_to_f64(self.base_ms) * self.factor.powi(exponent);
        if wait >= ms_to_f64(self.cap_ms) { self.cap_ms } else { f64_to_ms(wait) }
    }

    /// What follows. The last attempt falls on the deadline: one that began before it and ended behind it is
    /// followed by another at once. Jitter moves a wait by at most 10 % either way.
    pub fn next(&self, failed: Failed, rng: &mut impl Rng) -> Next {
        let Failed { attempts, started_at_ms, now_ms, expires_at_ms, retry_after_ms } = failed;
        if started_at_ms >= expires_at_ms {
            return Next::DeadlinePassed;
        }
        let asked_ms = retry_after_ms.map_or(0, |wait| wait.clamp(0, MAX_RETRY_AFTER_MS));
        if asked_ms > 0 && now_ms.saturating_add(asked_ms) > expires_at_ms {
            return Next::RetryAfterPastDeadline;
        }
        let jittered = f64_to_ms(ms_to_f64(self.wait_ms(attempts)) * rng.random_range(0.9..=1.1));
        let due_at_ms = now_ms.saturating_add(jittered.max(asked_ms).max(1));
        Next::At(due_at_ms.min(expires_at_ms.max(now_ms)))
    }

    /// All attempts still to come if each fails at once, without jitter: `next_due_ms` and what follows it, up to
    /// the deadline and 64 entries.
    pub fn schedule(&self, attempts: i64, next_due_ms: i64, expires_at_ms: i64) -> Vec<i64> {
        let mut due = next_due_ms.min(expires_at_ms);
        let mut made = attempts;
        let mut all = vec![due];
        while due < expires_at_ms && all.len() < 64 {
            made += 1;
            due = due.saturating_add(self.wait_ms(made)).min(expires_at_ms);
            all.push(due);
        }
        all
    }
}

/// Milliseconds of any wait we know are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "waits are far below 2^53 ms")]
fn ms_to_f64(ms: i64) -> f64 {
    ms as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates, which is what is wanted")]
fn f64_to_ms(ms: f64) -> i64 {
    ms as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const POLICY: fn() -> RetryPolicy = RetryPolicy::default;
    const SECOND: i64 = 1000;
    const HOUR: i64 = 3600 * SECOND;

    #[test]
    fn waits_are_those_of_the_contract() {
        let waits: Vec<i64> = (1..=11).map(|n| POLICY().wait_ms(n) / SECOND).collect();
        assert_eq!(waits, [5, 15, 45, 135, 405, 1215, 3645, 10_935, 32_805, 43_200, 43_200]);
    }

    #[test]
    fn the_last_attempt_falls_on_the_deadline() {
        let mut rng = SmallRng::seed_from_u64(1);
        let failed =
            Failed { attempts: 12, started_at_ms: 0, now_ms: 0, expires_at_ms: HOUR, retry_after_ms: None };
        assert_eq!(POLICY().next(failed, &mut rng), Next::At(HOUR));
        let across = Failed { started_at_ms: HOUR - 1, now_ms: HOUR + 9, ..failed };
        assert_eq!(POLICY().next(across, &mut rng), Next::At(HOUR + 9));
        let on_it = Failed { started_at_ms: HOUR, now_ms: HOUR + 9, ..failed };
        assert_eq!(POLICY().next(on_it, &mut rng), Next::DeadlinePassed);
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_day_and_not_past_the_deadline() {
        let mut rng = SmallRng::seed_from_u64(1);
        let failed = Failed {
            attempts: 1,
            started_at_ms: 0,
            now_ms: 0,
            expires_at_ms: 120 * HOUR,
            retry_after_ms: Some(HOUR),
        };
        assert_eq!(POLICY().next(failed, &mut rng), Next::At(HOUR));
        let week = Failed { retry_after_ms: Some(7 * 24 * HOUR), ..failed };
        assert_eq!(POLICY().next(week, &mut rng), Next::At(24 * HOUR));
        let late = Failed { expires_at_ms: HOUR - 1, ..failed };
        assert_eq!(POLICY().next(late, &mut rng), Next::RetryAfterPastDeadline);
    }

    #[test]
    fn the_schedule_ends_on_the_deadline() {
        let day = 24 * HOUR;
        let all = POLICY().schedule(0, 0, 5 * day);
        assert_eq!(all[..4], [0, 5 * SECOND, 20 * SECOND, 65 * SECOND]);
        assert_eq!(all.last(), Some(&(5 * day)));
        assert!(all.is_sorted());
        assert_eq!(all.len(), 19);
    }

    #[test]
    fn waits_differ_by_up_to_a_tenth_either_way() {
        let mut rng = SmallRng::seed_from_u64(1);
        let failed =
            Failed { attempts: 3, started_at_ms: 0, now_ms: 0, expires_at_ms: HOUR, retry_after_ms: None };
        let mut waits = Vec::new();
        for _ in 0..1_000 {
            let Next::At(due) = POLICY().next(failed, &mut rng) else { panic!("there is time") };
            waits.push(due);
        }
        waits.sort_unstable();
        let planned = 45 * SECOND;
        // Evenly over the whole width, so the outermost of a thousand are near its ends and the middle one is planned.
        assert!((planned * 90 / 100..planned * 91 / 100).contains(&waits[0]), "{}", waits[0]);
        assert!((planned * 109 / 100..=planned * 110 / 100).contains(&waits[999]), "{}", waits[999]);
        assert!((waits[500] - planned).abs() < planned / 50, "{}", waits[500]);
    }

    proptest! {
        #[test]
        fn a_wait_keeps_within_its_jitter(attempts in 1..40_i64, seed: u64) {
            let mut rng = SmallRng::seed_from_u64(seed);
            let failed = Failed {
                attempts,
                started_at_ms: 1_000_000,
                now_ms: 1_000_000,
                expires_at_ms: i64::MAX,
                retry_after_ms: None,
            };
            let Next::At(due) = POLICY().next(failed, &mut rng) else { panic!("there is time") };
            let (wait, planned) = (due - 1_000_000, POLICY().wait_ms(attempts));
            prop_assert!(wait >= planned * 9 / 10 - 1 && wait <= planned * 11 / 10 + 1, "{wait} {planned}");
        }
    }
}
