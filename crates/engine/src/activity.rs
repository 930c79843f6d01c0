//! What came of attempts, hour by hour. Counted in memory where outcomes are committed, and written now and then when
//! nobody else wants the writer: a delivery costs no row for it. What was counted since is lost with a crash; whoever
//! needs to know what became of a delivery reads the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use groundswell_types::{Activity, HourCount};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{After, AttemptRecord, EndpointId, HourRecord};

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// From the first hour that is shown to the last one.
const HOURS_BACK: i64 = 23;
const _: () = assert!(Activity::HOURS == 24);

/// Rows of one transaction.
const STEP: usize = 64;

/// A reader that meets a write half-way looks again after so long, so many times.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOKS: usize = 20;

/// The hour that a time, in Unix milliseconds, is in.
pub(crate) const fn hour_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS)
}

/// What the store does not have yet. Not more than an endpoint's hours since the last write.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    fresh: BTreeMap<(EndpointId, i64), HourCount>,
    /// On its way into the store: it may be there already, or not.
    leaving: Vec<HourRecord>,
    /// How many writes have begun or ended: odd while there is one.
    writes: u64,
}

impl Tally {
    /// Counts attempts whose outcomes are committed.
    pub(crate) fn count<'a>(&self, attempts: impl Iterator<Item = &'a AttemptRecord>) {
        let mut counts = self.lock();
        for attempt in attempts {
            // Endings without an attempt have the number 0.
            let is_attempt = attempt.number > 0;
            let hour = hour_of(attempt.started_at_ms.saturating_add(attempt.duration_ms));
            let count = counts.fresh.entry((attempt.endpoint_id, hour)).or_default();
            *count = count.plus(HourCount {
                delivered: i64::from(is_attempt && attempt.failure.is_none()),
                failed: i64::from(is_attempt && attempt.failure.is_some()),
                undeliverable: i64::from(attempt.after == After::Undeliverable),
            });
        }
    }

    /// The next part to be written; empty when there is nothing. [`Tally::written`] must follow.
    pub(crate) fn take(&self) -> Vec<HourRecord> {
        let mut counts = self.lock();
        let mut records = Vec::new();
        while records.len() < STEP
            && let Some((key, count)) = counts.fresh.pop_first()
        {
            records.push(record(key, count));
        }
        if !records.is_empty() {
            counts.leaving.clone_from(&records);
            counts.writes += 1;
        }
        records
    }

    /// So many steps take what is counted now.
    pub(crate) fn steps(&self) -> usize {
        self.lock().fresh.len().div_ceil(STEP)
    }

    /// What was taken is written, or could not be and is kept.
    pub(crate) fn written(&self, is_written: bool) {
        let mut counts = self.lock();
        counts.writes += 1;
        for HourRecord { endpoint_id, hour, count } in std::mem::take(&mut counts.leaving) {
            if !is_written {
                let kept = counts.fresh.entry((endpoint_id, hour)).or_default();
                *kept = kept.plus(count);
            }
        }
    }

    /// What the store does not have of these endpoints, and how many writes there were by then; none during a write.
    fn unwritten(&self, endpoints: &[EndpointId]) -> Option<(Vec<HourRecord>, u64)> {
        let counts = self.lock();
        if !counts.writes.is_multiple_of(2) {
            return None;
        }
        let of = |id: &EndpointId| counts.fresh.range((*id, i64::MIN)..=(*id, i64::MAX));
        let records = endpoints.iter().flat_map(of).map(|(key, count)| record(*key, *count));
        Some((records.collect(), counts.writes))
    }

    fn writes(&self) -> u64 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn record((endpoint_id, hour): (EndpointId, i64), count: HourCount) -> HourRecord {
    HourRecord { endpoint_id, hour, count }
}

impl Engine {
    /// What came of the attempts of each of these webhooks in the last 24 hours; those without attempts are left out.
    pub(crate) async fn activity(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<HashMap<EndpointId, Activity>, EngineError> {
        let first_hour = hour_of(self.clock.now_ms()) - HOURS_BACK;
        let mut activities: HashMap<EndpointId, Activity> = HashMap::new();
        for HourRecord { endpoint_id, hour, count } in self.hours(endpoints, first_hour).await? {
            let Ok(place) = usize::try_from(hour - first_hour) else { continue };
            let activity = activities.entry(endpoint_id).or_default();
            // The clock may have gone back since.
            let place = place.min(Activity::HOURS - 1);
            activity.hours[place] = activity.hours[place].plus(count);
        }
        Ok(activities)
    }

    /// From the store and from memory, each count once.
    pub(crate) async fn hours(
        &self,
        endpoints: &[EndpointId],
        first_hour: i64,
    ) -> Result<Vec<HourRecord>, EngineError> {
        for _ in 0..LOOKS {
            if let Some((mut records, writes)) = self.tally.unwritten(endpoints) {
                records.extend(self.store.hours(endpoints, first_hour).await?);
                if self.tally.writes() == writes {
                    return Ok(records);
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // It is being written all the time; what is in memory is seconds old at most.
        Ok(self.store.hours(endpoints, first_hour).await?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;
    use groundswell_types::{DeliveryId, FailureClass};

    use super::*;

    const ENDPOINT: EndpointId = EndpointId(1);

    pub(crate) fn attempt(number: i64, failure: Option<FailureClass>, ended_at_ms: i64) -> AttemptRecord {
        AttemptRecord {
            delivery_id: DeliveryId::from_number(8),
            endpoint_id: ENDPOINT,
            number,
            started_at_ms: ended_at_ms - 10,
            duration_ms: 10,
            failure,
            status_code: None,
            message: String::new(),
            response_head: String::new(),
            response_body: Bytes::new(),
            is_response_truncated: false,
            is_response_restricted: false,
            after: After::Delivered,
        }
    }

    fn count(delivered: i64, failed: i64) -> HourCount {
        HourCount { delivered, failed, undeliverable: 0 }
    }

    #[test]
    fn attempts_are_counted_in_the_hour_they_ended_in() {
        let tally = Tally::default();
        let failed = Some(FailureClass::Timeout);
        tally.count(
            [
                attempt(1, None, HOUR_MS - 1),
                attempt(1, None, HOUR_MS),
                attempt(2, failed, HOUR_MS + 5),
                attempt(0, failed, HOUR_MS),
            ]
            .iter(),
        );
        let (records, _) = tally.unwritten(&[ENDPOINT, EndpointId(2)]).expect("nothing is being written");
        assert_eq!(records, [record((ENDPOINT, 0), count(1, 0)), record((ENDPOINT, 1), count(1, 1))]);
    }

    #[test]
    fn what_was_given_up_is_counted_with_and_without_an_attempt() {
        let tally = Tally::default();
        let given_up = |number| AttemptRecord {
            after: After::Undeliverable,
            ..attempt(number, Some(FailureClass::Timeout), HOUR_MS)
        };
        tally.count([given_up(7), given_up(0)].iter());
        let (records, _) = tally.unwritten(&[ENDPOINT]).expect("nothing is being written");
        let count = HourCount { delivered: 0, failed: 1, undeliverable: 2 };
        assert_eq!(records, [record((ENDPOINT, 1), count)]);
    }

    #[test]
    fn what_could_not_be_written_is_kept_and_what_came_meanwhile_too() {
        let tally = Tally::default();
        tally.count([attempt(1, None, 5)].iter());
        let taken = tally.take();
        assert_eq!(taken, [record((ENDPOINT, 0), count(1, 0))]);
        assert_eq!(tally.unwritten(&[ENDPOINT]), None, "nobody can say whether the store has it");
        tally.count([attempt(1, None, 6)].iter());
        tally.written(false);
        assert_eq!(tally.take(), [record((ENDPOINT, 0), count(2, 0))]);
        tally.written(true);
        assert_eq!(tally.take(), []);
        assert_eq!(tally.unwritten(&[ENDPOINT]), Some((Vec::new(), 4)));
    }

    #[test]
    fn much_is_written_in_parts() {
        let tally = Tally::default();
        for hour in 0..100 {
            tally.count([attempt(1, None, hour * HOUR_MS)].iter());
        }
        let parts: Vec<usize> = std::iter::from_fn(|| {
            let part = tally.take().len();
            (part > 0).then(|| tally.written(true)).map(|()| part)
        })
        .collect();
        assert_eq!(parts, [STEP, 100 - STEP]);
    }
}
