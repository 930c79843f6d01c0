//! `/v2/campaign/{id}/webhooks` and what its owner is told.

use serde_json::{Value, json};

use crate::errors::Errors::{
    BadRequest, NotFound, PayloadTooLarge, StorageFull, Unprocessable, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::{in_path, in_query};

pub const TAG: &str = "Webhooks";

fn webhook() -> [Value; 2] {
    [in_path("id"), in_path("webhookId")]
}

pub fn operations() -> Vec<Operation> {
    let mut all = settings();
    all.extend(beside_settings());
    all
}

fn settings() -> Vec<Operation> {
    let of_webhook = [("id", "$request.path.id"), ("webhookId", "$response.body#/id")];
    vec![
        Operation::new("GET /v2/campaign/{id}/webhooks", "listWebhooks", "List a program's webhooks")
            .tag(TAG)
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .answers(200, "The webhooks, oldest first.", schema("WebhookList"))
            .fails(&[NotFound]),
        Operation::new("POST /v2/campaign/{id}/webhooks", "createWebhook", "Add a webhook")
            .tag(TAG)
            .about("A program has five at most. The first one's id is `primary`.")
            .scope(Scope::Webhooks)
            .parameter(in_path("id"))
            .body(
                schema("NewWebhook"),
                json!({
                    "payloadUrl": "https://example.com/webhooks",
                    "events": ["NEW_PARTICIPANT_ADDED"],
                    "secret": "my secret",
                }),
            )
            .answers(200, "The webhook. Its secret is not shown.", schema("Webhook"))
            .leads_to("updateWebhook", &of_webhook)
            .leads_to("testWebhook", &of_webhook)
            .leads_to("endOldSecret", &of_webhook)
            .leads_to("deleteWebhook", &of_webhook)
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, Unprocessable, StorageFull]),
        Operation::new("PATCH /v2/campaign/{id}/webhooks/{webhookId}", "updateWebhook", "Change a webhook")
            .tag(TAG)
            .about(
                "Disabling it parks what waits. Enabling it clears `autoDisabledDueToFailures` and `failureCount`; what is \
                 parked stays so until it is sent or discarded in the editor.",
            )
            .scope(Scope::Webhooks)
            .parameters(webhook())
            .optional_body(schema("WebhookChange"), json!({ "isEnabled": false }))
            .answers(200, "The webhook as it is now.", schema("Webhook"))
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("DELETE /v2/campaign/{id}/webhooks/{webhookId}", "deleteWebhook", "Remove a webhook")
            .tag(TAG)
            .about("What waits for it is cancelled.")
            .scope(Scope::Webhooks)
            .parameters(webhook())
            .answers(200, "It is removed.", schema("WebhookDeleted"))
            .fails(&[NotFound, StorageFull]),
    ]
}

fn beside_settings() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /v2/campaign/{id}/webhooks/{webhookId}/test",
            "testWebhook",
            "Send a sample of an event",
        )
        .tag(TAG)
        .about(
            "Really sends it, signed, to the webhook's URL, and waits for the answer. A receiver that cannot be reached is \
             `success: false`, not an error of this call. A program can send 20 tests a minute.",
        )
        .scope(Scope::Webhooks)
        .parameters(webhook())
        .optional_body(schema("WebhookTest"), json!({ "event": "NEW_PARTICIPANT_ADDED" }))
        .answers(200, "What was sent, and what came back.", schema("WebhookTestResponse"))
        .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "DELETE /v2/campaign/{id}/webhooks/{webhookId}/old-secret",
            "endOldSecret",
            "Stop signing with the secret before",
        )
        .tag(TAG)
        .scope(Scope::Webhooks)
        .parameters(webhook())
        .answers(200, "The webhook as it is now.", schema("Webhook"))
        .fails(&[NotFound, StorageFull]),
        Operation::new("GET /v2/campaign/{id}/notices", "listNotices", "Read what webhooks' owners are told")
            .tag(TAG)
            .about("That a webhook keeps failing, was disabled or got another secret, or that what is parked will be cancelled.")
            .scope(Scope::Read)
            .parameter(in_path("id"))
            .parameter(in_query(
                "after",
                "Only those after this one: the `id` of the last one read.",
                json!({ "type": "string", "pattern": "^ntc_0[0-9a-hjkmnp-tv-z]{12}$" }),
            ))
            .answers(200, "The notices, oldest first, at most 100.", schema("NoticeList"))
            .fails(&[BadRequest, NotFound]),
    ]
}
