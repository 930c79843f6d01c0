//! `groundswell backup`: the database copied into one file while the server runs.

use std::path::PathBuf;

use anyhow::bail;
use groundswell_cli::{Output, Progress, Terminal};
use groundswell_engine::store::sqlite::backup::{Abandon, Existing, Inventory, Step, Watch, back_up};
use groundswell_types::EventId;
use serde_json::{Value, json};

use crate::config::{Config, Database, ServeArgs};
use crate::stop_signals::give_up_when_stopped;

/// The server and everybody else of this machine go first.
const NICENESS: i32 = 10;

/// Copies the database into one file, while the server runs.
///
/// The file is the database at the moment the command was started. It appears under its name once it is on the disk and
/// was read back whole; it is for its owner alone. The secrets key is not in it. For SQLite; a PostgreSQL database is
/// backed up with PostgreSQL's own programs.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The file to write.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replaces a file that is there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl Backup {
    /// Copies, checks, and says what is in the copy.
    pub fn run(self) -> anyhow::Result<()> {
        let config = Config::load(self.serve)?;
        let Database::Sqlite(database) = &config.database else {
            bail!(
                "`groundswell backup` copies SQLite databases. Back this one up with PostgreSQL's own programs, which know \
                 its server: `umask 077; pg_dump --format=custom --file={} --dbname=<URL>`, with the password in ~/.pgpass and \
                 not in the URL, or continuous archiving; /docs/operating says how",
                self.file.display()
            )
        };
        yield_to_others();
        let existing = if self.overwrite { Existing::Replace } else { Existing::Refuse };
        let mut progress = Progress::new(&self.output);
        let abandon = Abandon::default();
        give_up_when_stopped(&abandon)?;
        let watch = Watch { tell: &mut |step| progress.show(&progress_text(step)), abandon: &abandon };
        let inventory = back_up(database, &self.file, existing, watch)?;
        drop(progress);
        let mut terminal = Terminal::new(&self.output);
        if terminal.is_json() {
            let said = json!({ "file": self.file, "contents": inventory_json(&inventory) });
            return Ok(terminal.json(&said)?);
        }
        terminal.line(&format!(
            "{} is a backup of {} ({}), read back and whole.",
            self.file.display(),
            config.database.shown(),
            size(inventory.bytes)
        ))?;
        terminal.line(&inventory_text(&inventory))?;
        Ok(terminal.line(&key_advice(&inventory))?)
    }
}

/// Has the system prefer other processes. One that refuses that copies all the same.
fn yield_to_others() {
    let _ = rustix::process::nice(NICENESS);
}

/// How far it is, in a line.
pub fn progress_text(step: Step) -> String {
    match step {
        Step::Copying { total_bytes, done_bytes } => {
            let percent = done_bytes.saturating_mul(100).checked_div(total_bytes).unwrap_or(100);
            format!("Copying: {percent} % of {}", size(total_bytes))
        }
        Step::Checking => "Reading it back …".to_owned(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0x4000_0000.. => format!("{} GiB", bytes >> 30),
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

/// What is in a copy, for people.
pub fn inventory_text(inventory: &Inventory) -> String {
    let Inventory { schema, programs, webhooks, events, attempts, waiting, .. } = inventory;
    format!(
        "In it: schema {schema:04}, programs {programs}, webhooks {webhooks}, events {events}, attempts {attempts}, \
         deliveries that wait {waiting}."
    )
}

/// What is in a copy, for programs.
pub fn inventory_json(inventory: &Inventory) -> Value {
    json!({
        "schema": inventory.schema,
        "bytes": inventory.bytes,
        "programs": inventory.programs,
        "webhooks": inventory.webhooks,
        "events": inventory.events,
        "attempts": inventory.attempts,
        "waiting": inventory.waiting,
        "highestEventId": inventory.highest_event_id.map(|id: EventId| id.to_string()),
        "newestEventAt": inventory.newest_event_at_ms(),
        "secretsKey": inventory.secrets_key,
    })
}

fn key_advice(inventory: &Inventory) -> String {
    match &inventory.secrets_key {
        Some(id) => format!(
            "Its secrets are encrypted with the secrets key {id}, which is not in it: keep a copy of the key as well, in \
             another place."
        ),
        None => "Nothing in it is encrypted yet; the next start of a server encrypts its secrets.".to_owned(),
    }
}
