//! What a webhook's owner is told.

use serde::{Deserialize, Serialize};

use crate::id::{NoticeId, WebhookId};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Every attempt has failed for a day.
    Failing,
    /// Every attempt has failed for three days; at seven the webhook is disabled.
    StillFailing,
    /// The webhook was disabled because nothing succeeded for seven days.
    AutoDisabled,
    /// The webhook was disabled because its receiver answered `410 Gone`.
    Gone,
    /// What is parked will be cancelled in seven days.
    ParkedExpiring,
    /// The webhook's secret was replaced or removed.
    SecretReplaced,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Failing,
        Self::StillFailing,
        Self::AutoDisabled,
        Self::Gone,
        Self::ParkedExpiring,
        Self::SecretReplaced,
    ];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::StillFailing => "still_failing",
            Self::AutoDisabled => "auto_disabled",
            Self::Gone => "gone",
            Self::ParkedExpiring => "parked_expiring",
            Self::SecretReplaced => "secret_replaced",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A notice to a webhook's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its id; later notices have higher ones.
    pub id: NoticeId,
    /// What it is about.
    pub kind: NoticeKind,
    /// The webhook's public id; none once it is deleted.
    pub webhook_id: Option<WebhookId>,
    /// When it was given, in Unix milliseconds.
    pub at: i64,
    /// Since when the webhook has been failing or parked or has had its new secret, in Unix milliseconds.
    pub since: i64,
}
