//! The key with all rights.

use anyhow::bail;

const MIN_CHARS: usize = 32;

/// The key with all rights. Can neither be printed nor compared but in constant time.
pub struct AdminKey(String);

impl AdminKey {
    /// Refuses what could be guessed.
    pub(super) fn new(key: String) -> anyhow::Result<Self> {
        if key.chars().count() < MIN_CHARS {
            bail!(
                "the admin key must have at least {MIN_CHARS} characters, for example from `openssl rand -hex 24`"
            );
        }
        Ok(Self(key))
    }

    /// The key's text, to be hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AdminKey(…)")
    }
}
