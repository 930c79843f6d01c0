//! What goes into one commit: how much of what waits, and when outcomes do that nobody waits for.

use std::time::Duration;

use super::{AcceptJob, FinishedAttempt, Writer};
use crate::clock::Stopwatch;

/// Accepts and outcomes of one transaction, each at most this many.
pub(super) const MAX_BATCH_ITEMS: usize = 1_000;

/// Bodies of one transaction together; a larger one commits alone.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// So many jobs of producers are committed together, whatever else waits.
pub(super) const SMALL_BATCH_JOBS: usize = 32;

/// Outcomes alone are not kept waiting for longer. The attempt of one that is not written when the process dies is made again.
const LONGEST_REST: Duration = Duration::from_millis(5);

impl Writer {
    /// Takes what has queued up, without waiting, as far as one commit has room.
    pub(super) fn gather(&mut self, accept_jobs: &mut Vec<AcceptJob>, finished: &mut Vec<FinishedAttempt>) {
        let size = |job: &AcceptJob| -> usize { job.events.iter().map(|event| event.body.len()).sum() };
        let mut items: usize = accept_jobs.iter().map(|job| job.events.len()).sum();
        let mut bytes: usize = accept_jobs.iter().map(size).sum();
        let most_jobs = most_jobs(accept_jobs.len() + self.accepts.len(), self.answered_jobs);
        while accept_jobs.len() < most_jobs
            && items < MAX_BATCH_ITEMS
            && bytes < MAX_BATCH_BYTES
            && let Ok(job) = self.accepts.try_recv()
        {
            items += job.events.len();
            bytes += size(&job);
            accept_jobs.push(job);
        }
        self.answered_jobs = accept_jobs.len();
        // By time alone: were it left to a quiet moment, producers could keep outcomes from ever being written.
        if self.unwritten.is_due() {
            // They are older than what was received.
            let older = self.unwritten.take(MAX_BATCH_ITEMS - finished.len());
            finished.splice(0..0, older);
        }
        while finished.len() < MAX_BATCH_ITEMS
            && self.takes_outcomes()
            && let Ok(one) = self.outcomes.try_recv()
        {
            finished.push(one);
        }
    }

    /// So many outcomes were committed, and it took so long.
    pub(super) fn rest_after(&mut self, outcomes: usize, took: Duration) {
        if outcomes > 0 {
            self.rest = Rest::after(took);
        }
    }
}

/// How many jobs of producers are committed together, when so many wait and so many were answered last. Half of all: producers
/// that send one event after the other would all wait for the same commit otherwise, and nobody would prepare the next one
/// meanwhile.
fn most_jobs(waiting: usize, answered: usize) -> usize {
    SMALL_BATCH_JOBS.max(waiting.saturating_add(answered).div_ceil(2))
}

/// For as long as the last commit with outcomes took, the next ones gather, unless an event is committed anyway. The more of them go
/// into a commit, the less each costs; and where there are few, the rest is over before the next one comes.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<(Stopwatch, Duration)>);

impl Rest {
    /// Begins after a commit that took so long.
    pub(super) fn after(took: Duration) -> Self {
        Self(Some((Stopwatch::start(), took.min(LONGEST_REST))))
    }

    /// What is left of it; none when it is over.
    pub(super) fn left(&self) -> Option<Duration> {
        let (since, long) = self.0.as_ref()?;
        long.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests;
