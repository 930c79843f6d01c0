//! What came of a webhook's attempts lately, hour by hour: what small charts show.

use serde::{Deserialize, Serialize};

/// The attempts that ended within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HourCount {
    /// Deliveries that arrived.
    pub delivered: i64,
    /// Attempts that failed, whether or not a later one of the same delivery succeeded.
    pub failed: i64,
    /// Deliveries that were given up: no further attempt follows.
    pub undeliverable: i64,
}

impl HourCount {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered.saturating_add(other.delivered),
            failed: self.failed.saturating_add(other.failed),
            undeliverable: self.undeliverable.saturating_add(other.undeliverable),
        }
    }

    /// All attempts.
    pub const fn attempts(self) -> i64 {
        self.delivered.saturating_add(self.failed)
    }
}

/// The last 24 hours of a webhook, or of all of a program's together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Activity {
    /// By whole hours of UTC, oldest first; the last one is not over.
    pub hours: [HourCount; Activity::HOURS],
}

impl Activity {
    /// How many there are.
    pub const HOURS: usize = 24;

    /// All of it together.
    pub fn total(&self) -> HourCount {
        self.hours.iter().copied().fold(HourCount::default(), HourCount::plus)
    }

    /// How many of a hundred attempts succeeded; none when there was no attempt. It is 100 only when none failed, and 0
    /// only when none succeeded.
    pub fn success_percent(&self) -> Option<i64> {
        let total = self.total();
        match (total.delivered, total.failed) {
            (0, 0) => None,
            (_, 0) => Some(100),
            (0, _) => Some(0),
            (delivered, _) => {
                let share = i128::from(delivered) * 100 / i128::from(total.attempts());
                Some(i64::try_from(share).unwrap_or(99).clamp(1, 99))
            }
        }
    }

    /// Adds another one's counts, hour by hour.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.hours.iter_mut().zip(&other.hours) {
            *own = own.plus(*other);
        }
    }
}

impl Default for Activity {
    /// Nothing happened.
    fn default() -> Self {
        Self { hours: [HourCount::default(); Self::HOURS] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(delivered: i64, failed: i64) -> Option<i64> {
        let mut activity = Activity::default();
        activity.hours[3] = HourCount { delivered, failed, undeliverable: 0 };
        activity.success_percent()
    }

    #[test]
    fn the_share_is_rounded_down_but_is_all_or_nothing_only_when_it_is() {
        assert_eq!(percent(0, 0), None);
        assert_eq!((percent(5, 0), percent(0, 5)), (Some(100), Some(0)));
        assert_eq!((percent(2, 1), percent(1, 1)), (Some(66), Some(50)));
        assert_eq!((percent(1_000_000, 1), percent(1, 1_000_000)), (Some(99), Some(1)));
    }

    #[test]
    fn activities_add_up_hour_by_hour() {
        let mut activity = Activity::default();
        activity.hours[0] = HourCount { delivered: 1, failed: 2, undeliverable: 1 };
        activity.add(&activity.clone());
        assert_eq!(activity.hours[0], HourCount { delivered: 2, failed: 4, undeliverable: 2 });
        assert_eq!(activity.total(), HourCount { delivered: 2, failed: 4, undeliverable: 2 });
    }
}
