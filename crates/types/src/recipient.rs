//! Who gets e-mail about a webhook.

use serde::Serialize;

use crate::person::Email;
use crate::words::words;

words! {
    /// How somebody stands to e-mail about a webhook.
    RecipientState {
        /// They were asked whether they want it, and have not answered yet.
        Invited = "invited",
        /// They get it: they have said so themselves.
        Confirmed = "confirmed",
        /// They get it as long as they are in the webhook's team.
        Member = "member",
        /// They have said that they do not want it.
        Unsubscribed = "unsubscribed",
    }
}

/// Somebody who was named to get e-mail about a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    /// `rcp_…`
    pub id: String,
    /// Their address.
    pub email: Email,
    /// Whether they get any.
    pub state: RecipientState,
    /// Who named them.
    pub added_by: String,
    /// When, in Unix milliseconds.
    pub added_at: i64,
}

/// A webhook can have so many recipients.
pub const MAX_RECIPIENTS: usize = 10;
