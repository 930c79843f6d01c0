//! What the producer posted and what the receiver got, and the auditor that compares the two. It knows nothing of the
//! server's database.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use groundswell_engine::clock::Stopwatch;
use serde::Serialize;

use crate::numbers::{nanoseconds, whole};

const ORDER: Ordering = Ordering::Relaxed;

/// What the producer knows of an event.
const IN_DOUBT: u8 = 1;
const ACCEPTED: u8 = 2;
const REFUSED: u8 = 3;

/// The record of one measurement. Events are numbered from 0.
#[derive(Debug)]
pub struct Ledger {
    watch: Stopwatch,
    next: AtomicU64,
    events: Vec<Event>,
    arrivals: AtomicU64,
    last_arrival: AtomicU64,
    strangers: AtomicU64,
    forged: AtomicU64,
}

/// Times are nanoseconds since the ledger was opened; 0 is never.
#[derive(Debug, Default)]
struct Event {
    fate: AtomicU8,
    arrivals: AtomicU8,
    posted: AtomicU64,
    answered: AtomicU64,
    arrived: AtomicU64,
}

/// What the auditor found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Events that were answered with a 2xx.
    pub accepted: u64,
    /// Events that were refused, for example with 503.
    pub refused: u64,
    /// Of the accepted ones, how many never arrived.
    pub lost: u64,
    /// Arrivals of events that had arrived before.
    pub repeated: u64,
    /// Arrivals of what was never posted or was refused, or whose content was altered.
    pub strangers: u64,
    /// Arrivals with a wrong signature, of those that were checked.
    pub forged: u64,
}

impl Audit {
    /// Whether the contract was kept. Nothing failed during a measurement, so nothing may come twice either.
    pub fn is_clean(&self) -> bool {
        self.lost + self.repeated + self.strangers + self.forged == 0
    }
}

impl Ledger {
    /// An empty record for at most `capacity` events.
    pub fn new(capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self {
            watch: Stopwatch::start(),
            next: AtomicU64::new(0),
            events: std::iter::repeat_with(Event::default).take(capacity).collect(),
            arrivals: AtomicU64::new(0),
            last_arrival: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
            forged: AtomicU64::new(0),
        }
    }

    /// The time since the ledger was opened.
    pub fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Numbers for events that are about to be posted: the first of `count`. None when the ledger is full.
    pub fn take(&self, count: u64) -> Option<u64> {
        let first = self.next.fetch_add(count, ORDER);
        let end = usize::try_from(first + count).unwrap_or(usize::MAX);
        (end <= self.events.len()).then_some(first)
    }

    /// Notes that an event is posted now, or was to be posted at a time.
    pub fn posted(&self, number: u64, at: Duration) {
        let event = self.event(number);
        event.fate.store(IN_DOUBT, ORDER);
        event.posted.store(nanoseconds(at), ORDER);
    }

    /// Notes the answer to an event.
    pub fn answered(&self, number: u64, status: u16) {
        let event = self.event(number);
        event.answered.store(nanoseconds(self.elapsed()), ORDER);
        event.fate.store(if (200..300).contains(&status) { ACCEPTED } else { REFUSED }, ORDER);
    }

    /// Notes an arrival; none is one that cannot be recognised.
    pub fn arrived(&self, number: Option<u64>) {
        let now = nanoseconds(self.elapsed());
        let found = number.and_then(|number| self.events.get(usize::try_from(number).ok()?));
        match found {
            Some(event) => {
                if event.arrivals.fetch_add(1, ORDER) == 0 {
                    event.arrived.store(now, ORDER);
                    self.last_arrival.fetch_max(now, ORDER);
                    self.arrivals.fetch_add(1, ORDER);
                }
            }
            None => _ = self.strangers.fetch_add(1, ORDER),
        }
    }

    /// Notes an arrival whose signature is wrong.
    pub fn forged(&self) {
        self.forged.fetch_add(1, ORDER);
    }

    /// How many events have been posted.
    pub fn posted_count(&self) -> u64 {
        self.next.load(ORDER).min(whole(self.events.len()))
    }

    /// How many different events have arrived.
    pub fn arrived_count(&self) -> u64 {
        self.arrivals.load(ORDER)
    }

    /// When the last new event arrived.
    pub fn last_arrival(&self) -> Duration {
        Duration::from_nanos(self.last_arrival.load(ORDER))
    }

    /// When each event arrived that has, in order, as seconds since the ledger was opened.
    pub fn arrival_times(&self) -> Vec<f64> {
        let mut all: Vec<u64> =
            self.from(0).map(|event| event.arrived.load(ORDER)).filter(|at| *at > 0).collect();
        all.sort_unstable();
        all.into_iter().map(|at| Duration::from_nanos(at).as_secs_f64()).collect()
    }

    /// How many events from number `first` on were accepted.
    pub fn accepted_from(&self, first: u64) -> u64 {
        whole(self.from(first).filter(|event| event.fate.load(ORDER) == ACCEPTED).count())
    }

    /// From post to answer, in microseconds, of the events from number `first` on.
    pub fn ack_latencies(&self, first: u64) -> Vec<u64> {
        self.latencies(first, |event| &event.answered)
    }

    /// From post to arrival, in microseconds, of the events from number `first` on.
    pub fn delivery_latencies(&self, first: u64) -> Vec<u64> {
        self.latencies(first, |event| &event.arrived)
    }

    /// From post to arrival, in microseconds, of the events posted between two times since the ledger was opened.
    pub fn latencies_between(&self, from: Duration, to: Duration) -> Vec<u64> {
        let posted = nanoseconds(from)..nanoseconds(to);
        let events = self.from(0).filter(|event| posted.contains(&event.posted.load(ORDER)));
        latencies(events, |event| &event.arrived)
    }

    /// From post to answer and from post to arrival, in microseconds, of the events with these numbers.
    pub fn latencies_of(&self, numbers: std::ops::Range<u64>) -> [Vec<u64>; 2] {
        let count = usize::try_from(numbers.end.saturating_sub(numbers.start)).unwrap_or(usize::MAX);
        let events = || self.from(numbers.start).take(count);
        [latencies(events(), |event| &event.answered), latencies(events(), |event| &event.arrived)]
    }

    /// Compares what was accepted with what arrived. `expects_arrivals` is what is to become of accepted events.
    pub fn audit(&self, fate: Fate) -> Audit {
        let mut audit = Audit {
            strangers: self.strangers.load(ORDER),
            forged: self.forged.load(ORDER),
            ..Audit::default()
        };
        for event in self.from(0) {
            let arrivals = u64::from(event.arrivals.load(ORDER));
            let state = event.fate.load(ORDER);
            audit.accepted += u64::from(state == ACCEPTED);
            audit.refused += u64::from(state == REFUSED);
            match (fate, state) {
                (Fate::Arrives, ACCEPTED) => audit.lost += u64::from(arrivals == 0),
                (Fate::Arrives, IN_DOUBT) => {}
                _ => audit.strangers += arrivals,
            }
            audit.repeated += arrivals.saturating_sub(1);
        }
        audit
    }

    fn latencies(&self, first: u64, end: impl Fn(&Event) -> &AtomicU64) -> Vec<u64> {
        latencies(self.from(first), end)
    }

    fn event(&self, number: u64) -> &Event {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        self.events.get(place).expect("numbers are given out by this ledger, up to its capacity")
    }

    fn from(&self, first: u64) -> impl Iterator<Item = &Event> {
        let end = usize::try_from(self.posted_count()).unwrap_or(usize::MAX);
        let first = usize::try_from(first).unwrap_or(usize::MAX).min(end);
        self.events[first..end].iter()
    }
}

fn latencies<'a>(events: impl Iterator<Item = &'a Event>, end: impl Fn(&Event) -> &AtomicU64) -> Vec<u64> {
    let ended = events.filter(|event| end(event).load(ORDER) > 0);
    ended.map(|event| end(event).load(ORDER).saturating_sub(event.posted.load(ORDER)) / 1000).collect()
}

/// What is to become of accepted events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They are delivered.
    Arrives,
    /// They are kept, or there is nobody to deliver them to.
    Stays,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(ledger: &Ledger, status: u16) -> u64 {
        let number = ledger.take(1).expect("room");
        ledger.posted(number, ledger.elapsed());
        ledger.answered(number, status);
        number
    }

    #[test]
    fn the_auditor_sees_what_was_lost_repeated_or_never_posted() {
        let ledger = Ledger::new(10);
        let fine = posted(&ledger, 202);
        let lost = posted(&ledger, 202);
        let refused = posted(&ledger, 503);
        let in_doubt = ledger.take(1).expect("room");
        ledger.posted(in_doubt, ledger.elapsed());
        for number in [fine, in_doubt, in_doubt, refused] {
            ledger.arrived(Some(number));
        }
        ledger.arrived(None);
        ledger.arrived(Some(1_000));
        let audit = ledger.audit(Fate::Arrives);
        let wanted = Audit { accepted: 2, refused: 1, lost: 1, repeated: 1, strangers: 3, forged: 0 };
        assert_eq!(audit, wanted);
        assert!(!audit.is_clean());
        ledger.arrived(Some(lost));
        assert_eq!(ledger.audit(Fate::Arrives).lost, 0);
    }

    #[test]
    fn what_is_to_stay_must_not_arrive() {
        let ledger = Ledger::new(1);
        let number = posted(&ledger, 202);
        assert!(ledger.audit(Fate::Stays).is_clean());
        ledger.arrived(Some(number));
        assert!(!ledger.audit(Fate::Stays).is_clean());
    }

    #[test]
    fn a_full_ledger_gives_out_no_numbers() {
        let ledger = Ledger::new(3);
        assert_eq!(ledger.take(2), Some(0));
        assert_eq!(ledger.take(2), None);
        assert_eq!(ledger.posted_count(), 3);
    }
}
