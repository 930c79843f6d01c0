//! The migrations of the schema.

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{Connection as _, PgConnection};

use super::statement::{scalar, statement};
use super::writer::BEGIN;

/// As the migrator of sqlx makes it.
const MAKE_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS _sqlx_migrations (
        version BIGINT PRIMARY KEY,
        description TEXT NOT NULL,
        installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
        success BOOLEAN NOT NULL,
        checksum BYTEA NOT NULL,
        execution_time BIGINT NOT NULL
    )";

const APPLIED_CHECKSUMS: &str = "
    SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";

const HAS_TABLE: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";

const NOTE_MIGRATION: &str = "
    INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
    VALUES ($1, $2, TRUE, $3, 0)";

/// Without an advisory lock: the lease keeps other processes away, and a new database's first migration can succeed
/// only once.
pub(super) fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../../migrations/postgres");
    migrator.set_locking(false);
    migrator
}

/// Makes the migrations up to one through a pooler, all in one transaction. The migrator of sqlx gives its statements names,
/// which are another's in the next session.
pub(super) async fn run_to(
    migrator: &Migrator,
    target: i64,
    connection: &mut PgConnection,
) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let has_table: bool = scalar(&transaction, HAS_TABLE).fetch_one(&mut *transaction).await?;
    if !has_table {
        sqlx::raw_sql(MAKE_TABLE).execute(&mut *transaction).await?;
    }
    let applied: Vec<(i64, bool, Vec<u8>)> =
        sqlx::query_as(APPLIED_CHECKSUMS).persistent(false).fetch_all(&mut *transaction).await?;
    for (version, success, checksum) in &applied {
        let known = migrator.iter().find(|migration| migration.version == *version);
        match known {
            None => return Err(MigrateError::VersionMissing(*version)),
            Some(_) if !success => return Err(MigrateError::Dirty(*version)),
            Some(known) if known.checksum != *checksum => {
                return Err(MigrateError::VersionMismatch(*version));
            }
            Some(_) => {}
        }
    }
    let is_missing = |migration: &&Migration| {
        migration.version <= target && applied.iter().all(|(version, ..)| *version != migration.version)
    };
    for migration in migrator.iter().filter(is_missing) {
        let failed = |error| MigrateError::ExecuteMigration(error, migration.version);
        sqlx::raw_sql(migration.sql.clone()).execute(&mut *transaction).await.map_err(failed)?;
        statement(&transaction, NOTE_MIGRATION)
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}
