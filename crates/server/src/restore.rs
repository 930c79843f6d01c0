//! `groundswell restore`: a backup put where the server will open it.

use std::path::{Path, PathBuf};

use anyhow::bail;
use groundswell_cli::{Output, Progress, Terminal};
use groundswell_engine::clock::Clock;
use groundswell_engine::store::StoreError;
use groundswell_engine::store::sqlite::backup::{
    Abandon, Existing, Inventory, RestoreOrder, Restored, Watch, check, check_secrets, restore,
};
use groundswell_engine::store::vault::{KeyFileError, Vault};
use serde_json::json;

use crate::backup::{inventory_json, inventory_text, progress_text};
use crate::config::{Config, Database, SecretsKeySource, ServeArgs};
use crate::secrets;
use crate::stop_signals::give_up_when_stopped;

/// Puts a backup where the server will open it.
///
/// The place is the one that the settings name; no server may be running there. The file is checked before and after, and
/// its secrets must open with the secrets key of these settings, which is not in the backup. Ids of events go on above all
/// that were made until now.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// What `groundswell backup` has written.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sets a database that is there aside, under another name.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl Restore {
    /// Checks, copies, checks, and says what is left to do.
    pub fn run(self) -> anyhow::Result<()> {
        let config = Config::load(self.serve)?;
        let Database::Sqlite(target) = &config.database else {
            bail!(
                "`groundswell restore` puts SQLite databases in their place. Restore a PostgreSQL database with `pg_restore` \
                 into an empty one; /docs/operating says how"
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut progress = Progress::new(&self.output);
        progress.show("Reading the backup …");
        let checked = check(&self.file)?;
        runtime.block_on(open_secrets(&self.file, &checked, &config.secrets))?;
        let now_ms = Clock::system().now_ms();
        let existing = if self.replace { Existing::Replace } else { Existing::Refuse };
        let order = RestoreOrder { backup: &self.file, target, existing, now_ms };
        let abandon = Abandon::default();
        give_up_when_stopped(&abandon)?;
        let watch = Watch { tell: &mut |step| progress.show(&progress_text(step)), abandon: &abandon };
        let restored = restore(order, &checked, watch)?;
        drop(progress);
        let behind_ms = checked.newest_event_at_ms().map(|newest| newest - now_ms).filter(|ms| *ms > 0);
        let mut terminal = Terminal::new(&self.output);
        if terminal.is_json() {
            return Ok(terminal.json(&json!({
                "database": config.database.shown(),
                "contents": inventory_json(&restored.inventory),
                "setAside": restored.set_aside,
                "replacedIdsAreKnown": restored.knows_replaced_ids,
                "clockIsBehindMs": behind_ms,
            }))?);
        }
        terminal.line(&format!("Restored {} to {}.", self.file.display(), config.database.shown()))?;
        terminal.line(&inventory_text(&restored.inventory))?;
        if let Some(id) = &restored.inventory.secrets_key {
            terminal.line(&format!(
                "The secrets key {id} opens its secrets. The key is in no backup: keep your copy of it."
            ))?;
        }
        for line in left_to_do(&restored, behind_ms) {
            terminal.line(&line)?;
        }
        Ok(())
    }
}

/// Whether the server will be able to open what is sealed in a backup.
async fn open_secrets(file: &Path, checked: &Inventory, source: &SecretsKeySource) -> anyhow::Result<()> {
    let Some(known) = &checked.secrets_key else { return Ok(()) };
    let key = match source.read() {
        Ok(key) => key,
        Err(KeyFileError::Missing(path)) => {
            bail!("{}; it is not in the backup. Nothing was restored", secrets::missing(&path, known))
        }
        Err(error) => return Err(error.into()),
    };
    match check_secrets(file, &Vault::new(&key)).await {
        Err(StoreError::Unusable(said)) => {
            bail!("{said}. The key is not in the backup. Nothing was restored")
        }
        other => Ok(other?),
    }
}

/// What nobody but a person can do.
fn left_to_do(restored: &Restored, behind_ms: Option<i64>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(path) = &restored.set_aside {
        lines.push(format!("The database that was there is {} now.", path.display()));
    }
    if !restored.knows_replaced_ids {
        lines.push(
            "It is damaged and could not say which ids it has made; ids go on from the present time, so make sure that the \
             clock is right."
                .to_owned(),
        );
    }
    if let Some(ms) = behind_ms {
        lines.push(format!(
            "The clock is {} s behind the newest event in the backup. Set it right before the server starts, for example \
             with `timedatectl set-ntp true`.",
            ms / 1000 + 1
        ));
    }
    lines.push("Before you start the server:".to_owned());
    lines.extend(
        [
            "- Make sure that the old one does not run any more; two would both deliver.",
            "- What was accepted after the backup is not in it: have producers post it again. Receivers that have it \
             already get it under another id.",
            "- What was delivered after the backup is delivered once more, under its old id, by which receivers know it.",
            "- Keys and sessions that were revoked, secrets that were replaced and participants that were erased since the \
             backup are as they were before: do that again.",
        ]
        .map(str::to_owned),
    );
    lines
}
