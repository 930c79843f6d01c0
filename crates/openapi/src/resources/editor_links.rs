//! `/v2/campaign/{id}/editor-link`.

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
            "POST /v2/campaign/{id}/editor-link",
            "createEditorLink",
            "Make a link to the webhook settings",
        )
        .tag(TAG)
        .about(
            "For a page of your own product: what it opens can be framed by the origins that the server is set up with. It \
             works once, within five minutes, and opens the webhook settings of this program alone, for twelve hours at \
             most. It ends with the key that made it. 409 if the server is not reached over https, since browsers then \
             keep no cookie in a frame.",
        )
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .optional_body(schema("EditorLinkToBe"), json!({ "theme": "dark", "label": "Ada of Acme" }))
        .answers(201, "The link.", schema("EditorLink"))
        .leads_to("deleteEditorLink", &[("id", "$request.path.id"), ("linkId", "$response.body#/id")])
        .fails(&[BadRequest, NotFound, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new(
            "DELETE /v2/campaign/{id}/editor-link/{linkId}",
            "deleteEditorLink",
            "End a link to the webhook settings",
        )
        .tag(TAG)
        .about("And the session that it has become, at once.")
        .scope(Scope::Webhooks)
        .parameter(in_path("id"))
        .parameter(in_path("linkId"))
        .answers(200, "It is ended.", schema("EditorLinkEnded"))
        .fails(&[NotFound, StorageFull]),
    ]
}
