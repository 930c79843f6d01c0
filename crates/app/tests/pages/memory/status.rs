//! System Status, of a server on whose second last day something was wrong.

use async_trait::async_trait;
use groundswell_app::backend::status::StatusBackend;
use groundswell_app::failure::Failure;
use groundswell_app::plain::status::StatusView;
use groundswell_types::{
    Component, ComponentHistory, ComponentStatus, DayHealth, Downtime, FirstAttempts, HEALTH_DAYS, Health,
    Waiting, WebhooksByHealth,
};

use super::{Memory, NOW};

const DAY_MS: i64 = 86_400_000;

/// Nothing is known but of the last three days; yesterday nothing ran for an hour.
pub fn health() -> Health {
    let today = NOW.div_euclid(DAY_MS) * DAY_MS;
    let first = today - DAY_MS * (i64::try_from(HEALTH_DAYS).expect("a few") - 1);
    let day = |place: usize| {
        let at = first + DAY_MS * i64::try_from(place).expect("a few");
        DayHealth {
            at,
            known_ms: if place + 3 < HEALTH_DAYS { 0 } else { DAY_MS },
            major_ms: if place + 2 == HEALTH_DAYS { 3_600_000 } else { 0 },
            ..DayHealth::default()
        }
    };
    let history =
        |one: &Component| ComponentHistory { component: *one, days: (0..HEALTH_DAYS).map(day).collect() };
    Health {
        at: NOW,
        components: Component::ALL.iter().map(|one| (*one, ComponentStatus::Operational)).collect(),
        histories: Component::ALL.iter().map(history).collect(),
        first_attempts: Some(FirstAttempts { count: 12_345, p50_us: 1_400, p95_us: 25_000 }),
        waiting: Some(Waiting { count: 7, is_exact: true }),
        last_downtime: Some(Downtime {
            from: today - DAY_MS,
            until: today - DAY_MS + 3_600_000,
            waiting: Waiting { count: 2_310, is_exact: true },
            left: None,
            caught_up_at: Some(today - DAY_MS + 3_690_000),
        }),
    }
}

impl Memory {
    /// As it is for somebody who is not signed in.
    pub fn seen_by_nobody(self) -> Self {
        self.state.lock().expect("not poisoned").viewer = None;
        self
    }
}

#[async_trait]
impl StatusBackend for Memory {
    async fn status(&self) -> Result<StatusView, Failure> {
        let state = self.state.lock().expect("not poisoned");
        let (is_signed_in, incidents) = (state.viewer.is_some(), state.incidents.clone());
        let own = WebhooksByHealth { working: 3, failing: 1, ..WebhooksByHealth::default() };
        Ok(StatusView { health: health(), incidents, own: is_signed_in.then_some(own) })
    }
}
