//! Bodies of the calls that say how the service is.

use groundswell_types::{
    Component, ComponentStatus, Impact, IncidentStatus, MAX_INCIDENT_MESSAGE_CHARS, MAX_INCIDENT_NAME_CHARS,
    MaintenanceStatus,
};
use serde_json::{Value, json};

use super::VISIBLE;

/// All of them, by name.
pub fn all() -> [(&'static str, Value); 6] {
    [
        ("IncidentToBe", incident()),
        ("IncidentChange", incident_change()),
        ("IncidentUpdateToBe", incident_update()),
        ("MaintenanceToBe", maintenance()),
        ("MaintenanceChange", maintenance_change()),
        ("MaintenanceUpdateToBe", maintenance_update()),
    ]
}

fn name() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_INCIDENT_NAME_CHARS,
        "pattern": VISIBLE,
        "description": "What it is called; white space around it is ignored.",
    })
}

fn message() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_INCIDENT_MESSAGE_CHARS,
        "pattern": r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
        "description": "What everybody is told: plain text, which may have several lines.",
    })
}

fn impact() -> Value {
    let of_incidents = Impact::ALL.iter().filter(|impact| **impact != Impact::Maintenance);
    json!({ "enum": of_incidents.collect::<Vec<_>>(), "description": "How much it matters." })
}

fn affected() -> Value {
    json!({
        "type": "array",
        "maxItems": Component::ALL.len(),
        "items": {
            "type": "object",
            "properties": {
                "component": { "enum": Component::ALL },
                "status": { "enum": ComponentStatus::ALL },
            },
            "required": ["component", "status"],
        },
        "description": "The components that it concerns, each once, and how they are because of it.",
    })
}

fn worked_on() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": Component::ALL.len(),
        "uniqueItems": true,
        "items": { "enum": Component::ALL },
        "description": "The components that the work is on: they are `under_maintenance` while it goes on.",
    })
}

fn time(text: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX, "description": text })
}

fn from() -> Value {
    time("When it begins by itself, in Unix milliseconds; within a year from now.")
}

fn until() -> Value {
    time(
        "When it ends by itself, in Unix milliseconds; in the future, and within 30 days from its beginning.",
    )
}

fn or_null(mut schema: Value) -> Value {
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    } else {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}

fn incident_status(text: &str) -> Value {
    or_null(json!({ "enum": IncidentStatus::ALL, "description": text }))
}

fn incident() -> Value {
    let mut impact = or_null(impact());
    impact["default"] = json!(Impact::Minor);
    let mut status = incident_status("How far it has come.");
    status["default"] = json!(IncidentStatus::Investigating);
    json!({
        "description": "An incident to be reported.",
        "type": "object",
        "properties": {
            "name": name(),
            "message": message(),
            "impact": impact,
            "status": status,
            "components": or_null(affected()),
        },
        "required": ["name", "message"],
    })
}

fn incident_change() -> Value {
    json!({
        "description": "What is to be different about an incident. Nothing new is said of it.",
        "type": "object",
        "properties": { "name": name(), "impact": or_null(impact()), "components": affected() },
    })
}

fn incident_update() -> Value {
    json!({
        "description": "What is to be said of an incident.",
        "type": "object",
        "properties": {
            "message": message(),
            "status": incident_status("How far it has come; as before, if none is given. `resolved` ends it."),
            "components": or_null(affected()),
        },
        "required": ["message"],
    })
}

fn maintenance() -> Value {
    json!({
        "description": "Maintenance to be announced.",
        "type": "object",
        "properties": {
            "name": name(),
            "message": message(),
            "scheduledFrom": from(),
            "scheduledUntil": until(),
            "components": worked_on(),
        },
        "required": ["name", "message", "scheduledFrom", "scheduledUntil", "components"],
    })
}

fn maintenance_change() -> Value {
    json!({
        "description": "What is to be different about maintenance that is not over. Nothing new is said of it.",
        "type": "object",
        "properties": {
            "name": name(),
            "scheduledFrom": from(),
            "scheduledUntil": until(),
            "components": worked_on(),
        },
    })
}

fn maintenance_update() -> Value {
    let text =
        "How far it has come; as before, if none is given. `in_progress` begins and `completed` ends it.";
    json!({
        "description": "What is to be said of maintenance.",
        "type": "object",
        "properties": {
            "message": message(),
            "status": or_null(json!({ "enum": MaintenanceStatus::ALL, "description": text })),
        },
        "required": ["message"],
    })
}
