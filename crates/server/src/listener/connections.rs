//! All open connections: how many there may be, which of them have waited too long, and which go when others want in.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Limits;
use super::watch::{Order, Phase, Watch};

/// Of this many connections one goes when there is no room, and at least one: looking through all of them for one only
/// would be most of what a flood costs.
const GO_TOGETHER: usize = 256;

/// What has waited for less is young: a tick may be over as soon as it has begun, so this is one at least.
const YOUNG_TICKS: u64 = 2;

/// Who has begun a request and does not go on with it keeps others out for nothing, so each tick of that counts as so many of a
/// connection that asks for nothing, as producers' do between two events.
const BEGUN_COUNTS: u64 = 8;

/// Bodies that have only just begun go when they have one seat of so many. Fewer are those of any time, as healthy clients send
/// them; where there is room for nobody else, others wait.
const FLOOD_IS_ONE_OF: usize = 4;

/// See the module.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    /// Ticks since the beginning.
    now: Arc<AtomicU64>,
    open: Mutex<Open>,
    /// One has ended, or there is a new tick, and with it perhaps one that may go.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// The last young one that was ended. The next is looked for behind it, so that no connection is the first again and again.
    hand: u64,
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

    /// Waits until a connection has ended, or for the next tick.
    pub async fn one_has_ended(&self) {
        self.ended.notified().await;
    }

    /// Waits for a place, and makes it if it can.
    pub async fn place(self: &Arc<Self>) -> Pending {
        while self.open().watches.len() >= self.limits.connections {
            // Of those whose request is worked on or answered none is taken away: they end by themselves, or are too slow.
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

    /// Ends those whose clients have kept it waiting longest, whatever for; if nobody has for a while, some of the young ones.
    pub fn make_room(&self) {
        let now = self.now.load(Ordering::Relaxed);
        let mut open = self.open();
        // Those that were chosen before are about to leave their seats.
        let leaving = open.watches.values().filter(|watch| watch.phase().0 == Phase::Over).count();
        let go = (1 + open.watches.len() / GO_TOGETHER).saturating_sub(leaving);
        let (mut old, mut young): (Vec<_>, Vec<_>) =
            open.waiting().partition(|waiting| now.saturating_sub(waiting.seen.1) >= YOUNG_TICKS);
        if old.is_empty() {
            let mut hand = open.hand;
            young = open.of_young(young);
            young.sort_by_key(|waiting| (waiting.seen.1, waiting.number.wrapping_sub(hand + 1)));
            for waiting in young.iter().take(go) {
                if waiting.end() {
                    hand = waiting.number;
                }
            }
            drop(young);
            open.hand = hand;
            return;
        }
        // Connections that count the same go in the order in which they were accepted: the sort is stable.
        old.sort_by_key(|waiting| Reverse(waiting.counts(now)));
        for waiting in old.iter().take(go) {
            waiting.end();
        }
    }

    /// Counts a tick, and ends what has waited too long.
    pub fn look(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let limits = self.limits;
        let mut ended = 0_usize;
        for watch in self.open().watches.values() {
            let (phase, since) = watch.phase();
            let longest = match phase {
                Phase::Idle => Some(limits.idle),
                Phase::Head => Some(limits.head),
                // How long a body may take, its reader knows.
                Phase::Body | Phase::Busy | Phase::Answer | Phase::Over => None,
            };
            let is_over = |since: u64, longest| now.saturating_sub(since) >= limits.ticks(longest);
            if watch.stuck_since().is_some_and(|since| is_over(since, limits.silence)) {
                watch.tell(Order::End);
                ended += 1;
            } else if longest.is_some_and(|longest| is_over(since, longest)) {
                ended += usize::from(watch.end_if_still((phase, since)));
            }
        }
        self.ended.notify_one();
        if ended > 0 {
            tracing::debug!(connections = ended, "connections that waited too long were closed");
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Those whose clients have to do something.
    fn waiting(&self) -> impl Iterator<Item = Waiting<'_>> {
        self.watches.iter().filter_map(|(&number, watch)| {
            let seen = watch.phase();
            let may_go =
                matches!(seen.0, Phase::Idle | Phase::Head | Phase::Body) && watch.stuck_since().is_none();
            may_go.then_some(Waiting { number, watch, seen })
        })
    }

    /// Which of the young ones may go: a flood of bodies if there is one, else the idle, else those without a request's head.
    fn of_young<'a>(&self, young: Vec<Waiting<'a>>) -> Vec<Waiting<'a>> {
        let count = |wanted| young.iter().filter(|waiting| waiting.seen.0 == wanted).count();
        let phase = if count(Phase::Body) * FLOOD_IS_ONE_OF >= self.watches.len() {
            Phase::Body
        } else if count(Phase::Idle) > 0 {
            Phase::Idle
        } else {
            Phase::Head
        };
        young.into_iter().filter(|waiting| waiting.seen.0 == phase).collect()
    }
}

/// A connection whose client has to do something, as it was seen.
struct Waiting<'a> {
    number: u64,
    watch: &'a Watch,
    /// In which phase, and since when.
    seen: (Phase, u64),
}

impl Waiting<'_> {
    /// How much its wait counts.
    const fn counts(&self, now: u64) -> u64 {
        let (phase, since) = self.seen;
        let each = if matches!(phase, Phase::Idle) { 1 } else { BEGUN_COUNTS };
        now.saturating_sub(since).saturating_mul(each)
    }

    fn end(&self) -> bool {
        self.watch.end_if_still(self.seen)
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
