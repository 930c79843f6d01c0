//! What those who run a server say of it: incidents, and maintenance, which is an incident that was announced.

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, IncidentUpdateId};
use crate::status::{Component, ComponentStatus, Impact, IncidentStatus, MaintenanceStatus};

/// The longest name.
pub const MAX_INCIDENT_NAME_CHARS: usize = 200;

/// The longest message of an update.
pub const MAX_INCIDENT_MESSAGE_CHARS: usize = 4000;

/// So many updates one can have, and another that ends it.
pub const MAX_INCIDENT_UPDATES: usize = 100;

/// So many can be open at a time, incidents and maintenance together.
pub const MAX_OPEN_INCIDENTS: usize = 50;

/// The longest maintenance, in milliseconds: 30 days.
pub const MAX_MAINTENANCE_MS: i64 = 30 * 86_400_000;

/// Maintenance begins within so many milliseconds: a year.
pub const MAX_ANNOUNCED_MS: i64 = 366 * 86_400_000;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// Something that happened.
    Incident,
    /// Work that was announced.
    Maintenance,
}

/// How far it has come: an incident or a maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Progress {
    /// Of an incident.
    Incident(IncidentStatus),
    /// Of a maintenance.
    Maintenance(MaintenanceStatus),
}

impl Progress {
    /// The value as it stands in JSON. The two kinds have no word in common.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incident(status) => status.as_str(),
            Self::Maintenance(status) => status.as_str(),
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        let of_incident = IncidentStatus::parse(text).map(Self::Incident);
        of_incident.or_else(|| MaintenanceStatus::parse(text).map(Self::Maintenance))
    }

    /// Of which of the two.
    pub const fn kind(self) -> IncidentKind {
        match self {
            Self::Incident(_) => IncidentKind::Incident,
            Self::Maintenance(_) => IncidentKind::Maintenance,
        }
    }

    /// Whether it is over.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Incident(IncidentStatus::Resolved) | Self::Maintenance(MaintenanceStatus::Completed)
        )
    }

    /// Whether it goes on: it has begun, and is not over.
    pub const fn is_running(self) -> bool {
        !self.has_ended() && !matches!(self, Self::Maintenance(MaintenanceStatus::Scheduled))
    }
}

/// A component, and how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AffectedComponent {
    /// Which one.
    pub component: Component,
    /// How it is.
    pub status: ComponentStatus,
}

/// When a maintenance is to be, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schedule {
    /// When it begins by itself.
    pub from: i64,
    /// When it ends by itself.
    pub until: i64,
}

/// Something that was said of an incident or a maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentUpdate {
    /// Its id; later ones have higher ones.
    pub id: IncidentUpdateId,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// How far it had come.
    pub status: Progress,
    /// What was said.
    pub message: String,
    /// How the components were that it concerns.
    pub components: Vec<AffectedComponent>,
}

/// An incident, or a maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Its id; later ones have higher ones.
    pub id: IncidentId,
    /// What it is called.
    pub name: String,
    /// How far it has come.
    pub status: Progress,
    /// How much it matters; of maintenance always `maintenance`.
    pub impact: Impact,
    /// The components that it concerns, as they are because of it.
    pub components: Vec<AffectedComponent>,
    /// When it is to be; incidents have none.
    pub schedule: Option<Schedule>,
    /// When it was first said, in Unix milliseconds.
    pub created_at: i64,
    /// When something was last said of it, in Unix milliseconds.
    pub updated_at: i64,
    /// When it began, in Unix milliseconds; null for maintenance that has not.
    pub started_at: Option<i64>,
    /// When it was first said to be mended and watched, in Unix milliseconds.
    pub monitoring_at: Option<i64>,
    /// When it ended, in Unix milliseconds.
    pub ended_at: Option<i64>,
    /// What was said of it, newest first.
    pub updates: Vec<IncidentUpdate>,
}

impl Incident {
    /// Which of the two it is.
    pub const fn kind(&self) -> IncidentKind {
        self.status.kind()
    }

    /// How a component is because of it, if it concerns it.
    pub fn status_of(&self, component: Component) -> Option<ComponentStatus> {
        self.components
            .iter()
            .find(|affected| affected.component == component)
            .map(|affected| affected.status)
    }
}

/// An incident or a maintenance to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// What it is to be called.
    pub name: String,
    /// How far it has come.
    pub status: Progress,
    /// How much it matters.
    pub impact: Impact,
    /// The components that it concerns.
    pub components: Vec<AffectedComponent>,
    /// When it is to be; none for incidents.
    pub schedule: Option<Schedule>,
    /// What is said first.
    pub message: String,
}

/// What is to be different about an incident or a maintenance, without saying anything new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentChange {
    /// Another name.
    pub name: Option<String>,
    /// Another impact; incidents only.
    pub impact: Option<Impact>,
    /// Other components.
    pub components: Option<Vec<AffectedComponent>>,
    /// Another beginning, Unix milliseconds; maintenance only.
    pub from: Option<i64>,
    /// Another end, Unix milliseconds; maintenance only.
    pub until: Option<i64>,
}

/// What is to be said of an incident or a maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncidentUpdate {
    /// How far it has come; as before, if none is given.
    pub status: Option<Progress>,
    /// What is said.
    pub message: String,
    /// How the components are that it concerns; as before, if none are given.
    pub components: Option<Vec<AffectedComponent>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_and_maintenance_have_no_word_in_common() {
        let words = IncidentStatus::ALL.iter().map(|status| Progress::Incident(*status));
        let words: Vec<Progress> =
            words.chain(MaintenanceStatus::ALL.iter().map(|status| Progress::Maintenance(*status))).collect();
        for progress in words {
            assert_eq!(Progress::parse(progress.as_str()), Some(progress));
            let json = serde_json::to_string(&progress).expect("serializes");
            assert_eq!(json, format!("\"{}\"", progress.as_str()));
            assert_eq!(serde_json::from_str::<Progress>(&json).expect("reads"), progress);
        }
    }
}
