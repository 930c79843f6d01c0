//! The key that secrets at rest are encrypted with: where it comes from.

use std::path::{Path, PathBuf};

use anyhow::bail;
use groundswell_engine::store::vault::{KeyFileError, SecretsKey, read_key_file};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Database;

/// Where the key is made when nobody says where it is, of a database that is no file.
const OWN_FILE: &str = "groundswell-secrets.key";

const KEY_VARIABLE: &str = "GROUNDSWELL_SECRETS_KEY";

#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct SecretsArgs {
    /// The key that secrets in the database are encrypted with: 32 random bytes in base64 or hexadecimal. Others on this
    /// machine can see flags; better set the variable, or name a file.
    #[arg(long, env = KEY_VARIABLE, value_name = "KEY", hide_env_values = true)]
    secrets_key: Option<String>,
    /// A file with that key, which its owner alone may read. Without either one is made at the first start, beside the
    /// SQLite file.
    #[arg(long, env = "GROUNDSWELL_SECRETS_KEY_FILE", value_name = "FILE")]
    secrets_key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretsSection {
    key_file: Option<PathBuf>,
}

/// Where the key is.
#[derive(Debug)]
pub enum SecretsKeySource {
    /// It is among the settings.
    Given(SecretsKey),
    /// In a file that the settings name; it must be there.
    File(PathBuf),
    /// In a file that is made when a new database is opened.
    Own(PathBuf),
}

impl SecretsKeySource {
    pub(super) fn new(args: SecretsArgs, file: SecretsSection, database: &Database) -> anyhow::Result<Self> {
        let key_file = args.secrets_key_file.or(file.key_file);
        Ok(match (args.secrets_key, key_file) {
            (Some(_), Some(path)) => bail!(
                "there is a secrets key in {KEY_VARIABLE} and a file for it, {}; keep one of them",
                path.display()
            ),
            (Some(text), None) => Self::Given(SecretsKey::parse(&text)?),
            (None, Some(path)) => Self::File(path),
            (None, None) => Self::Own(own_file(database)),
        })
    }

    /// The key, if it is there. Makes none.
    pub fn read(&self) -> Result<SecretsKey, KeyFileError> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) | Self::Own(path) => read_key_file(path),
        }
    }

    /// What keeps `serve` from starting with it, as far as that can be said without the database.
    pub fn check(&self) -> anyhow::Result<()> {
        match (self, self.read()) {
            (_, Ok(_)) | (Self::Own(_), Err(KeyFileError::Missing(_))) => Ok(()),
            (_, Err(error)) => Err(error.into()),
        }
    }

    /// Where it comes from, never the key.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Given(_) => json!({ "key_from": KEY_VARIABLE }),
            Self::File(path) | Self::Own(path) => json!({ "key_file": path }),
        }
    }
}

fn own_file(database: &Database) -> PathBuf {
    match database {
        Database::Sqlite(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".key");
            name.into()
        }
        Database::Postgres(_) => Path::new(OWN_FILE).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: Option<&str>, flag: Option<&str>, file: Option<&str>) -> anyhow::Result<SecretsKeySource> {
        let args =
            SecretsArgs { secrets_key: key.map(str::to_owned), secrets_key_file: flag.map(PathBuf::from) };
        let section = SecretsSection { key_file: file.map(PathBuf::from) };
        SecretsKeySource::new(args, section, &Database::Sqlite("data/g.db".into()))
    }

    fn file_of(source: &SecretsKeySource) -> String {
        source.shown()["key_file"].as_str().expect("a file").to_owned()
    }

    #[test]
    fn the_key_is_where_somebody_says_or_beside_the_database() {
        let own = source(None, None, None).expect("is enough");
        assert_eq!(file_of(&own), "data/g.db.key");
        own.check().expect("the first start makes it");
        let of_postgres = SecretsKeySource::new(
            SecretsArgs::default(),
            SecretsSection::default(),
            &Database::Postgres(String::new()),
        );
        assert_eq!(file_of(&of_postgres.expect("is enough")), OWN_FILE);
        assert_eq!(file_of(&source(None, None, Some("b")).expect("a file")), "b");
        let named = source(None, Some("a"), Some("b")).expect("a flag goes before the file");
        assert_eq!(file_of(&named), "a");
        assert!(named.check().is_err(), "nobody makes a file that is named");
    }

    #[test]
    fn a_key_that_is_given_is_never_shown() {
        let key = "ab".repeat(32);
        let given = source(Some(&key), None, None).expect("is a key");
        given.check().expect("is a key");
        assert!(!format!("{given:?} {}", given.shown()).contains("abab"));
        let bad = source(Some("hunter2hunter2"), None, None).expect_err("is none");
        assert!(!bad.to_string().contains("hunter2"), "{bad}");
    }

    #[test]
    fn two_places_for_one_key_are_a_mistake() {
        let key = "ab".repeat(32);
        for (flag, file) in [(Some("a"), None), (None, Some("b"))] {
            let error = source(Some(&key), flag, file).expect_err("are two");
            assert!(error.to_string().contains("keep one of them"), "{error}");
        }
    }
}
