//! What is said when a database's schema cannot be brought up to date.

use sqlx::migrate::{MigrateError, Migrator};

use super::StoreError;

pub(super) fn refuse(database: &str, migrator: &Migrator, error: MigrateError) -> StoreError {
    StoreError::Unusable(match error {
        MigrateError::VersionMissing(found) => {
            let known = migrator.iter().map(|migration| migration.version).max().unwrap_or(0);
            format!(
                "the database {database} was last used by a newer version of Groundswell (its schema is {found}, this \
                 version knows {known}); use that version, or restore a backup made before it"
            )
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            format!("the schema of the database {database} cannot be brought up to date: {error}")
        }
        other => format!("the schema of the database {database} is not one of Groundswell's: {other}"),
    })
}
