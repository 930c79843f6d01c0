//! How far behind the scheduler is, and whose fault that is: what waits because of its receiver is not late.

use super::queue::LONGEST_ATTEMPT_MS;
use super::turns::Lane;
use groundswell_types::DeliveryId;

use super::{Contender, Queue, Scheduler};
use crate::store::EndpointId;

/// What nodes' clocks may be apart, in milliseconds, for what one accepts to be found at once by another.
const CLOCKS_APART_MS: i64 = 10_000;

impl Scheduler {
    /// Another node has put rows of an endpoint into the store, due now by its clock.
    pub fn found(&mut self, contender: Contender, now_ms: i64) {
        let queue = self.queue(contender, now_ms);
        queue.found((now_ms.saturating_sub(CLOCKS_APART_MS), DeliveryId::from_number(i64::MIN)));
        queue.refill_at_ms = i64::MIN;
        self.settle(contender.endpoint, now_ms);
    }

    /// Nothing more is to be sent to these endpoints: they are another node's.
    pub fn leave(&mut self, is_left: impl Fn(EndpointId) -> bool, now_ms: i64) {
        let mut left: Vec<_> = self.queues.keys().copied().filter(|id| is_left(*id)).collect();
        left.sort_unstable();
        for endpoint in left {
            self.close(endpoint, now_ms);
        }
    }

    /// What waits at an endpoint has waited because its webhook was disabled, or for a retry.
    pub fn excuse(&mut self, endpoint: EndpointId, now_ms: i64) {
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.receiver_awaited_ms = now_ms;
        }
    }

    /// Attempts under way, or with an outcome that the writer has not taken yet.
    pub fn slots_in_use(&self) -> usize {
        self.slots.len()
    }

    /// Since when the delivery could have gone out, Unix milliseconds, that could have longest ago: it was due, and its
    /// receiver willing. Looks at every endpoint with work.
    pub fn oldest_due_ms(&self, now_ms: i64) -> Option<i64> {
        self.willing_since_ms(now_ms, Queue::earliest_due_ms)
    }

    /// The same of what was tried before, where it is next.
    pub fn oldest_retry_due_ms(&self, now_ms: i64) -> Option<i64> {
        self.willing_since_ms(now_ms, |queue| queue.window.first_retry_due_ms())
    }

    /// The earliest of what is due at endpoints that would take it. What was due while a receiver was waited for is late from
    /// then on, or else what somebody releases, or sends to a new URL, would be late by the days that it has waited.
    fn willing_since_ms(&self, now_ms: i64, due_ms: impl Fn(&Queue) -> Option<i64>) -> Option<i64> {
        let are_unproven_awaited = self.are_unproven_awaited(now_ms);
        let is_willing = |(endpoint, queue): &(&EndpointId, &Queue)| {
            let is_awaited = are_unproven_awaited && queue.lane == Some(Lane::Unproven);
            !is_awaited && !queue.is_kept_waiting(&self.pace(**endpoint), self.cap(**endpoint), now_ms)
        };
        let willing = self.queues.iter().map(|(id, queue)| (id, &**queue)).filter(is_willing);
        let since = willing.filter_map(|(_, queue)| Some(queue.willing_since_ms(due_ms(queue)?)));
        since.min().filter(|since_ms| *since_ms <= now_ms)
    }

    /// Whether the slots of those that have not answered yet are all taken by attempts that may still be answered: after a start
    /// however many receivers may hang.
    fn are_unproven_awaited(&self, now_ms: i64) -> bool {
        let mut taken = self.slots.values().filter(|slot| slot.place.lane == Lane::Unproven);
        self.turns.is_full(Lane::Unproven)
            && taken.all(|slot| now_ms.saturating_sub(slot.taken_at_ms) <= LONGEST_ATTEMPT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flow, item, pending, proven};
    use super::super::{Action, Answer, Contender, Ended, FlowId};
    use super::*;
    use crate::delivery::breaker::{Gate, Held};
    use crate::store::{Pending, PendingKey};

    const CONTENDER: Contender = Contender { endpoint: EndpointId(1), flow: FlowId(1) };

    /// What goes out now: when it was accepted, and whether it has waited for its receiver.
    fn sent(scheduler: &mut Scheduler, now_ms: i64) -> Vec<(i64, bool)> {
        let waited = |action| match action {
            Action::Send(item) => Some((item.pending.accepted_at_ms, item.has_waited_for_receiver)),
            _ => None,
        };
        scheduler.poll(now_ms).into_iter().filter_map(waited).collect()
    }

    /// An attempt ends, and its outcome is committed at once.
    fn end(scheduler: &mut Scheduler, row: Pending, ended: Ended, now_ms: i64) {
        scheduler.finished(row.key, ended, now_ms);
        scheduler.settled(row.key, None, now_ms);
    }

    #[test]
    fn what_waits_for_a_slot_of_this_server_is_late_and_by_its_own_fault() {
        let mut scheduler = proven(1, 4, 2);
        for number in 1..=2 {
            scheduler.accepted(item(pending(1, number, number)), FlowId(1), 10);
        }
        assert_eq!(sent(&mut scheduler, 10), [(1, false)]);
        assert_eq!((scheduler.slots_in_use(), scheduler.oldest_due_ms(10)), (1, Some(2)));
        let quick = Ended { answer: Answer::Success, duration_ms: 1 };
        end(&mut scheduler, pending(1, 1, 1), quick, 500);
        assert_eq!(sent(&mut scheduler, 500), [(2, false)]);
        assert_eq!(scheduler.oldest_due_ms(500), None);
    }

    #[test]
    fn what_waited_behind_an_open_breaker_or_a_pause_is_excused_and_what_comes_later_is_not() {
        let held = Held { next_probe_at_ms: 1_000, tried_at_ms: 0 };
        for gate in [
            Gate { held: Some(held), paused_until_ms: None },
            Gate { held: None, paused_until_ms: Some(1_000) },
        ] {
            let mut scheduler = proven(4, 4, 2);
            scheduler.gate(CONTENDER, gate, 5);
            scheduler.accepted(item(pending(1, 20, 1)), FlowId(1), 20);
            assert_eq!((sent(&mut scheduler, 20), scheduler.oldest_due_ms(30)), (vec![], None));
            scheduler.gate(CONTENDER, Gate::default(), 600);
            scheduler.accepted(item(pending(1, 601, 2)), FlowId(1), 601);
            let mut all = sent(&mut scheduler, 601);
            // After a breaker has closed, one goes out at first.
            end(&mut scheduler, pending(1, 20, 1), Ended { answer: Answer::Success, duration_ms: 1 }, 602);
            all.extend(sent(&mut scheduler, 602));
            assert_eq!(all, [(20, true), (601, false)]);
        }
    }

    #[test]
    fn a_slow_receiver_that_has_all_its_requests_under_way_makes_nobody_late_but_itself() {
        let mut scheduler = proven(8, 1, 2);
        let slow = Ended { answer: Answer::Success, duration_ms: 4_000 };
        scheduler.accepted(item(pending(1, 1, 1)), FlowId(1), 1);
        assert_eq!(sent(&mut scheduler, 1), [(1, false)]);
        end(&mut scheduler, pending(1, 1, 1), slow, 4_001);
        for number in 2..=3 {
            scheduler.accepted(item(pending(1, 4_100, number)), FlowId(1), 4_100);
        }
        assert_eq!(sent(&mut scheduler, 4_100), [(4_100, false)]);
        assert_eq!(scheduler.oldest_due_ms(6_000), None);
        end(&mut scheduler, pending(1, 4_100, 2), slow, 8_100);
        assert_eq!(sent(&mut scheduler, 8_100), [(4_100, true)]);
    }

    /// An endpoint that takes two at once and answers in 200 ms, with twenty deliveries of the first millisecond: a second and
    /// a half later, when each attempt holds its slot for `own_ms` more than the receiver takes.
    fn behind(own_ms: i64) -> (Scheduler, i64) {
        let mut scheduler = proven(8, 2, 2);
        for number in 1..=20 {
            scheduler.accepted(item(pending(1, 1, number)), FlowId(1), 1);
        }
        let (mut now_ms, mut next) = (1, 1);
        while now_ms < 1_500 {
            assert_eq!(scheduler.poll(now_ms).len(), 2);
            now_ms += 200 + own_ms;
            for number in next..next + 2 {
                let steady = Ended { answer: Answer::Success, duration_ms: 200 };
                end(&mut scheduler, pending(1, 1, number), steady, now_ms);
            }
            next += 2;
        }
        assert_eq!(scheduler.poll(now_ms).len(), 2, "as much as it takes is under way again");
        (scheduler, now_ms)
    }

    #[test]
    fn what_waits_behind_as_much_as_a_receiver_takes_is_late_only_when_this_server_takes_the_time() {
        let (mut scheduler, now_ms) = behind(5);
        assert_eq!(scheduler.oldest_due_ms(now_ms), None);
        let steady = Ended { answer: Answer::Success, duration_ms: 200 };
        let first = scheduler.slots.keys().min().copied().expect("two are under way");
        scheduler.finished(PendingKey { delivery_id: first, ..pending(1, 1, 1).key }, steady, now_ms + 205);
        assert_eq!(sent(&mut scheduler, now_ms + 205), [(1, true)]);
        let (scheduler, now_ms) = behind(900);
        assert_eq!(scheduler.oldest_due_ms(now_ms), Some(1));
    }

    #[test]
    fn a_receiver_is_no_excuse_when_nothing_has_ended_for_longer_than_an_attempt_takes() {
        let (scheduler, now_ms) = behind(5);
        assert_eq!(scheduler.oldest_due_ms(now_ms + 60_000), None);
        assert_eq!(scheduler.oldest_due_ms(now_ms + 60_001), Some(now_ms), "since it was last awaited");
    }

    #[test]
    fn what_waits_for_the_first_answer_of_a_receiver_is_not_late_for_as_long_as_an_attempt_may_take() {
        let mut scheduler = proven(4, 4, 0);
        for number in 1..=2 {
            scheduler.accepted(item(pending(1, 1, number)), FlowId(1), 1);
        }
        assert_eq!(sent(&mut scheduler, 1), [(1, false)]);
        assert_eq!(scheduler.oldest_due_ms(500), Some(1), "a burst");
        assert_eq!(scheduler.oldest_due_ms(60_001), None);
        assert_eq!(scheduler.oldest_due_ms(60_002), Some(1));
    }

    /// A webhook whose deliveries have been failing for hours gets a new URL, or was disabled meanwhile, and nothing answers.
    #[test]
    fn what_was_due_before_a_new_url_is_not_late_by_then() {
        const MENDED_MS: i64 = 7_200_000;
        let held = Held { next_probe_at_ms: 2 * MENDED_MS, tried_at_ms: 0 };
        let rows = || (1..=3).map(|number| item(Pending { attempts: 1, ..pending(1, number, number) }));
        for was_disabled in [false, true] {
            let mut scheduler = proven(8, 4, 2);
            rows().for_each(|row| scheduler.accepted(row, FlowId(1), 3));
            scheduler.gate(CONTENDER, Gate { held: Some(held), paused_until_ms: None }, 3);
            if was_disabled {
                scheduler.close(CONTENDER.endpoint, 4);
            }
            scheduler.rescue(CONTENDER, MENDED_MS);
            if was_disabled {
                scheduler.open(CONTENDER, MENDED_MS, MENDED_MS);
                scheduler.excuse(CONTENDER.endpoint, MENDED_MS);
                let refill = scheduler.poll(MENDED_MS).into_iter().find_map(|action| match action {
                    Action::Refill(refill) => Some(refill),
                    _ => None,
                });
                scheduler.refilled(refill.expect("a refill"), Some(rows().collect()), MENDED_MS);
            }
            let late = |scheduler: &Scheduler, now_ms| {
                [scheduler.oldest_due_ms(now_ms), scheduler.oldest_retry_due_ms(now_ms)]
            };
            assert_eq!(late(&scheduler, MENDED_MS), [Some(MENDED_MS); 2]);
            assert_eq!(sent(&mut scheduler, MENDED_MS), [(1, true)]);
            assert_eq!(late(&scheduler, MENDED_MS + 30_000), [None; 2], "the first has no answer yet");
            let timeout = Ended { answer: Answer::Timeout, duration_ms: 30_000 };
            scheduler.finished(pending(1, 1, 1).key, timeout, MENDED_MS + 30_000);
            assert_eq!(sent(&mut scheduler, MENDED_MS + 30_000).len(), 1);
            assert_eq!(late(&scheduler, MENDED_MS + 50_000), [None; 2]);
        }
    }

    #[test]
    fn what_was_due_in_a_pause_is_late_from_its_end_on() {
        let mut scheduler = proven(1, 1, 2);
        scheduler.accepted(item(pending(0, 1, 1)), flow(EndpointId(0)), 1);
        assert_eq!(sent(&mut scheduler, 1), [(1, false)]);
        scheduler.accepted(item(pending(1, 2, 2)), FlowId(1), 2);
        scheduler.gate(CONTENDER, Gate { held: None, paused_until_ms: Some(900_000) }, 3);
        assert_eq!(scheduler.oldest_due_ms(899_999), None);
        assert_eq!(scheduler.oldest_due_ms(950_000), Some(900_000), "no slot is free");
    }

    /// After a start nobody has answered yet, and those that hang take every slot that there is for such.
    #[test]
    fn what_waits_behind_others_that_have_not_answered_yet_is_late_only_when_they_may_not_answer_any_more() {
        let mut scheduler = proven(4, 4, 0);
        for endpoint in 1..=3 {
            scheduler.accepted(item(pending(endpoint, 1, endpoint)), flow(EndpointId(endpoint)), 1);
        }
        assert_eq!(
            sent(&mut scheduler, 1).len(),
            2,
            "half of the slots are for those that have not answered"
        );
        assert_eq!(scheduler.oldest_due_ms(60_001), None);
        assert_eq!(scheduler.oldest_due_ms(60_002), Some(1));
    }

    #[test]
    fn an_attempt_that_was_not_made_is_not_waited_for() {
        let mut scheduler = proven(4, 4, 0);
        for (number, due_at_ms) in [(1, 1), (2, 60_000), (3, 60_000)] {
            scheduler.accepted(item(pending(1, due_at_ms, number)), FlowId(1), 1);
        }
        assert_eq!(sent(&mut scheduler, 1), [(1, false)]);
        scheduler.dropped(pending(1, 1, 1).key, 2);
        assert_eq!(sent(&mut scheduler, 60_000).len(), 1);
        assert_eq!(scheduler.oldest_due_ms(80_000), None, "the second is under way for 20 s");
    }

    #[test]
    fn what_waits_in_a_short_burst_is_not_excused() {
        let mut scheduler = proven(8, 2, 2);
        for number in 1..=3 {
            scheduler.accepted(item(pending(1, 1, number)), FlowId(1), 1);
        }
        assert_eq!(sent(&mut scheduler, 1), [(1, false), (1, false)]);
        assert_eq!(scheduler.oldest_due_ms(1_000), Some(1));
        assert_eq!(scheduler.oldest_due_ms(1_001), None);
    }

    #[test]
    fn what_waits_for_one_of_the_slots_of_slow_receivers_makes_nobody_late_but_them() {
        let mut scheduler = proven(4, 2, 2);
        let late = Ended { answer: Answer::Timeout, duration_ms: 15_000 };
        scheduler.accepted(item(pending(0, 1, 1)), flow(EndpointId(0)), 1);
        scheduler.accepted(item(pending(1, 1, 2)), FlowId(1), 1);
        assert_eq!(sent(&mut scheduler, 1).len(), 2);
        for (endpoint, number) in [(0, 1), (1, 2)] {
            end(&mut scheduler, pending(endpoint, 1, number), late, 15_001);
            scheduler.accepted(
                item(pending(endpoint, 15_001, 10 + number)),
                flow(EndpointId(endpoint)),
                15_001,
            );
        }
        assert_eq!(sent(&mut scheduler, 15_001).len(), 1, "of four slots one is for those that are slow");
        assert_eq!(scheduler.oldest_due_ms(20_000), None);
    }

    #[test]
    fn what_was_parked_is_excused_and_what_the_process_missed_while_it_was_down_is_not() {
        for was_parked in [true, false] {
            let mut scheduler = proven(4, 4, 2);
            scheduler.open(CONTENDER, 100, 10_000);
            if was_parked {
                scheduler.excuse(CONTENDER.endpoint, 10_000);
            }
            let refill = scheduler.poll(10_000).into_iter().find_map(|action| match action {
                Action::Refill(refill) => Some(refill),
                _ => None,
            });
            // Nobody could have sent what was parked before.
            assert_eq!(scheduler.oldest_due_ms(10_000), Some(if was_parked { 10_000 } else { 100 }));
            scheduler.refilled(refill.expect("a refill"), Some(vec![item(pending(1, 100, 1))]), 10_001);
            assert_eq!(sent(&mut scheduler, 10_001), [(100, was_parked)]);
        }
    }
}
