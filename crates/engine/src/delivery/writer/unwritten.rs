//! Outcomes that could not be committed, because the disk is full or the database busy. They wait here, in order, and are
//! tried again; within bounds, since a disk may stay full for long.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FinishedAttempt, MAX_WAITING_BYTES};
use crate::clock::Stopwatch;

/// After a failure, the next try.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// What an outcome takes beside the response it remembers.
const OUTCOME_BYTES: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Unwritten {
    outcomes: VecDeque<FinishedAttempt>,
    bytes: usize,
    /// Since the last failure; none once a commit has worked.
    failed: Option<Stopwatch>,
    /// So many were taken, and stand in front of what is committed now.
    taken: usize,
}

impl Unwritten {
    /// The last commit failed with these outcomes in it, each with its place there. Those that were taken from here are older than what
    /// is here, others newer.
    pub(super) fn give_back(&mut self, mut outcomes: Vec<(usize, FinishedAttempt)>) {
        let taken = std::mem::take(&mut self.taken);
        if outcomes.is_empty() {
            return;
        }
        self.failed = Some(Stopwatch::start());
        self.bytes += outcomes.iter().map(|(_, one)| bytes(one)).sum::<usize>();
        let newer = outcomes.split_off(outcomes.partition_point(|(place, _)| *place < taken));
        self.outcomes.extend(newer.into_iter().map(|(_, one)| one));
        for (_, one) in outcomes.into_iter().rev() {
            self.outcomes.push_front(one);
        }
    }

    /// A commit worked, so that the next try need not wait.
    pub(super) fn retry_now(&mut self) {
        self.failed = None;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether more outcomes may be taken that perhaps cannot be written either.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < MAX_WAITING_BYTES
    }

    /// How long until the next try; none when there is nothing to try.
    pub(super) fn wait(&self) -> Option<Duration> {
        let left = self.failed.map_or(Duration::ZERO, |failed| RETRY_WAIT.saturating_sub(failed.elapsed()));
        (!self.outcomes.is_empty()).then_some(left)
    }

    /// Whether it is time for the next try.
    pub(super) fn is_due(&self) -> bool {
        self.wait() == Some(Duration::ZERO)
    }

    /// The oldest, at most `limit`, to be committed in front of others.
    pub(super) fn take(&mut self, limit: usize) -> Vec<FinishedAttempt> {
        let taken: Vec<_> = self.outcomes.drain(..limit.min(self.outcomes.len())).collect();
        self.bytes -= taken.iter().map(bytes).sum::<usize>();
        self.taken = taken.len();
        taken
    }
}

fn bytes(outcome: &FinishedAttempt) -> usize {
    let attempt = &outcome.attempt;
    OUTCOME_BYTES + attempt.message.len() + attempt.response_head.len() + attempt.response_body.len()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use groundswell_types::{DeliveryId, EventId};

    use super::*;
    use crate::delivery::scheduler::Item;
    use crate::store::{After, AttemptRecord, EndpointId, Pending, PendingKey};

    fn outcome(number: i64, body_bytes: usize) -> FinishedAttempt {
        let delivery_id = DeliveryId::new(EventId::from_number(number), 0);
        let key = PendingKey { endpoint_id: EndpointId(1), due_at_ms: 0, delivery_id };
        let attempt = AttemptRecord {
            delivery_id,
            endpoint_id: EndpointId(1),
            number: 1,
            started_at_ms: 0,
            duration_ms: 0,
            failure: None,
            status_code: Some(200),
            message: String::new(),
            response_head: String::new(),
            response_body: Bytes::from(vec![b'x'; body_bytes]),
            is_response_truncated: false,
            is_response_restricted: false,
            after: After::Delivered,
        };
        let pending = Pending { key, attempts: 0, accepted_at_ms: 0, expires_at_ms: 0 };
        FinishedAttempt::ending(Item::stored(pending), crate::cluster::Epoch::default(), attempt)
    }

    #[test]
    fn no_more_outcomes_wait_than_fit_into_64_mib() {
        let mut unwritten = Unwritten::default();
        let mut count = 0;
        while unwritten.has_room() {
            unwritten.give_back(vec![(0, outcome(count, 1024 * 1024))]);
            count += 1;
            assert!(count <= 64, "they wait without a bound");
        }
        assert_eq!(count, 64);
        assert_eq!(unwritten.take(1).len(), 1);
        assert!(unwritten.has_room());
        // Those without a response take room as well.
        let mut unwritten = Unwritten::default();
        unwritten.give_back((0..200_000).map(|number| (0, outcome(number, 0))).collect());
        assert!(!unwritten.has_room());
    }

    #[test]
    fn after_a_failure_they_wait_for_a_while_and_after_a_success_not_at_all() {
        let mut unwritten = Unwritten::default();
        assert_eq!((unwritten.wait(), unwritten.is_due()), (None, false));
        unwritten.give_back((0..3).map(|number| (0, outcome(number, 10))).collect());
        assert!(!unwritten.is_due());
        assert!(unwritten.wait().is_some_and(|wait| wait > Duration::ZERO && wait <= RETRY_WAIT));
        unwritten.retry_now();
        assert!(unwritten.is_due());
        let taken = unwritten.take(2);
        assert_eq!(numbers(&taken), [0, 1], "the oldest first");
        assert_eq!(unwritten.take(2).len(), 1);
        assert_eq!(unwritten.bytes, 0);
    }

    fn numbers(taken: &[FinishedAttempt]) -> Vec<i64> {
        taken.iter().map(|one| one.attempt.delivery_id.event().number()).collect()
    }

    #[test]
    fn what_is_tried_again_in_vain_stays_before_what_waits_and_what_is_new_comes_behind() {
        let mut unwritten = Unwritten::default();
        unwritten.give_back((0..5).map(|number| (0, outcome(number, 0))).collect());
        let mut tried = unwritten.take(3);
        tried.push(outcome(5, 0));
        // The second one was written.
        let not_now = tried.into_iter().enumerate().filter(|(place, _)| *place != 1).collect();
        unwritten.give_back(not_now);
        assert_eq!(numbers(&unwritten.take(9)), [0, 2, 3, 4, 5]);
        assert_eq!(unwritten.bytes, 0);
    }
}
