//! Webhooks: where a program's events are sent.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::event::EventKind;
use crate::id::WebhookId;
use crate::name::WebhookName;

/// A program has at most this many webhooks.
pub const MAX_WEBHOOKS: usize = 5;

/// The public id of a program's first webhook.
pub const RESERVED_PUBLIC_ID: &str = "primary";

/// A webhook as the REST API shows it. Its secret is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// `primary`, or a generated id.
    pub id: WebhookId,
    /// Where events are sent.
    pub payload_url: Option<String>,
    /// Which events are sent; none when empty.
    pub events: Vec<EventKind>,
    /// Whether events are sent now; otherwise they are parked.
    pub is_enabled: bool,
    /// Whether it was disabled because deliveries kept failing. Read-only.
    pub auto_disabled_due_to_failures: bool,
    /// Failed attempts in a row. Read-only.
    pub failure_count: i64,
    /// When the last attempt failed, in Unix milliseconds. Read-only.
    pub last_failure_at: Option<i64>,
    /// How long the receiver has for its whole answer; none is what the server's operator set, usually 15 seconds.
    /// Our own addition: the hosted product's clients ignore it.
    #[serde(default)]
    pub timeout_seconds: Option<WebhookTimeout>,
    /// The names of the headers that are added to each request, in lower case, as they are sent; values are never
    /// shown. Read-only: they are set as the object `headers`, so that what was read can be sent back without removing
    /// them. Our own addition.
    #[serde(default)]
    pub header_names: Vec<String>,
    /// Until when requests are signed with the secret before the present one, too, in Unix milliseconds; none when they
    /// are not. Read-only. Our own addition.
    #[serde(default)]
    pub old_secret_ends_at: Option<i64>,
    /// When a test was last answered 2xx since there are two secrets, in Unix milliseconds. Tests are signed with the new
    /// one alone, so the receiver does without the old one. Read-only. Our own addition.
    #[serde(default)]
    pub new_secret_accepted_at: Option<i64>,
    /// What people call it. Our own addition.
    #[serde(default)]
    pub name: Option<WebhookName>,
}

/// The answer to a test delivery over REST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookTestResponse {
    /// Whether the receiver answered 2xx.
    pub success: bool,
    /// The body that was sent.
    pub payload: serde_json::Value,
    /// What came back.
    pub response: WebhookTestResult,
}

/// What came back from a test delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WebhookTestResult {
    /// The HTTP status, when there was an answer.
    pub status_code: Option<u16>,
    /// What happened, in words.
    pub msg: String,
}

/// An http or https URL that deliveries can be sent to, kept as it was typed.
///
/// Whether its address may be reached is the engine's egress guard to say: that depends on the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadUrl {
    text: String,
    url: Url,
}

/// Why a text is no payload URL, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidUrl {
    /// Nothing was given.
    #[error("enter the URL that is to receive events, for example https://example.com/webhooks")]
    Empty,
    /// Longer than 2,048 bytes.
    #[error("is longer than 2,048 characters")]
    TooLong,
    /// Has no scheme.
    #[error("must start with https:// or http://")]
    NoScheme,
    /// Has another scheme.
    #[error("must start with https:// or http://, not {0}://")]
    Scheme(String),
    /// Has a user name or password in it.
    #[error("must not contain a user name or password; use a secret to protect the endpoint")]
    UserInfo,
    /// Has a fragment, which is never sent.
    #[error("must not contain `#`: what follows it is never sent")]
    Fragment,
    /// Cannot be parsed.
    #[error("is not a valid URL: {0}")]
    Malformed(String),
}

impl PayloadUrl {
    /// Reads a URL as a user typed it; white space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        const MAX_BYTES: usize = 2048;
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidUrl::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidUrl::TooLong);
        }
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => InvalidUrl::NoScheme,
            other => InvalidUrl::Malformed(other.to_string()),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            // `example.com:8080/x` parses as a URL with the scheme `example.com`.
            let looks_like_host = url.scheme().contains('.') || url.scheme() == "localhost";
            return Err(if looks_like_host {
                InvalidUrl::NoScheme
            } else {
                InvalidUrl::Scheme(url.scheme().to_owned())
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidUrl::Malformed("it has no host".to_owned()));
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The URL as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL as it is requested.
    pub const fn url(&self) -> &Url {
        &self.url
    }
}

/// How long a receiver has for its whole answer: from 1 to 30 whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct WebhookTimeout {
    seconds: i64,
}

/// A receiver can be given no such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "must be a whole number of seconds from {} to {}",
    WebhookTimeout::MIN_SECONDS,
    WebhookTimeout::MAX_SECONDS
)]
pub struct InvalidTimeout;

impl WebhookTimeout {
    /// The shortest.
    pub const MIN_SECONDS: i64 = 1;

    /// The longest: an attempt holds a slot for as long.
    pub const MAX_SECONDS: i64 = 30;

    /// Reads a number of seconds as a user typed it; white space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidTimeout> {
        let text = text.trim();
        let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = text.parse().map_err(|_| InvalidTimeout)?;
        if is_plain { Self::try_from(seconds) } else { Err(InvalidTimeout) }
    }

    /// From 1 to 30.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The same as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds.unsigned_abs())
    }
}

impl TryFrom<i64> for WebhookTimeout {
    type Error = InvalidTimeout;

    fn try_from(seconds: i64) -> Result<Self, InvalidTimeout> {
        if (Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) {
            Ok(Self { seconds })
        } else {
            Err(InvalidTimeout)
        }
    }
}

impl From<WebhookTimeout> for i64 {
    fn from(timeout: WebhookTimeout) -> Self {
        timeout.seconds
    }
}

/// A webhook's secret. Can neither be printed nor serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
}

/// Why a text is no usable secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    /// Longer than 256 bytes, or empty.
    #[error("must have 1 to 256 characters")]
    Length,
    /// Starts with `whsec_` without being one.
    #[error("starts with whsec_, so the rest must be base64 of 24 to 64 bytes")]
    Malformed,
    /// Has control characters in it.
    #[error("must not contain control characters such as line breaks")]
    ControlCharacter,
}

impl Secret {
    /// The prefix of secrets in the Standard Webhooks form.
    pub const PREFIX: &'static str = "whsec_";

    /// Takes any text of 1 to 256 bytes without control characters; one that starts with `whsec_` must go on with
    /// base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        if text.is_empty() || text.len() > 256 {
            return Err(InvalidSecret::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidSecret::ControlCharacter);
        }
        if let Some(encoded) = text.strip_prefix(Self::PREFIX) {
            let bytes = BASE64.decode(encoded).map_err(|_| InvalidSecret::Malformed)?;
            if !(24..=64).contains(&bytes.len()) {
                return Err(InvalidSecret::Malformed);
            }
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The secret in the Standard Webhooks form for 24 to 64 random `bytes`.
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self { text: format!("{}{}", Self::PREFIX, BASE64.encode(bytes)) }
    }

    /// The text, for storing it and for showing it once.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The key for `GrowSurf-Signature`: the text's UTF-8 bytes as typed.
    pub fn text_key(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The key for `webhook-signature`: `whsec_` secrets are decoded, any other is used as its UTF-8 bytes.
    pub fn standard_key(&self) -> Vec<u8> {
        self.text
            .strip_prefix(Self::PREFIX)
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .unwrap_or_else(|| self.text.clone().into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_kept_as_typed() {
        let url = PayloadUrl::parse("  https://Example.com:8443/a?b=c ").expect("valid");
        assert_eq!(url.as_str(), "https://Example.com:8443/a?b=c");
        assert_eq!(url.url().host_str(), Some("example.com"));
    }

    #[test]
    fn a_url_that_cannot_work_says_why() {
        for (text, wanted) in [
            (" ", InvalidUrl::Empty),
            ("example.com/hook", InvalidUrl::NoScheme),
            ("example.com:8080/hook", InvalidUrl::NoScheme),
            ("localhost:8080/hook", InvalidUrl::NoScheme),
            ("ftp://example.com", InvalidUrl::Scheme("ftp".to_owned())),
            ("https://me:pw@example.com", InvalidUrl::UserInfo),
            ("https://example.com/#top", InvalidUrl::Fragment),
        ] {
            assert_eq!(PayloadUrl::parse(text), Err(wanted), "{text}");
        }
        assert!(matches!(PayloadUrl::parse("https://exa mple.com"), Err(InvalidUrl::Malformed(_))));
        assert_eq!(PayloadUrl::parse(&format!("https://a.b/{}", "x".repeat(2048))), Err(InvalidUrl::TooLong));
    }

    #[test]
    fn a_timeout_is_from_1_to_30_whole_seconds() {
        for (text, seconds) in [("1", 1), (" 30 ", 30), ("05", 5)] {
            assert_eq!(WebhookTimeout::parse(text).map(WebhookTimeout::seconds), Ok(seconds), "{text}");
        }
        for text in ["", "0", "31", "-1", "+5", "1.5", "1e1", "5 s", "99999999999999999999"] {
            assert_eq!(WebhookTimeout::parse(text), Err(InvalidTimeout), "{text}");
        }
        assert_eq!(InvalidTimeout.to_string(), "must be a whole number of seconds from 1 to 30");
        assert!(serde_json::from_str::<WebhookTimeout>("31").is_err());
    }

    #[test]
    fn a_secret_in_the_standard_form_is_checked() {
        assert!(Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok());
        assert_eq!(Secret::parse("whsec_abc"), Err(InvalidSecret::Malformed));
        assert_eq!(Secret::parse("whsec_MfKQ9r8GKYqr"), Err(InvalidSecret::Malformed));
        assert_eq!(Secret::parse(""), Err(InvalidSecret::Length));
        assert_eq!(Secret::parse("a\nb"), Err(InvalidSecret::ControlCharacter));
        assert_eq!(format!("{:?}", Secret::parse("hunter2")), "Ok(Secret(…))");
    }
}
