//! `groundswell copy`: an SQLite database copied into a PostgreSQL one, for a server to go on with.

use std::path::Path;

use anyhow::{Context as _, bail};
use groundswell_cli::{Output, Progress, Terminal};
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_engine::store::StoreError;
use groundswell_engine::store::copy::{Copied, CopyOrder, CopyPlace, CopyStep, copy};
use groundswell_engine::store::vault::{KeyFileError, Vault};
use serde_json::json;

use crate::config::{Config, Database, SecretsKeySource, ServeArgs};
use crate::migrate::look;
use crate::secrets;

/// Copies an SQLite database into an empty PostgreSQL one, with what waits to be delivered.
///
/// No server may use either meanwhile; the SQLite file stays as it is. Ended at any moment, the same command goes on where it
/// was, and until it has read everything back and found it the same on both sides, no server opens the copy. The secrets key
/// stays the same, and is taken from the usual settings.
#[derive(Debug, clap::Args)]
pub struct CopyDatabase {
    /// The SQLite database, `sqlite:///path/file.db`; without it the one that the settings name.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The PostgreSQL database, `postgres://user@host/database`. Others on this machine can see flags: better have a password
    /// in PGPASSWORD or in ~/.pgpass.
    #[arg(long, value_name = "URL")]
    to: String,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl CopyDatabase {
    /// Copies, verifies, and says what is left to do.
    pub fn run(self) -> anyhow::Result<()> {
        let target = Database::parse(&self.to)?;
        let serve = match self.from {
            Some(url) => self.serve.on(url),
            None => self.serve,
        };
        let config = Config::load(serve)?;
        let (Database::Sqlite(source), Database::Postgres(url)) = (&config.database, &target) else {
            bail!(unlike(&config.database))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let watch = Stopwatch::start();
        let mut progress = Progress::new(&self.output);
        let mut pace = Pace::default();
        let copied = runtime.block_on(async {
            let vault = vault(&config, source).await?;
            let order = CopyOrder { source, target: url, vault: &vault, now_ms: Clock::system().now_ms() };
            match copy(order, &mut |step| progress.show(&pace.text(step))).await {
                Err(error @ StoreError::Unavailable(_)) => {
                    Err(error).context("the copy is not finished, and the same command goes on where it was")
                }
                other => Ok(other?),
            }
        })?;
        drop(progress);
        let mut terminal = Terminal::new(&self.output);
        let (from, to) = (config.database.shown(), target.shown());
        if terminal.is_json() {
            let tables = copied.tables.iter();
            let tables: Vec<_> = tables
                .map(|table| json!({ "name": table.name, "rows": table.rows, "checksum": table.checksum }))
                .collect();
            return Ok(terminal.json(&json!({
                "from": from, "to": to, "rows": rows(&copied), "rowsBefore": copied.rows_before,
                "tables": tables, "notCopied": copied.strange, "milliseconds": watch.elapsed_ms(),
            }))?);
        }
        for line in summary((&from, &to), &copied, &watch) {
            terminal.line(&line)?;
        }
        for line in left_to_do(&from, &config.secrets) {
            terminal.line(&line)?;
        }
        Ok(())
    }
}

/// Why these two are not for this command.
fn unlike(source: &Database) -> String {
    let (other, how) = match source {
        Database::Postgres(_) => {
            ("PostgreSQL database", "`pg_dump` and `pg_restore`, of which /docs/operating says how")
        }
        Database::Sqlite(_) => ("SQLite file", "`groundswell backup` and `groundswell restore`"),
    };
    format!(
        "`groundswell copy` copies an SQLite database into a PostgreSQL one. To copy a {other}, use {how}"
    )
}

/// The vault with the key that the source's secrets are encrypted with.
async fn vault(config: &Config, source: &Path) -> anyhow::Result<Vault> {
    match config.secrets.read() {
        Ok(key) => Ok(Vault::new(&key)),
        Err(KeyFileError::Missing(_)) if !source.exists() => {
            bail!("there is no database at {}", source.display())
        }
        Err(error @ KeyFileError::Missing(_)) => {
            match (look(&config.database).await?.secrets_key, &config.secrets) {
                (Some(id), SecretsKeySource::File(path) | SecretsKeySource::Own(path)) => {
                    bail!(secrets::missing(path, &id))
                }
                (None, _) => bail!(
                    "nothing in the database {} is encrypted yet; run `groundswell migrate` on it first",
                    source.display()
                ),
                _ => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// How fast it goes: from the first step of its kind on.
#[derive(Default)]
struct Pace {
    since: Option<(&'static str, Stopwatch, u64)>,
}

impl Pace {
    /// How far it is, in a line.
    fn text(&mut self, step: CopyStep<'_>) -> String {
        let (kind, CopyPlace { table, done, total }) = match step {
            CopyStep::Copying(place) => ("Copying", place),
            CopyStep::Verifying(place) => ("Reading back", place),
        };
        let since = self.since.filter(|(known, ..)| *known == kind);
        let (_, watch, first) = *self.since.insert(since.unwrap_or_else(|| (kind, Stopwatch::start(), done)));
        let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
        let left = total.saturating_sub(done);
        let left_ms = u128::from(left) * watch.elapsed().as_millis();
        let left = match left_ms.checked_div(u128::from(done.saturating_sub(first))) {
            Some(ms) if ms >= 1000 => format!(", about {} left", duration(ms / 1000)),
            _ => String::new(),
        };
        format!("{kind} {table}: {percent} % of {total} rows{left}")
    }
}

fn duration(seconds: u128) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

fn rows(copied: &Copied) -> u64 {
    copied.tables.iter().map(|table| table.rows).sum()
}

/// What was done, for people.
fn summary((from, to): (&str, &str), copied: &Copied, watch: &Stopwatch) -> Vec<String> {
    let rows = rows(copied);
    let mut lines = vec![
        format!(
            "Copied {from} to {to}: {rows} rows in {} tables, read back and the same on both sides, in {}.",
            copied.tables.len(),
            duration(watch.elapsed().as_millis().div_ceil(1000))
        ),
        format!(
            "In it: programs {}, events {}, attempts {}, deliveries that wait {}.",
            copied.rows_of("program"),
            copied.rows_of("event"),
            copied.rows_of("attempt"),
            copied.rows_of("pending")
        ),
    ];
    if copied.rows_before > 0 {
        lines.push(format!("{} of the rows were there from a run before.", copied.rows_before));
    }
    if !copied.strange.is_empty() {
        lines.push(format!("Not copied, since it is none of Groundswell's: {}.", copied.strange.join(", ")));
    }
    lines
}

/// What nobody but a person can do.
fn left_to_do(from: &str, secrets: &SecretsKeySource) -> Vec<String> {
    let key = match secrets {
        SecretsKeySource::Given(_) => {
            "- Leave GROUNDSWELL_SECRETS_KEY as it is: its secrets are encrypted with the same key."
                .to_owned()
        }
        SecretsKeySource::File(path) | SecretsKeySource::Own(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!(
                "- Set GROUNDSWELL_SECRETS_KEY_FILE={}: its secrets are encrypted with the same key.",
                path.display()
            )
        }
    };
    vec![
        "Before you start the server:".to_owned(),
        "- Set GROUNDSWELL_DATABASE_URL to the new database.".to_owned(),
        key,
        format!(
            "- Make sure that no server is started on {from} any more: two would both deliver what waits."
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_table_share_and_the_time_that_is_left() {
        let mut pace = Pace::default();
        let at = |done| CopyPlace { table: "event", done, total: 200 };
        assert_eq!(pace.text(CopyStep::Copying(at(0))), "Copying event: 0 % of 200 rows");
        let (kind, ..) = pace.since.expect("it began");
        let watch = Stopwatch::start();
        while watch.elapsed_ms() < 30 {
            std::thread::yield_now();
        }
        // 1 of 200 rows in some 30 ms.
        let said = pace.text(CopyStep::Copying(at(1)));
        assert!(kind == "Copying" && said.starts_with("Copying event: 0 % of 200 rows, about "), "{said}");
        assert!(said.ends_with(" left"), "{said}");
        let said = pace.text(CopyStep::Verifying(at(200)));
        assert_eq!(said, "Reading back event: 100 % of 200 rows", "another kind has another pace");
        assert_eq!(duration(119), "119 s");
        assert_eq!(duration(121), "3 min");
    }
}
