//! What an incident, a maintenance and what is said of them have to be. Every problem is named. The sentences are shown on
//! pages, so their translations are in the catalogue.

use groundswell_types::{
    AffectedComponent, Component, Impact, Incident, IncidentChange, IncidentKind, MAX_ANNOUNCED_MS,
    MAX_INCIDENT_MESSAGE_CHARS, MAX_INCIDENT_NAME_CHARS, MAX_MAINTENANCE_MS, NewIncident, NewIncidentUpdate,
    Problem, Progress, Schedule,
};

use crate::error::EngineError;

const NAME: &str = "must have 1 to 200 characters, without line breaks";
const MESSAGE: &str = "must have 1 to 4,000 characters";
const IMPACT: &str = "must be none, minor, major or critical";
const STATUS_OF_INCIDENT: &str = "must be investigating, identified, monitoring or resolved";
const STATUS_OF_MAINTENANCE: &str = "must be scheduled, in_progress, verifying or completed";
const ONCE: &str = "must name each component once";
const NOTHING: &str = "must name a component that the work is on";
const ENDS_AFTER: &str = "must be later than the beginning";
const HAS_PASSED: &str = "must be in the future";
const TOO_LONG: &str = "must be within 30 days from the beginning";
const TOO_FAR: &str = "must be within a year from now";

/// Problems as they gather.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn unless(&mut self, is_fine: bool, (pointer, message): (&str, &str)) {
        if !is_fine {
            self.0.push(Problem::new(pointer, message));
        }
    }

    fn name(&mut self, name: &str) -> String {
        let name = name.trim();
        let is_fine = (1..=MAX_INCIDENT_NAME_CHARS).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        self.unless(is_fine, ("/name", NAME));
        name.to_owned()
    }

    fn message(&mut self, message: &str) -> String {
        // As browsers send it.
        let message = message.trim().replace("\r\n", "\n");
        let is_text = !message.chars().any(|char| char.is_control() && char != '\n' && char != '\t');
        let is_fine = (1..=MAX_INCIDENT_MESSAGE_CHARS).contains(&message.chars().count()) && is_text;
        self.unless(is_fine, ("/message", MESSAGE));
        message
    }

    fn status(&mut self, kind: IncidentKind, status: Progress) {
        let message = match kind {
            IncidentKind::Incident => STATUS_OF_INCIDENT,
            IncidentKind::Maintenance => STATUS_OF_MAINTENANCE,
        };
        self.unless(status.kind() == kind, ("/status", message));
    }

    fn impact(&mut self, kind: IncidentKind, impact: Impact) {
        let is_of_maintenance = impact == Impact::Maintenance;
        self.unless(is_of_maintenance == (kind == IncidentKind::Maintenance), ("/impact", IMPACT));
    }

    /// In the order in which they are always shown.
    fn components(
        &mut self,
        kind: IncidentKind,
        components: Vec<AffectedComponent>,
    ) -> Vec<AffectedComponent> {
        let is_once = Component::ALL
            .iter()
            .all(|one| components.iter().filter(|affected| affected.component == *one).count() <= 1);
        self.unless(is_once, ("/components", ONCE));
        let is_needed = kind == IncidentKind::Maintenance;
        self.unless(!is_needed || !components.is_empty(), ("/components", NOTHING));
        let mut components = components;
        let place = |affected: &AffectedComponent| {
            Component::ALL.iter().position(|component| *component == affected.component)
        };
        components.sort_by_key(place);
        components
    }

    fn schedule(&mut self, schedule: Schedule, now_ms: i64) {
        let Schedule { from, until } = schedule;
        self.unless(from <= now_ms.saturating_add(MAX_ANNOUNCED_MS), ("/scheduledFrom", TOO_FAR));
        if until <= from {
            self.unless(false, ("/scheduledUntil", ENDS_AFTER));
        } else if until <= now_ms {
            self.unless(false, ("/scheduledUntil", HAS_PASSED));
        } else {
            let is_short = until.saturating_sub(from) <= MAX_MAINTENANCE_MS;
            self.unless(is_short, ("/scheduledUntil", TOO_LONG));
        }
    }

    fn none_or<T>(self, value: T) -> Result<T, EngineError> {
        if self.0.is_empty() { Ok(value) } else { Err(EngineError::Invalid(self.0)) }
    }
}

pub(super) fn new_incident(new: NewIncident, now_ms: i64) -> Result<NewIncident, EngineError> {
    let mut problems = Problems::default();
    let kind = if new.schedule.is_some() { IncidentKind::Maintenance } else { IncidentKind::Incident };
    problems.status(kind, new.status);
    problems.impact(kind, new.impact);
    if let Some(schedule) = new.schedule {
        problems.schedule(schedule, now_ms);
    }
    let checked = NewIncident {
        name: problems.name(&new.name),
        components: problems.components(kind, new.components),
        message: problems.message(&new.message),
        ..new
    };
    problems.none_or(checked)
}

pub(super) fn new_update(
    kind: IncidentKind,
    new: NewIncidentUpdate,
) -> Result<NewIncidentUpdate, EngineError> {
    let mut problems = Problems::default();
    if let Some(status) = new.status {
        problems.status(kind, status);
    }
    let checked = NewIncidentUpdate {
        message: problems.message(&new.message),
        components: new.components.map(|components| problems.components(kind, components)),
        ..new
    };
    problems.none_or(checked)
}

pub(super) fn change(
    change: IncidentChange,
    (before, now_ms): (&Incident, i64),
) -> Result<IncidentChange, EngineError> {
    let mut problems = Problems::default();
    let kind = before.kind();
    if let Some(impact) = change.impact {
        problems.impact(kind, impact);
    }
    if let Some(old) = before.schedule.filter(|_| change.from.is_some() || change.until.is_some()) {
        let schedule =
            Schedule { from: change.from.unwrap_or(old.from), until: change.until.unwrap_or(old.until) };
        if schedule != old {
            problems.schedule(schedule, now_ms);
        }
    }
    let checked = IncidentChange {
        name: change.name.map(|name| problems.name(&name)),
        components: change.components.map(|components| problems.components(kind, components)),
        ..change
    };
    problems.none_or(checked)
}
