//! Which delivery goes out next. Pure: state and time in, actions out; no I/O, no clock.
//!
//! The scheduler knows endpoints, not rows: of each endpoint with work it holds a window, the first rows of the
//! endpoint's queue by (due, id), and one timer. The rest of the queue is in the store and is read behind the
//! window's horizon when the window runs low. So memory grows with the endpoints that have work.
//!
//! **Invariant.** A queue's window holds exactly the pending rows with keys up to its horizon that are not in flight
//! or on their way into the store (`unsettled`). Everything that is committed while a refill reads is remembered and
//! applied on top of what the refill returns, whichever of the two saw it first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use groundswell_types::DeliveryId;

use crate::store::{EndpointId, Pending, PendingKey};

/// More rows than this are not held for an endpoint.
const WINDOW_MAX: usize = 128;

/// A window with at most this many rows is refilled.
const WINDOW_LOW: usize = 64;

/// What is committed while a refill reads is remembered up to this many rows; beyond it the refill is made again.
const LATE_MAX: usize = 4096;

/// A delivery that waits for its turn or is being sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub pending: Pending,
    /// There when the event has just been accepted and is small; else it is read before sending.
    pub body: Option<Bytes>,
}

impl Item {
    fn key(&self) -> Key {
        (self.pending.key.due_at_ms, self.pending.key.delivery_id)
    }
}

/// What the scheduler wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make an attempt; answered by [`Scheduler::finished`] and [`Scheduler::settled`], or [`Scheduler::returned`].
    Send(Item),
    /// Read the next rows of an endpoint; answered by [`Scheduler::refilled`].
    Refill(Refill),
}

/// A read of an endpoint's queue behind `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refill {
    pub endpoint: EndpointId,
    pub after: Option<PendingKey>,
    pub limit: usize,
    /// Tells an answer that came too late from the one that is waited for.
    generation: u64,
}

type Key = (i64, DeliveryId);

/// How far the window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Horizon {
    /// The store has nothing that the window does not have.
    Everything,
    /// The store may have more behind this key; `None` is before the first.
    UpTo(Option<Key>),
}

#[derive(Debug)]
struct RunningRefill {
    generation: u64,
    horizon: Horizon,
    /// Rows that left the store while it read.
    settled: HashSet<Key>,
    /// Rows behind the horizon that came into the store while it read.
    late: Vec<Item>,
    has_overflowed: bool,
}

#[derive(Debug)]
struct Queue {
    window: BTreeMap<Key, Item>,
    horizon: Horizon,
    /// No refill before this time: nothing is due.
    refill_at_ms: i64,
    refill: Option<RunningRefill>,
    in_flight: usize,
    unsettled: HashSet<DeliveryId>,
    is_in_ring: bool,
    timer_at_ms: Option<i64>,
}

impl Queue {
    fn new(horizon: Horizon) -> Self {
        Self {
            window: BTreeMap::new(),
            horizon,
            refill_at_ms: i64::MIN,
            refill: None,
            in_flight: 0,
            unsettled: HashSet::new(),
            is_in_ring: false,
            timer_at_ms: None,
        }
    }

    /// Puts a committed row where it belongs: into the window, to what a running refill may have missed, or nowhere,
    /// because it will be read when the window gets there.
    fn insert(&mut self, item: Item) {
        let key = item.key();
        let is_inside = match self.horizon {
            Horizon::Everything => true,
            Horizon::UpTo(last) => Some(key) <= last,
        };
        if is_inside {
            self.window.insert(key, item);
            self.trim();
        } else if let Some(refill) = &mut self.refill {
            if refill.late.len() < LATE_MAX {
                refill.late.push(Item { body: None, ..item });
            } else {
                refill.late.clear();
                refill.has_overflowed = true;
            }
        }
    }

    fn trim(&mut self) {
        while self.window.len() > WINDOW_MAX {
            self.window.pop_last();
            self.horizon = Horizon::UpTo(self.window.last_key_value().map(|(key, _)| *key));
        }
    }

    fn first_due_ms(&self) -> Option<i64> {
        self.window.first_key_value().map(|(key, _)| key.0)
    }

    fn is_idle(&self) -> bool {
        self.window.is_empty()
            && self.horizon == Horizon::Everything
            && self.refill.is_none()
            && self.in_flight == 0
            && self.unsettled.is_empty()
            && !self.is_in_ring
    }

    fn wants_refill(&self) -> bool {
        self.refill.is_none() && self.horizon != Horizon::Everything && self.window.len() <= WINDOW_LOW
    }
}

/// The state machine over all endpoints.
#[derive(Debug)]
pub struct Scheduler {
    queues: HashMap<EndpointId, Queue>,
    /// Endpoints with something due and room for it, in turn.
    ring: VecDeque<EndpointId>,
    timers: BinaryHeap<Reverse<(i64, EndpointId)>>,
    free_slots: usize,
    endpoint_slots: usize,
    next_generation: u64,
    actions: Vec<Action>,
}

impl Scheduler {
    /// A scheduler of `slots` attempts at once, at most `endpoint_slots` of them to one endpoint.
    pub fn new(slots: usize, endpoint_slots: usize) -> Self {
        Self {
            queues: HashMap::new(),
            ring: VecDeque::new(),
            timers: BinaryHeap::new(),
            free_slots: slots,
            endpoint_slots,
            next_generation: 0,
            actions: Vec::new(),
        }
    }

    /// An endpoint has rows in the store that the scheduler does not know, the first of them due at `due_at_ms`:
    /// at start, or because what was parked goes out.
    pub fn open(&mut self, endpoint: EndpointId, due_at_ms: i64, now_ms: i64) {
        let queue = self.queues.entry(endpoint).or_insert_with(|| Queue::new(Horizon::Everything));
        queue.window.clear();
        queue.refill = None;
        queue.horizon = Horizon::UpTo(None);
        queue.refill_at_ms = due_at_ms;
        self.settle(endpoint, now_ms);
    }

    /// Nothing more is to be sent to an endpoint: it was disabled or deleted.
    pub fn close(&mut self, endpoint: EndpointId, now_ms: i64) {
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.window.clear();
            queue.refill = None;
            queue.horizon = Horizon::Everything;
            self.settle(endpoint, now_ms);
        }
    }

    /// A delivery was committed.
    pub fn accepted(&mut self, item: Item, now_ms: i64) {
        let endpoint = item.pending.key.endpoint_id;
        let queue = self.queues.entry(endpoint).or_insert_with(|| Queue::new(Horizon::Everything));
        // A refill may have seen the row before this message came, and it may be on its way already.
        if !queue.unsettled.contains(&item.pending.key.delivery_id) {
            queue.insert(item);
        }
        self.settle(endpoint, now_ms);
    }

    /// An attempt is over, its slot is free; its outcome is not yet committed.
    pub fn finished(&mut self, endpoint: EndpointId, now_ms: i64) {
        self.free_slots += 1;
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
            self.settle(endpoint, now_ms);
        }
    }

    /// The outcome of an attempt is committed: the row `old` is gone, `retry` stands in its place.
    pub fn settled(&mut self, old: PendingKey, retry: Option<Pending>, now_ms: i64) {
        let endpoint = old.endpoint_id;
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        queue.unsettled.remove(&old.delivery_id);
        if let Some(refill) = &mut queue.refill {
            refill.settled.insert((old.due_at_ms, old.delivery_id));
        }
        if let Some(pending) = retry {
            queue.insert(Item { pending, body: None });
        }
        self.settle(endpoint, now_ms);
    }

    /// An attempt was not made, because its endpoint is disabled or deleted: the row is parked or gone.
    pub fn dropped(&mut self, key: PendingKey, now_ms: i64) {
        self.free_slots += 1;
        if let Some(queue) = self.queues.get_mut(&key.endpoint_id) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
            queue.unsettled.remove(&key.delivery_id);
            self.settle(key.endpoint_id, now_ms);
        }
    }

    /// An attempt could not be begun; its row stands as it was.
    pub fn returned(&mut self, item: Item, now_ms: i64) {
        let endpoint = item.pending.key.endpoint_id;
        self.free_slots += 1;
        if let Some(queue) = self.queues.get_mut(&endpoint) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
            queue.unsettled.remove(&item.pending.key.delivery_id);
            queue.insert(item);
            self.settle(endpoint, now_ms);
        }
    }

    /// The answer to a [`Refill`]; `None` when the store could not be read, then it is asked again after
    /// `retry_at_ms`.
    pub fn refilled(&mut self, refill: Refill, rows: Option<Vec<Pending>>, now_ms: i64) {
        const STORE_RETRY_MS: i64 = 1_000;
        let Some(queue) = self.queues.get_mut(&refill.endpoint) else { return };
        let Some(running) = queue.refill.take_if(|running| running.generation == refill.generation) else {
            return;
        };
        match rows {
            None => queue.refill_at_ms = now_ms + STORE_RETRY_MS,
            // Made again: the window was cut meanwhile, or more came in than was remembered.
            Some(_) if running.horizon != queue.horizon || running.has_overflowed => {}
            Some(rows) => {
                let is_all = rows.len() < refill.limit;
                let last = rows.last().map(|row| (row.key.due_at_ms, row.key.delivery_id));
                for pending in rows {
                    let key = (pending.key.due_at_ms, pending.key.delivery_id);
                    if !running.settled.contains(&key) && !queue.unsettled.contains(&key.1) {
                        queue.window.insert(key, Item { pending, body: None });
                    }
                }
                queue.horizon = if is_all { Horizon::Everything } else { Horizon::UpTo(last) };
                queue.trim();
                for item in running.late {
                    // It may have been sent since only if it was inside the window, and then it was not late.
                    queue.insert(item);
                }
            }
        }
        self.settle(refill.endpoint, now_ms);
    }

    /// Everything to be done now.
    pub fn poll(&mut self, now_ms: i64) -> Vec<Action> {
        while let Some(Reverse((due_at_ms, endpoint))) = self.timers.peek().copied() {
            if due_at_ms > now_ms {
                break;
            }
            self.timers.pop();
            if let Some(queue) = self.queues.get_mut(&endpoint)
                && queue.timer_at_ms == Some(due_at_ms)
            {
                queue.timer_at_ms = None;
                self.settle(endpoint, now_ms);
            }
        }
        while self.free_slots > 0
            && let Some(endpoint) = self.ring.pop_front()
        {
            let Some(queue) = self.queues.get_mut(&endpoint) else { continue };
            queue.is_in_ring = false;
            if queue.in_flight < self.endpoint_slots
                && queue.first_due_ms().is_some_and(|due| due <= now_ms)
                && let Some((_, item)) = queue.window.pop_first()
            {
                queue.in_flight += 1;
                queue.unsettled.insert(item.pending.key.delivery_id);
                self.free_slots -= 1;
                self.actions.push(Action::Send(item));
            }
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

    /// Brings ring, timer and refill of an endpoint in line with its queue.
    fn settle(&mut self, endpoint: EndpointId, now_ms: i64) {
        let Some(queue) = self.queues.get_mut(&endpoint) else { return };
        let mut wake_ms = None;
        match queue.first_due_ms() {
            Some(due) if due <= now_ms => {
                if !queue.is_in_ring && queue.in_flight < self.endpoint_slots {
                    queue.is_in_ring = true;
                    self.ring.push_back(endpoint);
                }
            }
            later => wake_ms = later,
        }
        if queue.wants_refill() {
            if queue.refill_at_ms <= now_ms {
                self.next_generation += 1;
                let after = match queue.horizon {
                    Horizon::UpTo(Some((due_at_ms, delivery_id))) => {
                        Some(PendingKey { endpoint_id: endpoint, due_at_ms, delivery_id })
                    }
                    Horizon::UpTo(None) | Horizon::Everything => None,
                };
                queue.refill = Some(RunningRefill {
                    generation: self.next_generation,
                    horizon: queue.horizon,
                    settled: HashSet::new(),
                    late: Vec::new(),
                    has_overflowed: false,
                });
                let limit = WINDOW_MAX - queue.window.len();
                let generation = self.next_generation;
                self.actions.push(Action::Refill(Refill { endpoint, after, limit, generation }));
            } else {
                wake_ms = Some(wake_ms.map_or(queue.refill_at_ms, |due| due.min(queue.refill_at_ms)));
            }
        }
        if let Some(wake_ms) = wake_ms
            && queue.timer_at_ms.is_none_or(|at| wake_ms < at)
        {
            queue.timer_at_ms = Some(wake_ms);
            self.timers.push(Reverse((wake_ms, endpoint)));
        }
        if queue.is_idle() {
            self.queues.remove(&endpoint);
        }
    }
}

#[cfg(test)]
mod tests;
