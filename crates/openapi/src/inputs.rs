//! Bodies of settings calls. The server reads them member by member, so they have no type of their own; the limits come
//! from the types that check the members.

pub mod incidents;

use groundswell_types::{
    DeliveryState, EventKind, MAX_API_KEY_NAME_CHARS, MAX_EDITOR_LINK_LABEL_CHARS, MAX_HEADER_NAME_BYTES,
    MAX_HEADER_VALUE_BYTES, MAX_HEADERS, MAX_SEARCH_CHARS, MAX_SELECTED, MAX_TEAM_NAME_CHARS, ProgramStatus,
    ProgramType, RetentionDays, Role, Scopes, SecretOverlap, Theme, WebhookName, WebhookTimeout,
};
use serde_json::{Value, json};

use crate::operation::schema;

/// No control characters.
const PLAIN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

/// No control characters, and something that can be seen.
const VISIBLE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$";

/// An e-mail address as the server takes it; JSON Schema's `email` is another grammar.
const EMAIL: &str = "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\
                    (\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";

/// An e-mail address as participants' may be written: more than what can sign in.
const ADDRESS: &str = r"^[^\x00-\x1f\x7f-\x9f]*@[^\x00-\x1f\x7f-\x9f]*$";

/// All of them, by name.
pub fn all() -> [(&'static str, Value); 16] {
    [
        ("NewProgram", new_program()),
        ("ProgramChange", program_change()),
        ("NewWebhook", new_webhook()),
        ("WebhookChange", webhook_change()),
        ("WebhookTest", webhook_test()),
        ("NamedDeliveries", named_deliveries()),
        ("MatchingDeliveries", matching_deliveries()),
        ("ApiKeyToBe", api_key()),
        ("EditorLinkToBe", editor_link()),
        ("RecipientToBe", recipient()),
        ("ErasureSubject", erasure_subject()),
        ("TeamNamed", team_named()),
        ("MemberChange", member_change()),
        ("InvitationToBe", invitation()),
        ("SignInLinkToBe", sign_in_link()),
        ("OperationsToBe", operations()),
    ]
}

fn recipient() -> Value {
    json!({
        "description": "Somebody to get e-mail about a webhook.",
        "type": "object",
        "properties": {
            "email": { "type": "string", "maxLength": 254, "pattern": EMAIL, "description": "Their address." },
            "language": {
                "type": ["string", "null"],
                "enum": ["en", "de", "es", null],
                "default": "en",
                "description": "What e-mail to them is written in.",
            },
        },
        "required": ["email"],
    })
}

fn program_name() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": VISIBLE,
        "description": "What people call it; white space around it is ignored.",
    })
}

fn new_program() -> Value {
    let mut name = program_name();
    name["type"] = json!(["string", "null"]);
    name["description"] = "What people call it; one is made up if there is none.".into();
    json!({
        "description": "A program to be.",
        "type": "object",
        "properties": {
            "type": {
                "enum": ProgramType::ALL,
                "description": "Decides which events it can have, and never changes.",
            },
            "name": name,
            "currencyISO": {
                "type": "string",
                "pattern": "^[A-Za-z]{3}$",
                "default": "USD",
                "description": "The currency of its amounts, ISO 4217. Never changes.",
            },
            "teamId": team_id(
                "With the admin key: whose program it is to be; the first team's, if none is named. API keys make programs in \
                    their own team.",
            ),
        },
        "required": ["type"],
    })
}

fn team_id(about: &str) -> Value {
    json!({ "type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": about })
}

fn operations() -> Value {
    json!({
        "description": "Whose operational webhooks are meant.",
        "type": "object",
        "properties": {
            "teamId": team_id(
                "With the admin key: the team; the first, if none is named. API keys have those of their own team.",
            ),
        },
    })
}

fn program_change() -> Value {
    json!({
        "description": "What is to change about a program. `type` and `currencyISO` never do, and are refused.",
        "type": "object",
        "properties": {
            "name": program_name(),
            "status": {
                "enum": [ProgramStatus::InProgress, ProgramStatus::Complete],
                "description": "Running, or ended. Ending a program sends no event by itself.",
            },
            "retentionDays": {
                "type": ["integer", "null"],
                "minimum": RetentionDays::MIN,
                "maximum": RetentionDays::MAX,
                "description": "How long events, deliveries and attempts are kept; null is what the server is set to. \
                    Changing it takes the scope `admin`.",
            },
        },
    })
}

fn erasure_subject() -> Value {
    let text = |description: &str| json!({ "type": "string", "minLength": 1, "maxLength": 320, "pattern": VISIBLE, "description": description });
    json!({
        "description": "Whose data is to be erased: one of the two.",
        "type": "object",
        "properties": {
            "participantId": text("The participant's id, exactly."),
            "email": {
                "type": "string",
                "maxLength": 320,
                "pattern": ADDRESS,
                "description": "Their e-mail address, in either case.",
            },
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}

/// The members that a webhook is made and changed with.
fn webhook_members() -> Value {
    json!({
        "payloadUrl": {
            "type": "string",
            "format": "uri",
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
            "maxLength": 2048,
            "description": "Where events are sent: an http or https URL without a user name, a password or a fragment, \
                whose host is no address that this server may not reach.",
        },
        "events": {
            "type": "array",
            "items": schema("EventKind"),
            "description": "Which events are sent; none when empty.",
        },
        "isEnabled": {
            "type": "boolean",
            "description": "Whether events are sent now; otherwise they are parked.",
        },
        "secret": {
            "type": ["string", "null"],
            "maxLength": 256,
            "pattern": PLAIN,
            "writeOnly": true,
            "description": "What requests are signed with; at most 256 bytes. One that begins with `whsec_` goes on with \
                base64 of 24 to 64 bytes. An empty one or null is none. It is never shown again.",
        },
        "secretOverlapSeconds": {
            "enum": SecretOverlap::ALL,
            "description": "Beside a new secret: so long requests are signed with the one before as well.",
        },
        "timeoutSeconds": {
            "type": ["integer", "null"],
            "minimum": WebhookTimeout::MIN_SECONDS,
            "maximum": WebhookTimeout::MAX_SECONDS,
            "description": "How long the receiver has for its whole answer; null is the usual time.",
        },
        "headers": {
            "type": ["object", "null"],
            "maxProperties": MAX_HEADERS,
            "propertyNames": { "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "maxLength": MAX_HEADER_NAME_BYTES },
            "additionalProperties": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_HEADER_VALUE_BYTES,
                "pattern": "^[!-~]([ -~]*[!-~])?$",
            },
            "writeOnly": true,
            "description": "All headers that are added to each request, by name, at most 8 KiB together; null is none. \
                Upper and lower case are the same, and some names are not yours to set, such as those of the \
                connection, `content-type`, and what begins with `webhook-`, `growsurf-` or `groundswell-`. Values \
                stay with the host that they were given for: a `payloadUrl` of another one needs them, or an empty \
                object, in the same change.",
        },
        "name": {
            "type": ["string", "null"],
            "maxLength": WebhookName::MAX_CHARACTERS,
            "pattern": PLAIN,
            "description": "What people call it; an empty one or null is none.",
        },
    })
}

/// An overlap needs something to overlap with.
fn overlap_goes_with_a_secret() -> Value {
    json!({
        "secretOverlapSeconds": {
            "required": ["secret"],
            "properties": { "secret": { "type": "string", "minLength": 1 } },
        },
    })
}

fn new_webhook() -> Value {
    json!({
        "description": "A webhook to be. Without `events` it is subscribed to none.",
        "type": "object",
        "properties": webhook_members(),
        "required": ["payloadUrl"],
        "dependentSchemas": overlap_goes_with_a_secret(),
    })
}

fn webhook_change() -> Value {
    json!({
        "description": "What is to change about a webhook; what is left out stays as it is.",
        "type": "object",
        "properties": webhook_members(),
        "dependentSchemas": overlap_goes_with_a_secret(),
    })
}

fn webhook_test() -> Value {
    json!({
        "description": "What is to be simulated.",
        "type": "object",
        "properties": {
            "event": {
                "enum": EventKind::every().map(|kind| json!(kind)).chain([Value::Null]).collect::<Vec<_>>(),
                "description": "Which event; the first one that the webhook is subscribed to, if none is named.",
            },
        },
    })
}

fn dry_run() -> Value {
    json!({ "type": "boolean", "default": false, "description": "Only count what would be sent again." })
}

fn named_deliveries() -> Value {
    json!({
        "title": "Named one by one",
        "description": "These deliveries are to be sent again. Those that have not ended are left out.",
        "type": "object",
        "properties": {
            "deliveries": {
                "type": "array",
                "items": { "type": "string", "pattern": "^dlv_[0-7][0-9a-hjkmnp-tv-z]{12}$" },
                "minItems": 1,
                "maxItems": MAX_SELECTED,
            },
            "dryRun": dry_run(),
        },
        "required": ["deliveries"],
        "additionalProperties": false,
    })
}

fn matching_deliveries() -> Value {
    let ended = [DeliveryState::Delivered, DeliveryState::Undeliverable, DeliveryState::Cancelled];
    let or_null = |values: Vec<Value>| values.into_iter().chain([Value::Null]).collect::<Vec<_>>();
    let time = |text: &str| {
        json!({
            "type": ["integer", "null"],
            "format": "int64",
            "minimum": i64::MIN,
            "maximum": i64::MAX,
            "description": text,
        })
    };
    json!({
        "title": "All that match",
        "description": "Deliveries that fit everything given are to be sent again; without any, all that have ended.",
        "type": "object",
        "properties": {
            "state": { "enum": or_null(ended.map(|state| json!(state)).to_vec()) },
            "event": { "enum": or_null(EventKind::every().map(|kind| json!(kind)).collect()) },
            "webhookId": { "type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{1,64}$" },
            "status": {
                "type": ["string", "null"],
                "pattern": crate::parameters::STATUS_RANGE,
                "description": "The status of the last answer, like `500`, `5xx` or `500-504`.",
            },
            "since": time("Only those accepted at this time or later, in Unix milliseconds."),
            "until": time("Only those accepted before this time, in Unix milliseconds; later than `since`."),
            "text": {
                "type": ["string", "null"],
                "maxLength": MAX_SEARCH_CHARS,
                "description": "Only those the log finds with this text.",
            },
            "dryRun": dry_run(),
        },
        "additionalProperties": false,
    })
}

fn editor_link() -> Value {
    json!({
        "description": "An editor link to be.",
        "type": "object",
        "properties": {
            "theme": {
                "enum": [Theme::Light, Theme::Dark, Theme::Auto, null],
                "default": Theme::Auto,
                "description": "What the pages look like, for the whole session; `auto` goes by the visitor's system.",
            },
            "label": {
                "type": ["string", "null"],
                "maxLength": MAX_EDITOR_LINK_LABEL_CHARS,
                "pattern": PLAIN,
                "description": "Who it is for, for people who look at who did what.",
            },
        },
    })
}

fn api_key() -> Value {
    json!({
        "description": "A key to be.",
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_API_KEY_NAME_CHARS,
                "pattern": r"^[^\x00]*[^\x00\s][^\x00]*$",
                "description": "What people call it.",
            },
            "scopes": {
                "type": ["array", "null"],
                "items": schema("Scope"),
                "minItems": 1,
                "default": Scopes::USUAL,
                "description": "What it may do.",
            },
            "campaignId": {
                "type": ["string", "null"],
                "pattern": "^[A-Za-z0-9_-]{1,64}$",
                "description": "The one program it is to be good for; all, if none is named.",
            },
            "rateLimit": {
                "anyOf": [schema("RateLimit"), { "type": "null" }],
                "description": "Limits of its own, in the place of the server's.",
            },
        },
        "required": ["name"],
    })
}

fn team_named() -> Value {
    json!({
        "description": "A team with a name.",
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEAM_NAME_CHARS,
                "pattern": VISIBLE,
                "description": "What people call it; white space around it is ignored.",
            },
        },
        "required": ["name"],
    })
}

fn role() -> Value {
    json!({
        "enum": Role::ALL,
        "description": "`viewer` sees programs and their log, `editor` sets webhooks up and sends again, `owner` decides \
            about members and keys, too.",
    })
}

fn member_change() -> Value {
    json!({
        "description": "What is to change about somebody in a team.",
        "type": "object",
        "properties": { "role": role() },
        "required": ["role"],
    })
}

fn invitation() -> Value {
    json!({
        "description": "Who is to be invited.",
        "type": "object",
        "properties": {
            "email": {
                "type": "string",
                "maxLength": 254,
                "pattern": EMAIL,
                "description": "Whom it is for.",
            },
            "role": role(),
        },
        "required": ["email", "role"],
    })
}

fn sign_in_link() -> Value {
    json!({
        "description": "Whom a link is to sign in.",
        "type": "object",
        "properties": {
            "email": {
                "type": ["string", "null"],
                "format": "email",
                "description": "The e-mail address of somebody in the team; its first owner, if none is given.",
            },
        },
    })
}
