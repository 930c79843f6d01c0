//! What is said when a database's schema cannot be brought up to date.

use sqlx::migrate::{MigrateError, Migrator};

use super::StoreError;

pub(super) fn refuse(database: &str, migrator: &Migrator, error: MigrateError) -> StoreError {
    StoreError::Unusable(match error {
        MigrateError::VersionMissing(found) => newer(database, found, newest(migrator)),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            format!("the schema of the database {database} cannot be brought up to date: {error}")
        }
        other => format!("the schema of the database {database} is not one of Groundswell's: {other}"),
    })
}

/// The newest migration that this version knows.
pub(super) fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// What is said of a database of a newer version.
pub(super) fn newer(database: &str, found: i64, known: i64) -> String {
    format!(
        "the database {database} was last used by a newer version of Groundswell (its schema is {found}, this version knows \
         {known}); use that version, or restore a backup made before it"
    )
}
