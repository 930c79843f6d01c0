//! `groundswell migrate`: the database brought up to date without a server being started.

use groundswell_cli::{Output, Terminal};
use groundswell_engine::store::inspection::{self, Inspection};
use serde_json::json;

use crate::config::{Config, Database, ServeArgs};
use crate::{secrets, serve};

/// Brings the database up to date and exits.
///
/// `serve` does the same when it starts; this is for those who want it done before. The database must not be in use.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl Migrate {
    /// Opens the database, which brings it up to date, and says what that meant.
    pub fn run(self) -> anyhow::Result<()> {
        let config = Config::load(self.serve)?;
        let mut terminal = Terminal::new(&self.output);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (Inspection { applied, missing, .. }, key_file) = runtime.block_on(async {
            let before = look(&config.database).await;
            let secrets::Opened { vault, made } = secrets::vault(&config).await?;
            // What cannot be read is told by opening it, which knows more about why.
            serve::open(&config.database, vault).await?.close().await;
            before.map(|before| (before, made)).map_err(anyhow::Error::from)
        })?;
        let newest = missing.iter().map(|(version, _)| *version).chain(applied).max().unwrap_or_default();
        if terminal.is_json() {
            let made: Vec<_> = missing
                .iter()
                .map(|(version, about)| json!({ "version": version, "description": about }))
                .collect();
            let mut said = json!({ "migrations": made, "version": newest });
            if let Some(file) = key_file {
                said["secretsKeyFile"] = json!(file);
            }
            return Ok(terminal.json(&said)?);
        }
        for (version, about) in &missing {
            terminal.line(&format!("{version:04} {about}"))?;
        }
        let said = match missing.len() {
            0 => format!("The database is up to date at {newest:04}; there was nothing to do."),
            1 => format!("Made 1 migration; the database is up to date at {newest:04}."),
            made => format!("Made {made} migrations; the database is up to date at {newest:04}."),
        };
        terminal.line(&said)?;
        match key_file {
            Some(file) => Ok(terminal.line(&format!("Also {}.", secrets::advice(&file)))?),
            None => Ok(()),
        }
    }
}

/// The database as it is.
pub async fn look(database: &Database) -> Result<Inspection, groundswell_engine::store::StoreError> {
    match database {
        Database::Sqlite(path) => inspection::of_sqlite(path).await,
        Database::Postgres(url) => inspection::of_postgres(url).await,
    }
}
