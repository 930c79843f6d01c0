//! The key that secrets are sealed with.

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 32;

/// Base64 as people paste it: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The same in the alphabet of URLs.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// 32 bytes. Overwritten when it is dropped; cannot be printed.
#[derive(Clone)]
pub struct SecretsKey(Zeroizing<[u8; KEY_BYTES]>);

/// What a key is called, without giving it away: the beginning of its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

/// A text is no key. Nothing of the text is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a secrets key is 32 random bytes in base64 or hexadecimal, for example from `openssl rand -base64 32`; this is none"
)]
pub struct InvalidKey;

impl SecretsKey {
    /// A new one, from the operating system's generator.
    pub fn random() -> Self {
        Self::from_bytes(crate::id::random_bytes())
    }

    /// The key that these bytes are.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// Reads a key as people and files have it; space around it does not count.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let bytes = Zeroizing::new(match text.len() {
            64 => from_hex(text).ok_or(InvalidKey)?,
            _ => BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).map_err(|_| InvalidKey)?,
        });
        let bytes: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| InvalidKey)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The key as a file has it.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(self.bytes()))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// By what nodes with the same key know each other. Tells nothing of the key itself.
    pub(super) fn between_nodes(&self) -> Zeroizing<[u8; 32]> {
        let hash = Sha256::new().chain_update(b"groundswell between nodes\0").chain_update(self.bytes());
        Zeroizing::new(hash.finalize().into())
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        let hash = Sha256::new().chain_update(b"groundswell secrets key id\0").chain_update(self.bytes());
        let hash: [u8; 32] = hash.finalize().into();
        KeyId([hash[0], hash[1], hash[2], hash[3]])
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = Zeroizing::new(digits?);
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

impl fmt::Debug for SecretsKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretsKey(…)")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_every_form_people_have_it_in() {
        let key = SecretsKey::from_bytes([0xfb; 32]);
        let hex = "fb".repeat(32);
        let base64 = key.text().to_string();
        let url_safe = base64.replace('+', "-").replace('/', "_");
        assert_ne!(base64, url_safe);
        for text in [
            hex.as_str(),
            &hex.to_uppercase(),
            &base64,
            base64.trim_end_matches('='),
            &url_safe,
            url_safe.trim_end_matches('='),
            &format!("  {base64}\r\n"),
        ] {
            let read = SecretsKey::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read.bytes(), key.bytes(), "{text}");
        }
    }

    #[test]
    fn what_has_not_32_bytes_is_no_key_and_is_not_repeated() {
        for text in ["", "hunter2", &"ab".repeat(31), &"ab".repeat(33), &"g".repeat(64), &"AAAA".repeat(11)] {
            let error = SecretsKey::parse(text).expect_err("is none");
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn keys_have_names_that_differ_and_stay() {
        let id = |byte| SecretsKey::from_bytes([byte; 32]).id().to_string();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(id(1).len(), 8);
        assert_ne!(SecretsKey::random().id(), SecretsKey::random().id());
    }
}
