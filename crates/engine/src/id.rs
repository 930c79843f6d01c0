//! The only place that makes ids.

use std::sync::Mutex;

use groundswell_types::{
    AuditId, DeliveryId, ErasureId, EventId, InboxRequestId, IncidentId, IncidentUpdateId, NoticeId,
    ProgramId, ResendJobId, TestId, WebhookId,
};
use rand::Rng;

use crate::clock::Clock;
use crate::randomness::Randomness;
use crate::store::EndpointId;

/// 2024-01-01T00:00:00Z, the beginning of our ids' time, in Unix milliseconds.
const EPOCH_MS: i64 = 1_704_067_200_000;

/// Bits of an id below its milliseconds: 41 + 19 bits reach to the year 2093 and leave room for a delivery's slot.
const LOW_BITS: u32 = 19;

const MAX_ID: i64 = (1 << 60) - 1;

/// How far ids leap at most when the clock is behind the highest stored one: a minute's worth of them.
const LEAP_BITS: u32 = 35;

/// Where several nodes make ids, so many of the lowest bits say which: two of them never make the same one.
const NODE_BITS: u32 = 6;

/// Makes numbers that are time-ordered, strictly increasing, and never made again.
///
/// The upper bits are milliseconds, the lower ones begin each millisecond at a random place in their lower half:
/// so an id is not guessable from its time, and two databases restored from one backup do not make the same ids
/// even within one millisecond.
#[derive(Debug)]
pub struct IdGenerator {
    clock: Clock,
    randomness: Randomness,
    last: Mutex<i64>,
    /// In the lowest bits, where there are several.
    node: Option<u8>,
}

impl IdGenerator {
    /// A generator whose ids all are above `highest`, the highest one ever stored.
    ///
    /// While the clock is behind that one, ids are counted on from it. Whoever made the database that a backup was taken
    /// of counted on from there as well, so these begin at a random distance.
    pub fn new(clock: Clock, randomness: Randomness, highest: Option<EventId>) -> Self {
        let mut last = highest.map_or(0, EventId::number);
        if last >> LOW_BITS > since_epoch_ms(&clock) {
            let leap = randomness.clone().random_range(1..1_i64 << LEAP_BITS);
            last += leap.min(MAX_ID - last).max(0);
        }
        Self { clock, randomness, last: Mutex::new(last), node: None }
    }

    /// The same for one of several nodes, which are numbered 0 to 63.
    #[must_use]
    pub fn of_node(self, number: u8) -> Self {
        Self { node: Some(number % (1 << NODE_BITS)), ..self }
    }

    /// The next number.
    fn next(&self) -> i64 {
        let since_epoch_ms = since_epoch_ms(&self.clock);
        let random: i64 = self.randomness.clone().random_range(0..1 << (LOW_BITS - 1));
        let fresh = (since_epoch_ms << LOW_BITS) | random;
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Within a millisecond, or when the clock went back, count on from the last one.
        let next = if fresh >> LOW_BITS > *last >> LOW_BITS { fresh } else { *last + 1 };
        *last = match self.node {
            None => next,
            // The first above it that is this node's.
            Some(node) => next + (i64::from(node) - next).rem_euclid(1 << NODE_BITS),
        };
        *last
    }

    /// From now on all ids are above this one.
    pub fn raise(&self, to: EventId) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = (*last).max(to.number());
    }

    /// The highest number that is not made any more: every id from now on is above it. It moves on with the clock.
    pub fn settle(&self) -> EventId {
        self.raise(EventId::from_number((since_epoch_ms(&self.clock) << LOW_BITS) - 1));
        self.latest_event()
    }

    /// An id for an event.
    pub fn event(&self) -> EventId {
        EventId::from_number(self.next())
    }

    /// How long ago that was, in milliseconds, by the clock that ids go by.
    pub(crate) fn since_ms(&self, at_ms: i64) -> i64 {
        self.clock.now_ms() - at_ms
    }

    /// The highest number so far, as an event's id.
    pub fn latest_event(&self) -> EventId {
        EventId::from_number(*self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// An id for a webhook's internal use.
    pub fn endpoint(&self) -> EndpointId {
        EndpointId(self.next())
    }

    /// An id for a test delivery.
    pub fn test(&self) -> TestId {
        TestId::from_number(self.next())
    }

    /// An id for a request that an inbox has got.
    pub fn inbox_request(&self) -> InboxRequestId {
        InboxRequestId::from_number(self.next())
    }

    /// An id for a delivery that repeats another one.
    pub fn resend(&self) -> DeliveryId {
        DeliveryId::of_resend(self.event())
    }

    /// An id for a job that makes many resends.
    pub fn resend_job(&self) -> ResendJobId {
        ResendJobId::from_number(self.next())
    }

    /// An id for a notice.
    pub fn notice(&self) -> NoticeId {
        NoticeId::from_number(self.next())
    }

    /// An id for an entry of the audit log.
    pub fn audit(&self) -> AuditId {
        AuditId::from_number(self.next())
    }

    /// An id for the erasing of a participant's data.
    pub fn erasure(&self) -> ErasureId {
        ErasureId::from_number(self.next())
    }

    /// An id for a run, or for a time in which something was not well.
    pub fn health(&self) -> i64 {
        self.next()
    }

    /// An id for an incident, or a maintenance.
    pub fn incident(&self) -> IncidentId {
        IncidentId::from_number(self.next())
    }

    /// An id for something that is said of one.
    pub fn incident_update(&self) -> IncidentUpdateId {
        IncidentUpdateId::from_number(self.next())
    }

    /// A program's id: eight characters.
    pub fn program(&self) -> ProgramId {
        ProgramId::parse(&text(&mut self.randomness.clone(), 8)).expect("base32 is a valid id")
    }

    /// A public id for a webhook that is not `primary`.
    pub fn webhook(&self) -> WebhookId {
        WebhookId::parse(&format!("wh_{}", text(&mut self.randomness.clone(), 10)))
            .expect("base32 is a valid id")
    }
}

fn since_epoch_ms(clock: &Clock) -> i64 {
    (clock.now_ms() - EPOCH_MS).clamp(0, MAX_ID >> LOW_BITS)
}

/// When an id was made, Unix milliseconds.
pub(crate) const fn made_at_ms(event: EventId) -> i64 {
    (event.number() >> LOW_BITS) + EPOCH_MS
}

/// Whether the node with this number made an id, where there are several.
pub(crate) const fn is_of_node(event: EventId, number: u8) -> bool {
    event.number() & ((1 << NODE_BITS) - 1) == number as i64
}

/// The lowest id that can be made at a time, Unix milliseconds.
pub(crate) fn first_at(at_ms: i64) -> EventId {
    let since_epoch_ms = at_ms.saturating_sub(EPOCH_MS).clamp(0, MAX_ID >> LOW_BITS);
    EventId::from_number(since_epoch_ms << LOW_BITS)
}

/// The highest id of what was made before a time, Unix milliseconds, however far the clocks of those who made it were apart: they
/// may be by a day. What is looked for by its time is found by its id with it, and so without reading what is younger.
pub(crate) fn last_before(at_ms: i64) -> i64 {
    first_at(at_ms.saturating_add(DAY_MS)).number() | ((1 << LOW_BITS) - 1)
}

const DAY_MS: i64 = 86_400_000;

/// The day an id was made on, counted from 1970-01-01 in UTC.
pub(crate) const fn day_of(event: EventId) -> i64 {
    ((event.number() >> LOW_BITS) + EPOCH_MS).div_euclid(DAY_MS)
}

/// The lowest id that can be made on a day; `None` behind the end of our ids' time.
pub(crate) fn first_of_day(day: i64) -> Option<EventId> {
    let since_epoch_ms = day.checked_mul(DAY_MS)?.checked_sub(EPOCH_MS)?;
    (since_epoch_ms <= MAX_ID >> LOW_BITS).then(|| EventId::from_number(since_epoch_ms << LOW_BITS))
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `length` characters of 5 random bits each from the operating system, without ones that are mistaken for others.
pub fn random_text(length: usize) -> String {
    text(&mut rand::rng(), length)
}

fn text(rng: &mut impl Rng, length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// `req_` and 16 characters, to name a request with in answers and logs.
pub fn request_id() -> String {
    // Five bits a character, of one draw.
    let mut bits: u128 = rand::rng().random();
    let mut id = String::with_capacity(20);
    id.push_str("req_");
    for _ in 0..16 {
        id.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    id
}

/// Bytes for a secret or a token, from the operating system's seeded generator.
pub fn random_bytes() -> [u8; 32] {
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_when_the_clock_stands_still_or_goes_back() {
        let clock = Clock::manual(EPOCH_MS + 1_000_000);
        let ids = IdGenerator::new(clock.clone(), Randomness::system(), None);
        let mut last = ids.event();
        for step in 0..10_000 {
            if step % 100 == 0 {
                clock.set(EPOCH_MS + 1_000_000 - step);
            }
            let next = ids.event();
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn nodes_never_make_the_same_id_however_many_they_make_at_once() {
        let clock = Clock::manual(EPOCH_MS + 1_000_000);
        let highest = EventId::from_number(1_000_123 << LOW_BITS | 0x4d);
        let mut all = std::collections::HashSet::new();
        for node in [0, 1, 7, 63] {
            for highest in [None, Some(highest)] {
                let ids = IdGenerator::new(clock.clone(), Randomness::seeded(9), highest).of_node(node);
                let mut last = highest.unwrap_or(EventId::from_number(0));
                for _ in 0..10_000 {
                    let next = ids.event();
                    assert!(next > last);
                    last = next;
                    assert!(highest.is_some() || all.insert(next), "{next} twice");
                }
            }
        }
    }

    #[test]
    fn what_is_settled_moves_on_with_the_clock_and_every_later_id_is_above_it() {
        let clock = Clock::manual(EPOCH_MS + 1_000_000);
        for ids in [
            IdGenerator::new(clock.clone(), Randomness::seeded(1), None),
            IdGenerator::new(clock.clone(), Randomness::seeded(2), None).of_node(5),
        ] {
            for step in 0..1_000 {
                let settled = ids.settle();
                assert!(settled < ids.event() && settled < ids.event());
                clock.set(clock.now_ms() + step % 2);
            }
            let quiet = ids.settle();
            clock.set(clock.now_ms() + 60_000);
            assert!(made_at_ms(ids.settle()) - made_at_ms(quiet) >= 59_999);
            let high = first_at(clock.now_ms() + 5_000);
            ids.raise(high);
            assert!(ids.settle() >= high && ids.event() > high);
        }
    }

    #[test]
    fn after_a_backup_was_restored_no_id_is_made_again() {
        let clock = Clock::manual(EPOCH_MS + 1_000_000);
        let before = IdGenerator::new(clock.clone(), Randomness::system(), None);
        let in_backup = before.event();
        let after_backup: Vec<EventId> = (0..10_000).map(|_| before.event()).collect();
        clock.set(clock.now_ms() + 1_000);
        let restored = IdGenerator::new(clock, Randomness::system(), Some(in_backup));
        let first = restored.event();
        assert!(after_backup.iter().all(|id| *id < first));
    }

    #[test]
    fn after_a_backup_was_restored_while_the_clock_is_behind_its_ids_no_id_is_made_again() {
        let highest = EventId::from_number(1_000_000 << LOW_BITS);
        let clock = Clock::manual(EPOCH_MS + 1_000);
        let made = |seed| {
            let ids = IdGenerator::new(clock.clone(), Randomness::seeded(seed), Some(highest));
            (0..1_000).map(|_| ids.event()).collect::<Vec<_>>()
        };
        let (before, restored) = (made(1), made(2));
        assert!(before[0] > highest && restored[0] > highest);
        assert!(before[999] < restored[0] || restored[999] < before[0], "{} and {}", before[0], restored[0]);
    }

    #[test]
    fn what_was_made_before_a_time_has_no_higher_id_though_clocks_are_apart() {
        const AT_MS: i64 = EPOCH_MS + 50 * DAY_MS;
        let made_at = |at_ms| IdGenerator::new(Clock::manual(at_ms), Randomness::system(), None).event();
        for ahead_ms in [-DAY_MS, 0, DAY_MS] {
            assert!(made_at(AT_MS + ahead_ms).number() <= last_before(AT_MS));
        }
        assert!(made_at(AT_MS + DAY_MS + 1).number() > last_before(AT_MS));
    }

    #[test]
    fn the_ids_of_a_day_are_a_range() {
        // 2026-03-01T00:00:00Z
        let (day, midnight_ms) = (20_513, 1_772_323_200_000);
        let made_at = |at_ms| IdGenerator::new(Clock::manual(at_ms), Randomness::system(), None).event();
        let first = first_of_day(day).expect("is within our time");
        assert!(made_at(midnight_ms - 1) < first && first <= made_at(midnight_ms));
        assert_eq!(
            [-1, 0, DAY_MS - 1, DAY_MS].map(|ms| day_of(made_at(midnight_ms + ms)) - day),
            [-1, 0, 0, 1]
        );
        let last = day_of(EventId::from_number(MAX_ID));
        assert!(first_of_day(last).is_some() && first_of_day(last + 1).is_none());
    }

    #[test]
    fn ids_are_above_the_highest_stored_one() {
        let highest = EventId::from_number(MAX_ID >> 1);
        let ids = IdGenerator::new(Clock::manual(EPOCH_MS), Randomness::system(), Some(highest));
        assert!(ids.event() > highest);
    }
}
