//! `/v2/campaign/{id}/deliveries` and `…/resends`.

use groundswell_types::DeliveryState;
use serde_json::{Value, json};

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::{delivery_filter, in_path, in_query};

pub const TAG: &str = "Deliveries";

pub fn operations() -> Vec<Operation> {
    let mut all = log();
    all.extend(resends());
    all
}

fn delivery() -> [Value; 2] {
    [in_path("id"), in_path("deliveryId")]
}

fn job() -> [Value; 2] {
    [in_path("id"), in_path("jobId")]
}

fn log() -> Vec<Operation> {
    vec![
        Operation::new("GET /v2/campaign/{id}/deliveries", "listDeliveries", "List a program's deliveries")
            .tag(TAG)
            .about(
                "Newest first, page by page: while there is a `nextId`, ask again with it. With a filter a page may have \
                 fewer than `limit` though more follow; `searchedUntil` then says how far was looked.",
            )
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .parameters(delivery_filter())
            .parameter(in_query(
                "limit",
                "How many deliveries a page has.",
                json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }),
            ))
            .parameter(in_query(
                "nextId",
                "The `nextId` of the page before.",
                json!({ "type": "string", "pattern": "^dlv_[0-7][0-9a-hjkmnp-tv-z]{12}$" }),
            ))
            .answers(200, "A page of deliveries.", schema("DeliveryPage"))
            .leads_to(
                "getDelivery",
                &[("id", "$request.path.id"), ("deliveryId", "$response.body#/deliveries/0/id")],
            )
            .fails(&[BadRequest, NotFound]),
        Operation::new(
            "GET /v2/campaign/{id}/deliveries/export",
            "exportDeliveries",
            "Download a program's deliveries",
        )
        .tag(TAG)
        .about("All that match, as a file that is written while it is sent.")
        .scope(Scope::Read)
        .parameter(in_path("id"))
        .parameter(json!({
            "name": "format",
            "in": "query",
            "required": true,
            "description": "CSV with a line of names, for spreadsheets; or a `DeliveryView` a line.",
            "schema": { "type": "string", "enum": ["csv", "ndjson"] },
        }))
        .parameters(delivery_filter())
        .answers_with(
            200,
            "The file.",
            json!({
                "text/csv": { "schema": { "type": "string" } },
                "application/x-ndjson": { "schema": { "type": "string" } },
            }),
        )
        .with_header("Content-Disposition", "ContentDisposition")
        .fails(&[BadRequest, NotFound]),
        Operation::new("GET /v2/campaign/{id}/deliveries/{deliveryId}", "getDelivery", "Show a delivery")
            .tag(TAG)
            .about("With its body, every attempt, and when the next ones are due.")
            .scope(Scope::Read)
            .parameters(delivery())
            .answers(200, "The delivery.", schema("DeliveryDetail"))
            .leads_to(
                "resendDelivery",
                &[("id", "$request.path.id"), ("deliveryId", "$response.body#/id")],
            )
            .fails(&[NotFound]),
        Operation::new(
            "POST /v2/campaign/{id}/deliveries/{deliveryId}/resend",
            "resendDelivery",
            "Send a delivery again",
        )
        .tag(TAG)
        .about("The same bytes with the same `webhook-id`, as a delivery of its own. Only what has ended is sent again.")
        .scope(Scope::Webhooks)
        .parameters(delivery())
        .answers(202, "The new delivery; it is queued.", schema("DeliveryView"))
        .fails(&[NotFound, Conflict, StorageFull]),
    ]
}

fn resends() -> Vec<Operation> {
    let selection = json!({ "oneOf": [schema("NamedDeliveries"), schema("MatchingDeliveries")] });
    let of_job = [("id", "$request.path.id"), ("jobId", "$response.body#/id")];
    vec![
        Operation::new("GET /v2/campaign/{id}/resends", "listResends", "List a program's resend jobs")
            .tag(TAG)
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .answers(200, "The jobs, newest first, at most 50.", schema("ResendJobList"))
            .fails(&[NotFound]),
        Operation::new("POST /v2/campaign/{id}/resends", "beginResends", "Send many deliveries again")
            .tag(TAG)
            .about(
                "The work goes on in the background, over restarts; `dryRun` only counts. A filter leaves out what failed and was \
                 sent again since, if that has arrived or is on its way; deliveries that are named are sent in any case. At most \
                 64 KiB.",
            )
            .scope(Scope::Webhooks)
            .parameter(in_path("id"))
            .body(selection, json!({ "state": DeliveryState::Undeliverable, "dryRun": true }))
            .answers(200, "So many it would be.", schema("ResendCount"))
            .answers(202, "It has begun.", schema("ResendJob"))
            .leads_to("getResend", &of_job)
            .leads_to("cancelResend", &of_job)
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("GET /v2/campaign/{id}/resends/{jobId}", "getResend", "Show how far a resend job is")
            .tag(TAG)
            .scope(Scope::Read)
            .parameters(job())
            .answers(200, "The job.", schema("ResendJob"))
            .fails(&[NotFound]),
        Operation::new("DELETE /v2/campaign/{id}/resends/{jobId}", "cancelResend", "Stop a resend job")
            .tag(TAG)
            .about("What was queued is sent all the same.")
            .scope(Scope::Webhooks)
            .parameters(job())
            .answers(200, "The job as it ended.", schema("ResendJob"))
            .fails(&[NotFound, StorageFull]),
    ]
}
