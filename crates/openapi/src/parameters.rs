//! Parameters that several calls take.

use groundswell_types::{AuditAction, DeliveryState, EventKind, MAX_SEARCH_CHARS};
use serde_json::{Value, json};

/// What `StatusRange` prints, and what it reads but for white space.
pub const STATUS_RANGE: &str = "^([1-9][0-9]{2}|[1-9]xx|[1-9][0-9]{2}-[1-9][0-9]{2})$";

/// A part of the path by its name.
pub fn in_path(name: &'static str) -> Value {
    let (text, pattern, example) = match name {
        "id" => ("The program's id.", "^[A-Za-z0-9_-]{1,64}$", "j4m8haj6"),
        "webhookId" => ("The webhook's id.", "^[A-Za-z0-9_-]{1,64}$", "primary"),
        "deliveryId" => ("The delivery's id.", "^dlv_[0-7][0-9a-hjkmnp-tv-z]{12}$", "dlv_1sj7e4k9v2w0c"),
        "recipientId" => ("The recipient's id.", "^rcp_[0-9A-Za-z]+$", "rcp_7f3k9x2m4p8h1j5n"),
        "requestId" => ("The request's id.", "^inr_[0-7][0-9a-hjkmnp-tv-z]{12}$", "inr_1sj7e4k9v2w0c"),
        "jobId" => ("The job's id.", "^rsj_[0-7][0-9a-hjkmnp-tv-z]{12}$", "rsj_1sj7e4k9v2w0c"),
        "erasureId" => ("The erasure's id.", "^era_[0-7][0-9a-hjkmnp-tv-z]{12}$", "era_1sj7e4k9v2w0c"),
        "incidentId" => ("The incident's id.", "^inc_[0-7][0-9a-hjkmnp-tv-z]{12}$", "inc_1sj7e4k9v2w0c"),
        "maintenanceId" => {
            ("The maintenance's id.", "^inc_[0-7][0-9a-hjkmnp-tv-z]{12}$", "inc_1sj7e4k9v2w0c")
        }
        "keyId" => ("The key's id.", "^key_[0-9a-z]+$", "key_7f3k9x2m4p"),
        "linkId" => ("The link's id.", "^edl_[0-9A-Za-z]+$", "edl_7f3k9x2m4p8h1j5n"),
        "teamId" => ("The team's id.", "^[A-Za-z0-9_-]{1,64}$", "team_first"),
        "userId" => ("The id of somebody in the team.", "^[A-Za-z0-9_-]{1,64}$", "usr_7f3k9x2m4p"),
        "invitationId" => ("The invitation's id.", "^inv_[0-9a-z]+$", "inv_7f3k9x2m4p"),
        other => unreachable!("no path has a part named {other}"),
    };
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": text,
        "schema": { "type": "string", "pattern": pattern },
        "example": example,
    })
}

/// Something behind the question mark.
#[expect(clippy::needless_pass_by_value, reason = "what is described is made where it is handed over")]
pub fn in_query(name: &str, text: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": text, "schema": schema })
}

/// Which entries of the audit log are meant.
pub fn audit_filter() -> [Value; 5] {
    let time = || json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX });
    [
        in_query("action", "Only this action.", json!({ "type": "string", "enum": AuditAction::ALL })),
        in_query(
            "actor",
            "Only what this person or API key did: their id, or `operator` for the holder of the admin key.",
            json!({ "type": "string" }),
        ),
        in_query(
            "campaign",
            "Only what was done to this program.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{0,64}$" }),
        ),
        in_query("from", "Only from this time on, in Unix milliseconds.", time()),
        in_query("to", "Only before this time, in Unix milliseconds.", time()),
    ]
}

/// Which deliveries are meant.
pub fn delivery_filter() -> [Value; 7] {
    let time = || json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX });
    [
        in_query(
            "state",
            "Only those in this state.",
            json!({ "type": "string", "enum": DeliveryState::ALL }),
        ),
        in_query(
            "event",
            "Only those of this event.",
            json!({ "type": "string", "enum": EventKind::every().collect::<Vec<_>>() }),
        ),
        in_query(
            "webhookId",
            "Only those to this webhook.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
        ),
        in_query(
            "status",
            "Only those whose last answer had this status: `500`, `5xx` or `500-504`.",
            json!({ "type": "string", "pattern": STATUS_RANGE }),
        ),
        in_query("since", "Only those accepted at this time or later, in Unix milliseconds.", time()),
        in_query(
            "until",
            "Only those accepted before this time, in Unix milliseconds; later than `since`.",
            time(),
        ),
        in_query(
            "text",
            "Only those with this event id or delivery id, or whose event's body has this text in it, as a \
             participant's id or e-mail address.",
            json!({ "type": "string", "maxLength": MAX_SEARCH_CHARS }),
        ),
    ]
}
