//! How the service is as a whole: what was measured, together with what those who run it say.

use std::sync::{Arc, Mutex, PoisonError};

use groundswell_types::{Component, ComponentStatus, Impact, Incident, IncidentKind};

use crate::engine::Engine;

/// How a component is, and since when, as far as anybody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentState {
    pub component: Component,
    pub status: ComponentStatus,
    /// Unix milliseconds.
    pub since_ms: i64,
}

/// How the service is as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemStatus {
    /// All of them, in the order in which they are always shown.
    pub components: Vec<ComponentState>,
    /// How much it matters.
    pub impact: Impact,
    /// The first start of the process that is remembered, Unix milliseconds.
    pub began_at_ms: i64,
    /// When any of it became different, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Newest first.
    pub incidents: Arc<[Incident]>,
}

/// How components were when somebody last looked.
#[derive(Debug, Default)]
pub(super) struct States(Mutex<Vec<ComponentState>>);

impl States {
    /// Notes how they are now; what is as it was keeps its time.
    fn note(&self, now: &[(Component, ComponentStatus)], now_ms: i64) -> Vec<ComponentState> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let states = now.iter().map(|&(component, status)| {
            let same = known.iter().find(|state| state.component == component && state.status == status);
            same.copied().unwrap_or(ComponentState { component, status, since_ms: now_ms })
        });
        *known = states.collect();
        known.clone()
    }
}

impl Engine {
    /// How the service is now, for everybody.
    pub fn system_status(&self) -> SystemStatus {
        let incidents = self.incidents.shown();
        let now = combined(&self.health().components, &incidents);
        let components = self.incidents.states.note(&now, self.clock.now_ms());
        let changes = components.iter().map(|state| state.since_ms);
        let updated_at_ms = changes.chain(incidents.iter().map(|incident| incident.updated_at)).max();
        SystemStatus {
            impact: impact(&now, &incidents),
            began_at_ms: self.boots().first().map_or_else(|| self.clock.now_ms(), |boot| boot.at_ms),
            updated_at_ms: updated_at_ms.unwrap_or_default(),
            components,
            incidents,
        }
    }
}

/// Who runs the server knows more than what measures it: what they say of an incident makes a component worse, and of what
/// they work on, as announced, the measurements say nothing.
fn combined(
    measured: &[(Component, ComponentStatus)],
    incidents: &[Incident],
) -> Vec<(Component, ComponentStatus)> {
    let running = || incidents.iter().filter(|incident| incident.status.is_running());
    Component::ALL
        .iter()
        .map(|&component| {
            let said = |kind| {
                let of_kind = running().filter(move |incident| incident.kind() == kind);
                of_kind
                    .filter_map(|incident| incident.status_of(component))
                    .max_by_key(|status| rank(*status))
            };
            let measured = measured.iter().find(|(one, _)| *one == component).map(|(_, status)| *status);
            let by_itself = said(IncidentKind::Maintenance).or(measured);
            let all = [by_itself, said(IncidentKind::Incident)].into_iter().flatten();
            (component, all.max_by_key(|status| rank(*status)).unwrap_or(ComponentStatus::Operational))
        })
        .collect()
}

/// The worst of how components are and of what matters of incidents that go on.
fn impact(components: &[(Component, ComponentStatus)], incidents: &[Incident]) -> Impact {
    let of_components = components.iter().map(|(_, status)| match status {
        ComponentStatus::Operational => Impact::None,
        ComponentStatus::UnderMaintenance => Impact::Maintenance,
        ComponentStatus::DegradedPerformance => Impact::Minor,
        ComponentStatus::PartialOutage => Impact::Major,
        ComponentStatus::MajorOutage => Impact::Critical,
    });
    let running = incidents.iter().filter(|incident| incident.status.is_running());
    let weight = |impact: &Impact| match impact {
        Impact::None => 0,
        Impact::Maintenance => 1,
        Impact::Minor => 2,
        Impact::Major => 3,
        Impact::Critical => 4,
    };
    of_components.chain(running.map(|incident| incident.impact)).max_by_key(weight).unwrap_or(Impact::None)
}

/// Worse ones are higher.
fn rank(status: ComponentStatus) -> Option<usize> {
    ComponentStatus::ALL.iter().position(|one| *one == status)
}

#[cfg(test)]
mod tests {
    use groundswell_types::{
        AffectedComponent, IncidentId, IncidentStatus, MaintenanceStatus, Progress, Schedule,
    };

    use super::*;

    fn incident(status: Progress, impact: Impact, of: &[(Component, ComponentStatus)]) -> Incident {
        Incident {
            id: IncidentId::from_number(1),
            name: String::new(),
            status,
            impact,
            components: of
                .iter()
                .map(|&(component, status)| AffectedComponent { component, status })
                .collect(),
            schedule: (status.kind() == IncidentKind::Maintenance).then_some(Schedule { from: 1, until: 2 }),
            created_at: 0,
            updated_at: 0,
            started_at: None,
            monitoring_at: None,
            ended_at: None,
            updates: Vec::new(),
        }
    }

    fn of(component: Component, all: &[(Component, ComponentStatus)]) -> ComponentStatus {
        all.iter().find(|(one, _)| *one == component).expect("all are there").1
    }

    #[test]
    fn what_is_said_makes_a_component_worse_and_never_better() {
        use ComponentStatus::{DegradedPerformance, MajorOutage, Operational, PartialOutage};
        let measured = [(Component::Delivery, PartialOutage), (Component::Events, Operational)];
        let said = incident(
            Progress::Incident(IncidentStatus::Identified),
            Impact::Minor,
            &[(Component::Delivery, DegradedPerformance), (Component::Events, MajorOutage)],
        );
        let all = combined(&measured, std::slice::from_ref(&said));
        assert_eq!(all.len(), Component::ALL.len());
        assert_eq!(of(Component::Delivery, &all), PartialOutage);
        assert_eq!(of(Component::Events, &all), MajorOutage);
        assert_eq!(of(Component::Api, &all), Operational);
        assert_eq!(impact(&all, &[said]), Impact::Critical);
    }

    #[test]
    fn announced_work_covers_what_is_measured_while_it_goes_on() {
        use ComponentStatus::{MajorOutage, Operational, UnderMaintenance};
        let measured = [(Component::Delivery, MajorOutage), (Component::Events, MajorOutage)];
        let work = |status| {
            let concerned = [(Component::Delivery, UnderMaintenance)];
            incident(Progress::Maintenance(status), Impact::Maintenance, &concerned)
        };
        let all = combined(&measured, &[work(MaintenanceStatus::InProgress)]);
        assert_eq!(of(Component::Delivery, &all), UnderMaintenance);
        assert_eq!(of(Component::Events, &all), MajorOutage);
        let all = combined(&measured, &[work(MaintenanceStatus::Scheduled)]);
        assert_eq!(of(Component::Delivery, &all), MajorOutage);
        let quiet = combined(&[(Component::Delivery, Operational)], &[work(MaintenanceStatus::Verifying)]);
        assert_eq!(impact(&quiet, &[]), Impact::Maintenance);
        assert_eq!(impact(&quiet[..1], &[work(MaintenanceStatus::Scheduled)]), Impact::None);
    }

    #[test]
    fn a_component_keeps_its_time_until_it_is_different() {
        let states = States::default();
        let now = |status| [(Component::Api, status)];
        assert_eq!(states.note(&now(ComponentStatus::Operational), 10)[0].since_ms, 10);
        assert_eq!(states.note(&now(ComponentStatus::Operational), 20)[0].since_ms, 10);
        assert_eq!(states.note(&now(ComponentStatus::MajorOutage), 30)[0].since_ms, 30);
    }
}
