//! Secrets at rest: what the store keeps of a webhook's secrets and header values is sealed here, with a key that is
//! not in the database.
//!
//! A sealed text is bound to its table, column and row, so a copy in another place does not open, and it names its key,
//! so that a wrong key is told from damage. XChaCha20-Poly1305: its nonces are drawn at random, and with 24 bytes none
//! comes twice however often settings are saved. Which columns are sealed is in `query/secrets.rs`.

mod file;
mod key;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

#[cfg(unix)]
pub use self::file::exposed_mode;
pub use self::file::{KeyFileError, make_key_file, read_key_file};
pub use self::key::{InvalidKey, KeyId, SecretsKey};
use super::StoreError;

/// What a sealed text begins with. Another form would begin with another one.
const FORM: &str = "1";

const NONCE_BYTES: usize = 24;

/// Seals and opens with one key. Clones share it.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    /// Overwritten when it is dropped.
    cipher: XChaCha20Poly1305,
    key_id: KeyId,
    between_nodes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Vault").field(&self.0.key_id).finish()
    }
}

/// Where a sealed text stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub table: &'static str,
    pub column: &'static str,
    /// The row's key.
    pub row: &'a str,
}

impl Vault {
    /// One with this key.
    pub fn new(key: &SecretsKey) -> Self {
        let cipher = XChaCha20Poly1305::new(key.bytes().into());
        Self(Arc::new(Inner { cipher, key_id: key.id(), between_nodes: key.between_nodes() }))
    }

    /// What its key is called.
    pub fn key_id(&self) -> KeyId {
        self.0.key_id
    }

    /// A key by which nodes with the same secrets key know each other.
    pub fn between_nodes(&self) -> &[u8; 32] {
        &self.0.between_nodes
    }

    /// The text as it is kept in that place. Never the same twice.
    pub(super) fn seal(&self, place: Place<'_>, text: &str) -> String {
        let random = crate::id::random_bytes();
        let nonce = XNonce::try_from(&random[..NONCE_BYTES]).expect("it is as long as a nonce");
        let bound = self.bound_to(place);
        let payload = Payload { msg: text.as_bytes(), aad: bound.as_bytes() };
        let sealed =
            self.0.cipher.encrypt(&nonce, payload).expect("a text in memory is not too long to seal");
        let sealed = [&nonce[..], &sealed].concat();
        format!("{FORM}:{}:{}", self.0.key_id, BASE64.encode(sealed))
    }

    /// The text that was sealed in that place. Errors tell nothing of what is in it.
    pub(super) fn open(&self, place: Place<'_>, sealed: &str) -> Result<Zeroizing<String>, StoreError> {
        let Place { table, column, row } = place;
        let damaged = |why: &str| StoreError::Damaged(format!("{table}.{column} of {row} {why}"));
        let parts = sealed.strip_prefix(FORM).and_then(|rest| rest.strip_prefix(':')?.split_once(':'));
        let (key_id, data) = parts.ok_or_else(|| damaged("is not sealed"))?;
        if key_id != self.0.key_id.to_string() {
            return Err(damaged("is sealed with another key"));
        }
        let data = BASE64.decode(data).map_err(|_| damaged("is not sealed"))?;
        let (nonce, data) = data.split_at_checked(NONCE_BYTES).ok_or_else(|| damaged("is cut off"))?;
        let nonce = XNonce::try_from(nonce).expect("it was split off at that length");
        let bound = self.bound_to(place);
        let payload = Payload { msg: data, aad: bound.as_bytes() };
        let text = self.0.cipher.decrypt(&nonce, payload);
        let text = text.map_err(|_| damaged("was changed, or belongs somewhere else"))?;
        let text = String::from_utf8(text).map_err(|_| damaged("is no text"))?;
        Ok(Zeroizing::new(text))
    }

    /// What a sealed text is bound to. The row comes last: nothing in it can pass for another part.
    fn bound_to(&self, place: Place<'_>) -> String {
        let Place { table, column, row } = place;
        format!("groundswell\0{FORM}\0{}\0{table}\0{column}\0{row}", self.0.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { table: "endpoint", column: "secret", row: "10" };

    fn vault(byte: u8) -> Vault {
        Vault::new(&SecretsKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_is_never_the_same() {
        let vault = vault(1);
        for text in ["", "s3cret", "ü\0\n", &"long".repeat(10_000)] {
            let sealed = vault.seal(PLACE, text);
            assert_ne!(sealed, vault.seal(PLACE, text));
            assert!(text.is_empty() || !sealed.contains(text));
            assert_eq!(vault.open(PLACE, &sealed).expect("opens").as_str(), text);
        }
    }

    #[test]
    fn nothing_opens_elsewhere_or_with_another_key_or_changed() {
        let vault = vault(1);
        let sealed = vault.seal(PLACE, "s3cret");
        for place in [
            Place { table: "draft", ..PLACE },
            Place { column: "old_secret", ..PLACE },
            Place { row: "11", ..PLACE },
            Place { row: "1", ..PLACE },
        ] {
            vault.open(place, &sealed).expect_err("is another place");
        }
        let other = self::vault(2).open(PLACE, &sealed).expect_err("is another key");
        assert!(other.to_string().contains("another key"), "{other}");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("is ASCII");
            vault.open(PLACE, &changed).expect_err("was changed");
            vault.open(PLACE, &sealed[..at]).expect_err("was cut off");
        }
        vault.open(PLACE, "s3cret").expect_err("was never sealed");
    }

    #[test]
    fn printing_shows_no_key() {
        let key = SecretsKey::from_bytes([0x5a; 32]);
        let printed = format!("{key:?} {:?}", Vault::new(&key));
        assert!(
            !printed.contains("5a5a") && !printed.contains("90, 90") && !printed.contains("Wlpa"),
            "{printed}"
        );
    }
}
