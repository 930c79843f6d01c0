//! Deliveries and attempts as people and programs see them.

mod withheld;

use serde::{Deserialize, Serialize};

use crate::event::EventKind;
use crate::id::{DeliveryId, EventId, TestId, WebhookId};

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// The first attempt was not made yet.
    Waiting,
    /// An attempt is on its way.
    Sending,
    /// The receiver answered 2xx.
    Delivered,
    /// The last attempt failed; there is a next one.
    Retrying,
    /// The endpoint is failing; probes decide when it goes on.
    Held,
    /// The webhook is disabled.
    Parked,
    /// No attempt succeeded and no further one will be made.
    Undeliverable,
    /// Ended without a further attempt, because its webhook was deleted or it was discarded.
    Cancelled,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Sending,
        Self::Delivered,
        Self::Retrying,
        Self::Held,
        Self::Parked,
        Self::Undeliverable,
        Self::Cancelled,
    ];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Held => "held",
            Self::Parked => "parked",
            Self::Undeliverable => "undeliverable",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The host name does not resolve, or not to an address that may be reached.
    Dns,
    /// The address is one this server may not reach.
    Blocked,
    /// Nobody listens, or the network does not lead there.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// No complete answer in time.
    Timeout,
    /// The connection broke, or what came back is no HTTP.
    Broken,
    /// A redirect, which is not followed.
    Redirect,
    /// Any other status than 2xx.
    Status,
    /// The webhook cannot be sent to, for example because it has no URL.
    Misconfigured,
}

impl FailureClass {
    /// All classes.
    pub const ALL: [Self; 9] = [
        Self::Dns,
        Self::Blocked,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::Redirect,
        Self::Status,
        Self::Misconfigured,
    ];

    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Blocked => "blocked",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Misconfigured => "misconfigured",
        }
    }
}

/// One delivery, as a row of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// Its id.
    pub id: DeliveryId,
    /// The event's id, the `webhook-id` of its requests.
    pub event_id: EventId,
    /// Which event.
    pub event: EventKind,
    /// The webhook's public id; none once it is deleted and its id is free for another.
    pub webhook_id: Option<WebhookId>,
    /// The webhook's URL as it is now.
    pub payload_url: Option<String>,
    /// Where it is in its life.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: i64,
    /// When the event was accepted, in Unix milliseconds.
    pub accepted_at: i64,
    /// When the event happened, in Unix milliseconds.
    pub created_at: i64,
    /// When the last attempt was made, in Unix milliseconds.
    pub last_attempt_at: Option<i64>,
    /// The HTTP status of the last attempt.
    pub last_status_code: Option<u16>,
    /// Why the last attempt failed.
    pub last_failure: Option<FailureClass>,
    /// When the next attempt is due, in Unix milliseconds.
    pub next_attempt_at: Option<i64>,
    /// After this no attempt is made, in Unix milliseconds; none once it has ended.
    pub deadline_at: Option<i64>,
    /// The delivery it repeats, if it is a resend.
    #[serde(default)]
    pub resend_of: Option<DeliveryId>,
}

/// One delivery with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    /// What the log's row shows.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// The bytes that are sent, as text.
    pub body: String,
    /// What the body is sent with as the webhook is now; none when it was deleted.
    #[serde(default)]
    pub request: Option<RequestHead>,
    /// The attempts, oldest first.
    pub attempt_log: Vec<AttemptView>,
    /// The attempts still to come if all of them fail, without jitter, in Unix milliseconds.
    pub schedule: Vec<i64>,
    /// Its resends, oldest first.
    #[serde(default)]
    pub resends: Vec<DeliveryId>,
    /// Why it ended without a further attempt, in plain words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// 1 for the first.
    pub number: i64,
    /// When it began, in Unix milliseconds.
    pub started_at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Whether the receiver answered 2xx in time.
    pub success: bool,
    /// Why it failed.
    pub failure: Option<FailureClass>,
    /// What happened, in plain words.
    pub message: String,
    /// What came back, when there was an answer.
    pub response: Option<ResponseView>,
    /// The process ended in the middle of things before this attempt, so an earlier request of it may have reached the
    /// receiver.
    #[serde(default)]
    pub possibly_sent_before: bool,
}

/// One HTTP header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeaderView {
    /// The name.
    pub name: String,
    /// The value, secrets masked.
    pub value: String,
}

impl HeaderView {
    /// A header whose value is a secret, with a placeholder for it, which a command made from the request has, too.
    pub fn masked(name: &str) -> Self {
        Self { name: name.to_owned(), value: format!("<value of {name}>") }
    }
}

/// A request without its body. What is secret, and what is signed with it, stands as `<value of …>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestHead {
    /// Where to.
    pub url: String,
    /// The headers this product sets.
    pub headers: Vec<HeaderView>,
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// Where to.
    pub url: String,
    /// The headers this product set.
    pub headers: Vec<HeaderView>,
    /// The body.
    pub body: String,
}

/// An answer, as far as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResponseView {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers.
    pub headers: Vec<HeaderView>,
    /// The body, at most 16 KiB of it; what is no UTF-8 is replaced.
    pub body: String,
    /// Whether there was more than is kept.
    pub truncated: bool,
    /// Whether it came from where only the operator's `egress.allow` lets this server send to, such as a private network.
    /// Headers and body of such an answer are for administrators.
    #[serde(default)]
    pub restricted: bool,
    /// Whether headers and body are left out, because they are not for who asks.
    #[serde(default)]
    pub withheld: bool,
    /// Why they are left out, in plain words.
    #[serde(default)]
    pub withheld_reason: Option<String>,
}

impl ResponseView {
    /// An answer with this status and nothing else.
    pub const fn of(status_code: u16) -> Self {
        Self {
            status_code,
            headers: Vec::new(),
            body: String::new(),
            truncated: false,
            restricted: false,
            withheld: false,
            withheld_reason: None,
        }
    }
}

/// A test delivery and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestView {
    /// Its id, the `webhook-id` of its request.
    pub id: TestId,
    /// Which event was simulated.
    pub event: EventKind,
    /// When it was sent, in Unix milliseconds.
    pub started_at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Whether the receiver answered 2xx in time.
    pub success: bool,
    /// Why it failed.
    pub failure: Option<FailureClass>,
    /// What happened, in plain words.
    pub message: String,
    /// What to do about it, when it failed.
    pub advice: Option<String>,
    /// What was sent.
    pub request: RequestView,
    /// What came back, when there was an answer.
    pub response: Option<ResponseView>,
}
