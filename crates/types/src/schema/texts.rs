//! The types whose JSON is a text or number of a certain form, as JSON Schema (feature `schema`).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    AuditId, Currency, DeliveryId, Email, ErasureId, EventId, InboxRequestId, IncidentId, IncidentUpdateId,
    NoticeId, ProgramId, ResendJobId, RetentionDays, StatusRange, TeamId, UserId, WebhookId, WebhookName,
    WebhookTimeout,
};

/// Describes a type where it stands, since it is short.
macro_rules! inline_schema {
    ($($name:ident: $schema:tt)+) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })+
    };
}

/// An id that is a prefix and 13 characters of base32 (`id.rs`); 63 bits leave 8 values to the first.
macro_rules! numbered_id_schema {
    ($($name:ident $prefix:literal)+) => {
        inline_schema! {
            $($name: {
                "type": "string",
                "pattern": concat!("^", $prefix, "[0-7][0-9a-hjkmnp-tv-z]{12}$"),
                "examples": [concat!($prefix, "1sj7e4k9v2w0c")],
            })+
        }
    };
}

numbered_id_schema! {
    AuditId "aud_"
    IncidentId "inc_"
    IncidentUpdateId "upd_"
    ErasureId "era_"
    EventId "evt_"
    DeliveryId "dlv_"
    NoticeId "ntc_"
    ResendJobId "rsj_"
    InboxRequestId "inr_"
}

inline_schema! {
    ProgramId: { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "examples": ["j4m8haj6"] }
    WebhookId: { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "examples": ["primary"] }
    TeamId: { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "examples": ["team_first"] }
    UserId: { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "examples": ["usr_7f3k9x2m4p"] }
    Email: { "type": "string", "maxLength": 254, "examples": ["ada@example.com"] }
    Currency: { "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"] }
    WebhookName: { "type": "string", "minLength": 1, "maxLength": WebhookName::MAX_CHARACTERS }
    StatusRange: {
        "type": "string",
        "pattern": "^([1-9][0-9]{2}|[1-9]xx|[1-9][0-9]{2}-[1-9][0-9]{2})$",
        "examples": ["5xx", "500-504"],
    }
    RetentionDays: { "type": "integer", "minimum": RetentionDays::MIN, "maximum": RetentionDays::MAX }
    WebhookTimeout: {
        "type": "integer",
        "minimum": WebhookTimeout::MIN_SECONDS,
        "maximum": WebhookTimeout::MAX_SECONDS,
    }
}
