//! The vault a store is opened with: its key read, or made for a database that has none yet.

use std::path::{Path, PathBuf};

use anyhow::bail;
use groundswell_engine::store::vault::{KeyFileError, SecretsKey, Vault, make_key_file};

use crate::config::{Config, SecretsKeySource};
use crate::migrate::look;

/// A key, and the file that was made for it.
pub struct Opened {
    pub vault: Vault,
    pub made: Option<PathBuf>,
}

/// The vault with the configured key. A key is made only where nothing is encrypted yet: for anything else a new one would
/// be a wrong one.
pub async fn vault(config: &Config) -> anyhow::Result<Opened> {
    let known = |key: &SecretsKey| Opened { vault: Vault::new(key), made: None };
    match (config.secrets.read(), &config.secrets) {
        (Ok(key), _) => Ok(known(&key)),
        (Err(KeyFileError::Missing(_)), SecretsKeySource::Own(path)) => {
            if let Some(id) = look(&config.database).await?.secrets_key {
                bail!(missing(path, &id));
            }
            let key = make_key_file(path)?;
            Ok(Opened { made: Some(path.clone()), ..known(&key) })
        }
        (Err(error @ KeyFileError::Missing(_)), _) => {
            bail!("{error}; put it there, or make one with `openssl rand -base64 32` if the database is new")
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Why a database that has a key cannot be opened without it.
pub fn missing(path: &Path, id: &str) -> String {
    format!(
        "this database's secrets are encrypted with the secrets key {id}, and its file {} is not there; put your copy of \
         it there, or say where it is with GROUNDSWELL_SECRETS_KEY_FILE",
        path.display()
    )
}

/// What to do about a key that was made.
pub fn advice(path: &Path) -> String {
    format!(
        "made the key that secrets in the database are encrypted with: {}; keep a copy of it, apart from the database's \
         backups, which are of no use without it",
        path.display()
    )
}
