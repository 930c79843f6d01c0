//! Sending many deliveries again.

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryState;
use crate::event::EventKind;
use crate::filter::{DeliveryFilter, StatusRange};
use crate::id::{DeliveryId, ResendJobId, WebhookId};

/// At most so many deliveries can be named one by one.
pub const MAX_SELECTED: usize = 1_000;

/// Which deliveries are to be sent again: those named, or all that match the filter. Only deliveries that have ended
/// are, and only while their webhook is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ResendSelection {
    /// These, at most [`MAX_SELECTED`]; then nothing else may be given.
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Only those in this state: `delivered`, `undeliverable` or `cancelled`.
    pub state: Option<DeliveryState>,
    /// Only those of this event.
    pub event: Option<EventKind>,
    /// Only those to this webhook.
    pub webhook_id: Option<WebhookId>,
    /// Only those whose last answer had such a status.
    pub status: Option<StatusRange>,
    /// Only those accepted at this time or later, in Unix milliseconds.
    pub since: Option<i64>,
    /// Only those accepted before this time, in Unix milliseconds.
    pub until: Option<i64>,
    /// Only those the log finds with this text.
    pub text: Option<String>,
}

impl ResendSelection {
    /// These, one by one.
    pub fn of(deliveries: Vec<DeliveryId>) -> Self {
        Self { deliveries: Some(deliveries), ..Self::default() }
    }

    /// All that match.
    pub fn matching(filter: DeliveryFilter) -> Self {
        let DeliveryFilter { state, event, webhook_id, status, since, until, text } = filter;
        Self { deliveries: None, state, event, webhook_id, status, since, until, text }
    }

    /// The filter, when none are named.
    pub fn filter(&self) -> DeliveryFilter {
        let Self { deliveries: _, state, event, webhook_id, status, since, until, text } = self.clone();
        DeliveryFilter { state, event, webhook_id, status, since, until, text }
    }
}

/// How far a resend job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ResendState {
    /// It is working.
    Running,
    /// Everything was queued.
    Done,
    /// It was stopped; what was queued before is sent all the same.
    Cancelled,
}

impl ResendState {
    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Cancelled].into_iter().find(|state| state.as_str() == text)
    }
}

/// Many resends, made in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResendJob {
    /// Its id.
    pub id: ResendJobId,
    /// How far it is.
    pub state: ResendState,
    /// How many deliveries it was to be when it began.
    pub total: i64,
    /// How many have been queued.
    pub queued: i64,
    /// When it began, in Unix milliseconds.
    pub created_at: i64,
    /// When it ended, in Unix milliseconds.
    pub ended_at: Option<i64>,
}
