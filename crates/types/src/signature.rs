//! The headers that sign a request, in both schemes, and (feature `verify`) how they are made and how a receiver checks
//! them.
//!
//! - `GrowSurf-Signature: ts=<unix ms>,v=<hex>[,v=<hex>]`: HMAC-SHA256 with the secret's UTF-8 bytes over
//!   `<ts>.<body>`. Receivers split at commas and take the first two parts, so `ts` is first and the newest
//!   secret's `v` second.
//! - `webhook-id`, `webhook-timestamp` (Unix seconds), `webhook-signature: v1,<base64>[ v1,<base64>]`: HMAC-SHA256
//!   with the decoded secret over `<id>.<timestamp>.<body>` (<https://www.standardwebhooks.com>).

#[cfg(feature = "verify")]
mod sign;
#[cfg(feature = "verify")]
mod verify;

#[cfg(feature = "verify")]
pub use sign::{SignedHeaders, hex, sign};
#[cfg(feature = "verify")]
pub use verify::{StandardHeaders, VerifyError, hmac_sha256, verify_product, verify_standard};

/// The product's own signature header.
pub const PRODUCT_SIGNATURE: &str = "growsurf-signature";
/// Standard Webhooks: the event's id.
pub const WEBHOOK_ID: &str = "webhook-id";
/// Standard Webhooks: Unix seconds of the attempt.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// Standard Webhooks: the signatures.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// The value of [`PRODUCT_SIGNATURE`] for an attempt at `ts_ms` with one hexadecimal digest per valid secret,
/// the newest secret's first.
pub fn product_header(ts_ms: i64, hex_digests: &[String]) -> String {
    let mut value = String::with_capacity(24 + hex_digests.len() * 67);
    value.push_str("ts=");
    value.push_str(&ts_ms.to_string());
    for digest in hex_digests {
        value.push_str(",v=");
        value.push_str(digest);
    }
    value
}

/// The value of [`WEBHOOK_SIGNATURE`] with one base64 digest per valid secret, the newest secret's first.
pub fn standard_header(base64_digests: &[String]) -> String {
    let mut value = String::with_capacity(base64_digests.len() * 48);
    for digest in base64_digests {
        value.push_str(if value.is_empty() { "v1," } else { " v1," });
        value.push_str(digest);
    }
    value
}
