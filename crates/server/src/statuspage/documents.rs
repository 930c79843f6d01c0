//! The documents of a Statuspage's public API, with all of its members, so that whatever reads one reads ours. Members that
//! nothing here corresponds to are what a Statuspage without it has: no groups, no tweets, no notifications.

use groundswell_app::time::machine;
use groundswell_engine::incidents::ComponentState;
use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, Incident, IncidentKind, IncidentUpdate, MaintenanceStatus,
    Progress,
};
use serde_json::{Value, json};

use super::{Page, words};

/// Its name in every document.
const PAGE_ID: &str = "groundswell";

/// Everything but what is over.
pub fn summary(page: &Page<'_>) -> String {
    text(&json!({
        "page": about(page),
        "components": all_components(page),
        "incidents": those(page, is_unresolved),
        "scheduled_maintenances": those(page, is_to_come_or_running),
        "status": overall(page),
    }))
}

/// How the service is as a whole.
pub fn status(page: &Page<'_>) -> String {
    text(&json!({ "page": about(page), "status": overall(page) }))
}

/// How each component is.
pub fn components(page: &Page<'_>) -> String {
    text(&json!({ "page": about(page), "components": all_components(page) }))
}

/// Incidents, also those that are over.
pub fn incidents(page: &Page<'_>) -> String {
    list(page, "incidents", |incident| incident.kind() == IncidentKind::Incident)
}

/// Incidents that are not over.
pub fn unresolved(page: &Page<'_>) -> String {
    list(page, "incidents", is_unresolved)
}

/// Maintenance, also what is over.
pub fn maintenances(page: &Page<'_>) -> String {
    list(page, "scheduled_maintenances", |incident| incident.kind() == IncidentKind::Maintenance)
}

/// Maintenance that has not begun.
pub fn upcoming(page: &Page<'_>) -> String {
    list(page, "scheduled_maintenances", is_to_come)
}

/// Maintenance that goes on.
pub fn active(page: &Page<'_>) -> String {
    list(page, "scheduled_maintenances", |incident| is_to_come_or_running(incident) && !is_to_come(incident))
}

fn is_unresolved(incident: &Incident) -> bool {
    incident.kind() == IncidentKind::Incident && !incident.status.has_ended()
}

fn is_to_come_or_running(incident: &Incident) -> bool {
    incident.kind() == IncidentKind::Maintenance && !incident.status.has_ended()
}

fn is_to_come(incident: &Incident) -> bool {
    incident.status == Progress::Maintenance(MaintenanceStatus::Scheduled)
}

fn text(document: &Value) -> String {
    document.to_string()
}

fn list(page: &Page<'_>, name: &str, is_wanted: impl Fn(&Incident) -> bool) -> String {
    text(&json!({ "page": about(page), name: those(page, is_wanted) }))
}

fn about(page: &Page<'_>) -> Value {
    json!({
        "id": PAGE_ID,
        "name": "Groundswell",
        "url": page.url(),
        "time_zone": "Etc/UTC",
        "updated_at": machine(page.status.updated_at_ms),
    })
}

fn overall(page: &Page<'_>) -> Value {
    let impact = page.status.impact;
    json!({ "indicator": impact.as_str(), "description": words::overall(impact) })
}

fn all_components(page: &Page<'_>) -> Vec<Value> {
    page.status.components.iter().map(|state| component(page, *state)).collect()
}

fn component(page: &Page<'_>, ComponentState { component, status, since_ms }: ComponentState) -> Value {
    let began_at = machine(page.status.began_at_ms);
    let place = Component::ALL.iter().position(|one| *one == component).unwrap_or_default();
    json!({
        "id": component.as_str(),
        "name": words::component(component),
        "status": status.as_str(),
        "created_at": began_at,
        "updated_at": machine(since_ms),
        "position": place + 1,
        "description": words::component_means(component),
        "showcase": true,
        "start_date": began_at.get(..10),
        "group_id": null,
        "page_id": PAGE_ID,
        "group": false,
        "only_show_if_degraded": false,
    })
}

fn those(page: &Page<'_>, is_wanted: impl Fn(&Incident) -> bool) -> Vec<Value> {
    let wanted = page.status.incidents.iter().filter(|incident| is_wanted(incident));
    wanted.map(|one| incident(page, one)).collect()
}

fn incident(page: &Page<'_>, incident: &Incident) -> Value {
    let concerned = incident.components.iter().map(|affected| {
        let AffectedComponent { component: one, status } = *affected;
        component(page, ComponentState { component: one, status, since_ms: incident.updated_at })
    });
    let updates = incident.updates.iter().enumerate().map(|(at, one)| {
        // Newest first, so the one before stands behind it.
        update(incident, one, incident.updates.get(at + 1))
    });
    let mut document = json!({
        "id": incident.id,
        "name": incident.name,
        "status": incident.status.as_str(),
        "created_at": machine(incident.created_at),
        "updated_at": machine(incident.updated_at),
        "monitoring_at": incident.monitoring_at.map(machine),
        "resolved_at": incident.ended_at.map(machine),
        "impact": incident.impact.as_str(),
        "shortlink": page.url_of(incident.id),
        "started_at": machine(incident.started_at.unwrap_or(incident.created_at)),
        "page_id": PAGE_ID,
        "incident_updates": updates.collect::<Vec<_>>(),
        "components": concerned.collect::<Vec<_>>(),
    });
    if let Some(schedule) = incident.schedule {
        document["scheduled_for"] = machine(schedule.from).into();
        document["scheduled_until"] = machine(schedule.until).into();
    }
    document
}

fn update(incident: &Incident, update: &IncidentUpdate, before: Option<&IncidentUpdate>) -> Value {
    let at = machine(update.at);
    let before = before.map_or(&[][..], |before| before.components.as_slice());
    let of = |all: &[AffectedComponent], component: Component| {
        all.iter().find(|one| one.component == component).map(|one| one.status)
    };
    // What it no longer concerns is as it was before it did.
    let affected = Component::ALL.iter().filter_map(|&component| {
        let (old, new) = (of(before, component), of(&update.components, component));
        old.or(new)?;
        Some(json!({
            "code": component.as_str(),
            "name": words::component(component),
            "old_status": old.unwrap_or(ComponentStatus::Operational).as_str(),
            "new_status": new.unwrap_or(ComponentStatus::Operational).as_str(),
        }))
    });
    let affected: Vec<Value> = affected.collect();
    json!({
        "id": update.id,
        "status": update.status.as_str(),
        "body": update.message,
        "incident_id": incident.id,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": if affected.is_empty() { Value::Null } else { affected.into() },
        "deliver_notifications": false,
        "custom_tweet": null,
        "tweet_id": null,
    })
}
