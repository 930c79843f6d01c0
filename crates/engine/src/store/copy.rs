//! An SQLite database copied into a PostgreSQL one, where a server goes on with it: with what waits, and with everything else
//! as it was.
//!
//! Both databases belong to the copy meanwhile, as they belong to a server that has them open. Which tables there are, with
//! which columns, the two say themselves. Rows go over by their keys, so many at once, and each transaction says how far
//! its table is then: a copy that is killed goes on from there. In the end both are read through apart from each other; only
//! when every table adds up to the same is the copy a database that a server opens. The source stays as it is.
//!
//! For copies within one kind of database there are [`super::sqlite::backup`] and PostgreSQL's own programs.

mod plan;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use self::plan::Plan;
pub(super) use self::plan::{Catalogue, Found, Kind, Table, quoted};
pub(super) use self::rows::{Batch, Cell, Checksum, Key, KeyPart, Values};
use super::StoreError;
use super::postgres::copying::{Claim, Target};
use super::sqlite::backup::check_secrets;
use super::sqlite::copying::{Contents, Source};
use super::vault::Vault;

/// What is copied where.
#[derive(Debug, Clone, Copy)]
pub struct CopyOrder<'a> {
    /// An SQLite file.
    pub source: &'a Path,
    /// The URL of a PostgreSQL database.
    pub target: &'a str,
    /// Opens what is secret in both.
    pub vault: &'a Vault,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep<'a> {
    /// Rows were written.
    Copying(CopyPlace<'a>),
    /// Rows were read back.
    Verifying(CopyPlace<'a>),
}

/// At which table, and how many rows of all tables are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyPlace<'a> {
    /// The table.
    pub table: &'a str,
    /// So many rows.
    pub done: u64,
    /// Of these.
    pub total: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Every table, in the order in which they went over.
    pub tables: Vec<CopiedTable>,
    /// Rows that an earlier run had copied.
    pub rows_before: u64,
    /// Tables of the source that are none of Groundswell's, and stayed where they are.
    pub strange: Vec<String>,
}

/// A table, the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// What it is called.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// What they add up to: SHA-256, in hexadecimal.
    pub checksum: String,
}

impl Copied {
    /// How many rows a table has.
    pub fn rows_of(&self, table: &str) -> u64 {
        self.tables.iter().find(|one| one.name == table).map_or(0, |one| one.rows)
    }
}

/// How far a table is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    rows: u64,
    /// The last row's key.
    last: Option<Key>,
    is_done: bool,
}

impl Progress {
    /// Once these rows are there as well.
    fn with(&self, table: &Table, batch: &Batch) -> Result<Self, StoreError> {
        let last = batch.last_key(table)?.or_else(|| self.last.clone());
        Ok(Self { rows: self.rows + batch.rows as u64, last, is_done: batch.is_last })
    }

    /// As the target keeps it.
    pub(super) fn to_text(&self) -> String {
        let last = self.last.as_ref().map(Key::to_json);
        json!({ "rows": self.rows, "last": last, "done": self.is_done }).to_string()
    }

    pub(super) fn of_text(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let last = match &value["last"] {
            Value::Null => None,
            last => Some(Key::from_json(last)?),
        };
        Some(Self { rows: value["rows"].as_u64()?, last, is_done: value["done"].as_bool()? })
    }
}

/// See `store::fuzzing`.
#[cfg(fuzzing)]
pub(super) fn read_progress_for_fuzzing(text: &str) {
    if let Some(progress) = Progress::of_text(text) {
        let written = progress.to_text();
        assert_eq!(Progress::of_text(&written).map(|again| again.to_text()), Some(written));
    }
}

/// Copies, or goes on with a copy that was begun, and verifies it.
///
/// Answers [`StoreError::Unusable`] with a sentence for the person who asked, and [`StoreError::Unavailable`] when the target
/// was lost: then the same call goes on where it was.
pub async fn copy(
    order: CopyOrder<'_>,
    tell: &mut (dyn FnMut(CopyStep<'_>) + Send),
) -> Result<Copied, StoreError> {
    let source = Source::open(order.source, order.now_ms)?;
    check_secrets(order.source, order.vault).await?;
    let contents = source.contents().await?;
    let shown = std::path::absolute(order.source).unwrap_or_else(|_| order.source.to_owned());
    let tables: BTreeSet<String> = contents.catalogue.tables.keys().cloned().collect();
    let claim = Claim {
        source: &shown.display().to_string(),
        fingerprint: &contents.fingerprint,
        tables: &tables,
        vault: order.vault,
        now_ms: order.now_ms,
    };
    let (target, begun) = Target::open(order.target, claim).await?;
    let mut copying = Copying { source, target, contents, tell };
    let copied = copying.run(begun, order).await;
    copying.target.close().await;
    copied
}

struct Copying<'a> {
    source: Source,
    target: Target,
    contents: Contents,
    tell: &'a mut (dyn FnMut(CopyStep<'_>) + Send),
}

impl Copying<'_> {
    async fn run(
        &mut self,
        mut begun: BTreeMap<String, Progress>,
        order: CopyOrder<'_>,
    ) -> Result<Copied, StoreError> {
        let Plan { tables, strange } = plan::plan(&self.contents.catalogue, &self.target.catalogue().await?)?;
        let total = tables.iter().filter_map(|table| self.contents.rows.get(&table.name)).sum();
        let rows_before: u64 = begun.values().map(|progress| progress.rows).sum();
        let mut done = rows_before;
        for table in &tables {
            let progress = begun.remove(&table.name).unwrap_or_default();
            if !progress.is_done {
                self.copy_table(table, progress, (&mut done, total)).await?;
                self.target.analyze(table).await?;
            }
        }
        let tables = self.verify(&tables, total).await?;
        self.target.finish(order.vault, order.now_ms).await?;
        Ok(Copied { tables, rows_before, strange })
    }

    /// Reads the next rows while those before are written.
    async fn copy_table(
        &mut self,
        table: &Table,
        mut progress: Progress,
        (done, total): (&mut u64, u64),
    ) -> Result<(), StoreError> {
        let mut batch = self.source.batch(table, progress.last.clone()).await?;
        loop {
            progress = progress.with(table, &batch)?;
            let next = async {
                if batch.is_last {
                    return Ok(None);
                }
                self.source.batch(table, progress.last.clone()).await.map(Some)
            };
            let (written, next) = tokio::join!(self.target.write(table, &batch, &progress), next);
            written?;
            *done += batch.rows as u64;
            (self.tell)(CopyStep::Copying(CopyPlace { table: &table.name, done: *done, total }));
            match next? {
                Some(next) => batch = next,
                None => return Ok(()),
            }
        }
    }

    /// Has every table add up to the same on both sides.
    async fn verify(&mut self, tables: &[Table], total: u64) -> Result<Vec<CopiedTable>, StoreError> {
        let (mut verified, mut differing) = (Vec::new(), Vec::new());
        let mut done = 0;
        for table in tables {
            let (source, target, tell) = (&self.source, &mut self.target, &mut self.tell);
            let read_back = async {
                let (mut sum, mut after) = (Checksum::default(), None);
                loop {
                    after = target.read_back(table, after.as_ref(), &mut sum).await?;
                    let place = CopyPlace { table: &table.name, done: done + sum.rows(), total };
                    tell(CopyStep::Verifying(place));
                    if after.is_none() {
                        return Ok::<_, StoreError>(sum);
                    }
                }
            };
            let (there, here) = tokio::try_join!(source.checksum(table), read_back)?;
            done += here.rows();
            if there.text() != here.text() {
                differing.push(difference(&table.name, there.rows(), here.rows()));
            }
            verified.push(CopiedTable { name: table.name.clone(), rows: here.rows(), checksum: here.text() });
        }
        if differing.is_empty() {
            return Ok(verified);
        }
        Err(StoreError::Unusable(format!(
            "the copy is not the same as its source: {}. No server opens it, and the source is as it was; create an empty \
             database and copy into that",
            differing.join(", ")
        )))
    }
}

fn difference(table: &str, there: u64, here: u64) -> String {
    if there == here {
        format!("{table} has the same number of rows ({here}) with other values in them")
    } else {
        format!("{table} has {here} rows instead of {there}")
    }
}
