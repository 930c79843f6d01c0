//! Which delivery goes out next. Pure: state and time in, actions out; no I/O, no clock.
//!
//! The scheduler knows endpoints, not rows: of each endpoint with work it holds a window, the first rows of the
//! endpoint's queue by (due, id), and one timer. The rest of the queue is in the store and is read behind the
//! window's horizon when the window runs low. So memory grows with the endpoints that have work.
//!
//! **Invariant.** A queue's window holds exactly the pending rows with keys up to its horizon that are not in flight
//! or on their way into the store (`unsettled`). Everything that is committed while a refill reads is remembered and
//! applied on top of what the refill returns, whichever of the two saw it first.

mod commits;
mod fair;
mod measure;
mod pace;
mod queue;
mod turns;
mod window;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId};
use rustc_hash::FxHashMap;

use self::commits::Commits;
pub use self::pace::Answer;
use self::pace::Pace;
use self::queue::{Expiry, Horizon, NO_TIMER, Next, Queue, bodies, refill};
use self::turns::{Lane, Place, Turns};
use self::window::Key;
use super::breaker::Gate;
use crate::store::{EndpointId, Expired, Pending, PendingKey};

/// Bodies that wait in memory with their deliveries, over all endpoints; others are read again before sending.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Deliveries that expired while they were held are ended in steps of this many.
const EXPIRED_PER_STEP: usize = 256;

/// When the store could not be read it is asked again after this.
const STORE_RETRY_MS: i64 = 1_000;

/// By an id that this server gave: nobody can choose any that collide, so the hasher needs no key.
type ById<K, V> = FxHashMap<K, V>;

/// A program, for fairness between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// An endpoint and the program it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contender {
    pub endpoint: EndpointId,
    pub flow: FlowId,
}

/// What is sent: an event's bytes and its id, which a resend's id does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    pub event: EventId,
    pub bytes: Bytes,
}

/// A delivery that waits for its turn or is being sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub pending: Pending,
    /// There when the event has just been accepted and is small; else it is read before sending.
    pub body: Option<Body>,
    /// It is tried out of turn, to find out whether its endpoint works again.
    pub is_probe: bool,
    /// It has not gone out when it was due because of its receiver: for as long as that takes, this server is not slow.
    pub has_waited_for_receiver: bool,
}

impl Item {
    /// A delivery as the store has it.
    pub const fn stored(pending: Pending) -> Self {
        Self { pending, body: None, is_probe: false, has_waited_for_receiver: false }
    }

    fn key(&self) -> Key {
        (self.pending.key.due_at_ms, self.pending.key.delivery_id)
    }

    /// No more than a few kilobytes: a larger body is read when its turn has come.
    fn kept_bytes(&self) -> u32 {
        let bytes = self.body.as_ref().map_or(0, |body| body.bytes.len());
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    fn without_body(self) -> Self {
        Self { body: None, ..self }
    }
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make an attempt; answered by [`Scheduler::finished`] and [`Scheduler::settled`], or [`Scheduler::returned`].
    Send(Item),
    /// Read the next rows of an endpoint; answered by [`Scheduler::refilled`].
    Refill(Refill),
    /// Read what expired while it was held; answered by [`Scheduler::expired`].
    FindExpired(Expired),
    /// End deliveries without an attempt; each is answered by [`Scheduler::settled`].
    End(Vec<Pending>),
}

/// A read of an endpoint's queue behind `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    pub endpoint: EndpointId,
    pub after: Option<PendingKey>,
    pub limit: usize,
    /// So many of what is due may come with their bodies, those that are small.
    pub bodies: usize,
    /// Tells an answer that came too late from the one that is waited for.
    generation: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub answer: Answer,
    pub duration_ms: i64,
}

/// Bounds the scheduler keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts under way at once.
    pub slots: usize,
    /// Attempts under way at once to one endpoint, at most.
    pub endpoint_slots: usize,
    /// From acceptance to deadline, in milliseconds.
    pub deadline_ms: i64,
}

/// A slot in use.
#[derive(Debug, Clone, Copy)]
struct Slot {
    place: Place,
    cost_ms: i64,
    taken_at_ms: i64,
}

/// The state machine over all endpoints.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    queues: ById<EndpointId, Box<Queue>>, // a third of the table may be empty
    /// Of endpoints that were tried since the start.
    paces: ById<EndpointId, Pace>,
    slots: ById<DeliveryId, Slot>,
    turns: Turns,
    timers: BinaryHeap<Reverse<(i64, EndpointId)>>,
    next_generation: u64,
    kept_bytes: usize,
    commits: Commits,
    actions: Vec<Action>,
}

impl Scheduler {
    /// A scheduler with nothing to do.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: ById::default(),
            paces: ById::default(),
            slots: ById::default(),
            turns: Turns::new(limits.slots),
            timers: BinaryHeap::new(),
            next_generation: 0,
            kept_bytes: 0,
            commits: Commits::default(),
            actions: Vec::new(),
        }
    }

    /// An endpoint has rows in the store that the scheduler does not know, the first of them due at `due_at_ms`:
    /// at start, or because rows were moved.
    pub fn open(&mut self, contender: Contender, due_at_ms: i64, now_ms: i64) {
        let queue = self.queue(contender, now_ms);
        queue.reset(Horizon::UpTo(None));
        queue.refill_at_ms = due_at_ms;
        self.settle(contender.endpoint, now_ms);
    }

    /// Nothing more is to be sent to an endpoint: it was disabled or deleted.
    pub fn close(&mut self, endpoint: EndpointId, now_ms: i64) {
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.reset(Horizon::Everything);
            queue.gate = Gate::default();
            queue.wants_rescue = false;
            self.settle(endpoint, now_ms);
        }
        self.paces.remove(&endpoint);
    }

    /// An endpoint's breaker opened or closed, a probe of it failed, or its receiver asked for a pause.
    pub fn gate(&mut self, contender: Contender, gate: Gate, now_ms: i64) {
        let endpoint = contender.endpoint;
        if self.queue(contender, now_ms).take_gate(gate, now_ms) {
            self.paces.entry(endpoint).or_default().restart();
        }
        self.settle(endpoint, now_ms);
        self.find_expired(endpoint, now_ms);
    }

    /// An endpoint has a new URL, secret or headers, or was enabled: its next delivery is tried at once.
    pub fn rescue(&mut self, contender: Contender, now_ms: i64) {
        self.paces.remove(&contender.endpoint);
        let queue = self.queue(contender, now_ms);
        queue.gate = Gate::default();
        // A probe that is under way went to where it was before, and may hang there.
        (queue.wants_rescue, queue.probe) = (true, None);
        // What is there has waited for this.
        queue.receiver_awaited_ms = now_ms;
        self.settle(contender.endpoint, now_ms);
    }

    /// A delivery was committed.
    pub fn accepted(&mut self, item: Item, flow: FlowId, now_ms: i64) {
        let endpoint = item.pending.key.endpoint_id;
        let keeps_body = self.kept_bytes < KEPT_BYTES_MAX;
        let queue = self.queue(Contender { endpoint, flow }, now_ms);
        // A refill may have seen the row before this message came, and it may be on its way already.
        if !queue.unsettled.contains(&item.pending.key.delivery_id) {
            let keeps_body = keeps_body && queue.gate.held.is_none();
            queue.insert(if keeps_body { item } else { item.without_body() });
        }
        self.settle(endpoint, now_ms);
    }

    /// An attempt is over, its slot is free; its outcome is not yet committed.
    pub fn finished(&mut self, key: PendingKey, ended: Ended, now_ms: i64) {
        let endpoint = key.endpoint_id;
        self.commits.await_one(now_ms);
        let slot = self.free_slot(key, ended.duration_ms);
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.hear(now_ms);
            let pace = self.paces.entry(endpoint).or_default();
            pace.note(ended, now_ms, self.limits.endpoint_slots);
            if let Some(slot) = slot {
                pace.note_own(now_ms.saturating_sub(slot.taken_at_ms).saturating_sub(ended.duration_ms));
            }
            self.settle(endpoint, now_ms);
        }
    }

    /// The outcome of an attempt, or an ending, is committed: the row `old` is gone, `retry` stands in its place.
    pub fn settled(&mut self, old: PendingKey, retry: Option<Pending>, now_ms: i64) {
        let endpoint = old.endpoint_id;
        self.commits.come();
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        queue.has_settled(old.delivery_id);
        queue.probe.take_if(|probe| *probe == old.delivery_id);
        queue.remove((old.due_at_ms, old.delivery_id));
        if let Some(pending) = retry {
            queue.insert(Item::stored(pending));
        }
        if let Expiry::Ending { left, has_more } = queue.expiry
            && retry.is_none()
        {
            let left = left.saturating_sub(1);
            queue.expiry = if left == 0 { Expiry::Idle } else { Expiry::Ending { left, has_more } };
            if left == 0 && has_more {
                self.find_expired(endpoint, now_ms);
            }
        }
        self.settle(endpoint, now_ms);
    }

    /// An attempt was not made, because its endpoint is disabled or deleted: the row is parked or gone.
    pub fn dropped(&mut self, key: PendingKey, now_ms: i64) {
        self.free_slot(key, 0);
        if let Some(queue) = self.queues.get_mut(&key.endpoint_id) {
            queue.has_settled(key.delivery_id);
            queue.probe.take_if(|probe| *probe == key.delivery_id);
            self.settle(key.endpoint_id, now_ms);
        }
    }

    /// An attempt could not be begun; its row stands as it was.
    pub fn returned(&mut self, item: Item, now_ms: i64) {
        let key = item.pending.key;
        self.free_slot(key, 0);
        if let Some(queue) = self.queues.get_mut(&key.endpoint_id) {
            queue.has_settled(key.delivery_id);
            queue.wants_rescue |=
                queue.probe.take_if(|probe| *probe == key.delivery_id).is_some() && queue.gate.held.is_none();
            queue.insert(Item { is_probe: false, ..item });
            self.settle(key.endpoint_id, now_ms);
        }
    }

    /// The answer to a [`Refill`]; `None` when the store could not be read, then it is asked again later.
    pub fn refilled(&mut self, refill: Refill, rows: Option<Vec<Item>>, now_ms: i64) {
        let Some(queue) = self.queues.get_mut(&refill.endpoint) else { return };
        let Some(running) = queue.refill.take_if(|running| running.generation == refill.generation) else {
            return;
        };
        match rows {
            None => queue.not_refilled(&running, now_ms + STORE_RETRY_MS),
            Some(rows) => {
                let is_all = rows.len() < refill.limit;
                queue.take_over(*running, rows, is_all);
                // There is nothing to try, so nothing to find out.
                queue.wants_rescue &= !queue.has_nothing_to_try();
            }
        }
        self.settle(refill.endpoint, now_ms);
    }

    /// The answer to [`Action::FindExpired`]; `None` when the store could not be read: the next failed probe asks
    /// again.
    pub fn expired(&mut self, asked: Expired, rows: Option<Vec<Pending>>, now_ms: i64) {
        let Some(queue) = self.queues.get_mut(&asked.endpoint_id) else { return };
        let settled = match std::mem::replace(&mut queue.expiry, Expiry::Idle) {
            Expiry::Asked(settled) => settled,
            Expiry::Outdated => {
                self.find_expired(asked.endpoint_id, now_ms);
                self.settle(asked.endpoint_id, now_ms);
                return;
            }
            other => return queue.expiry = other,
        };
        let rows = rows.unwrap_or_default();
        let has_more = rows.len() >= asked.limit;
        // A closed breaker sends them: their last attempt.
        if queue.gate.held.is_some() {
            let mut ending = rows;
            ending.retain(|row| !settled.contains(&row.key.delivery_id));
            ending.retain(|row| queue.unsettled.insert(row.key.delivery_id));
            for row in &ending {
                queue.window.remove(&(row.key.due_at_ms, row.key.delivery_id));
            }
            if !ending.is_empty() {
                let left = u32::try_from(ending.len()).unwrap_or(u32::MAX);
                queue.expiry = Expiry::Ending { left, has_more };
                self.actions.push(Action::End(ending));
            }
        }
        self.settle(asked.endpoint_id, now_ms);
    }

    /// Everything to be done now.
    pub fn poll(&mut self, now_ms: i64) -> Vec<Action> {
        while let Some(Reverse((due_at_ms, endpoint))) = self.timers.peek().copied() {
            if due_at_ms > now_ms {
                break;
            }
            self.timers.pop();
            if let Some(queue) = self.queues.get_mut(&endpoint)
                && queue.timer_at_ms == due_at_ms
            {
                queue.timer_at_ms = NO_TIMER;
                self.settle(endpoint, now_ms);
            }
        }
        while let Some((lane, endpoint)) = self.turns.next() {
            self.send(lane, endpoint, now_ms);
            self.settle(endpoint, now_ms);
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`Scheduler::poll`] is to be called next, if nothing else happens.
    pub fn next_wake_ms(&self) -> Option<i64> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }

    /// Endpoints the scheduler holds something for.
    pub fn active_endpoints(&self) -> usize {
        self.queues.len()
    }

    fn queue(&mut self, Contender { endpoint, flow }: Contender, now_ms: i64) -> &mut Queue {
        self.queues.entry(endpoint).or_insert_with(|| Box::new(Queue::new(flow, now_ms)))
    }

    fn cap(&self, endpoint: EndpointId) -> usize {
        self.pace(endpoint).cap(self.limits.endpoint_slots)
    }

    /// So many of an endpoint's deliveries have no committed outcome at most while more are to be sent.
    fn most_unsettled(&self, now_ms: i64) -> usize {
        if self.commits.are_late(now_ms) { 2 * self.limits.endpoint_slots } else { usize::MAX }
    }

    fn pace(&self, endpoint: EndpointId) -> Pace {
        self.paces.get(&endpoint).copied().unwrap_or_default()
    }

    fn send(&mut self, lane: Lane, endpoint: EndpointId, now_ms: i64) {
        let (cap, cost_ms) = (self.cap(endpoint), self.pace(endpoint).cost_ms());
        let most_unsettled = self.most_unsettled(now_ms);
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        let next = queue.next(cap, most_unsettled, now_ms);
        let is_probe = next == Next::Probe;
        if !is_probe && next != Next::Send {
            // It had its turn, but time or circumstances have changed; settling takes it out.
            self.turns.leave(Place { lane, flow: queue.flow, endpoint });
            queue.lane = None;
            return;
        }
        let Some(item) = queue.window.pop_first() else { return };
        let id = item.pending.key.delivery_id;
        queue.begin(now_ms);
        queue.unsettled.insert(id);
        if is_probe {
            queue.probe = Some(id);
            queue.wants_rescue = false;
        }
        let has_waited_for_receiver = is_probe || item.pending.accepted_at_ms <= queue.receiver_awaited_ms;
        let place = Place { lane, flow: queue.flow, endpoint };
        self.turns.take(place, cost_ms);
        self.slots.insert(id, Slot { place, cost_ms, taken_at_ms: now_ms });
        self.actions.push(Action::Send(Item { is_probe, has_waited_for_receiver, ..item }));
    }

    fn free_slot(&mut self, key: PendingKey, duration_ms: i64) -> Option<Slot> {
        let slot = self.slots.remove(&key.delivery_id);
        if let Some(Slot { place, cost_ms, .. }) = slot {
            self.turns.give_back(place, duration_ms - cost_ms);
        }
        if let Some(queue) = self.queues.get_mut(&key.endpoint_id) {
            queue.end();
        }
        slot
    }

    /// After a failed probe: what has expired by now was tried for the last time.
    fn find_expired(&mut self, endpoint: EndpointId, now_ms: i64) {
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        let Some(held) = queue.gate.held.filter(|_| queue.expiry == Expiry::Idle) else { return };
        queue.expiry = Expiry::Asked(Box::default());
        self.actions.push(Action::FindExpired(Expired {
            endpoint_id: endpoint,
            expires_by_ms: now_ms,
            accepted_by_ms: held.tried_at_ms,
            due_by_ms: now_ms.saturating_sub(self.limits.deadline_ms),
            limit: EXPIRED_PER_STEP,
        }));
    }

    /// Brings turns, timer and refill of an endpoint in line with its queue.
    fn settle(&mut self, endpoint: EndpointId, now_ms: i64) {
        let (cap, pace, most_unsettled) =
            (self.cap(endpoint), self.pace(endpoint), self.most_unsettled(now_ms));
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        queue.put_away(now_ms);
        let (before, bytes) = queue.window.count_bytes();
        self.kept_bytes = self.kept_bytes + bytes - before;

        if queue.is_kept_waiting(&pace, cap, now_ms) {
            queue.receiver_awaited_ms = now_ms;
        }
        let next = queue.next(cap, most_unsettled, now_ms);
        let lane = matches!(next, Next::Send | Next::Probe).then(|| pace.lane(queue.gate.held.is_some()));
        if lane != queue.lane {
            if let Some(lane) = queue.lane {
                self.turns.leave(Place { lane, flow: queue.flow, endpoint });
            }
            if let Some(lane) = lane {
                self.turns.join(Place { lane, flow: queue.flow, endpoint });
            }
            queue.lane = lane;
        }
        let mut wake_ms = match next {
            Next::At(at_ms) => Some(at_ms),
            Next::Send | Next::Probe | Next::Never => None,
        };
        if let Some(refill_ms) = queue.refill_due_ms() {
            if refill_ms <= now_ms {
                self.next_generation += 1;
                let bodies = if self.kept_bytes < KEPT_BYTES_MAX { bodies(cap) } else { 0 };
                let refill = refill(endpoint, queue, (self.next_generation, bodies));
                self.actions.push(Action::Refill(refill));
            } else {
                wake_ms = Some(wake_ms.map_or(refill_ms, |at_ms| at_ms.min(refill_ms)));
            }
        }
        if let Some(wake_ms) = wake_ms
            && wake_ms < queue.timer_at_ms
        {
            queue.timer_at_ms = wake_ms;
            self.timers.push(Reverse((wake_ms, endpoint)));
        }
        if queue.is_idle() {
            self.queues.remove(&endpoint);
        }
    }
}

#[cfg(test)]
mod tests;
