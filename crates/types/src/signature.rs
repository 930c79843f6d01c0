//! The headers that sign a request, in both schemes, and (feature `verify`) how they are made and how a receiver checks
//! them.
//!
//! - `GrowSurf-Signature: ts=<unix ms>,v=<hex>[,v=<hex>]`: HMAC-SHA256 with the secret's UTF-8 bytes over
//!   `<ts>.<body>`. Receivers split at commas and take the first two parts, so `ts` is first and the newest
//!   secret's `v` second.
//! - `webhook-id`, `webhook-timestamp` (Unix seconds), `webhook-signature: v1,<base64>[ v1,<base64>]`: HMAC-SHA256
//!   with the decoded secret over `<id>.<timestamp>.<body>` (<https://www.standardwebhooks.com>).

#[cfg(feature = "verify")]
use base64::Engine as _;
#[cfg(feature = "verify")]
use base64::engine::general_purpose::STANDARD as BASE64;

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

/// The value of [`PRODUCT_SIGNATURE`] for an attempt at `ts`, Unix milliseconds as they were signed, with one digest per valid
/// secret, the newest secret's first.
#[cfg(feature = "verify")]
pub fn product_header(ts: &str, digests: impl IntoIterator<Item = [u8; 32]>) -> String {
    const OF_ONE: usize = "ts=1700000000000,v=".len() + 64;
    let mut value = String::with_capacity(OF_ONE);
    value.push_str("ts=");
    value.push_str(ts);
    for digest in digests {
        value.push_str(",v=");
        sign::push_hex(&mut value, &digest);
    }
    value
}

/// The value of [`WEBHOOK_SIGNATURE`] with one digest per valid secret, the newest secret's first.
#[cfg(feature = "verify")]
pub fn standard_header(digests: impl IntoIterator<Item = [u8; 32]>) -> String {
    const OF_ONE: usize = "v1,".len() + 44;
    let mut value = String::with_capacity(OF_ONE);
    for digest in digests {
        value.push_str(if value.is_empty() { "v1," } else { " v1," });
        BASE64.encode_string(digest, &mut value);
    }
    value
}
