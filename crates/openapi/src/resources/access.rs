//! `/v2/api-keys` and `/v2/sign-in-links`.

use serde_json::json;

use crate::errors::Errors::{
    BadRequest, Conflict, NotFound, PayloadTooLarge, StorageFull, UnsupportedMediaType,
};
use crate::operation::{Operation, Scope, schema};
use crate::parameters::in_path;

pub const TAG: &str = "Access";

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /v2/api-keys", "listApiKeys", "List all API keys")
            .tag(TAG)
            .scope(Scope::Admin)
            .answers(200, "The keys, without their texts.", schema("ApiKeyList")),
        Operation::new("POST /v2/api-keys", "createApiKey", "Make an API key")
            .tag(TAG)
            .scope(Scope::Admin)
            .body(schema("ApiKeyToBe"), json!({ "name": "Our shop", "scopes": ["events"] }))
            .answers(200, "The key, with its text, which no other answer has.", schema("NewApiKey"))
            .leads_to("deleteApiKey", &[("keyId", "$response.body#/id")])
            .fails(&[BadRequest, Conflict, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
        Operation::new("DELETE /v2/api-keys/{keyId}", "deleteApiKey", "Revoke an API key")
            .tag(TAG)
            .about(
                "It stops working at once, and with it what it made: editor links, sign-in links with the sessions that came \
                 of them, and invitations that are open.",
            )
            .scope(Scope::Admin)
            .parameter(in_path("keyId"))
            .answers(200, "It is revoked.", schema("ApiKeyDeleted"))
            .fails(&[NotFound, StorageFull]),
        Operation::new("POST /v2/sign-in-links", "createSignInLink", "Make a link that signs in")
            .tag(TAG)
            .about(
                "It opens the Program Editor, once, within an hour: for whoever of the team has the e-mail address, or for \
                 its first owner without one. So it is the way back in for who has forgotten their password. For owners of the \
                 first team, who run the server, it takes the admin key.",
            )
            .scope(Scope::Admin)
            .optional_body(schema("SignInLinkToBe"), json!({ "email": "ada@example.com" }))
            .answers(200, "The link.", schema("SignInLink"))
            .fails(&[BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, StorageFull]),
    ]
}
