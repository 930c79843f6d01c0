//! `/v2/audit-log` and `/v2/campaign/{id}/erasures`.

use serde_json::json;

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::{audit_filter, in_path, in_query};

pub const TAG: &str = "Audit and privacy";

pub fn operations() -> Vec<Operation> {
    let of_erasure = [("id", "$request.path.id"), ("erasureId", "$response.body#/id")];
    vec![
        Operation::new("GET /v2/audit-log", "listAuditLog", "List who did what")
            .tag(TAG)
            .about(
                "Newest first, page by page: while there is a `nextId`, ask again with it. Entries are kept for 400 days and \
                 never change. A key for one program sees the entries of that program.",
            )
            .scope(Scope::Admin)
            .parameters(audit_filter())
            .parameter(in_query(
                "limit",
                "How many entries a page has.",
                json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }),
            ))
            .parameter(in_query(
                "nextId",
                "The `nextId` of the page before.",
                json!({ "type": "string", "pattern": "^(aud_0[0-9a-hjkmnp-tv-z]{12})?$" }),
            ))
            .answers(200, "A page.", schema("AuditPage"))
            .fails(&[BadRequest, NotFound]),
        Operation::new("GET /v2/audit-log/export", "exportAuditLog", "Take the audit log as a file")
            .tag(TAG)
            .about("That it was taken is an entry of its own.")
            .scope(Scope::Admin)
            .parameters(audit_filter())
            .parameter(json!({
                "name": "format",
                "in": "query",
                "required": true,
                "description": "CSV, whose times are in ISO 8601, or a JSON object a line.",
                "schema": { "type": "string", "enum": ["csv", "ndjson"] },
            }))
            .answers_with(
                200,
                "The file.",
                json!({
                    "text/csv": { "schema": { "type": "string" } },
                    "application/x-ndjson": { "schema": { "type": "string" } },
                }),
            )
            .fails(&[BadRequest, NotFound, StorageFull]),
        Operation::new("GET /v2/campaign/{id}/erasures", "listErasures", "List a program's erasures")
            .tag(TAG)
            .scope(Scope::Admin)
            .parameter(in_path("id"))
            .answers(200, "Newest first, at most 50.", schema("ErasureList"))
            .fails(&[NotFound]),
        Operation::new("POST /v2/campaign/{id}/erasures", "beginErasure", "Erase a participant's data")
            .tag(TAG)
            .about(
                "From the events that the program has accepted so far, from what receivers answered to them, and from the \
                 inbox. Ids, times and states stay. What still waits is cancelled, and nothing of it is sent again. The work \
                 goes on in the background, over restarts.",
            )
            .scope(Scope::Admin)
            .parameter(in_path("id"))
            .body(schema("ErasureSubject"), json!({ "email": "ada@example.com" }))
            .answers(202, "It has begun.", schema("Erasure"))
            .leads_to("getErasure", &of_erasure)
            .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("GET /v2/campaign/{id}/erasures/{erasureId}", "getErasure", "Show how far an erasure is")
            .tag(TAG)
            .scope(Scope::Admin)
            .parameters([in_path("id"), in_path("erasureId")])
            .answers(200, "The erasure.", schema("Erasure"))
            .fails(&[NotFound]),
    ]
}
