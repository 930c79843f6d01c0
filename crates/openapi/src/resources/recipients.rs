//! `/v2/campaign/{id}/webhooks/{webhookId}/recipients`.

use serde_json::json;

use super::webhooks::TAG;
use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::in_path;

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET /v2/campaign/{id}/webhooks/{webhookId}/recipients",
            "listRecipients",
            "List who gets e-mail about a webhook",
        )
        .tag(TAG)
        .about(
            "Those who were named. As long as none of them gets it, the owners of the team do. E-mail is about the \
             notices, and about deliveries that were given up, once a day.",
        )
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .parameter(in_path("webhookId"))
        .answers(200, "The recipients, by when they were named.", schema("RecipientList"))
        .fails(&[NotFound]),
        Operation::new(
            "POST /v2/campaign/{id}/webhooks/{webhookId}/recipients",
            "addRecipient",
            "Name somebody to get e-mail about a webhook",
        )
        .tag(TAG)
        .about(
            "Whoever is in the team, with an address that is known to be theirs, gets it from now on. Others are asked in one \
             e-mail whether they want it; how many are asked is limited. Whoever does not want it is not asked again. Naming \
             somebody once more changes nothing. 409 when a webhook has ten, when too many were asked, or when the server has no \
             mail server to ask with.",
        )
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .parameter(in_path("webhookId"))
        .body(schema("RecipientToBe"), json!({ "email": "ada@example.com", "language": "en" }))
        .answers(200, "The recipient.", schema("Recipient"))
        .leads_to(
            "removeRecipient",
            &[
                ("id", "$request.path.id"),
                ("webhookId", "$request.path.webhookId"),
                ("recipientId", "$response.body#/id"),
            ],
        )
        .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "DELETE /v2/campaign/{id}/webhooks/{webhookId}/recipients/{recipientId}",
            "removeRecipient",
            "Name somebody no longer",
        )
        .tag(TAG)
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .parameter(in_path("webhookId"))
        .parameter(in_path("recipientId"))
        .answers(200, "They get no more e-mail about the webhook.", schema("RecipientRemoved"))
        .fails(&[NotFound, StorageFull]),
    ]
}
