//! A program's inbox: the built-in receiver for first steps. What it has got, and whether its signatures are right.

use serde::{Deserialize, Serialize};

use crate::delivery::HeaderView;
use crate::event::EventKind;
use crate::id::{InboxRequestId, WebhookId};

/// A program's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inbox {
    /// What is put into a webhook, or posted to from anywhere.
    pub url: String,
    /// What it has got in the last 24 hours, newest first, at most 100.
    pub requests: Vec<InboxRequest>,
}

/// A request that an inbox has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InboxRequest {
    /// Its id in the inbox.
    pub id: InboxRequestId,
    /// When it came, in Unix milliseconds.
    pub received_at: i64,
    /// The HTTP method.
    pub method: String,
    /// Whether this server sent it, as a delivery or a test.
    pub is_own: bool,
    /// The `webhook-id` it came with.
    pub webhook_id: Option<String>,
    /// The event its body says it is about, if it is one of ours.
    pub event: Option<EventKind>,
    /// How long its body is.
    pub body_bytes: i64,
    /// What its signatures are worth, by the secrets that were set when it came.
    pub signature: SignatureCheck,
}

/// A request in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InboxRequestDetail {
    /// The request.
    pub request: InboxRequest,
    /// Its headers in order, with what authorizes masked.
    pub headers: Vec<HeaderView>,
    /// Its body as text; what is no UTF-8 is replaced.
    pub body: String,
    /// Whether the body is UTF-8.
    pub is_text: bool,
}

/// What the signatures of a request are worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignatureCheck {
    /// The webhook whose secret fits; else the first one with the inbox's URL. None when there is none, or when it is
    /// not published yet.
    pub webhook_id: Option<WebhookId>,
    /// `GrowSurf-Signature`.
    pub product: SchemeCheck,
    /// Standard Webhooks.
    pub standard: SchemeCheck,
}

/// What a signature of one scheme is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SchemeCheck {
    /// It fits the body and the secret, and is fresh.
    Verified,
    /// No webhook of the program, published or in its draft, has the inbox's URL, so there is no secret to check with.
    NoWebhook,
    /// The webhook has no secret.
    NoSecret,
    /// The webhook has a secret, and the request came without a signature.
    Missing,
    /// A header is not of the documented form, or one that belongs to it is missing.
    Malformed,
    /// It fits, but its time is more than five minutes away from when it came.
    Expired,
    /// It fits the body as this server sent it, which is not the body that came.
    BodyChanged,
    /// The body is as this server sent it, so it was signed with another secret.
    WrongSecret,
    /// It was signed with another secret, or the body was changed; which of them cannot be told.
    Mismatch,
}

impl SchemeCheck {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Verified,
        Self::NoWebhook,
        Self::NoSecret,
        Self::Missing,
        Self::Malformed,
        Self::Expired,
        Self::BodyChanged,
        Self::WrongSecret,
        Self::Mismatch,
    ];

    /// Whether there was nothing to check, or nothing to check it with.
    pub const fn is_absent(self) -> bool {
        matches!(self, Self::NoWebhook | Self::NoSecret | Self::Missing)
    }
}

impl SignatureCheck {
    /// Whether the request is proved genuine: one scheme is verified, and the other is, or is not there at all.
    pub fn is_verified(&self) -> bool {
        let fits = |one, other: SchemeCheck| {
            one == SchemeCheck::Verified && (other == SchemeCheck::Verified || other.is_absent())
        };
        fits(self.product, self.standard) || fits(self.standard, self.product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_genuine_when_one_scheme_fits_and_none_is_wrong() {
        let verified =
            |product, standard| SignatureCheck { webhook_id: None, product, standard }.is_verified();
        assert!(verified(SchemeCheck::Verified, SchemeCheck::Verified));
        assert!(verified(SchemeCheck::Missing, SchemeCheck::Verified));
        assert!(!verified(SchemeCheck::Verified, SchemeCheck::WrongSecret));
        assert!(!verified(SchemeCheck::Missing, SchemeCheck::Missing));
    }
}
