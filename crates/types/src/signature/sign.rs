//! The headers of one attempt, signed in both schemes.

use super::{hmac_sha256, product_header, standard_header};
use crate::webhook::Secret;

/// The headers that identify and sign an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `webhook-timestamp`: Unix seconds of the attempt.
    pub timestamp: String,
    /// `GrowSurf-Signature`; none without a secret.
    pub product: Option<String>,
    /// `webhook-signature`; none without a secret.
    pub standard: Option<String>,
}

/// Signs `body` for the attempt at `now_ms` of what has the `webhook-id` `id`, once per valid secret, the newest
/// first.
pub fn sign(secrets: &[&Secret], id: &str, now_ms: i64, body: &[u8]) -> SignedHeaders {
    let timestamp = now_ms.div_euclid(1000).to_string();
    if secrets.is_empty() {
        return SignedHeaders { timestamp, product: None, standard: None };
    }
    let ts = now_ms.to_string();
    let product_parts: [&[u8]; 3] = [ts.as_bytes(), b".", body];
    let product = secrets.iter().map(|secret| hmac_sha256(secret.text_key(), &product_parts));
    let product = product_header(&ts, product);
    let standard_parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let standard = secrets.iter().map(|secret| hmac_sha256(&secret.standard_key(), &standard_parts));
    let standard = standard_header(standard);
    SignedHeaders { timestamp, product: Some(product), standard: Some(standard) }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_standard_webhooks_vector_comes_out() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("valid");
        let headers =
            sign(&[&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, br#"{"test": 2432232314}"#);
        assert_eq!(headers.timestamp, "1614265330");
        assert_eq!(headers.standard.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn the_product_header_has_the_time_first_and_the_newest_secret_second() {
        let (new, old) = (Secret::parse("new").expect("valid"), Secret::parse("old").expect("valid"));
        let both = sign(&[&new, &old], "evt_1", 1_700_000_000_123, b"{}").product.expect("signed");
        let only_new = sign(&[&new], "evt_1", 1_700_000_000_123, b"{}").product.expect("signed");
        let parts: Vec<&str> = both.split(',').collect();
        assert_eq!(parts[0], "ts=1700000000123");
        assert_eq!(only_new, format!("{},{}", parts[0], parts[1]));
        assert_eq!(parts.len(), 3);
    }

    #[test]
    fn without_a_secret_there_is_no_signature() {
        let headers = sign(&[], "evt_1", 1500, b"{}");
        assert_eq!(headers, SignedHeaders { timestamp: "1".to_owned(), product: None, standard: None });
    }
}
