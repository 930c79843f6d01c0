//! Fair shares of the slots, by the time requests hold them.

use super::*;

/// Programs whose endpoints always have work, each request of an endpoint taking the same time.
struct Busy {
    scheduler: Scheduler,
    now_ms: i64,
    /// By endpoint: program and milliseconds a request takes.
    endpoints: HashMap<EndpointId, (FlowId, i64)>,
    running: Vec<(i64, Pending, i64)>,
    next_number: i64,
    served: HashMap<FlowId, i64>,
    of_endpoint: HashMap<EndpointId, i64>,
}

impl Busy {
    fn new(slots: usize, endpoints: &[(i64, u32, i64)]) -> Self {
        let mut scheduler = Scheduler::new(limits(slots, 64));
        let endpoints: HashMap<_, _> = endpoints
            .iter()
            .map(|(id, program, cost)| (EndpointId(*id), (FlowId(*program), *cost)))
            .collect();
        for (id, (_, cost_ms)) in &endpoints {
            let pace = scheduler.paces.entry(*id).or_default();
            for _ in 0..64 {
                pace.note(Ended { answer: Answer::Success, duration_ms: *cost_ms }, 0, 64);
            }
        }
        Self {
            scheduler,
            now_ms: 0,
            endpoints,
            running: Vec::new(),
            next_number: 1,
            served: HashMap::new(),
            of_endpoint: HashMap::new(),
        }
    }

    fn top_up(&mut self) {
        let ids: Vec<EndpointId> = self.endpoints.keys().copied().collect();
        for id in ids {
            let waiting = self.scheduler.queues.get(&id).map_or(0, |queue| queue.window.len());
            for _ in waiting..64 {
                let row = pending(id.0, self.now_ms, self.next_number);
                self.next_number += 1;
                self.scheduler.accepted(item(row), self.endpoints[&id].0, self.now_ms);
            }
        }
    }

    fn run(&mut self, until_ms: i64) {
        while self.now_ms < until_ms {
            self.top_up();
            for row in sends(self.scheduler.poll(self.now_ms)) {
                let cost_ms = self.endpoints[&row.key.endpoint_id].1;
                self.running.push((self.now_ms + cost_ms, row, cost_ms));
            }
            self.now_ms = self.running.iter().map(|(end_ms, ..)| *end_ms).min().expect("busy");
            let now_ms = self.now_ms;
            let over: Vec<_> = self.running.extract_if(.., |(end_ms, ..)| *end_ms <= now_ms).collect();
            for (_, row, cost_ms) in over {
                *self.served.entry(self.endpoints[&row.key.endpoint_id].0).or_default() += cost_ms;
                *self.of_endpoint.entry(row.key.endpoint_id).or_default() += cost_ms;
                let ended = Ended { answer: Answer::Success, duration_ms: cost_ms };
                self.scheduler.finished(row.key, ended, now_ms);
                self.scheduler.settled(row.key, None, now_ms);
            }
        }
    }
}

fn spread(services: impl Iterator<Item = i64> + Clone) -> i64 {
    services.clone().max().unwrap_or(0) - services.min().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// While all have work, the services programs got differ by no more than what each has under way.
    #[test]
    fn programs_get_equal_shares(costs in proptest::collection::vec(1..2_000_i64, 2..8), slots in 1..6_usize) {
        let endpoints: Vec<_> = (0..).zip(&costs).map(|(id, cost)| (i64::from(id), id, *cost)).collect();
        let mut busy = Busy::new(slots, &endpoints);
        busy.run(200_000);
        let largest = *costs.iter().max().expect("some");
        let under_way = i64::try_from(slots).expect("small") + 1;
        prop_assert!(spread(busy.served.values().copied()) <= under_way * largest, "{:?}", busy.served);
    }

    /// With one slot the bound of deficit round robin holds for any quantum: one item of each.
    #[test]
    fn with_one_slot_services_differ_by_one_item(costs in proptest::collection::vec(1..2_000_i64, 2..8)) {
        let endpoints: Vec<_> = (0..).zip(&costs).map(|(id, cost)| (i64::from(id), id, *cost)).collect();
        let mut busy = Busy::new(1, &endpoints);
        busy.run(200_000);
        let largest = *costs.iter().max().expect("some");
        prop_assert!(spread(busy.served.values().copied()) <= largest, "{:?}", busy.served);
    }

    /// A program gets no more for having more endpoints, and its endpoints share what it gets.
    #[test]
    fn many_endpoints_are_no_advantage(cost in 1..500_i64, many in 2..5_i64) {
        let mut endpoints = vec![(100, 100, cost)];
        endpoints.extend((0..many).map(|id| (id, 0, cost)));
        let mut busy = Busy::new(2, &endpoints);
        busy.run(200_000);
        prop_assert!(spread(busy.served.values().copied()) <= 3 * cost, "{:?}", busy.served);
        let own = (0..many).map(|id| busy.of_endpoint[&EndpointId(id)]);
        prop_assert!(spread(own) <= 3 * cost);
    }
}

#[test]
fn endpoints_that_never_answered_take_half_of_the_slots_at_most() {
    let mut scheduler = proven(100, 64, 1);
    for endpoint in 1..=500 {
        scheduler.accepted(item(pending(endpoint, 0, endpoint)), flow(EndpointId(endpoint)), 0);
    }
    assert_eq!(sends(scheduler.poll(0)).len(), 50);
    scheduler.accepted(item(pending(0, 0, 1_000)), FlowId(0), 0);
    assert_eq!(sends(scheduler.poll(0)).len(), 1, "who answers finds a slot at once");
}

#[test]
fn slow_and_failing_endpoints_take_a_third_of_the_slots_at_most() {
    let mut scheduler = proven(100, 64, 600);
    for endpoint in 1..=500 {
        let pace = scheduler.paces.entry(EndpointId(endpoint)).or_default();
        pace.note(Ended { answer: Answer::Timeout, duration_ms: 15_000 }, 15_000, 64);
        for number in 0..64 {
            let row = pending(endpoint, 0, endpoint * 1_000 + number);
            scheduler.accepted(item(row), flow(EndpointId(endpoint)), 0);
        }
    }
    assert_eq!(sends(scheduler.poll(0)).len(), 30);
    assert_eq!(scheduler.turns.free(), 70);
}

#[test]
fn nobody_starves_behind_those_who_always_have_work() {
    let mut busy = Busy::new(2, &[(0, 0, 10), (1, 1, 10), (2, 2, 10)]);
    busy.run(1_000);
    let late = pending(7, busy.now_ms, 1_000_000);
    busy.endpoints.insert(EndpointId(7), (FlowId(7), 10));
    busy.scheduler.accepted(item(late), FlowId(7), busy.now_ms);
    let began_ms = busy.now_ms;
    while !busy.of_endpoint.contains_key(&EndpointId(7)) {
        busy.run(busy.now_ms + 1);
        assert!(busy.now_ms - began_ms < 200, "it waits since {began_ms}");
    }
}
