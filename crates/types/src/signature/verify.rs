//! Checking signatures, for receivers. Compares in constant time; the clock is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use crate::webhook::Secret;

/// Why a request is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// A header is missing or not of the documented form.
    #[error("the signature header is malformed")]
    Malformed,
    /// The request is older, or further in the future, than the tolerance.
    #[error("the request's timestamp is outside the tolerance")]
    Expired,
    /// No signature fits the body and the secret.
    #[error("no signature matches: another secret, or the body was changed")]
    Mismatch,
}

/// HMAC-SHA256 over the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Checks a `GrowSurf-Signature` header against the raw body.
///
/// `now_ms` is the receiver's clock in Unix milliseconds; `tolerance_ms` is how far the header's time may be from
/// it in either direction (five minutes is usual).
pub fn verify_product(
    secret: &Secret,
    header: &str,
    body: &[u8],
    (now_ms, tolerance_ms): (i64, i64),
) -> Result<(), VerifyError> {
    let mut parts = header.split(',').map(str::trim);
    let ts_text = parts.next().and_then(|part| part.strip_prefix("ts=")).ok_or(VerifyError::Malformed)?;
    let ts_ms: i64 = ts_text.parse().map_err(|_| VerifyError::Malformed)?;
    let wanted = hmac_sha256(secret.text_key(), &[ts_text.as_bytes(), b".", body]);
    let mut matched = false;
    let mut any = false;
    for digest in parts.filter_map(|part| part.strip_prefix("v=")) {
        any = true;
        matched |= decode_hex(digest).is_some_and(|given| bool::from(given.ct_eq(&wanted)));
    }
    finish(any, matched, now_ms.abs_diff(ts_ms) <= tolerance_ms.unsigned_abs())
}

/// The three Standard Webhooks headers of a request.
#[derive(Debug, Clone, Copy)]
pub struct StandardHeaders<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// Checks the Standard Webhooks headers against the raw body; `now_s` and `tolerance_s` are in seconds.
pub fn verify_standard(
    secret: &Secret,
    headers: StandardHeaders<'_>,
    body: &[u8],
    (now_s, tolerance_s): (i64, i64),
) -> Result<(), VerifyError> {
    let timestamp_s: i64 = headers.timestamp.parse().map_err(|_| VerifyError::Malformed)?;
    let parts: [&[u8]; 5] = [headers.id.as_bytes(), b".", headers.timestamp.as_bytes(), b".", body];
    let wanted = hmac_sha256(&secret.standard_key(), &parts);
    let mut matched = false;
    let mut any = false;
    for digest in headers.signature.split(' ').filter_map(|part| part.strip_prefix("v1,")) {
        any = true;
        matched |= BASE64.decode(digest).is_ok_and(|given| bool::from(given.ct_eq(&wanted[..])));
    }
    finish(any, matched, now_s.abs_diff(timestamp_s) <= tolerance_s.unsigned_abs())
}

fn finish(any: bool, matched: bool, in_time: bool) -> Result<(), VerifyError> {
    match (any, matched, in_time) {
        (false, _, _) => Err(VerifyError::Malformed),
        (_, false, _) => Err(VerifyError::Mismatch),
        (_, _, false) => Err(VerifyError::Expired),
        _ => Ok(()),
    }
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const VECTOR: StandardHeaders<'static> = StandardHeaders {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    fn secret() -> Secret {
        Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("valid")
    }

    #[test]
    fn the_published_vector_verifies() {
        assert_eq!(verify_standard(&secret(), VECTOR, BODY, (1_614_265_330, 0)), Ok(()));
    }

    #[test]
    fn a_second_signature_is_tried_too() {
        let signature = "v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let headers = StandardHeaders { signature, ..VECTOR };
        assert_eq!(verify_standard(&secret(), headers, BODY, (1_614_265_330, 0)), Ok(()));
    }

    #[test]
    fn what_is_changed_late_or_malformed_fails() {
        let now = (1_614_265_330, 300);
        assert_eq!(verify_standard(&secret(), VECTOR, b"{}", now), Err(VerifyError::Mismatch));
        assert_eq!(verify_standard(&secret(), VECTOR, BODY, (1_614_265_631, 300)), Err(VerifyError::Expired));
        let headers = StandardHeaders { timestamp: "x", ..VECTOR };
        assert_eq!(verify_standard(&secret(), headers, BODY, now), Err(VerifyError::Malformed));
        let headers = StandardHeaders { signature: "", ..VECTOR };
        assert_eq!(verify_standard(&secret(), headers, BODY, now), Err(VerifyError::Malformed));
    }

    #[test]
    fn the_product_header_verifies_with_either_secret() {
        let (old, new) = (Secret::parse("old").expect("valid"), Secret::parse("new").expect("valid"));
        let ts = 1_700_000_000_123;
        let text = ts.to_string();
        let digest = |secret: &Secret| hmac_sha256(secret.text_key(), &[text.as_bytes(), b".", BODY]);
        let header = crate::signature::product_header(&text, [digest(&new), digest(&old)]);
        assert!(header.starts_with("ts=1700000000123,v="));
        for secret in [&old, &new] {
            assert_eq!(verify_product(secret, &header, BODY, (ts + 1000, 1000)), Ok(()));
        }
        assert_eq!(verify_product(&new, &header, BODY, (ts + 1001, 1000)), Err(VerifyError::Expired));
        assert_eq!(verify_product(&new, &header, b"", (ts, 0)), Err(VerifyError::Mismatch));
        assert_eq!(verify_product(&new, "v=aa,ts=1", BODY, (ts, 0)), Err(VerifyError::Malformed));
    }
}
