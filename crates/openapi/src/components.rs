//! What calls and webhooks refer to: schemas, error responses, headers, the way a key is sent.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{answers, errors, events, inputs};

/// All components.
pub fn all() -> Value {
    let schemas = schemas();
    let responses = errors::responses(&schemas["ErrorCode"]);
    json!({
        "schemas": schemas,
        "responses": responses,
        "headers": headers(),
        "securitySchemes": {
            "apiKey": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, `gsk_…`, or the admin key. A key has scopes: `read` for every GET, `events` to \
                    post events, `webhooks` to change programs and webhooks (with `read`), `admin` for everything, to change \
                    `retentionDays` among it. A key of one program sees no other.",
            },
        },
    })
}

fn schemas() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    answers::add_schemas(&mut generator);
    events::add_schemas(&mut generator);
    let definitions = generator.definitions_mut();
    definitions.extend(inputs::all().map(|(name, schema)| (name.to_owned(), schema)));
    definitions.extend(inputs::incidents::all().map(|(name, schema)| (name.to_owned(), schema)));
    definitions.insert("ApiProblem".to_owned(), problem());
    let mut schemas: Vec<(String, Value)> = generator.take_definitions(true).into_iter().collect();
    schemas.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut schemas: Value = Map::from_iter(schemas).into();
    say_plainly(&mut schemas);
    schemas
}

/// An error as problem details.
fn problem() -> Value {
    json!({
        "description": "An error as problem details (RFC 9457), with the members of every error.",
        "allOf": [
            { "$ref": "#/components/schemas/ApiError" },
            {
                "type": "object",
                "properties": {
                    "type": { "type": "string", "description": "Where this kind of error is described." },
                    "title": { "type": "string", "description": "The kind of error in words." },
                    "detail": { "type": "string", "description": "What happened and what to do, for people." },
                    "instance": { "type": "string", "description": "Names the request." },
                },
                "required": ["type", "title", "detail"],
            },
        ],
    })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Names the request in the server's log.",
            "required": true,
            "schema": { "type": "string" },
        },
        "RetryAfter": {
            "description": "Come back after so many seconds.",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
        "RetryAfterMilliseconds": {
            "description": "How long the window of the limit lasts.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "AcceptEncoding": {
            "description": "The encodings of a body that are read.",
            "schema": { "type": "string" },
        },
        "Challenge": {
            "description": "How a key is sent.",
            "required": true,
            "schema": { "const": "Bearer" },
        },
        "RateLimit": {
            "description": "How many requests the key has in the window. Not with the admin key, nor when limits are off.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "RateLimitRemaining": {
            "description": "How many of them are left in the window.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "ETag": {
            "description": "Changes when the content does; send it as `If-None-Match`.",
            "required": true,
            "schema": { "type": "string" },
        },
        "ContentDisposition": {
            "description": "A name for the file.",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}

/// Documentation of Rust as prose: links to other types lose their brackets, and lines run on. What serde takes for a
/// member that is missing is no default to speak of: answers have all of them.
fn say_plainly(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(say_plainly),
        Value::Object(members) => {
            if members.get("default").is_some_and(|default| default.is_null() || *default == json!([])) {
                members.shift_remove("default");
            }
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
                    }
                    other => say_plainly(other),
                }
            }
        }
        _ => {}
    }
}
