//! All open connections: how many there may be, which of them have waited too long, and which go when others want in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Limits;
use super::watch::{Order, Phase, Watch};

/// Of this many connections one goes when there is no room, and at least one: looking through all of them for one only
/// would be most of what a flood costs.
const GO_TOGETHER: usize = 256;

/// See the module.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    /// Ticks since the beginning.
    now: Arc<AtomicU64>,
    open: Mutex<Open>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    watches: BTreeMap<u64, Arc<Watch>>,
}

/// A place among the open connections, free again when it is dropped.
#[derive(Debug)]
pub struct Seat {
    connections: Arc<Connections>,
    number: u64,
    watch: Arc<Watch>,
}

impl Seat {
    /// How the connection looks from outside.
    pub const fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.open().watches.remove(&self.number);
        self.connections.ended.notify_one();
    }
}

impl Connections {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, now: Arc::default(), open: Mutex::default(), ended: Notify::new() }
    }

    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether there is none. The one that is waited for does not count.
    pub fn are_none(&self) -> bool {
        self.open().watches.is_empty()
    }

    /// Waits until a connection has ended.
    pub async fn one_has_ended(&self) {
        self.ended.notified().await;
    }

    /// Waits for a place, and makes it if it can.
    pub async fn place(self: &Arc<Self>) -> Pending {
        while self.open().watches.len() >= self.limits.connections {
            // Of those that are busy none is taken away: they end by themselves, or are too slow.
            self.make_room();
            self.one_has_ended().await;
        }
        Pending(Arc::clone(self))
    }

    /// Tells every connection.
    pub fn tell_all(&self, order: Order) {
        for watch in self.open().watches.values() {
            watch.tell(order);
        }
    }

    /// Ends those that have waited longest: for a request if there are such, else for the rest of a request's head.
    pub fn make_room(&self) {
        let open = self.open();
        let waiting = |wanted: Phase| {
            let since = open.watches.values().filter_map(move |watch| {
                let (phase, since) = watch.phase();
                let may_go =
                    phase == wanted && watch.stuck_since().is_none() && !watch.is_told_to(Order::End);
                may_go.then_some((since, watch))
            });
            since.collect::<Vec<_>>()
        };
        let mut waiting = match waiting(Phase::Idle) {
            idle if idle.is_empty() => waiting(Phase::Head),
            idle => idle,
        };
        // Connections of the same tick go in the order in which they were accepted: the sort is stable.
        waiting.sort_by_key(|(since, _)| *since);
        let go = 1 + open.watches.len() / GO_TOGETHER;
        for (_, watch) in waiting.into_iter().take(go) {
            watch.tell(Order::End);
        }
    }

    /// Counts a tick, and ends what has waited too long.
    pub fn look(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let limits = self.limits;
        let mut ended = 0;
        for watch in self.open().watches.values() {
            let (phase, since) = watch.phase();
            let longest = match phase {
                Phase::Idle => Some(limits.idle),
                Phase::Head => Some(limits.head),
                Phase::Busy => None,
            };
            let is_over = |since: u64, longest| now.saturating_sub(since) >= limits.ticks(longest);
            let is_overdue = longest.is_some_and(|longest| is_over(since, longest))
                || watch.stuck_since().is_some_and(|since| is_over(since, limits.silence));
            if is_overdue {
                watch.tell(Order::End);
                ended += 1;
            }
        }
        if ended > 0 {
            tracing::debug!(connections = ended, "connections that waited too long were closed");
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that nobody has taken yet.
#[derive(Debug)]
pub struct Pending(Arc<Connections>);

impl Pending {
    /// Takes it, for a connection that was just accepted.
    pub fn take(self) -> Seat {
        let Self(connections) = self;
        let watch = Arc::new(Watch::new(Arc::clone(&connections.now)));
        let mut open = connections.open();
        let number = open.next;
        open.next += 1;
        open.watches.insert(number, Arc::clone(&watch));
        drop(open);
        Seat { connections, number, watch }
    }
}
