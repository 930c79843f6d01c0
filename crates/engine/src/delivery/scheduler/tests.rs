//! The scheduler against a model of the store, in virtual time: messages arrive late and refills read old snapshots,
//! as they do in the running engine, and still nothing is sent twice, nothing is forgotten, and every cap holds.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use groundswell_types::{DeliveryId, EventId};
use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::queue::WINDOW_MAX;
use super::*;
use crate::delivery::breaker::Held;

mod commits;
mod failing;
mod fairness;

pub(super) fn pending(endpoint: i64, due_at_ms: i64, number: i64) -> Pending {
    Pending {
        key: PendingKey {
            endpoint_id: EndpointId(endpoint),
            due_at_ms,
            delivery_id: DeliveryId::new(EventId::from_number(number), 0),
        },
        attempts: 0,
        accepted_at_ms: due_at_ms,
        expires_at_ms: i64::MAX,
    }
}

pub(super) fn item(pending: Pending) -> Item {
    Item::stored(pending)
}

fn limits(slots: usize, endpoint_slots: usize) -> Limits {
    Limits { slots, endpoint_slots, deadline_ms: 5 * 86_400_000 }
}

/// Each endpoint belongs to a program of its own.
pub(super) fn flow(endpoint: EndpointId) -> FlowId {
    FlowId(u32::try_from(endpoint.0).expect("small"))
}

/// A scheduler whose endpoints below `endpoints` have proven that they answer quickly, `cap` at once.
pub(super) fn proven(slots: usize, endpoint_slots: usize, endpoints: i64) -> Scheduler {
    let mut scheduler = Scheduler::new(limits(slots, endpoint_slots));
    for endpoint in 0..endpoints {
        let pace = scheduler.paces.entry(EndpointId(endpoint)).or_default();
        for _ in 0..endpoint_slots {
            pace.note(Ended { answer: Answer::Success, duration_ms: 1 }, 0, endpoint_slots);
        }
    }
    scheduler
}

/// Most tests are about one endpoint.
const CONTENDER: Contender = Contender { endpoint: EndpointId(1), flow: FlowId(1) };

const QUICK: Ended = Ended { answer: Answer::Success, duration_ms: 1 };

fn sends(actions: Vec<Action>) -> Vec<Pending> {
    actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Send(item) => Some(item.pending),
            Action::Refill(_) | Action::FindExpired(_) | Action::End(_) => None,
        })
        .collect()
}

/// What the runtime will tell the scheduler, in the order of its channels.
enum Note {
    Accepted(Pending),
    /// Another node has accepted something for it.
    Found(EndpointId),
    Settled(PendingKey, Option<Pending>),
    Finished(PendingKey),
    Refilled(Refill, Option<Vec<Pending>>),
}

/// A store, an engine around the scheduler, and everything checked on the way.
struct World {
    scheduler: Scheduler,
    rng: SmallRng,
    now_ms: i64,
    rows: BTreeMap<PendingKey, Pending>,
    /// From the writer, in order.
    committed: VecDeque<Note>,
    /// From tasks, in any order.
    reported: Vec<Note>,
    in_flight: HashMap<DeliveryId, Pending>,
    /// Attempts that are over and not yet committed.
    over: Vec<Pending>,
    next_number: i64,
    endpoints: i64,
    sent: u64,
    failing: f64,
}

const SLOTS: usize = 16;
const ENDPOINT_SLOTS: usize = 4;

impl World {
    fn new(seed: u64, endpoints: i64) -> Self {
        Self {
            scheduler: Scheduler::new(limits(SLOTS, ENDPOINT_SLOTS)),
            rng: SmallRng::seed_from_u64(seed),
            now_ms: 1_000,
            rows: BTreeMap::new(),
            committed: VecDeque::new(),
            reported: Vec::new(),
            in_flight: HashMap::new(),
            over: Vec::new(),
            next_number: 1,
            endpoints,
            sent: 0,
            failing: 0.5,
        }
    }

    fn accept(&mut self) {
        let endpoint = self.rng.random_range(0..self.endpoints);
        let is_elsewhere = self.rng.random_bool(0.3);
        // Another node's clock is another one.
        let apart_ms = if is_elsewhere { self.rng.random_range(0..5_000) } else { 0 };
        let row = pending(endpoint, self.now_ms - apart_ms, self.next_number);
        self.next_number += 1;
        self.rows.insert(row.key, row);
        let note = if is_elsewhere { Note::Found(row.key.endpoint_id) } else { Note::Accepted(row) };
        self.committed.push_back(note);
    }

    /// Ends a random attempt; its outcome waits to be committed.
    fn end_one(&mut self) {
        let Some(id) = pick(&mut self.rng, &self.in_flight.keys().copied().collect::<Vec<_>>()) else {
            return;
        };
        if let Some(row) = self.in_flight.remove(&id) {
            self.reported.push(Note::Finished(row.key));
            self.over.push(row);
        }
    }

    /// Commits the outcome of an attempt.
    fn commit_one(&mut self) {
        if self.over.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.over.len());
        let row = self.over.swap_remove(at);
        assert!(self.rows.remove(&row.key).is_some(), "an attempt of a row that is not there");
        let retry = self.rng.random_bool(self.failing).then(|| {
            // Some are put away until then.
            let rest_ms = if self.rng.random_bool(0.1) { 60_001..120_000 } else { 1..500 };
            let due_at_ms = self.now_ms + self.rng.random_range(rest_ms);
            Pending { key: PendingKey { due_at_ms, ..row.key }, attempts: row.attempts + 1, ..row }
        });
        if let Some(retry) = retry {
            self.rows.insert(retry.key, retry);
        }
        self.committed.push_back(Note::Settled(row.key, retry));
    }

    fn tell_one(&mut self) {
        let from_writer = self.reported.is_empty() || self.rng.random_bool(0.5);
        let note = if from_writer {
            self.committed.pop_front()
        } else {
            let at = self.rng.random_range(0..self.reported.len());
            Some(self.reported.swap_remove(at))
        };
        let now_ms = self.now_ms;
        match note {
            None => {}
            Some(Note::Accepted(row)) => {
                self.scheduler.accepted(item(row), flow(row.key.endpoint_id), now_ms);
            }
            Some(Note::Found(endpoint)) => {
                self.scheduler.found(Contender { endpoint, flow: flow(endpoint) }, now_ms);
            }
            Some(Note::Settled(old, retry)) => self.scheduler.settled(old, retry, now_ms),
            Some(Note::Finished(key)) => self.scheduler.finished(key, QUICK, now_ms),
            Some(Note::Refilled(refill, rows)) => {
                let rows = rows.map(|rows| rows.into_iter().map(item).collect());
                self.scheduler.refilled(refill, rows, now_ms);
            }
        }
    }

    fn poll(&mut self) {
        for action in self.scheduler.poll(self.now_ms) {
            match action {
                Action::Send(Item { pending, .. }) => {
                    let id = pending.key.delivery_id;
                    assert!(self.rows.contains_key(&pending.key), "{id} is sent but not pending");
                    assert!(pending.key.due_at_ms <= self.now_ms, "{id} is sent before it is due");
                    assert!(
                        self.over.iter().all(|row| row.key.delivery_id != id),
                        "{id} is sent again too early"
                    );
                    assert!(self.in_flight.insert(id, pending).is_none(), "{id} is sent twice at once");
                    self.sent += 1;
                }
                Action::Refill(refill) => self.read(refill),
                Action::FindExpired(_) | Action::End(_) => panic!("nothing is held"),
            }
        }
        let of = |endpoint| self.in_flight.values().filter(|row| row.key.endpoint_id == endpoint).count();
        assert!(self.in_flight.len() <= SLOTS);
        assert!((0..self.endpoints).all(|endpoint| of(EndpointId(endpoint)) <= ENDPOINT_SLOTS));
    }

    /// Reads a snapshot now; the answer arrives some time later. Now and then the store does not answer.
    fn read(&mut self, refill: Refill) {
        let rows = self
            .rows
            .values()
            .filter(|row| {
                row.key.endpoint_id == refill.endpoint && refill.after.is_none_or(|after| row.key > after)
            })
            .take(refill.limit)
            .copied()
            .collect();
        let rows = if self.rng.random_bool(0.02) { None } else { Some(rows) };
        self.reported.push(Note::Refilled(refill, rows));
    }

    fn step(&mut self, accepting: f64) {
        if self.rng.random_bool(accepting) {
            for _ in 0..self.rng.random_range(1..20) {
                self.accept();
            }
        }
        match self.rng.random_range(0..4) {
            0 => self.end_one(),
            1 => self.commit_one(),
            2 => self.tell_one(),
            _ => self.poll(),
        }
        if self.rng.random_bool(0.05) {
            self.now_ms += self.rng.random_range(0..50);
        }
    }

    /// Everything succeeds from now on, and there is time enough for everything.
    fn run_dry(&mut self) {
        self.failing = 0.0;
        for _ in 0..2_000_000 {
            if self.rows.is_empty() && self.committed.is_empty() && self.reported.is_empty() {
                return;
            }
            self.step(0.0);
            // What others have accepted is told of within seconds.
            if let Some(wake_ms) = self.scheduler.next_wake_ms()
                && self.in_flight.is_empty()
                && self.committed.is_empty()
            {
                self.now_ms = self.now_ms.max(wake_ms);
            }
        }
        panic!("{} rows were never sent", self.rows.len());
    }
}

fn pick<T: Copy + Ord>(rng: &mut SmallRng, all: &[T]) -> Option<T> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    (!sorted.is_empty()).then(|| sorted[rng.random_range(0..sorted.len())])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_sent_twice_and_nothing_is_forgotten(seed: u64, endpoints in 1..6_i64, accepting in 0.01..0.6_f64) {
        let mut world = World::new(seed, endpoints);
        for _ in 0..4_000 {
            world.step(accepting);
        }
        world.run_dry();
        prop_assert!(world.sent >= (world.next_number - 1).unsigned_abs());
        prop_assert_eq!(world.scheduler.active_endpoints(), 0);
    }

    #[test]
    fn after_a_restart_everything_in_the_store_is_sent(seed: u64, rows in 1..2_000_i64) {
        let mut world = World::new(seed, 3);
        for number in 1..=rows {
            let row = pending(number % 3, 1_000 + (number * 7_919) % 5_000, number);
            world.rows.insert(row.key, row);
        }
        for endpoint in 0..3 {
            let first = world.rows.keys().find(|key| key.endpoint_id == EndpointId(endpoint)).copied();
            if let Some(first) = first {
                let endpoint = EndpointId(endpoint);
                world.scheduler.open(Contender { endpoint, flow: flow(endpoint) }, first.due_at_ms, world.now_ms);
            }
        }
        world.run_dry();
        prop_assert_eq!(world.scheduler.active_endpoints(), 0);
    }
}

#[test]
fn an_endpoint_with_a_long_queue_does_not_make_another_wait() {
    let mut scheduler = proven(10, 64, 3);
    for number in 0..100 {
        scheduler.accepted(item(pending(1, 0, number)), FlowId(1), 0);
    }
    scheduler.accepted(item(pending(2, 0, 1_000)), FlowId(2), 0);
    let first: Vec<i64> = sends(scheduler.poll(0)).iter().map(|row| row.key.endpoint_id.0).collect();
    assert_eq!(first[..2], [1, 2]);
    assert_eq!(first.len(), 10);
}

#[test]
fn endpoints_take_turns() {
    let mut scheduler = proven(6, 64, 3);
    for number in 0..30 {
        let row = pending(number % 3, 0, number);
        scheduler.accepted(item(row), flow(row.key.endpoint_id), 0);
    }
    let order: Vec<i64> = sends(scheduler.poll(0)).iter().map(|row| row.key.endpoint_id.0).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_closed_endpoint_is_not_sent_to_until_it_is_opened() {
    let mut scheduler = Scheduler::new(limits(6, 64));
    scheduler.accepted(item(pending(1, 0, 1)), FlowId(1), 0);
    scheduler.close(EndpointId(1), 0);
    assert_eq!(scheduler.poll(0), []);
    assert_eq!(scheduler.active_endpoints(), 0);
    scheduler.open(CONTENDER, 0, 0);
    assert!(matches!(scheduler.poll(0)[..], [Action::Refill(Refill { after: None, .. })]));
}

#[test]
fn a_million_waiting_deliveries_are_a_window_in_memory() {
    let mut scheduler = Scheduler::new(limits(6, 64));
    let later = 1_000_000;
    for number in 0..1_000_000 {
        scheduler.accepted(item(pending(1, later, number)), FlowId(1), 0);
    }
    let queue = &scheduler.queues[&EndpointId(1)];
    assert!(queue.window.len() <= WINDOW_MAX);
    assert!(scheduler.timers.len() <= 2);
}

#[test]
fn a_held_endpoint_keeps_four_deliveries_in_memory_without_bodies_and_the_rest_comes_when_it_is_well() {
    let mut scheduler = proven(1, 1, 2);
    let rows: Vec<_> = (0..10).map(|number| pending(1, number, number)).collect();
    let with_body = |row: &Pending| {
        let body = Body { event: row.key.delivery_id.event(), bytes: Bytes::from_static(b"0123456789") };
        Item { body: Some(body), ..item(*row) }
    };
    for row in &rows {
        scheduler.accepted(with_body(row), FlowId(1), 10);
    }
    assert_eq!(sends(scheduler.poll(10)), [rows[0]]);
    assert_eq!((scheduler.queues[&EndpointId(1)].window.len(), scheduler.kept_bytes), (9, 90));
    let held = Held { next_probe_at_ms: 1_000, tried_at_ms: 10 };
    scheduler.gate(CONTENDER, Gate { held: Some(held), paused_until_ms: None }, 10);
    scheduler.accepted(with_body(&pending(1, 11, 10)), FlowId(1), 11);
    assert_eq!((scheduler.queues[&EndpointId(1)].window.len(), scheduler.kept_bytes), (4, 0));

    scheduler.poll(11);
    scheduler.finished(rows[0].key, QUICK, 20);
    scheduler.settled(rows[0].key, None, 20);
    scheduler.gate(CONTENDER, Gate::default(), 20);
    let actions = scheduler.poll(20);
    let refill = actions.iter().find_map(|action| match action {
        Action::Refill(refill) => Some(*refill),
        _ => None,
    });
    assert_eq!(sends(actions), [rows[1]]);
    let refill = refill.expect("what was left out is read");
    assert_eq!(refill.after, Some(rows[4].key));
    scheduler.refilled(refill, Some(rows[5..].iter().copied().map(item).collect()), 21);
    assert_eq!(scheduler.queues[&EndpointId(1)].window.len(), 8);
}

#[test]
fn a_refill_brings_no_more_bodies_than_are_sent_before_long() {
    let held = Held { next_probe_at_ms: 0, tried_at_ms: 0 };
    for (cap, held, wanted) in [(1, None, 16), (8, None, 32), (64, None, 256), (64, Some(held), 0)] {
        let mut scheduler = proven(128, cap, 2);
        scheduler.open(CONTENDER, 5, 0);
        scheduler.gate(CONTENDER, Gate { held, paused_until_ms: None }, 0);
        let actions = scheduler.poll(5);
        let refill = actions.iter().find_map(|action| match action {
            Action::Refill(refill) => Some(refill.bodies),
            _ => None,
        });
        assert_eq!(refill, Some(wanted), "{cap} at once");
    }
}

#[test]
fn nothing_is_read_before_something_is_due() {
    let mut scheduler = Scheduler::new(limits(6, 64));
    scheduler.open(CONTENDER, 5_000, 0);
    assert_eq!(scheduler.poll(4_999), []);
    assert_eq!(scheduler.next_wake_ms(), Some(5_000));
    assert_eq!(scheduler.poll(5_000).len(), 1);
}

#[test]
fn a_retry_that_is_due_much_later_is_put_away_until_then_and_what_is_accepted_meanwhile_needs_no_read() {
    let mut scheduler = proven(4, 4, 1);
    let first = pending(1, 0, 1);
    let retry = Pending { key: PendingKey { due_at_ms: 600_000, ..first.key }, attempts: 1, ..first };
    scheduler.accepted(item(first), flow(EndpointId(1)), 0);
    assert_eq!(sends(scheduler.poll(0)), [first]);
    scheduler.finished(first.key, Ended { answer: Answer::Failure, duration_ms: 1 }, 1);
    scheduler.settled(first.key, Some(retry), 2);
    let kept = |scheduler: &Scheduler| scheduler.queues[&EndpointId(1)].window.len();
    assert_eq!((kept(&scheduler), scheduler.poll(2), scheduler.next_wake_ms()), (0, vec![], Some(600_000)));

    let second = pending(1, 10_000, 2);
    scheduler.accepted(item(second), flow(EndpointId(1)), 10_000);
    assert_eq!(sends(scheduler.poll(10_000)), [second], "and nothing is read");
    scheduler.finished(second.key, Ended { answer: Answer::Success, duration_ms: 1 }, 10_001);
    scheduler.settled(second.key, None, 10_002);
    assert_eq!((scheduler.poll(599_999), scheduler.active_endpoints()), (vec![], 1));

    assert_eq!(scheduler.oldest_due_ms(600_500), Some(600_000), "late, although it is not read yet");
    let [Action::Refill(refill)] = scheduler.poll(600_500)[..] else { panic!("it is read when it is due") };
    scheduler.refilled(refill, Some(vec![Item::stored(retry)]), 600_500);
    assert_eq!(sends(scheduler.poll(600_500)), [retry]);
}

#[test]
fn what_is_put_away_does_not_hide_what_another_node_has_accepted() {
    let mut scheduler = proven(4, 4, 1);
    let endpoint = EndpointId(1);
    let [first, later] = [pending(1, 0, 1), pending(1, 600_000, 2)];
    for row in [first, later] {
        scheduler.accepted(item(row), flow(endpoint), 0);
    }
    assert_eq!(sends(scheduler.poll(0)), [first]);
    scheduler.found(Contender { endpoint, flow: flow(endpoint) }, 1);
    let [Action::Refill(refill)] = scheduler.poll(1)[..] else { panic!("it is looked for") };
    scheduler.refilled(refill, None, 2);
    scheduler.finished(first.key, QUICK, 3);
    scheduler.settled(first.key, None, 3);
    let [Action::Refill(again)] = scheduler.poll(2_000)[..] else { panic!("it is looked for again") };
    assert_eq!(again.after, refill.after);
}

#[test]
fn what_is_accepted_after_a_start_does_not_wait_for_a_retry_that_is_due_later() {
    let mut scheduler = Scheduler::new(limits(6, 64));
    scheduler.open(CONTENDER, 5_000, 0);
    scheduler.accepted(item(pending(1, 10, 1)), FlowId(1), 10);
    assert!(matches!(scheduler.poll(10)[..], [Action::Refill(Refill { after: None, .. })]));
}

#[test]
fn what_others_accept_is_sent_however_often_they_tell_of_it_meanwhile() {
    let mut scheduler = proven(6, 64, 2);
    let (first, second) = (pending(1, 100_000, 1), pending(1, 100_001, 2));
    scheduler.found(CONTENDER, 100_000);
    let [Action::Refill(refill)] = scheduler.poll(100_000)[..] else { panic!("a refill") };
    // While it is read another one comes, which the answer may lack.
    for _ in 0..10 {
        scheduler.found(CONTENDER, 100_001);
        assert_eq!(scheduler.poll(100_001), []);
    }
    scheduler.refilled(refill, Some(vec![item(first)]), 100_002);
    let actions = scheduler.poll(100_002);
    let again = actions.iter().find_map(|action| match action {
        Action::Refill(refill) => Some(*refill),
        _ => None,
    });
    assert_eq!(sends(actions), [first]);
    let again = again.expect("it is read again");
    scheduler.refilled(again, Some(vec![item(first), item(second)]), 100_003);
    assert_eq!(sends(scheduler.poll(100_003)), [second], "and what is under way is not sent again");
}

#[test]
fn what_arrives_after_a_refill_already_sent_it_is_not_sent_again() {
    let mut scheduler = Scheduler::new(limits(6, 64));
    scheduler.open(CONTENDER, 0, 0);
    let row = pending(1, 0, 1);
    let [Action::Refill(refill)] = scheduler.poll(0)[..] else { panic!("a refill") };
    scheduler.refilled(refill, Some(vec![item(row)]), 0);
    assert_eq!(sends(scheduler.poll(0)), [row]);
    scheduler.accepted(item(row), FlowId(1), 0);
    assert_eq!(scheduler.poll(0), []);
    let ids: HashSet<DeliveryId> = scheduler.queues[&EndpointId(1)].unsettled.iter().copied().collect();
    assert_eq!(ids.len(), 1);
}
