//! What the engine counts and measures of itself, for whoever watches it: `/metrics`, and System Status.
//!
//! Counting is on the way of every event, so it takes relaxed atomic additions alone: no lock, no allocation, and no
//! moment at which all numbers fit together exactly. They only ever grow, but for the [`Gauge`]s; whoever wants to know
//! about the last minutes takes a snapshot now and then, and looks at the difference ([`HistogramSnapshot::since`]).

mod histogram;
mod pulse;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use groundswell_types::FailureClass;

use crate::delivery::writer::FinishedAttempt;
use crate::store::{After, AttemptRecord, StoreError};

pub use self::histogram::{Histogram, HistogramSnapshot};
pub use self::pulse::Pulse;

/// Upper bounds for what a commit takes, in seconds: an fsync takes a fraction of a millisecond on a good disk, and
/// seconds on one that is in trouble.
const COMMIT_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds for the accepts and outcomes of a commit, each at most 1,000.
const COMMIT_ROWS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];

/// Upper bounds for the wait from acceptance to the first attempt, in seconds.
const FIRST_ATTEMPT_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
    7_200.0,
];

/// Upper bounds for what an attempt takes, in seconds: the deadline is 15 s unless a webhook has its own.
const ATTEMPT_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0];

/// Everything that is counted and measured since the start of the process.
#[derive(Debug)]
pub struct Meters {
    /// What each commit took, in seconds, failed ones included.
    pub commit_seconds: Histogram,
    /// Accepts and outcomes of each commit.
    pub commit_rows: Histogram,
    /// Commits that failed, by cause.
    pub failed_commits: FailedCommits,
    /// Events that were accepted, without repetitions of earlier ones.
    pub events_accepted: Counter,
    /// Events that repeated an earlier one with the same idempotency key.
    pub events_repeated: Counter,
    /// Events that were emitted in SQL and rejected: for a program that is there, and for one that is not.
    pub emitted_rejected: Counter,
    pub emitted_for_nobody: Counter,
    /// From acceptance to the beginning of the first attempt, in seconds. Without deliveries that had to wait because of
    /// their receiver: it failed, asked for a pause, answers slowly or took no more at once for longer than a moment, or the
    /// webhook was disabled. So no receiver makes this server look slow. The time in which the server did not run counts.
    pub first_attempt_seconds: Histogram,
    /// What each attempt took, from the first byte out to the last byte in, in seconds.
    pub attempt_seconds: Histogram,
    /// Attempts by how they ended.
    pub attempts: Attempts,
    /// Deliveries that came to their end, as far as attempts or deadlines ended them.
    pub ended: Ended,
    /// Attempts under way, their outcomes not yet taken by the writer.
    pub slots_in_use: Gauge,
    /// Since when the delivery is due, Unix milliseconds, that could have gone out longest ago; 0 when nothing is due that
    /// has not gone out. What waits because of its receiver does not count. Looked at about once a second.
    pub oldest_due_at_ms: Gauge,
    /// The same of deliveries that were tried before.
    pub oldest_retry_due_at_ms: Gauge,
    /// What the task that writes is doing.
    pub writing: Pulse,
    /// Outcomes of attempts that could not be written yet.
    pub outcomes_unwritten: Gauge,
    /// When the task that delivers last came round, Unix milliseconds. It does at least every 15 seconds.
    pub delivering_at_ms: Gauge,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            commit_rows: Histogram::new(COMMIT_ROWS),
            failed_commits: FailedCommits::default(),
            events_accepted: Counter::default(),
            events_repeated: Counter::default(),
            emitted_rejected: Counter::default(),
            emitted_for_nobody: Counter::default(),
            first_attempt_seconds: Histogram::new(FIRST_ATTEMPT_SECONDS),
            attempt_seconds: Histogram::new(ATTEMPT_SECONDS),
            attempts: Attempts::default(),
            ended: Ended::default(),
            slots_in_use: Gauge::default(),
            oldest_due_at_ms: Gauge::default(),
            oldest_retry_due_at_ms: Gauge::default(),
            writing: Pulse::default(),
            outcomes_unwritten: Gauge::default(),
            delivering_at_ms: Gauge::default(),
        }
    }
}

impl Meters {
    /// A first attempt begins.
    pub(crate) fn first_attempt(&self, accepted_at_ms: i64, now_ms: i64) {
        self.first_attempt_seconds.observe(seconds(now_ms.saturating_sub(accepted_at_ms)));
    }

    /// An attempt was made, or a delivery is ended without one.
    pub(crate) fn finished(&self, finished: &FinishedAttempt) {
        let attempt = &finished.attempt;
        if attempt.number > 0 {
            self.attempt_seconds.observe(seconds(attempt.duration_ms));
            self.attempts.of(attempt.failure).add(1);
        }
    }

    /// The outcome of an attempt, or an ending, is committed.
    pub(crate) fn settled(&self, attempt: &AttemptRecord) {
        match attempt.after {
            After::Delivered => self.ended.delivered.add(1),
            After::Undeliverable => self.ended.undeliverable.add(1),
            After::Retry(_) | After::Cancelled | After::Fenced => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for some 285,000 years")]
fn seconds(duration_ms: i64) -> f64 {
    duration_ms.max(0) as f64 / 1_000.0
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `count` more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What was counted since the start of the process.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// It is `value` now.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it was last.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Attempts by how they ended.
#[derive(Debug, Default)]
pub struct Attempts {
    succeeded: Counter,
    failed: [Counter; FailureClass::ALL.len()],
}

impl Attempts {
    /// Those that failed in this way; of `None`, those that succeeded.
    pub fn of(&self, failure: Option<FailureClass>) -> &Counter {
        failure.map_or(&self.succeeded, |class| &self.failed[class as usize])
    }

    /// Each outcome's name and count.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let failed = FailureClass::ALL.into_iter().map(|class| (class.as_str(), self.of(Some(class)).get()));
        std::iter::once(("success", self.succeeded.get())).chain(failed)
    }
}

/// Deliveries that came to their end.
#[derive(Debug, Default)]
pub struct Ended {
    /// The receiver has it.
    pub delivered: Counter,
    /// The deadline passed.
    pub undeliverable: Counter,
}

/// Commits that failed, by cause.
#[derive(Debug, Default)]
pub struct FailedCommits {
    /// The disk is full.
    pub full: Counter,
    /// The database did not answer in time, or is away.
    pub unavailable: Counter,
    /// The database refused an item; it was then looked for, and the others committed.
    pub rejected: Counter,
    /// It is not known whether it reached the disk, or the store cannot be used any more.
    pub fatal: Counter,
    /// Another node had changed the settings, or taken over; what was to be written was decided anew.
    pub outdated: Counter,
}

impl FailedCommits {
    /// Those that failed as `error` says.
    pub(crate) fn of(&self, error: &StoreError) -> &Counter {
        match error {
            StoreError::Full(_) => &self.full,
            StoreError::Unavailable(_) | StoreError::NoRoom(_) => &self.unavailable,
            StoreError::Rejected(_) => &self.rejected,
            StoreError::Outdated | StoreError::Fenced => &self.outdated,
            StoreError::Fatal(_) | StoreError::Damaged(_) | StoreError::Unusable(_) => &self.fatal,
        }
    }

    /// Each cause's name and count.
    pub fn all(&self) -> [(&'static str, u64); 5] {
        [
            ("full", self.full.get()),
            ("unavailable", self.unavailable.get()),
            ("rejected", self.rejected.get()),
            ("fatal", self.fatal.get()),
            ("outdated", self.outdated.get()),
        ]
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.all().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        let attempts = Attempts::default();
        attempts.of(None).add(100);
        for (class, count) in FailureClass::ALL.into_iter().zip(1..) {
            attempts.of(Some(class)).add(count);
        }
        let all: Vec<_> = attempts.all().collect();
        assert_eq!(all[0], ("success", 100));
        for ((name, count), (class, expected)) in all[1..].iter().zip(FailureClass::ALL.into_iter().zip(1..))
        {
            assert_eq!((*name, *count), (class.as_str(), expected));
        }
    }

    #[test]
    fn failed_commits_are_told_apart_by_cause() {
        let failed = FailedCommits::default();
        let cause = || "no".into();
        failed.of(&StoreError::Full(cause())).add(1);
        failed.of(&StoreError::Unavailable(cause())).add(2);
        failed.of(&StoreError::Rejected(cause())).add(3);
        failed.of(&StoreError::Fatal(cause())).add(4);
        failed.of(&StoreError::Unusable(String::new())).add(5);
        failed.of(&StoreError::Outdated).add(6);
        assert_eq!(
            failed.all(),
            [("full", 1), ("unavailable", 2), ("rejected", 3), ("fatal", 9), ("outdated", 6)]
        );
        assert_eq!(failed.total(), 21);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_a_wait_of_nothing() {
        let meters = Meters::default();
        meters.first_attempt(5_000, 1_000);
        meters.first_attempt(1_000, 3_000);
        let snapshot = meters.first_attempt_seconds.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum), (2, 2.0));
    }
}
