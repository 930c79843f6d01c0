//! Errors: one response for each status, from the codes and their documentation.

use groundswell_types::ErrorCode;
use serde_json::{Map, Value, json};

use crate::operation::schema;

/// The statuses of errors, each with all of its codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    RequestTimeout,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    Unprocessable,
    RateLimit,
    Internal,
    Overloaded,
    OutcomeUnknown,
    StorageFull,
}

/// With an API key every answer carries them, unless limits are off.
pub const RATE_LIMIT_HEADERS: [(&str, &str); 6] = [
    ("GrowSurf-RateLimit-Second-Limit", "RateLimit"),
    ("GrowSurf-RateLimit-Second-Remaining", "RateLimitRemaining"),
    ("GrowSurf-RateLimit-Minute-Limit", "RateLimit"),
    ("GrowSurf-RateLimit-Minute-Remaining", "RateLimitRemaining"),
    ("GrowSurf-RateLimit-Hour-Limit", "RateLimit"),
    ("GrowSurf-RateLimit-Hour-Remaining", "RateLimitRemaining"),
];

/// Over the limit one of them says how long the window lasts.
const RETRY_AFTER_HEADERS: [(&str, &str); 3] = [
    ("GrowSurf-Retry-After-Second-Milliseconds", "RetryAfterMilliseconds"),
    ("GrowSurf-Retry-After-Minute-Milliseconds", "RetryAfterMilliseconds"),
    ("GrowSurf-Retry-After-Hour-Milliseconds", "RetryAfterMilliseconds"),
];

impl Errors {
    const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::RequestTimeout,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::RateLimit,
        Self::Internal,
        Self::Overloaded,
        Self::OutcomeUnknown,
        Self::StorageFull,
    ];

    /// A code with this status.
    const fn code(self) -> ErrorCode {
        match self {
            Self::BadRequest => ErrorCode::BadRequest,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NotFound => ErrorCode::NotFound,
            Self::RequestTimeout => ErrorCode::RequestTimeout,
            Self::Conflict => ErrorCode::Conflict,
            Self::PayloadTooLarge => ErrorCode::PayloadTooLarge,
            Self::UnsupportedMediaType => ErrorCode::UnsupportedMediaType,
            Self::Unprocessable => ErrorCode::EventNotAccepted,
            Self::RateLimit => ErrorCode::RateLimit,
            Self::Internal => ErrorCode::Internal,
            Self::Overloaded => ErrorCode::Overloaded,
            Self::OutcomeUnknown => ErrorCode::OutcomeUnknown,
            Self::StorageFull => ErrorCode::StorageFull,
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.code().status()
    }

    /// A reference to the response.
    pub fn reference(self) -> Value {
        json!({ "$ref": format!("#/components/responses/{}", self.code().name()) })
    }
}

const WHEN_TOO_SLOW: &str = " A body has two minutes, and is not waited for when nothing comes for 10 s. When much is being sent \
                             to the server, it has to come at 64 KiB a second from the tenth second on.";

/// The responses, by the names their references have. `code_schema` is the schema of [`ErrorCode`], which has the
/// documentation of each.
pub fn responses(code_schema: &Value) -> Value {
    let responses = Errors::ALL.map(|errors| {
        let status = errors.status();
        let codes: Vec<ErrorCode> =
            ErrorCode::ALL.into_iter().filter(|code| code.status() == status).collect();
        let texts: Vec<String> = codes.iter().map(|code| documentation(*code, code_schema)).collect();
        let mut text = texts.join(" ");
        if errors == Errors::RequestTimeout {
            text.push_str(WHEN_TOO_SLOW);
        }
        (errors.code().name().to_owned(), response(errors, &codes, &text))
    });
    Map::from_iter(responses).into()
}

fn response(errors: Errors, codes: &[ErrorCode], text: &str) -> Value {
    let codes: Vec<Value> = codes.iter().map(|code| json!(code)).collect();
    let of = |name: &str| {
        let mut narrower = json!({
            "properties": { "code": { "enum": codes }, "status": { "const": errors.status() } },
        });
        if errors == Errors::RateLimit {
            narrower["properties"]["policyName"] = json!({
                "enum": [
                    "SECOND", "MINUTE", "HOUR", "TESTS_PER_MINUTE", "STREAMS_OF_A_KEY", "STREAMS_OF_A_TEAM", "BODIES_OF_A_TEAM"
                ],
                "description": "Which limit it was: of the key's, or that a program can send 20 tests a minute, or that a key \
                                can have 10 streams of events open, or all keys of a team 25, or that the bodies that the \
                                server is reading from a key take half of the room there is for bodies.",
            });
            narrower["required"] = json!(["policyName"]);
        }
        json!({ "allOf": [schema(name), narrower] })
    };
    let reference = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = Map::from_iter([("x-request-id".to_owned(), reference("RequestId"))]);
    let mut more: Vec<(&str, &str)> = match errors {
        Errors::Unauthorized => vec![("WWW-Authenticate", "Challenge")],
        Errors::RateLimit | Errors::Overloaded | Errors::StorageFull => vec![("Retry-After", "RetryAfter")],
        _ => Vec::new(),
    };
    if errors == Errors::RateLimit {
        more.extend(RATE_LIMIT_HEADERS);
        more.extend(RETRY_AFTER_HEADERS);
    }
    if errors == Errors::UnsupportedMediaType {
        more.push(("Accept-Encoding", "AcceptEncoding"));
    }
    headers.extend(more.into_iter().map(|(name, component)| (name.to_owned(), reference(component))));
    json!({
        "description": text,
        "headers": headers,
        "content": {
            "application/json": { "schema": of("ApiError") },
            "application/problem+json": { "schema": of("ApiProblem") },
        },
    })
}

/// What the type says of a code, without the status it begins with.
fn documentation(code: ErrorCode, code_schema: &Value) -> String {
    let variants = code_schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let variant = variants.iter().find(|variant| variant["const"] == json!(code));
    let text = variant.and_then(|variant| variant["description"].as_str()).unwrap_or_default();
    let text = text.split_once(": ").map_or(text, |(_, text)| text);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("`{}`: {first}{}", json!(code).as_str().unwrap_or_default(), letters.as_str())
}
