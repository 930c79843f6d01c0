//! Counts of values between fixed bounds.

use std::sync::atomic::{AtomicU64, Ordering};

/// The sum is kept in millionths, so that adding to it is one instruction.
const PER_UNIT: f64 = 1_000_000.0;

/// Counts values, by the bounds they lie between.
#[derive(Debug)]
pub struct Histogram {
    /// Ascending; a value counts for the first bound that it does not exceed.
    bounds: &'static [f64],
    /// One more than there are bounds: for what exceeds them all.
    counts: Box<[AtomicU64]>,
    /// In millionths.
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram with nothing in it; `bounds` ascend.
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value. What is negative or no number counts as nothing.
    pub fn observe(&self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of what is negative or no number gives zero, and what is too large the most there is"
        )]
        let millionths = (value * PER_UNIT) as u64;
        self.sum.fetch_add(millionths, Ordering::Relaxed);
    }

    /// What was counted so far. While others count, the sum may be ahead of the counts or behind them by a few values.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        #[expect(clippy::cast_precision_loss, reason = "a sum of measurements is no exact number")]
        let sum = self.sum.load(Ordering::Relaxed) as f64 / PER_UNIT;
        HistogramSnapshot { bounds: self.bounds, counts, sum }
    }
}

/// A histogram as it was at one moment, or what was counted between two.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSnapshot {
    /// Ascending; a value counts for the first bound that it does not exceed.
    pub bounds: &'static [f64],
    /// How many values there are for each bound, and at the end, how many exceed all.
    pub counts: Vec<u64>,
    /// Of all values.
    pub sum: f64,
}

impl HistogramSnapshot {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What was counted after `earlier`, a snapshot of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Self { bounds: self.bounds, counts: counts.collect(), sum: (self.sum - earlier.sum).max(0.0) }
    }

    /// About the value that a part `q` of all values (0 to 1) does not exceed: between two bounds, values are taken to be
    /// spread evenly, as Prometheus takes them. Of what exceeds all bounds only the last bound is known. `None` when there
    /// are no values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 values it does not matter")]
        let as_float = |number: u64| number as f64;
        let rank = q.clamp(0.0, 1.0) * as_float(count);
        let mut below = 0_u64;
        for (at, in_bucket) in self.counts.iter().enumerate() {
            let up_to = below + in_bucket;
            if *in_bucket > 0 && as_float(up_to) >= rank {
                let from = at.checked_sub(1).map_or(0.0, |before| self.bounds[before]);
                let Some(to) = self.bounds.get(at) else { return Some(from) };
                let share = (rank - as_float(below)) / as_float(*in_bucket);
                return Some(from + (to - from) * share.clamp(0.0, 1.0));
            }
            below = up_to;
        }
        self.bounds.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[f64] = &[1.0, 2.0, 4.0];

    #[test]
    fn a_value_counts_for_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::new(BOUNDS);
        for value in [0.0, 1.0, 1.1, 2.0, 4.0, 4.1, 1e12, -3.0, f64::NAN] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts, [4, 2, 1, 2]);
        assert!((snapshot.sum - (12.2 + 1e12)).abs() < 1e-3, "{}", snapshot.sum);
    }

    #[test]
    fn the_difference_of_two_snapshots_is_what_came_between() {
        let histogram = Histogram::new(BOUNDS);
        histogram.observe(1.0);
        let earlier = histogram.snapshot();
        histogram.observe(3.0);
        histogram.observe(3.5);
        let between = histogram.snapshot().since(&earlier);
        assert_eq!((between.counts.as_slice(), between.count()), ([0, 0, 2, 0].as_slice(), 2));
        assert!((between.sum - 6.5).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_between_the_bounds_that_have_them() {
        let histogram = Histogram::new(BOUNDS);
        assert_eq!(histogram.snapshot().quantile(0.5), None);
        for _ in 0..50 {
            histogram.observe(0.5);
        }
        for _ in 0..50 {
            histogram.observe(3.0);
        }
        let quantile = |q| histogram.snapshot().quantile(q).expect("there are values");
        assert!((quantile(0.25) - 0.5).abs() < 1e-9, "{}", quantile(0.25));
        assert!((quantile(0.5) - 1.0).abs() < 1e-9, "{}", quantile(0.5));
        assert!((quantile(0.75) - 3.0).abs() < 1e-9, "{}", quantile(0.75));
        assert!((quantile(1.0) - 4.0).abs() < 1e-9, "{}", quantile(1.0));
        // Nothing lies below the lowest bound with something in it.
        let above = Histogram::new(BOUNDS);
        above.observe(3.0);
        assert!(above.snapshot().quantile(0.0).is_some_and(|value| value >= 2.0));
        above.observe(100.0);
        assert_eq!(above.snapshot().quantile(1.0), Some(4.0), "only the last bound is known");
    }

    #[test]
    fn nothing_is_lost_when_many_count_at_once() {
        let histogram = Histogram::new(BOUNDS);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        histogram.observe(1.5);
                    }
                });
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts, [0, 40_000, 0, 0]);
        assert!((snapshot.sum - 60_000.0).abs() < 1e-6);
    }
}
