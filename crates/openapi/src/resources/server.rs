//! The server itself: this description, whether it runs, what it measures and what it logs.

use groundswell_types::EventKind;
use serde_json::{Value, json};

use crate::errors::Errors::{BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType};
use crate::operation::Operation;

pub const TAG: &str = "Server";

fn log_level() -> Value {
    json!({
        "type": "object",
        "required": ["filter"],
        "properties": {
            "filter": {
                "type": "string",
                "maxLength": 1000,
                "description": "Levels, by part of the server: `info`, or `info,groundswell_engine::delivery=debug`.",
                "examples": ["info,groundswell_engine::delivery=debug"],
            },
        },
    })
}

pub fn operations() -> Vec<Operation> {
    let files: Vec<Value> = EventKind::every().map(|kind| format!("{}.json", kind.name()).into()).collect();
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
        Operation::new("GET /v2/log-level", "getLogLevel", "Read what the server logs")
            .tag(TAG)
            .about("With the admin key only.")
            .operators_only()
            .answers(200, "What is logged.", log_level()),
        Operation::new("PUT /v2/log-level", "setLogLevel", "Change what the server logs")
            .tag(TAG)
            .about(
                "With the admin key only. It counts until the next start, which goes by the settings: here one raises the \
                 level of one part while something is looked into.",
            )
            .operators_only()
            .body(log_level(), json!({ "filter": "info,groundswell_engine::delivery=debug" }))
            .answers(200, "What is logged from now on.", log_level())
            .fails(&[BadRequest, PayloadTooLarge, UnsupportedMediaType]),
        Operation::new("GET /metrics", "getMetrics", "Read the server's metrics")
            .tag(TAG)
            .about(
                "In Prometheus' text format, with the admin key only: how much is delivered is nobody's business but the \
                 operator's. Where `metrics_listen` is set, they are served there without a key.",
            )
            .operators_only()
            .answers_with(200, "The metrics.", text()),
        Operation::new("GET /healthz", "isAlive", "Ask whether the process runs")
            .tag(TAG)
            .answers_with(200, "It does.", text()),
        Operation::new("GET /readyz", "isReady", "Ask whether events can be accepted and delivered")
            .tag(TAG)
            .answers_with(200, "They can.", text())
            .answers_with(503, "Not now.", text()),
    ]
}
