//! `/v2/campaigns` and `/v2/campaign/{id}`.

use serde_json::json;

use crate::errors::Errors::{BadRequest, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::in_path;

pub const TAG: &str = "Programs";

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /v2/campaigns", "listCampaigns", "List all programs")
            .tag(TAG)
            .scope(Scope::Read)
            .answers(200, "The programs, newest first.", schema("ProgramList")),
        Operation::new("POST /v2/campaigns", "createCampaign", "Create a program")
            .tag(TAG)
            .about("It begins as a draft, and accepts events at once.")
            .scope(Scope::Webhooks)
            .body(schema("NewProgram"), json!({ "type": "REFERRAL", "name": "My program" }))
            .answers(200, "The program.", schema("Program"))
            .leads_to("getCampaign", &[("id", "$response.body#/id")])
            .leads_to("updateCampaign", &[("id", "$response.body#/id")])
            .leads_to("createWebhook", &[("id", "$response.body#/id")])
            .leads_to("submitEvent", &[("id", "$response.body#/id")])
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("POST /v2/operations", "getOperations", "Set up operational webhooks")
            .tag(TAG)
            .about(
                "Where the webhooks of your team are that get operational events: a webhook fails or is disabled, deliveries are \
                 given up, parked ones are about to be cancelled, a secret is replaced, somebody signs in with a new browser. \
                 It is made at the first call. Its webhooks, \
                 deliveries and inbox are below `/v2/campaign/{id}` like those of any program; it is not in the list of programs, \
                 and nobody posts events to it.",
            )
            .scope(Scope::Admin)
            .optional_body(schema("OperationsToBe"), json!({}))
            .answers(200, "The program of the type OPERATIONS.", schema("Program"))
            .leads_to("getCampaign", &[("id", "$response.body#/id")])
            .leads_to("createWebhook", &[("id", "$response.body#/id")])
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("GET /v2/campaign/{id}", "getCampaign", "Show a program")
            .tag(TAG)
            .about("The counters belong to whoever runs the program, and are zero here.")
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .answers(200, "The program.", schema("Program"))
            .fails(&[NotFound]),
        Operation::new("PATCH /v2/campaign/{id}", "updateCampaign", "Change a program")
            .tag(TAG)
            .about("To change `retentionDays` takes the scope `admin`.")
            .scope(Scope::Webhooks)
            .parameter(in_path("id"))
            .optional_body(schema("ProgramChange"), json!({ "status": "IN_PROGRESS" }))
            .answers(200, "The program as it is now.", schema("Program"))
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
    ]
}
