//! What programs and readers of feeds are told in words: in English, as a Statuspage says it.

use groundswell_types::{Component, Impact, IncidentStatus, MaintenanceStatus, Progress};

/// What a component is called.
pub const fn component(component: Component) -> &'static str {
    match component {
        Component::Events => "Accepting events",
        Component::Delivery => "Delivering",
        Component::RetryQueue => "Retry queue",
        Component::Editor => "Program Editor",
        Component::Api => "API",
    }
}

/// What a component does.
pub const fn component_means(component: Component) -> &'static str {
    match component {
        Component::Events => "Events are stored durably before their producer is answered.",
        Component::Delivery => "What is due goes out, as far as receivers take it.",
        Component::RetryQueue => "What failed at a receiver is tried again in time.",
        Component::Editor => "The pages on which webhooks are set up and deliveries are looked at.",
        Component::Api => "Calls of the REST API, without the events.",
    }
}

/// How the service is as a whole.
pub const fn overall(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "All Systems Operational",
        Impact::Maintenance => "Service Under Maintenance",
        Impact::Minor => "Partially Degraded Service",
        Impact::Major => "Partial System Outage",
        Impact::Critical => "Major Service Outage",
    }
}

/// How far an incident or a maintenance has come.
pub const fn progress(progress: Progress) -> &'static str {
    match progress {
        Progress::Incident(IncidentStatus::Investigating) => "Investigating",
        Progress::Incident(IncidentStatus::Identified) => "Identified",
        Progress::Incident(IncidentStatus::Monitoring) => "Monitoring",
        Progress::Incident(IncidentStatus::Resolved) => "Resolved",
        Progress::Maintenance(MaintenanceStatus::Scheduled) => "Scheduled",
        Progress::Maintenance(MaintenanceStatus::InProgress) => "In progress",
        Progress::Maintenance(MaintenanceStatus::Verifying) => "Verifying",
        Progress::Maintenance(MaintenanceStatus::Completed) => "Completed",
    }
}
