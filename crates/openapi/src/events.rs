//! The seven events: what a receiver gets, and what a producer posts.

use groundswell_types::sample::{SampleProgram, sample};
use groundswell_types::{Envelope, EventKind, ProgramType};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::operation::schema;

/// When the samples of the document happened: 2023-11-14 22:13:20 UTC.
const SAMPLE_MS: i64 = 1_700_000_000_000;

/// The latest time a JavaScript `Date` can hold.
const MAX_CREATED_AT_MS: i64 = 8_640_000_000_000_000;

/// The JSON Schema (2020-12) of the body that a receiver gets for such an event, with all that it refers to. Of `data` it
/// asks what ingest asks; what full payloads have besides is marked with `x-expected`.
pub fn event_schema(kind: EventKind) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let data = kind.schema().reference(&mut generator).to_value();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
    });
    extend(&mut schema, delivered(kind, &data));
    schema["examples"] = json!([example(kind)]);
    schema["$defs"] = generator.take_definitions(true).into();
    schema
}

/// The sample of an event as it is delivered, of a program that has it.
pub fn example(kind: EventKind) -> Value {
    let program_type = match (kind.is_operational(), kind.fits(ProgramType::Referral)) {
        (true, _) => ProgramType::Operations,
        (false, true) => ProgramType::Referral,
        (false, false) => ProgramType::Affiliate,
    };
    let program = SampleProgram { id: "j4m8haj6", name: "My program", kind: program_type, currency: "USD" };
    let envelope =
        Envelope::try_from(sample(kind, program, SAMPLE_MS)).expect("samples hold only what JSON can");
    json!(envelope)
}

/// Adds what the calls and webhooks refer to.
pub fn add_schemas(generator: &mut SchemaGenerator) {
    for kind in EventKind::every() {
        let data = kind.schema().reference(generator).to_value();
        let mut whole = delivered(kind, &data);
        whole["title"] = kind.title().into();
        generator.definitions_mut().insert(delivered_name(kind), whole);
    }
    let variants: Vec<Value> = EventKind::ALL.into_iter().map(|kind| posted(kind, generator)).collect();
    let new_event =
        json!({ "description": "An event as a producer posts it.", "type": "object", "oneOf": variants });
    generator.definitions_mut().insert("NewEvent".to_owned(), new_event);
}

/// Each event as a webhook of the document: what is sent, and what the answer means.
pub fn webhooks() -> Value {
    let webhooks = EventKind::every().map(|kind| {
        let operation = json!({
            "operationId": format!("on{}", camel_case(kind)),
            "summary": kind.title(),
            "description": kind.description(),
            "tags": ["Your webhooks"],
            "parameters": headers(),
            "requestBody": {
                "required": true,
                "content": {
                    "application/json": { "schema": schema(&delivered_name(kind)), "example": example(kind) },
                },
            },
            "responses": {
                "2XX": {
                    "description": "Taken. Answer within 15 seconds, or as long as the webhook's `timeoutSeconds` says; \
                        the body is kept for the log, at most 16 KiB of it.",
                },
                "410": {
                    "description": "Gone: the webhook is disabled, and its owner is told.",
                },
                "default": {
                    "description": "Not taken, redirects included: it is sent again, later and later, for days. \
                        `Retry-After`, as seconds or a date, is honoured up to 24 hours.",
                },
            },
            "security": [],
        });
        (kind.name().to_owned(), json!({ "post": operation }))
    });
    webhooks.collect::<Map<_, _>>().into()
}

fn delivered_name(kind: EventKind) -> String {
    format!("{}Event", camel_case(kind))
}

/// `NEW_PARTICIPANT_ADDED` as `NewParticipantAdded`.
fn camel_case(kind: EventKind) -> String {
    let word = |word: &str| [&word[..1], &word[1..].to_ascii_lowercase()].concat();
    kind.name().split('_').map(word).collect()
}

fn delivered(kind: EventKind, data: &Value) -> Value {
    json!({
        "description": kind.description(),
        "type": "object",
        "properties": {
            "event": { "const": kind.name(), "description": "Which event." },
            "createdAt": created_at("When it happened, in Unix milliseconds."),
            "data": data,
        },
        "required": ["event", "createdAt", "data"],
    })
}

fn posted(kind: EventKind, generator: &mut SchemaGenerator) -> Value {
    json!({
        "title": kind.title(),
        "description": kind.description(),
        "properties": {
            "event": { "const": kind.name(), "description": "Which event." },
            "createdAt": created_at("When it happened, in Unix milliseconds; now, if it is left out."),
            "data": kind.schema().reference(generator),
            "idempotencyKey": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[^\\x00]*$",
                "description": "As the header `Idempotency-Key`, which counts when both are there; at most 255 bytes.",
            },
        },
        "required": ["event", "data"],
    })
}

fn created_at(text: &str) -> Value {
    json!({
        "type": "integer",
        "format": "int64",
        "minimum": 0,
        "maximum": MAX_CREATED_AT_MS,
        "description": text,
    })
}

/// What each request to a receiver carries besides its body.
fn headers() -> Value {
    let header = |name: &str, is_required: bool, pattern: &str, (text, example): (&str, &str)| {
        json!({
            "name": name,
            "in": "header",
            "required": is_required,
            "description": text,
            "schema": { "type": "string", "pattern": pattern },
            "example": example,
        })
    };
    json!([
        header(
            "GrowSurf-Signature",
            false,
            "^ts=[0-9]+(,v=[0-9a-f]{64}){1,2}$",
            (
                "With a secret: `ts` is the time of this attempt in Unix milliseconds, `v` the lower-case hex \
                 HMAC-SHA256 of `<ts>.<body>`. While an old secret is still valid its `v` comes second.",
                "ts=1700000000000,v=9a5f3ed2a4e85b35f7bd1f5ed9fd0e3f8b8a7d2b6f6c0e5a6a1c8e6f2d4b1a70",
            ),
        ),
        header(
            "webhook-id",
            true,
            "^(evt|test)_[0-9a-hjkmnp-tv-z]{13}$",
            (
                "The event's id, the same with every attempt and to every webhook: what you have seen once, you need \
                 not do again.",
                "evt_1sj7e4k9v2w0c",
            ),
        ),
        header(
            "webhook-timestamp",
            true,
            "^[0-9]+$",
            ("The time of this attempt in Unix seconds.", "1700000000"),
        ),
        header(
            "webhook-signature",
            false,
            "^v1,[A-Za-z0-9+/]+={0,2}( v1,[A-Za-z0-9+/]+={0,2})?$",
            (
                "With a secret, for Standard Webhooks libraries: base64 of the HMAC-SHA256 of \
                 `<webhook-id>.<webhook-timestamp>.<body>`, one for each secret that is valid.",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ),
    ])
}

fn extend(schema: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (schema.as_object_mut(), more) {
        members.extend(more);
    }
}
