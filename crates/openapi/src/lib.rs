//! The REST API and the events, described for programs: OpenAPI 3.1 and JSON Schema 2020-12.
//!
//! What is sent and answered is described by the types themselves (`groundswell-types` with the feature `schema`): their
//! fields, their documentation, the tables that ingest checks events with, their samples. Here stand the calls, and what
//! the server reads member by member without a type of its own. The server's tests hold its routes against this, and
//! Schemathesis holds its answers against it.

mod answers;
mod components;
mod errors;
mod events;
mod inputs;
mod operation;
mod parameters;
mod resources;

use serde_json::{Map, Value, json};

pub use events::event_schema;

/// What the document says of the whole API.
const ABOUT: &str = "Post your referral or affiliate program's events; they are delivered to your webhooks, signed, with \
    retries for days. Programs are called campaigns here, as in the hosted product, whose clients work unchanged.\n\n\
    All times are Unix milliseconds, all amounts whole numbers in the currency's minor unit. Unknown members of requests \
    are ignored unless said otherwise, and unknown members of events are kept and passed on. Bodies may be compressed, \
    with `Content-Encoding: gzip` or `zstd`. A number is refused when \
    JavaScript cannot hold it exactly (9007199254740993, 1e400), and so is text with half a surrogate pair, since \
    receivers may check signatures over what JavaScript prints.\n\n\
    Errors have the same shape everywhere; send `Accept: application/problem+json` to get them as problem details \
    (RFC 9457).";

/// The OpenAPI 3.1 document of a server that is reached at `public_url`.
pub fn document(public_url: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in resources::operations() {
        let (path, method) = (operation.path(), operation.method());
        let calls = paths.entry(path).or_insert_with(|| json!({}));
        calls[method] = operation.description();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Groundswell",
            "summary": "Webhooks for referral and affiliate programs that always arrive.",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url.trim_end_matches('/') }],
        "tags": resources::tags(),
        "paths": paths,
        "webhooks": events::webhooks(),
        "components": components::all(),
    })
}
