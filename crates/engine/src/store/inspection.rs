//! A database as it is, looked at without changing anything: for people who ask, not for the engine.

use std::path::Path;

use sqlx::migrate::Migrator;

use super::{StoreError, postgres, sqlite};

/// What is known of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// Migrations that were made, by number.
    pub applied: Vec<i64>,
    /// Migrations that this version would still make, by number, and what they are about.
    pub missing: Vec<(i64, String)>,
    /// The highest one that this version does not know: a newer version has used the database.
    pub newer: Option<i64>,
    /// What the key is called that its secrets are sealed with; none when nothing is sealed yet.
    pub secrets_key: Option<String>,
    /// Settings that decide whether a commit is safe, as the database has them.
    pub settings: Vec<(&'static str, String)>,
    /// The latest time that is known to have been written, Unix milliseconds.
    pub newest_at_ms: Option<i64>,
    /// The URLs of enabled webhooks, newest first, at most 100. There may be secrets in them.
    pub receivers: Vec<String>,
    /// The clock of a database that has its own, Unix milliseconds, when this one said what is beside it.
    pub clocks_ms: Option<(i64, i64)>,
    /// Where the source is whose copy this is and was not finished: no server opens it.
    pub unfinished_copy_of: Option<String>,
    /// The session is older than the connection by so much, although the URL knows of no pooler: one handed it over.
    pub session_is_older_by_ms: Option<i64>,
    /// See [`super::Store::days_ahead`]; none where there are no tables yet.
    pub days_ahead: Option<i64>,
}

/// Looks at a file; a database that is not there yet lacks every migration.
pub async fn of_sqlite(path: &Path) -> Result<Inspection, StoreError> {
    sqlite::inspect(path).await
}

/// Looks at a database on a server.
pub async fn of_postgres(url: &str) -> Result<Inspection, StoreError> {
    postgres::inspect(url).await
}

impl Inspection {
    pub(super) fn new(migrator: &Migrator, applied: Vec<i64>) -> Self {
        let known = || migrator.iter().filter(|migration| migration.migration_type.is_up_migration());
        let missing = known().filter(|migration| !applied.contains(&migration.version));
        let missing =
            missing.map(|migration| (migration.version, migration.description.to_string())).collect();
        let newest = known().map(|migration| migration.version).max().unwrap_or_default();
        let newer = applied.iter().copied().filter(|version| *version > newest).max();
        Self { applied, missing, newer, ..Self::default() }
    }
}
