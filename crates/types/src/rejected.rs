//! Events that were emitted in SQL and cannot be accepted.

use serde::{Deserialize, Serialize};

/// An event that was emitted in SQL and rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RejectedEvent {
    /// What `groundswell.emit` has returned.
    pub id: i64,
    /// The program, as it was emitted; there may be none.
    pub campaign_id: String,
    /// The event's name, as it was emitted.
    pub event: String,
    /// What the event was about, as the text that was emitted; null when that has more than 16 KiB.
    pub data: Option<String>,
    /// How many bytes it had.
    pub data_bytes: i64,
    /// Its idempotency key, if it had one.
    pub idempotency_key: Option<String>,
    /// Why it was rejected.
    pub reason: String,
    /// When it was emitted, on the database's clock, in Unix milliseconds.
    pub created_at: i64,
    /// When it was rejected, in Unix milliseconds.
    pub rejected_at: i64,
}
