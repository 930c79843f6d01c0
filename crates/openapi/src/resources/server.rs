//! What needs no key: this description, and whether the server runs.

use groundswell_types::EventKind;
use serde_json::{Value, json};

use crate::errors::Errors::NotFound;
use crate::operation::Operation;

pub const TAG: &str = "Server";

pub fn operations() -> Vec<Operation> {
    let files: Vec<Value> = EventKind::ALL.map(|kind| format!("{}.json", kind.name()).into()).to_vec();
    let text = || json!({ "text/plain": { "schema": { "type": "string" } } });
    vec![
        Operation::new("GET /v2/openapi.json", "getDescription", "Read this description")
            .tag(TAG)
            .answers(200, "This document.", json!({ "type": "object", "required": ["openapi", "paths", "webhooks"] }))
            .with_header("ETag", "ETag")
            .answers_nothing(304, "It is what you have."),
        Operation::new("GET /v2/schemas/{file}", "getEventSchema", "Read the JSON Schema of an event")
            .tag(TAG)
            .about("JSON Schema 2020-12 of the body that receivers get, without references to other files.")
            .parameter(json!({
                "name": "file",
                "in": "path",
                "required": true,
                "description": "The event's name and `.json`.",
                "schema": { "type": "string", "enum": files },
            }))
            .answers_with(
                200,
                "The schema.",
                json!({ "application/schema+json": { "schema": { "type": "object", "required": ["$schema"] } } }),
            )
            .with_header("ETag", "ETag")
            .answers_nothing(304, "It is what you have.")
            .fails(&[NotFound]),
        Operation::new("GET /healthz", "isAlive", "Ask whether the process runs")
            .tag(TAG)
            .answers_with(200, "It does.", text()),
        Operation::new("GET /readyz", "isReady", "Ask whether events can be accepted and delivered")
            .tag(TAG)
            .answers_with(200, "They can.", text())
            .answers_with(503, "Not now.", text()),
    ]
}
