//! One endpoint's queue: its window, how far it reaches, what is on its way, and whether anything may be sent.

use groundswell_types::DeliveryId;
use rustc_hash::FxHashSet;

use super::pace::Pace;
use super::turns::Lane;
use super::window::{Key, Window};
use super::{FlowId, Item, Refill};
use crate::delivery::breaker::Gate;
use crate::store::{EndpointId, PendingKey};

/// More rows than this are not held for an endpoint.
pub(super) const WINDOW_MAX: usize = 256;

/// Nor more than this for one that is held: for a probe, and for what goes out at once when the endpoint gets a new URL. It may be
/// held for days.
const HELD_MAX: usize = 4;

/// What is not due for so long, in milliseconds, is read again when it is: with its body, which would have to be read then anyway.
const LATER_MS: i64 = 60_000;

/// Behind every other of the same time.
const LAST_ID: DeliveryId = DeliveryId::from_number(i64::MAX);

/// A window with at most this many rows is refilled.
pub(super) const WINDOW_LOW: usize = 128;

/// What is committed while a refill reads is remembered up to this many rows; beyond it the refill is made again.
const LATE_MAX: usize = 4096;

/// What waits behind as much as is under way waits in a burst for so long, in milliseconds, and then for its receiver.
const BURST_MS: i64 = 1_000;

/// Attempts take 30 s at most. When none has ended for so long, in milliseconds, it is not their receiver that is waited for.
pub(super) const LONGEST_ATTEMPT_MS: i64 = 60_000;

/// Deliveries, as in `ById`.
pub(super) type Ids = FxHashSet<DeliveryId>;

/// There is one for every endpoint that has work: a byte more is a tenth of a megabyte more with 100,000 of them.
const _: () = assert!(size_of::<Queue>() <= 224);

/// How far the window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizon {
    /// The store has nothing that the window does not have.
    Everything,
    /// The store may have more behind this key; `None` is before the first.
    UpTo(Option<Key>),
}

#[derive(Debug)]
pub(super) struct RunningRefill {
    pub(super) generation: u64,
    pub(super) horizon: Horizon,
    /// Deliveries whose rows left the store while it read. By id, because rows may have been moved meanwhile: what it
    /// read of them is old, wherever they stood.
    settled: Ids,
    /// Rows behind the horizon that came into the store while it read.
    late: Vec<Item>,
    has_overflowed: bool,
    /// Rows behind this key came into the store while it read, and nobody knows which.
    missed: Option<Key>,
}

impl RunningRefill {
    pub(super) fn new(generation: u64, horizon: Horizon) -> Self {
        Self {
            generation,
            horizon,
            settled: Ids::default(),
            late: Vec::new(),
            has_overflowed: false,
            missed: None,
        }
    }
}

/// The endings of what expired while it was held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Idle,
    /// The store is being asked. Deliveries whose rows have left it since, or moved in it: what it reads of them is old.
    Asked(Box<Ids>),
    /// The store is being asked, but its rows have been moved since: the answer is of no use.
    Outdated,
    /// So many endings are on their way into the store; there may be more.
    Ending {
        left: u32,
        has_more: bool,
    },
}

/// Whether something goes out, by what is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The first of the window, as an ordinary attempt.
    Send,
    /// The first of the window, whenever it is due.
    Probe,
    /// Nothing before this time, Unix milliseconds.
    At(i64),
    /// Nothing until something else happens.
    Never,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) flow: FlowId,
    pub(super) window: Window,
    pub(super) horizon: Horizon,
    /// No refill before this time: nothing is due.
    pub(super) refill_at_ms: i64,
    pub(super) refill: Option<Box<RunningRefill>>,
    in_flight: u16,
    /// On their way to the receiver, or their outcome into the store.
    pub(super) unsettled: Ids,
    pub(super) gate: Gate,
    /// The probe that is under way.
    pub(super) probe: Option<DeliveryId>,
    /// One delivery is to be tried at once, because the URL or the secret is new.
    pub(super) wants_rescue: bool,
    /// When its receiver last kept something from going out, Unix milliseconds.
    pub(super) receiver_awaited_ms: i64,
    /// Since when there has been something to do, Unix milliseconds.
    began_at_ms: i64,
    /// Since when none of what is under way has ended, Unix milliseconds; while nothing is, it says nothing.
    unheard_since_ms: i64,
    pub(super) expiry: Expiry,
    /// When the scheduler looks at it again, Unix milliseconds; [`NO_TIMER`] is only when something happens.
    pub(super) timer_at_ms: i64,
    /// The lane it takes part in.
    pub(super) lane: Option<Lane>,
}

/// Later than every time at which something is due.
pub(super) const NO_TIMER: i64 = i64::MAX;

impl Queue {
    pub(super) fn new(flow: FlowId, now_ms: i64) -> Self {
        Self {
            flow,
            window: Window::default(),
            horizon: Horizon::Everything,
            refill_at_ms: i64::MIN,
            refill: None,
            in_flight: 0,
            unsettled: Ids::default(),
            gate: Gate::default(),
            probe: None,
            wants_rescue: false,
            receiver_awaited_ms: i64::MIN,
            began_at_ms: now_ms,
            unheard_since_ms: now_ms,
            expiry: Expiry::Idle,
            timer_at_ms: NO_TIMER,
            lane: None,
        }
    }

    /// A delivery's outcome is in the store, or there was none. Most endpoints have nothing under way most of the time, and
    /// keep no room for it.
    pub(super) fn has_settled(&mut self, id: DeliveryId) {
        self.unsettled.remove(&id);
        if self.unsettled.is_empty() {
            self.unsettled = Ids::default();
        }
    }

    /// Forgets what it knows of the store.
    pub(super) fn reset(&mut self, horizon: Horizon) {
        self.window.clear();
        self.refill = None;
        self.horizon = horizon;
        if matches!(self.expiry, Expiry::Asked(_)) {
            self.expiry = Expiry::Outdated;
        }
    }

    /// What its endpoint's health says now. Whether its breaker has closed by that.
    pub(super) fn take_gate(&mut self, gate: Gate, now_ms: i64) -> bool {
        let was_held = self.gate.held.is_some();
        if self.gate != Gate::default() {
            self.receiver_awaited_ms = now_ms;
        }
        self.gate = gate;
        if !was_held && gate.held.is_some() {
            self.trim();
        }
        was_held && gate.held.is_none()
    }

    /// Puts a committed row where it belongs: into the window, to what a running refill may have missed, or nowhere,
    /// because it will be read when the window gets there.
    pub(super) fn insert(&mut self, item: Item) {
        let key = item.key();
        let is_inside = match self.horizon {
            Horizon::Everything => true,
            Horizon::UpTo(last) => Some(key) <= last,
        };
        // What it has may lie behind the horizon, and would be taken for late, and kept after it was sent.
        if is_inside || self.window.has(&key) {
            self.window.insert(item);
            self.trim();
            return;
        }
        // After a start nothing is read before the earliest row is due, and this one may be due earlier.
        self.refill_at_ms = self.refill_at_ms.min(key.0);
        if let Some(refill) = &mut self.refill {
            if refill.late.len() < LATE_MAX {
                refill.late.push(item.without_body());
            } else {
                refill.late.clear();
                refill.has_overflowed = true;
            }
        }
    }

    /// Somebody else has put rows behind this key into the store. What is read just now may lack them.
    pub(super) fn found(&mut self, behind: Key) {
        match &mut self.refill {
            Some(refill) => refill.missed = Some(refill.missed.map_or(behind, |before| before.min(behind))),
            None => self.draw_back(behind),
        }
    }

    /// The store may have more behind this key than the window has.
    fn draw_back(&mut self, behind: Key) {
        let reaches_further = match self.horizon {
            Horizon::Everything => true,
            Horizon::UpTo(last) => last > Some(behind),
        };
        if reaches_further {
            self.horizon = Horizon::UpTo(Some(behind));
        }
    }

    /// A row left the store.
    pub(super) fn remove(&mut self, key: Key) {
        self.window.remove(&key);
        if let Some(refill) = &mut self.refill {
            refill.settled.insert(key.1);
        }
        if let Expiry::Asked(settled) = &mut self.expiry {
            settled.insert(key.1);
        }
    }

    /// Takes a refill's answer over, with everything that happened while it read. Not if the window was cut
    /// meanwhile, or more came in than was remembered: then it is made again.
    pub(super) fn take_over(&mut self, running: RunningRefill, rows: Vec<Item>, is_all: bool) {
        let missed = running.missed;
        if running.horizon == self.horizon && !running.has_overflowed {
            self.take_over_rows(running, rows, is_all);
        }
        if let Some(behind) = missed {
            self.draw_back(behind);
        }
    }

    /// A refill could not be read; the next one is not made before this time.
    pub(super) fn not_refilled(&mut self, running: &RunningRefill, again_at_ms: i64) {
        self.refill_at_ms = again_at_ms;
        if let Some(behind) = running.missed {
            self.draw_back(behind);
        }
    }

    fn take_over_rows(&mut self, running: RunningRefill, rows: Vec<Item>, is_all: bool) {
        let last = rows.last().map(Item::key);
        for item in rows {
            let id = item.pending.key.delivery_id;
            if !running.settled.contains(&id) && !self.unsettled.contains(&id) {
                self.window.insert(item);
            }
        }
        self.horizon = if is_all { Horizon::Everything } else { Horizon::UpTo(last) };
        self.trim();
        for item in running.late {
            // It may have been sent since only if it was inside the window, and then it was not late.
            self.insert(item);
        }
    }

    /// Keeps the first rows; those behind them are read again when the window gets there.
    fn trim(&mut self) {
        let most = if self.gate.held.is_some() { HELD_MAX } else { WINDOW_MAX };
        while self.window.len() > most {
            // The next refill may be meant for something that is due much later.
            if let Some((due_ms, _)) = self.window.pop_last().map(|item| item.key()) {
                self.refill_at_ms = self.refill_at_ms.min(due_ms);
            }
            let last = self.window.last_key();
            // Of what came from elsewhere it may know less than it has.
            self.horizon = match self.horizon {
                Horizon::UpTo(known) => Horizon::UpTo(known.min(last)),
                Horizon::Everything => Horizon::UpTo(last),
            };
        }
        if self.gate.held.is_some() {
            self.window.let_go_of_room();
        }
    }

    /// Keeps none of its rows when the first of them is due much later: an endpoint that fails may have nothing else to do for
    /// hours. What is accepted meanwhile comes before them, so it needs no read.
    pub(super) fn put_away(&mut self, now_ms: i64) {
        let Some(first) = self.window.first_key().filter(|(due_ms, _)| due_ms - LATER_MS > now_ms) else {
            return;
        };
        // What it has may lie behind the horizon, and then the store may have something before it.
        let is_known_before = match self.horizon {
            Horizon::Everything => true,
            Horizon::UpTo(last) => last >= Some(first),
        };
        let is_at_rest = self.in_flight == 0 && self.unsettled.is_empty() && self.refill.is_none();
        let is_usual = self.gate == Gate::default() && !self.wants_rescue && self.expiry == Expiry::Idle;
        if is_known_before && is_at_rest && is_usual {
            self.window.clear();
            self.horizon = Horizon::UpTo(Some((first.0 - 1, LAST_ID)));
            self.refill_at_ms = first.0;
        }
    }

    /// Whether something goes out, as far as `cap` requests at once and `most_unsettled` deliveries without an outcome allow.
    pub(super) fn next(&self, cap: usize, most_unsettled: usize, now_ms: i64) -> Next {
        if self.wants_rescue && self.probe.is_none() && !self.window.is_empty() {
            return Next::Probe;
        }
        if let Some(held) = self.gate.held {
            return match self.probe {
                Some(_) => Next::Never,
                None if held.next_probe_at_ms > now_ms => Next::At(held.next_probe_at_ms),
                None if self.window.is_empty() => Next::Never,
                None => Next::Probe,
            };
        }
        let Some(due_ms) = self.window.first_due_ms() else { return Next::Never };
        let at_ms = due_ms.max(self.gate.paused_until_ms.unwrap_or(i64::MIN));
        if at_ms > now_ms {
            Next::At(at_ms)
        } else if usize::from(self.in_flight) < cap && self.unsettled.len() < most_unsettled {
            Next::Send
        } else {
            Next::Never
        }
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, now_ms: i64) {
        if self.in_flight == 0 {
            self.unheard_since_ms = now_ms;
        }
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// An attempt is not under way any more, whether it was made or not.
    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// An attempt has ended, and others may be under way.
    pub(super) fn hear(&mut self, now_ms: i64) {
        self.unheard_since_ms = now_ms;
    }

    /// Whether something is due, or may be, that does not go out because of the receiver: it failed, asked for a pause, is
    /// slow, has as much under way as it takes at once, or has not answered the first attempt yet.
    pub(super) fn is_kept_waiting(&self, pace: &Pace, cap: usize, now_ms: i64) -> bool {
        if self.gate.held.is_some() || self.gate.paused_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
            return true;
        }
        let Some(due_ms) = self.earliest_due_ms().filter(|at_ms| *at_ms <= now_ms) else { return false };
        let is_stuck =
            self.in_flight > 0 && now_ms.saturating_sub(self.unheard_since_ms) > LONGEST_ATTEMPT_MS;
        if is_stuck || !pace.takes_the_time() {
            return false;
        }
        let is_full = usize::from(self.in_flight) >= cap;
        let is_burst = now_ms.saturating_sub(due_ms.max(self.began_at_ms)) < BURST_MS;
        if is_burst { is_full && pace.is_leisurely() } else { is_full || pace.is_penalized() }
    }

    /// The earliest due time of what is not under way, as far as it is known; Unix milliseconds.
    pub(super) fn earliest_due_ms(&self) -> Option<i64> {
        let known_ms = match self.horizon {
            Horizon::Everything => i64::MIN,
            Horizon::UpTo(last) => last.map_or(i64::MIN, |(due_ms, _)| due_ms),
        };
        let in_store = (self.horizon != Horizon::Everything).then_some(self.refill_at_ms);
        self.window.first_due_ms().or(in_store.filter(|at_ms| *at_ms > known_ms))
    }

    /// Since when what was due at a time could have gone out, its receiver willing; Unix milliseconds.
    pub(super) fn willing_since_ms(&self, due_ms: i64) -> i64 {
        let paused_until_ms = self.gate.paused_until_ms.unwrap_or(i64::MIN);
        due_ms.max(self.receiver_awaited_ms).max(paused_until_ms)
    }

    /// When the next refill is wanted, if one is.
    pub(super) fn refill_due_ms(&self) -> Option<i64> {
        if self.refill.is_some() || self.horizon == Horizon::Everything {
            return None;
        }
        if self.wants_rescue || self.gate.held.is_some() {
            // One delivery is enough.
            let probe_at_ms = self.gate.held.map_or(i64::MIN, |held| held.next_probe_at_ms);
            let at_ms = if self.wants_rescue { i64::MIN } else { probe_at_ms };
            return (self.window.is_empty() && self.probe.is_none()).then_some(at_ms);
        }
        let paused_ms = self.gate.paused_until_ms.unwrap_or(i64::MIN);
        (self.window.len() <= WINDOW_LOW).then(|| self.refill_at_ms.max(paused_ms))
    }

    /// Whether nothing waits, here or in the store, nor may wait again: what is under way may fail, and then be tried again.
    pub(super) fn has_nothing_to_try(&self) -> bool {
        self.window.is_empty() && self.horizon == Horizon::Everything && self.unsettled.is_empty()
    }

    /// Whether it can be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.has_nothing_to_try()
            && self.refill.is_none()
            && self.in_flight == 0
            && !matches!(self.expiry, Expiry::Asked(_) | Expiry::Outdated)
            && self.gate == Gate::default()
    }
}

/// As many as an endpoint is sent before long, which takes `cap` at once: those of one that is dead would have been read in vain.
pub(super) fn bodies(cap: usize) -> usize {
    (4 * cap).max(16)
}

/// Reads the next rows of an endpoint.
pub(super) fn refill(endpoint: EndpointId, queue: &mut Queue, (generation, bodies): (u64, usize)) -> Refill {
    let after = match queue.horizon {
        Horizon::UpTo(Some((due_at_ms, delivery_id))) => {
            Some(PendingKey { endpoint_id: endpoint, due_at_ms, delivery_id })
        }
        Horizon::UpTo(None) | Horizon::Everything => None,
    };
    queue.refill = Some(Box::new(RunningRefill::new(generation, queue.horizon)));
    let limit = if queue.gate.held.is_some() { 1 } else { WINDOW_MAX - queue.window.len() };
    let bodies = if queue.gate.held.is_some() { 0 } else { bodies };
    Refill { endpoint, after, limit, bodies, generation }
}
