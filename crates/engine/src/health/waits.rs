//! How long deliveries wait for their first attempt, beyond the life of a process: what the meters count is written down by
//! ten minutes, and read back for a day.

use groundswell_types::FirstAttempts;

use crate::meters::HistogramSnapshot;
use crate::store::WaitRecord;

const SLOT_MS: i64 = 600_000;

/// So many slots are looked back, the present one included: a day.
const SHOWN_SLOTS: i64 = 144;

/// So many are kept.
const KEPT_SLOTS: i64 = 8 * SHOWN_SLOTS;

const PER_SECOND: f64 = 1_000_000.0;

const fn slot(now_ms: i64) -> i64 {
    now_ms.div_euclid(SLOT_MS)
}

/// The first slot that is shown.
pub(super) const fn first_shown(now_ms: i64) -> i64 {
    slot(now_ms) - SHOWN_SLOTS + 1
}

/// The first slot that is kept.
pub(super) const fn first_kept(now_ms: i64) -> i64 {
    slot(now_ms) - KEPT_SLOTS + 1
}

/// What was counted, as it is written.
pub(super) fn records(counted: &HistogramSnapshot, now_ms: i64) -> Vec<WaitRecord> {
    let bounds = counted.bounds.iter().map(|bound| microseconds(*bound)).chain([i64::MAX]);
    let counts = counted.counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX));
    let record = |(up_to_us, deliveries)| WaitRecord { slot: slot(now_ms), up_to_us, deliveries };
    bounds.zip(counts).filter(|(_, deliveries)| *deliveries > 0).map(record).collect()
}

/// What was read back, by bound, as it is shown; `bounds` are those of today. What an earlier version counted with other
/// bounds counts for the next one.
pub(super) fn shown(read: &[(i64, i64)], bounds: &'static [f64]) -> Option<FirstAttempts> {
    let mut counts = vec![0_u64; bounds.len() + 1];
    for (up_to_us, deliveries) in read {
        let at = bounds.partition_point(|bound| microseconds(*bound) < *up_to_us);
        counts[at] += deliveries.max(&0).unsigned_abs();
    }
    let all = HistogramSnapshot { bounds, counts, sum: 0.0 };
    let count = i64::try_from(all.count()).unwrap_or(i64::MAX);
    Some(FirstAttempts {
        count,
        p50_us: microseconds(all.quantile(0.5)?),
        p95_us: microseconds(all.quantile(0.95)?),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of a few hours at most")]
fn microseconds(seconds: f64) -> i64 {
    (seconds * PER_SECOND).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::Histogram;

    const BOUNDS: &[f64] = &[0.001, 0.01, 1.0];

    #[test]
    fn what_is_written_reads_back() {
        let histogram = Histogram::new(BOUNDS);
        for _ in 0..90 {
            histogram.observe(0.0005);
        }
        for _ in 0..10 {
            histogram.observe(0.9);
        }
        let records = records(&histogram.snapshot(), SLOT_MS * 7 + 5);
        let of = |up_to_us, deliveries| WaitRecord { slot: 7, up_to_us, deliveries };
        assert_eq!(records, [of(1_000, 90), of(1_000_000, 10)]);
        let read: Vec<_> = records.iter().map(|record| (record.up_to_us, record.deliveries)).collect();
        let shown = shown(&read, BOUNDS).expect("there are some");
        assert_eq!((shown.count, shown.p50_us, shown.p95_us), (100, 556, 505_000));
    }

    #[test]
    fn other_bounds_and_none_at_all_are_read_as_well() {
        assert_eq!(shown(&[], BOUNDS), None);
        let shown = shown(&[(5_000, 3), (i64::MAX, 1)], BOUNDS).expect("there are some");
        assert_eq!((shown.count, shown.p50_us, shown.p95_us), (4, 7_000, 1_000_000));
    }
}
