//! `/v2/campaign/{id}/inbox`.

use crate::errors::Errors::{NotFound, StorageFull};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::in_path;

pub const TAG: &str = "Inbox";

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /v2/campaign/{id}/inbox", "getInbox", "Show a program's inbox")
            .tag(TAG)
            .about("Its address, to be put into a webhook, and what it has got, newest first.")
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .answers(200, "The inbox.", schema("Inbox"))
            .leads_to(
                "getInboxRequest",
                &[("id", "$request.path.id"), ("requestId", "$response.body#/requests/0/id")],
            )
            .fails(&[NotFound]),
        Operation::new(
            "POST /v2/campaign/{id}/inbox/address",
            "replaceInboxAddress",
            "Give an inbox another address",
        )
        .tag(TAG)
        .about("The one before stops working at once.")
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .answers(200, "The new address.", schema("InboxAddress"))
        .fails(&[NotFound, StorageFull]),
        Operation::new("DELETE /v2/campaign/{id}/inbox/requests", "clearInbox", "Empty an inbox")
            .tag(TAG)
            .scope(Scope::Webhooks)
            .parameter(in_path("id"))
            .answers(200, "It is empty.", schema("InboxCleared"))
            .fails(&[NotFound, StorageFull]),
        Operation::new(
            "GET /v2/campaign/{id}/inbox/requests/{requestId}",
            "getInboxRequest",
            "Show a request to an inbox",
        )
        .tag(TAG)
        .about("With its headers and body, and whether its signatures are right, and if not, why.")
        .scope(Scope::Read)
        .parameters([in_path("id"), in_path("requestId")])
        .answers(200, "The request.", schema("InboxRequestDetail"))
        .fails(&[NotFound]),
    ]
}
