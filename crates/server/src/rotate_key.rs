//! `groundswell rotate-key`: the secrets in the database encrypted with another key.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use groundswell_cli::{Output, Terminal};
use groundswell_engine::clock::Clock;
use groundswell_engine::store::postgres::{Options as PostgresOptions, Postgres};
use groundswell_engine::store::sqlite::{Options as SqliteOptions, Sqlite};
use groundswell_engine::store::vault::{KeyId, Vault, make_key_file};
use serde_json::json;

use crate::config::{Config, Database, SecretsKeySource, ServeArgs};
use crate::migrate::look;
use crate::secrets;

/// Encrypts the secrets in the database with another key.
///
/// The database must not be in use. Everything is encrypted anew in one transaction: if the command is ended before it
/// says that it is done, the database has one key or the other, and running it again finds out which. The old key is
/// taken from the usual settings.
#[derive(Debug, clap::Args)]
pub struct RotateKey {
    /// The file with the new key; made with a new key in it if it is not there.
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl RotateKey {
    /// Rotates, and says what to do next.
    pub fn run(self) -> anyhow::Result<()> {
        let config = Config::load(self.serve)?;
        let path = self.new_key_file;
        let mut terminal = Terminal::new(&self.output);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (done, key) = runtime.block_on(rotate(&config, &path))?;
        if terminal.is_json() {
            let is_new = done == Done::Now;
            return Ok(terminal.json(&json!({ "key": key.to_string(), "keyFile": path, "rotated": is_new }))?);
        }
        let file = path.display();
        terminal.line(&match done {
            Done::Now => format!("The database's secrets are encrypted with the key {key} in {file} now."),
            Done::Before => {
                format!("The database's secrets are encrypted with the key {key} in {file} already.")
            }
        })?;
        Ok(terminal.line(&next(&config.secrets, &path))?)
    }
}

/// When the database got the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Now,
    Before,
}

async fn rotate(config: &Config, path: &Path) -> anyhow::Result<(Done, KeyId)> {
    let Some(known) = look(&config.database).await?.secrets_key else {
        bail!(
            "this database has no secrets key yet; `groundswell migrate`, or the first start, gives it one"
        );
    };
    let key = make_key_file(path)?;
    // A file that somebody else has made may not be on the disk yet.
    File::open(path).and_then(|file| file.sync_all()).context("the new key file cannot be synced")?;
    if key.id().to_string() == known {
        return Ok((Done::Before, key.id()));
    }
    let old = secrets::vault(config).await?.vault;
    let new = Vault::new(&key);
    let now_ms = Clock::system().now_ms();
    match &config.database {
        Database::Sqlite(file) => Sqlite::rotate(file, SqliteOptions::new(now_ms, old), &new).await?,
        Database::Postgres(url) => Postgres::rotate(url, PostgresOptions::new(now_ms, old), &new).await?,
    }
    Ok((Done::Now, key.id()))
}

/// What is left for people to do.
fn next(source: &SecretsKeySource, new: &Path) -> String {
    let name = match source {
        SecretsKeySource::Given(_) => format!(
            "Before the next start unset GROUNDSWELL_SECRETS_KEY and set GROUNDSWELL_SECRETS_KEY_FILE={}.",
            new.display()
        ),
        SecretsKeySource::File(old) | SecretsKeySource::Own(old) if old != new => format!(
            "Before the next start move it to where the old one is (`mv {0} {1}`), or set \
             GROUNDSWELL_SECRETS_KEY_FILE={0}.",
            new.display(),
            old.display()
        ),
        _ => "The settings name it already.".to_owned(),
    };
    format!("{name} Keep a copy of the old key for as long as you keep backups that were made with it.")
}
