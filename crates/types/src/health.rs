//! How a server is and has been, as System Status shows it.

use serde::{Deserialize, Serialize};

use crate::status::{Component, ComponentStatus};

/// So many days are looked back, today included.
pub const HEALTH_DAYS: usize = 90;

/// How a server is and has been.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// When this was true, in Unix milliseconds.
    pub at: i64,
    /// How each component is, in the order of [`Component::ALL`].
    pub components: Vec<(Component, ComponentStatus)>,
    /// How each component has been, in the same order.
    pub histories: Vec<ComponentHistory>,
    /// How soon deliveries were first tried lately; none while there were no deliveries.
    pub first_attempts: Option<FirstAttempts>,
    /// What waits now; none until it was counted.
    pub waiting: Option<Waiting>,
    /// The last time that nothing ran; none when that is not known to have happened.
    pub last_downtime: Option<Downtime>,
}

impl Health {
    /// How a component is.
    pub fn status_of(&self, component: Component) -> ComponentStatus {
        let found = self.components.iter().find(|(one, _)| *one == component);
        found.map_or(ComponentStatus::Operational, |(_, status)| *status)
    }
}

/// How a component has been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentHistory {
    /// Which one.
    pub component: Component,
    /// The last [`HEALTH_DAYS`] days in UTC, oldest first; the last one is today.
    pub days: Vec<DayHealth>,
}

impl ComponentHistory {
    /// The share of the time that is known of in which there was no outage, in hundredths of a percent, never rounded up;
    /// none when nothing is known.
    pub fn uptime(&self) -> Option<i64> {
        let known: i64 = self.days.iter().map(|day| day.known_ms).sum();
        let lost: i64 = self.days.iter().map(DayHealth::lost_ms).sum();
        let share = i128::from(known - lost) * 10_000 / i128::from(known).max(1);
        (known > 0).then(|| i64::try_from(share).unwrap_or_default())
    }
}

/// How a component was on a day. Times do not overlap: each moment counts as the worst it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayHealth {
    /// When the day begins, in Unix milliseconds.
    pub at: i64,
    /// So much of the day is known of, in milliseconds: what lies between the first heartbeat ever and now.
    pub known_ms: i64,
    /// So long it failed, or nothing ran at all, in milliseconds.
    pub major_ms: i64,
    /// So long it failed for some, in milliseconds.
    pub partial_ms: i64,
    /// So long it was slow, in milliseconds.
    pub degraded_ms: i64,
}

impl DayHealth {
    /// How long there was an outage, in milliseconds.
    pub const fn lost_ms(&self) -> i64 {
        self.major_ms + self.partial_ms
    }

    /// The worst it was; none when nothing is known of the day.
    pub const fn worst(&self) -> Option<ComponentStatus> {
        if self.known_ms == 0 {
            None
        } else if self.major_ms > 0 {
            Some(ComponentStatus::MajorOutage)
        } else if self.partial_ms > 0 {
            Some(ComponentStatus::PartialOutage)
        } else if self.degraded_ms > 0 {
            Some(ComponentStatus::DegradedPerformance)
        } else {
            Some(ComponentStatus::Operational)
        }
    }
}

/// How soon deliveries were first tried after their event was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstAttempts {
    /// So many there were in the last 24 hours.
    pub count: i64,
    /// Half of them were tried within so many microseconds.
    pub p50_us: i64,
    /// 95 of 100 were tried within so many microseconds.
    pub p95_us: i64,
}

/// Deliveries that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// How many; at least, when not all were counted.
    pub count: i64,
    /// Whether all were counted.
    pub is_exact: bool,
}

/// A time in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Downtime {
    /// The last sign of life before it, in Unix milliseconds.
    pub from: i64,
    /// The first one after it, in Unix milliseconds.
    pub until: i64,
    /// What was due by its end, and could be tried.
    pub waiting: Waiting,
    /// So much of that has not been tried yet; none when all was, or when it is not known.
    pub left: Option<Waiting>,
    /// When all of that had been tried, but for what was withdrawn with its webhook, in Unix milliseconds.
    pub caught_up_at: Option<i64>,
}

impl Downtime {
    /// How much of what was waiting has been tried; at least, when not all was counted. None when that is not known.
    pub fn tried(&self) -> Option<Waiting> {
        let left = self.left.filter(|left| left.is_exact)?;
        Some(Waiting { count: self.waiting.count - left.count, is_exact: self.waiting.is_exact })
    }
}

/// Webhooks by how they do; each counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhooksByHealth {
    /// The last attempt succeeded.
    pub working: usize,
    /// The last attempt failed.
    pub failing: usize,
    /// They failed for so long that they were disabled.
    pub auto_disabled: usize,
    /// Somebody switched them off.
    pub off: usize,
    /// Nothing was sent to them yet.
    pub unused: usize,
}

impl WebhooksByHealth {
    /// All of them.
    pub const fn all(&self) -> usize {
        self.working + self.failing + self.auto_disabled + self.off + self.unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_was_tried_is_said_only_as_far_as_it_is_known() {
        let exactly = |count| Waiting { count, is_exact: true };
        let at_least = |count| Waiting { count, is_exact: false };
        let tried = |waiting, left| Downtime { from: 0, until: 1, waiting, left, caught_up_at: None }.tried();
        assert_eq!(tried(exactly(30), Some(exactly(20))), Some(exactly(10)));
        assert_eq!(tried(at_least(100), Some(exactly(40))), Some(at_least(60)));
        assert_eq!(tried(at_least(100), Some(at_least(100))), None);
        assert_eq!(tried(exactly(30), None), None);
    }

    #[test]
    fn a_share_of_uptime_is_never_rounded_up() {
        let history = |days: &[(i64, i64)]| ComponentHistory {
            component: Component::Events,
            days: days
                .iter()
                .map(|(known_ms, major_ms)| DayHealth {
                    known_ms: *known_ms,
                    major_ms: *major_ms,
                    ..DayHealth::default()
                })
                .collect(),
        };
        assert_eq!(history(&[(0, 0), (0, 0)]).uptime(), None);
        assert_eq!(history(&[(0, 0), (86_400_000, 0)]).uptime(), Some(10_000));
        assert_eq!(history(&[(86_400_000, 1), (86_400_000, 0)]).uptime(), Some(9_999));
        assert_eq!(history(&[(86_400_000, 86_400_000)]).uptime(), Some(0));
    }
}
