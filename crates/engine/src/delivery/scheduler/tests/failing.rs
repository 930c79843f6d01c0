//! Endpoints that fail, through days of virtual time: the scheduler with breaker and retry policy around a model of
//! the store, an attempt taking no time.

use rand::SeedableRng;

use super::*;
use crate::config::{BreakerPolicy, RetryPolicy};
use crate::delivery::breaker::{Attempted, Held};
use crate::delivery::policy::{Failed, Next as Following};
use crate::store::HealthRecord;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const ENDPOINT: EndpointId = EndpointId(1);

/// One endpoint, its rows, and everything that happened to them.
struct Failing {
    scheduler: Scheduler,
    rng: SmallRng,
    policy: BreakerPolicy,
    retry: RetryPolicy,
    now_ms: i64,
    rows: BTreeMap<PendingKey, Pending>,
    health: HealthRecord,
    /// When each attempt was made, and of what.
    attempts: Vec<(i64, DeliveryId)>,
    delivered: usize,
    /// When each delivery ended without success.
    ended: Vec<(i64, Pending)>,
    under_way: usize,
    most_under_way: usize,
}

impl Failing {
    fn new(seed: u64) -> Self {
        let retry = RetryPolicy::default();
        Self {
            scheduler: Scheduler::new(Limits {
                slots: 1024,
                endpoint_slots: 64,
                deadline_ms: retry.deadline_ms,
            }),
            rng: SmallRng::seed_from_u64(seed),
            policy: BreakerPolicy::default(),
            retry,
            now_ms: 0,
            rows: BTreeMap::new(),
            health: HealthRecord::default(),
            attempts: Vec::new(),
            delivered: 0,
            ended: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        }
    }

    fn accept(&mut self, number: i64) {
        let row = Pending {
            expires_at_ms: self.now_ms + self.retry.deadline_ms,
            ..pending(1, self.now_ms, number)
        };
        self.rows.insert(row.key, row);
        self.scheduler.accepted(item(row), FlowId(1), self.now_ms);
    }

    /// Does what is due now; `works` says whether the endpoint does.
    fn act(&mut self, works: &dyn Fn(i64, DeliveryId) -> bool) {
        loop {
            let actions = self.scheduler.poll(self.now_ms);
            if actions.is_empty() {
                return;
            }
            let mut sent = Vec::new();
            for action in actions {
                match action {
                    Action::Send(item) => sent.push(item),
                    Action::Refill(refill) => {
                        let behind =
                            self.rows.values().filter(|row| refill.after.is_none_or(|after| row.key > after));
                        let rows = behind.take(refill.limit).copied().map(item).collect();
                        self.scheduler.refilled(refill, Some(rows), self.now_ms);
                    }
                    Action::FindExpired(wanted) => {
                        let is_wanted = |row: &&Pending| {
                            row.expires_at_ms <= wanted.expires_by_ms
                                && row.accepted_at_ms <= wanted.accepted_by_ms
                                && (row.attempts > 0 || row.key.due_at_ms <= wanted.due_by_ms)
                        };
                        let rows = self.rows.values().filter(is_wanted).take(wanted.limit).copied().collect();
                        self.scheduler.expired(wanted, Some(rows), self.now_ms);
                    }
                    Action::End(rows) => {
                        for row in rows {
                            self.rows.remove(&row.key).expect("it was pending");
                            self.ended.push((self.now_ms, row));
                            self.scheduler.settled(row.key, None, self.now_ms);
                        }
                    }
                }
            }
            self.under_way = sent.len();
            self.most_under_way = self.most_under_way.max(self.under_way);
            for item in sent {
                self.attempt(&item, works);
            }
        }
    }

    fn attempt(&mut self, item: &Item, works: &dyn Fn(i64, DeliveryId) -> bool) {
        let row = item.pending;
        let id = row.key.delivery_id;
        self.attempts.push((self.now_ms, id));
        let is_success = works(self.now_ms, id);
        let before = self.health;
        let attempted = Attempted {
            delivery: id,
            started_at_ms: self.now_ms,
            ended_at_ms: self.now_ms,
            is_success,
            is_probe: item.is_probe,
            asked_until_ms: None,
            is_overloaded: false,
        };
        self.health = before.after(attempted, &self.policy);
        let answer = if is_success { Answer::Success } else { Answer::Failure };
        self.scheduler.finished(row.key, Ended { answer, duration_ms: 1 }, self.now_ms);
        self.rows.remove(&row.key).expect("it was pending");
        let retry = if is_success { None } else { self.retry_of(row) };
        match retry {
            Some(retry) => _ = self.rows.insert(retry.key, retry),
            None if is_success => self.delivered += 1,
            None => self.ended.push((self.now_ms, row)),
        }
        if before.gate() != self.health.gate() {
            self.scheduler.gate(CONTENDER, self.health.gate(), self.now_ms);
        }
        self.scheduler.settled(row.key, retry, self.now_ms);
        if is_success && (item.is_probe || before.opened_at_ms.is_some()) {
            self.advance();
        }
    }

    fn retry_of(&mut self, row: Pending) -> Option<Pending> {
        let failed = Failed {
            attempts: row.attempts + 1,
            started_at_ms: self.now_ms,
            now_ms: self.now_ms,
            expires_at_ms: row.expires_at_ms,
            retry_after_ms: None,
        };
        match self.retry.next(failed, &mut self.rng) {
            Following::At(due_at_ms) => {
                let key = PendingKey { due_at_ms, ..row.key };
                Some(Pending { key, attempts: row.attempts + 1, ..row })
            }
            Following::DeadlinePassed | Following::RetryAfterPastDeadline => None,
        }
    }

    fn advance(&mut self) {
        let now_ms = self.now_ms;
        let move_up = |row: Pending| {
            let due_at_ms = if row.key.due_at_ms > now_ms { row.accepted_at_ms } else { row.key.due_at_ms };
            Pending { key: PendingKey { due_at_ms, ..row.key }, ..row }
        };
        self.rows = self.rows.values().map(|row| move_up(*row)).map(|row| (row.key, row)).collect();
        self.scheduler.open(CONTENDER, now_ms, now_ms);
    }

    fn run_until(&mut self, until_ms: i64, works: &dyn Fn(i64, DeliveryId) -> bool) {
        self.act(works);
        while let Some(wake_ms) = self.scheduler.next_wake_ms().filter(|wake_ms| *wake_ms <= until_ms) {
            self.now_ms = self.now_ms.max(wake_ms);
            self.act(works);
        }
        self.now_ms = until_ms;
    }

    fn count(&self, id: i64) -> usize {
        let id = DeliveryId::new(EventId::from_number(id), 0);
        self.attempts.iter().filter(|(_, attempted)| *attempted == id).count()
    }
}

#[test]
fn a_dead_endpoint_with_a_million_deliveries_is_tried_some_hundred_times() {
    let mut world = Failing::new(1);
    for number in 1..=1_000_000 {
        world.accept(number);
    }
    world.run_until(3 * DAY, &|_, _| false);
    let tries = world.attempts.len();
    assert!((200..=400).contains(&tries), "{tries} attempts in 72 hours");
    assert_eq!(world.rows.len(), 1_000_000, "held rows stay");
    assert!(world.scheduler.queues[&ENDPOINT].window.len() <= WINDOW_MAX);
    assert!(world.scheduler.timers.len() < 10, "one timer and what is stale");

    // Every probe is of another delivery, so that one poisonous event cannot keep the breaker open.
    let probes = &world.attempts[world.attempts.len() - 100..];
    let different: HashSet<DeliveryId> = probes.iter().map(|(_, id)| *id).collect();
    assert_eq!(different.len(), 100);
}

#[test]
fn what_was_held_past_its_deadline_is_undeliverable_once_it_was_tried() {
    let mut world = Failing::new(2);
    for number in 1..=2_000 {
        world.accept(number);
    }
    world.run_until(5 * DAY - HOUR, &|_, _| false);
    assert!(world.ended.is_empty());
    world.run_until(5 * DAY + HOUR, &|_, _| false);
    assert!(world.rows.is_empty(), "{} are left", world.rows.len());
    assert_eq!(world.ended.len(), 2_000);
    assert!(world.ended.iter().all(|(at_ms, row)| *at_ms >= row.expires_at_ms));
}

#[test]
fn an_endpoint_that_works_again_gets_everything_at_once_in_growing_steps() {
    let mut world = Failing::new(3);
    for number in 1..=500 {
        world.accept(number);
    }
    world.run_until(DAY, &|_, _| false);
    world.most_under_way = 0;
    world.run_until(DAY + HOUR, &|_, _| true);
    assert_eq!((world.delivered, world.rows.len()), (500, 0));
    let first = world.attempts.iter().find(|(at_ms, _)| *at_ms >= DAY).expect("a probe").0;
    assert_eq!(
        world.attempts.iter().filter(|(at_ms, _)| *at_ms == first).count(),
        500,
        "none waits for its retry"
    );
    assert!(world.most_under_way <= 64);
}

#[test]
fn one_poisonous_event_does_not_hold_the_others() {
    let mut world = Failing::new(4);
    let poison = DeliveryId::new(EventId::from_number(1), 0);
    for number in 1..=50 {
        world.accept(number);
    }
    world.run_until(HOUR, &|_, id| id != poison);
    assert_eq!(world.delivered, 49);
    assert!(world.health.opened_at_ms.is_none());
    world.run_until(6 * DAY, &|_, id| id != poison);
    assert_eq!(world.ended.len(), 1);
    let attempts = world.count(1);
    assert!((18..=20).contains(&attempts), "{attempts} attempts by the schedule");
    let last = world.attempts.last().expect("some").0;
    assert_eq!(last, 5 * DAY, "the last attempt is on the deadline");
}

#[test]
fn a_rescue_tries_one_delivery_at_once_and_then_everything() {
    let mut world = Failing::new(5);
    for number in 1..=5 {
        world.accept(number);
    }
    let is_mended = 2 * HOUR;
    world.run_until(is_mended, &|_, _| false);
    let before = world.attempts.len();
    world.health = world.health.renewed();
    world.scheduler.rescue(CONTENDER, world.now_ms);
    world.act(&|_, _| true);
    assert_eq!((world.delivered, world.attempts.len() - before), (5, 5));
    assert_eq!(world.attempts[before..].iter().filter(|(at_ms, _)| *at_ms == is_mended).count(), 5);
}

#[test]
fn a_rescue_that_fails_leaves_the_others_to_their_schedule() {
    let mut world = Failing::new(6);
    // Two deliveries open no breaker, so each waits for its own retry.
    for number in 1..=2 {
        world.accept(number);
    }
    world.run_until(2 * HOUR, &|_, _| false);
    let before = world.attempts.len();
    world.health = world.health.renewed();
    world.scheduler.rescue(CONTENDER, world.now_ms);
    world.act(&|_, _| false);
    assert_eq!(world.attempts.len() - before, 1);
}

#[test]
fn a_rescue_does_not_wait_for_a_probe_that_hangs_where_the_webhook_was_before() {
    let mut scheduler = proven(6, 64, 3);
    let held = Held { next_probe_at_ms: 100, tried_at_ms: 0 };
    scheduler.gate(CONTENDER, Gate { held: Some(held), paused_until_ms: None }, 0);
    for number in 1..=3 {
        scheduler.accepted(item(pending(1, 0, number)), FlowId(1), 0);
    }
    assert_eq!(sends(scheduler.poll(100)), [pending(1, 0, 1)]);
    assert_eq!(sends(scheduler.poll(200)), []);
    scheduler.rescue(CONTENDER, 200);
    assert_eq!(sends(scheduler.poll(200)), [pending(1, 0, 2)]);
    // The old one ends later, and is an attempt like any other.
    scheduler.finished(pending(1, 0, 1).key, QUICK, 300);
    scheduler.settled(pending(1, 0, 1).key, None, 300);
    scheduler.finished(pending(1, 0, 2).key, QUICK, 300);
    scheduler.settled(pending(1, 0, 2).key, None, 300);
    assert_eq!(sends(scheduler.poll(300)), [pending(1, 0, 3)]);
}

#[test]
fn a_rescue_waits_for_the_only_delivery_that_is_under_way_to_where_the_webhook_was_before() {
    let mut scheduler = proven(6, 64, 2);
    let held = Held { next_probe_at_ms: 100, tried_at_ms: 0 };
    let row = Pending { attempts: 9, ..pending(1, 0, 1) };
    let retry = Pending { key: PendingKey { due_at_ms: 12 * HOUR, ..row.key }, attempts: 10, ..row };
    scheduler.gate(CONTENDER, Gate { held: Some(held), paused_until_ms: None }, 0);
    scheduler.open(CONTENDER, 0, 0);
    let refill = wanted(&scheduler.poll(100)).expect("what is to be tried is read");
    scheduler.refilled(refill, Some(vec![item(row)]), 100);
    assert_eq!(sends(scheduler.poll(100)), [row]);
    scheduler.rescue(CONTENDER, 200);
    let refill = wanted(&scheduler.poll(200)).expect("another one is looked for");
    scheduler.refilled(refill, Some(Vec::new()), 201);
    scheduler.finished(row.key, Ended { answer: Answer::Timeout, duration_ms: 1 }, 300);
    scheduler.settled(row.key, Some(retry), 300);
    assert_eq!(sends(scheduler.poll(300)), [retry]);
    // Once: what comes after it waits for its schedule.
    let again = Pending { attempts: 11, ..retry };
    scheduler.finished(retry.key, Ended { answer: Answer::Timeout, duration_ms: 1 }, 400);
    scheduler.settled(retry.key, Some(again), 400);
    assert_eq!(sends(scheduler.poll(400)), []);
}

#[test]
fn a_pause_holds_the_whole_endpoint() {
    let mut scheduler = proven(6, 64, 3);
    let gate = Gate { held: None, paused_until_ms: Some(60_000) };
    scheduler.gate(CONTENDER, gate, 0);
    scheduler.accepted(item(pending(1, 0, 1)), FlowId(1), 0);
    scheduler.accepted(item(pending(2, 0, 2)), FlowId(2), 0);
    assert_eq!(sends(scheduler.poll(0)), [pending(2, 0, 2)]);
    assert_eq!(scheduler.next_wake_ms(), Some(60_000));
    assert_eq!(sends(scheduler.poll(60_000)), [pending(1, 0, 1)]);
}

/// Rows move when an endpoint works again. What is under way then stands elsewhere in the store than where it was sent
/// from, and a refill that saw it there before its outcome was committed must not bring it back.
#[test]
fn what_was_moved_while_it_was_under_way_is_not_sent_again() {
    let mut scheduler = proven(6, 64, 3);
    let row = pending(1, 500, 1);
    scheduler.accepted(item(row), FlowId(1), 500);
    assert_eq!(sends(scheduler.poll(500)), [row]);
    scheduler.open(CONTENDER, 500, 500);
    let [Action::Refill(refill)] = scheduler.poll(500)[..] else { panic!("a refill") };
    scheduler.finished(row.key, QUICK, 510);
    scheduler.settled(row.key, None, 510);
    let moved = Pending { key: PendingKey { due_at_ms: 100, ..row.key }, ..row };
    scheduler.refilled(refill, Some(vec![item(moved)]), 520);
    assert_eq!(sends(scheduler.poll(520)), []);
    assert_eq!(scheduler.active_endpoints(), 0);
}

#[test]
fn held_deliveries_are_untouched_between_probes() {
    let mut world = Failing::new(7);
    for number in 1..=20 {
        world.accept(number);
    }
    world.run_until(10_000, &|_, _| false);
    let opened_at_ms = world.health.opened_at_ms.expect("open");
    let before = world.attempts.len();
    world.run_until(opened_at_ms + 29_000, &|_, _| false);
    assert_eq!(world.attempts.len(), before);
    world.run_until(opened_at_ms + 31_000, &|_, _| false);
    assert_eq!(world.attempts.len(), before + 1);
}

/// The read that the endpoint wants now, if it wants one.
fn wanted(actions: &[Action]) -> Option<Refill> {
    actions.iter().find_map(|action| match action {
        Action::Refill(refill) => Some(*refill),
        _ => None,
    })
}

#[test]
fn more_than_a_window_beside_a_retry_that_is_put_away_does_not_wait_for_it() {
    let mut scheduler = proven(1024, 1024, 2);
    let first = pending(1, 0, 1);
    let retry = Pending { key: PendingKey { due_at_ms: 12 * HOUR, ..first.key }, attempts: 1, ..first };
    scheduler.accepted(item(first), FlowId(1), 0);
    assert_eq!(sends(scheduler.poll(0)), [first]);
    scheduler.finished(first.key, QUICK, 1);
    scheduler.settled(first.key, Some(retry), 1);
    assert_eq!((scheduler.poll(1), scheduler.next_wake_ms()), (vec![], Some(12 * HOUR)));
    let due = (10..=10 + i64::try_from(WINDOW_MAX).expect("small")).map(|number| pending(1, 5_000, number));
    let due: Vec<Pending> = due.collect();
    for row in &due {
        scheduler.accepted(item(*row), FlowId(1), 5_000);
    }
    let actions = scheduler.poll(5_000);
    let refill = wanted(&actions).expect("what did not fit into the window is read at once");
    assert_eq!(sends(actions), due[..WINDOW_MAX]);
    scheduler.refilled(refill, Some(vec![item(due[WINDOW_MAX]), item(retry)]), 5_001);
    assert_eq!(sends(scheduler.poll(5_001)), due[WINDOW_MAX..]);
}

/// A scheduler that holds an endpoint with one delivery, probes it, and is asking for what expired.
fn asking(row: Pending) -> (Scheduler, Expired) {
    let held = Held { next_probe_at_ms: 10, tried_at_ms: 0 };
    let mut scheduler = Scheduler::new(limits(4, 4));
    scheduler.accepted(item(row), FlowId(1), 0);
    scheduler.gate(CONTENDER, Gate { held: Some(held), ..Gate::default() }, 0);
    let actions = scheduler.poll(10);
    let asked = actions.iter().find_map(|action| match action {
        Action::FindExpired(asked) => Some(*asked),
        _ => None,
    });
    assert_eq!(sends(actions), [row], "the probe");
    (scheduler, asked.expect("asked"))
}

#[test]
fn what_ended_while_expired_rows_were_read_is_not_ended_again() {
    let row = pending(1, 20, 1);
    let (mut scheduler, asked) = asking(row);
    scheduler.finished(row.key, Ended { answer: Answer::Failure, duration_ms: 1 }, 11);
    scheduler.settled(row.key, None, 11);
    scheduler.expired(asked, Some(vec![row]), 12);
    assert_eq!(scheduler.poll(12), []);
}

#[test]
fn what_expired_before_rows_were_moved_is_asked_for_again() {
    let row = pending(1, 20, 1);
    let (mut scheduler, asked) = asking(row);
    scheduler.finished(row.key, Ended { answer: Answer::Failure, duration_ms: 1 }, 11);
    scheduler.settled(row.key, Some(row), 11);
    scheduler.open(CONTENDER, 11, 11);
    let is_question = |action: &Action| matches!(action, Action::FindExpired(_));
    scheduler.gate(CONTENDER, scheduler.queues[&ENDPOINT].gate, 11);
    assert!(!scheduler.poll(11).iter().any(is_question), "one question at a time");
    scheduler.expired(asked, Some(vec![row]), 12);
    let actions = scheduler.poll(12);
    assert!(actions.iter().any(is_question));
    assert!(!actions.iter().any(|action| matches!(action, Action::End(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever an endpoint does for days, each delivery ends, once, and none is tried after its end.
    #[test]
    fn flapping_endpoints_end_every_delivery(seed: u64, rows in 1..400_i64, period_h in 1..48_i64, up in 0.0..1.0_f64) {
        let mut world = Failing::new(seed);
        let share = period_h * HOUR;
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "hours in a float")]
        let up_ms = (share as f64 * up) as i64;
        let works = move |at_ms: i64, _: DeliveryId| at_ms.rem_euclid(share) < up_ms;
        for number in 1..=rows {
            world.now_ms += 60_000;
            world.run_until(world.now_ms, &works);
            world.accept(number);
        }
        world.run_until(world.now_ms + 12 * DAY, &works);
        prop_assert_eq!(world.rows.len(), 0);
        prop_assert_eq!(world.delivered + world.ended.len(), usize::try_from(rows).expect("positive"));
        for (at_ms, row) in &world.ended {
            prop_assert!(*at_ms >= row.expires_at_ms, "{row:?} ended early");
        }
    }
}
