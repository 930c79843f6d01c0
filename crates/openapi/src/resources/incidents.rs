//! `/v2/incidents` and `/v2/maintenances`.

use serde_json::{Value, json};

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::{in_path, in_query};

pub const TAG: &str = "System Status";

const OPERATORS: &str = "For the admin key alone.";

const OF_INCIDENT: [(&str, &str); 1] = [("incidentId", "$response.body#/id")];

const OF_MAINTENANCE: [(&str, &str); 1] = [("maintenanceId", "$response.body#/id")];

pub fn operations() -> Vec<Operation> {
    let mut all = Vec::from(reading_incidents());
    all.extend(writing_incidents());
    all.extend(reading_maintenances());
    all.extend(writing_maintenances());
    all
}

fn page() -> [Value; 2] {
    [
        in_query(
            "limit",
            "How many a page has.",
            json!({ "type": "integer", "minimum": 1, "maximum": 50, "default": 20 }),
        ),
        in_query(
            "nextId",
            "The `nextId` of the page before.",
            json!({ "type": "string", "pattern": "^(inc_0[0-9a-hjkmnp-tv-z]{12})?$" }),
        ),
    ]
}

fn reading_incidents() -> [Operation; 2] {
    [
        Operation::new("GET /v2/incidents", "listIncidents", "List incidents")
            .tag(TAG)
            .about("Newest first, page by page: while there is a `nextId`, ask again with it.")
            .scope(Scope::Read)
            .parameters(page())
            .answers(200, "A page.", schema("IncidentList"))
            .fails(&[BadRequest]),
        Operation::new("GET /v2/incidents/{incidentId}", "getIncident", "Show an incident")
            .tag(TAG)
            .scope(Scope::Read)
            .parameter(in_path("incidentId"))
            .answers(200, "The incident.", schema("Incident"))
            .fails(&[NotFound]),
    ]
}

fn writing_incidents() -> [Operation; 4] {
    [
        Operation::new("POST /v2/incidents", "createIncident", "Report an incident")
            .tag(TAG)
            .about(&format!("{OPERATORS} It is on the status page at once. At most 50 are open at a time."))
            .scope(Scope::Admin)
            .operators_only()
            .body(
                schema("IncidentToBe"),
                json!({
                    "name": "Deliveries are late",
                    "impact": "minor",
                    "message": "Deliveries are up to ten minutes late. We look into it.",
                    "components": [{ "component": "delivery", "status": "degraded_performance" }],
                }),
            )
            .answers(201, "The incident.", schema("Incident"))
            .leads_to("getIncident", &OF_INCIDENT)
            .leads_to("updateIncident", &OF_INCIDENT)
            .leads_to("deleteIncident", &OF_INCIDENT)
            .fails(&[BadRequest, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("PATCH /v2/incidents/{incidentId}", "changeIncident", "Correct an incident")
            .tag(TAG)
            .about(OPERATORS)
            .scope(Scope::Admin)
            .operators_only()
            .parameter(in_path("incidentId"))
            .optional_body(schema("IncidentChange"), json!({ "impact": "major" }))
            .answers(200, "The incident as it is now.", schema("Incident"))
            .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "POST /v2/incidents/{incidentId}/updates",
            "updateIncident",
            "Say something of an incident",
        )
        .tag(TAG)
        .about(&format!("{OPERATORS} With the status `resolved` it is over, and the components are well."))
        .scope(Scope::Admin)
        .operators_only()
        .parameter(in_path("incidentId"))
        .body(
            schema("IncidentUpdateToBe"),
            json!({ "status": "resolved", "message": "All deliveries were made up for." }),
        )
        .answers(201, "The incident as it is now.", schema("Incident"))
        .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("DELETE /v2/incidents/{incidentId}", "deleteIncident", "Take an incident away")
            .tag(TAG)
            .about(&format!("{OPERATORS} For what was reported by mistake: it is nowhere shown any more."))
            .scope(Scope::Admin)
            .operators_only()
            .parameter(in_path("incidentId"))
            .answers(200, "It is gone.", schema("IncidentDeleted"))
            .fails(&[NotFound, StorageFull]),
    ]
}

fn reading_maintenances() -> [Operation; 2] {
    [
        Operation::new("GET /v2/maintenances", "listMaintenances", "List maintenance")
            .tag(TAG)
            .about("Newest first, page by page: while there is a `nextId`, ask again with it.")
            .scope(Scope::Read)
            .parameters(page())
            .answers(200, "A page.", schema("MaintenanceList"))
            .fails(&[BadRequest]),
        Operation::new("GET /v2/maintenances/{maintenanceId}", "getMaintenance", "Show a maintenance")
            .tag(TAG)
            .scope(Scope::Read)
            .parameter(in_path("maintenanceId"))
            .answers(200, "The maintenance.", schema("Incident"))
            .fails(&[NotFound]),
    ]
}

fn writing_maintenances() -> [Operation; 4] {
    [
        Operation::new("POST /v2/maintenances", "createMaintenance", "Announce maintenance")
            .tag(TAG)
            .about(&format!(
                "{OPERATORS} It begins and ends by itself, at its times, unless an update does so earlier."
            ))
            .scope(Scope::Admin)
            .operators_only()
            .body(
                schema("MaintenanceToBe"),
                json!({
                    "name": "A larger disk",
                    "message": "Deliveries wait meanwhile, and go out afterwards.",
                    "scheduledFrom": 1_785_067_200_000_i64,
                    "scheduledUntil": 1_785_070_800_000_i64,
                    "components": ["delivery", "retry_queue"],
                }),
            )
            .answers(201, "The maintenance.", schema("Incident"))
            .leads_to("getMaintenance", &OF_MAINTENANCE)
            .leads_to("updateMaintenance", &OF_MAINTENANCE)
            .leads_to("deleteMaintenance", &OF_MAINTENANCE)
            .fails(&[BadRequest, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("PATCH /v2/maintenances/{maintenanceId}", "changeMaintenance", "Correct or move a maintenance")
            .tag(TAG)
            .about(&format!("{OPERATORS} Once it has begun only its end can be moved."))
            .scope(Scope::Admin)
            .operators_only()
            .parameter(in_path("maintenanceId"))
            .optional_body(schema("MaintenanceChange"), json!({ "scheduledUntil": 1_785_074_400_000_i64 }))
            .answers(200, "The maintenance as it is now.", schema("Incident"))
            .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "POST /v2/maintenances/{maintenanceId}/updates",
            "updateMaintenance",
            "Say something of a maintenance",
        )
        .tag(TAG)
        .about(OPERATORS)
        .scope(Scope::Admin).operators_only()
        .parameter(in_path("maintenanceId"))
        .body(
            schema("MaintenanceUpdateToBe"),
            json!({ "status": "verifying", "message": "The disk is in its place. We look whether all is well." }),
        )
        .answers(201, "The maintenance as it is now.", schema("Incident"))
        .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("DELETE /v2/maintenances/{maintenanceId}", "deleteMaintenance", "Take a maintenance away")
            .tag(TAG)
            .about(&format!("{OPERATORS} For what does not take place: it is nowhere shown any more."))
            .scope(Scope::Admin)
            .operators_only()
            .parameter(in_path("maintenanceId"))
            .answers(200, "It is gone.", schema("IncidentDeleted"))
            .fails(&[NotFound, StorageFull]),
    ]
}
