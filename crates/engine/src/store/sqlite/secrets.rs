//! The secrets in a file: sealed with the right key when it is opened, sealed with another one when it is asked for, and
//! nothing left of what they replaced.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use super::error;
use super::inbox::InboxFile;
use super::writer::{BEGIN, COMMIT};
use crate::store::StoreError;
use crate::store::query::secrets;
use crate::store::vault::Vault;

/// Pages that are free, and unused parts of others, keep what once stood there; only a new file has none of it. What
/// it needs meanwhile goes to a file: there may be more of it than memory.
const BEGIN_ANEW: &str = "PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY";

const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// [`secrets::settle`], in a transaction of its own.
pub(super) async fn settle(db: &mut SqliteConnection, vault: &Vault, now_ms: i64) -> Result<(), StoreError> {
    run(db, BEGIN).await.map_err(error::of_write)?;
    // What fails here ends the process or closes the connection, and with it the transaction.
    secrets::settle(db, vault, now_ms).await?;
    run(db, COMMIT).await.map_err(error::of_commit)
}

/// Removes what is left in the file, in its log and in the inboxes of what was replaced by something sealed, if that has
/// not been done. Nobody else may have the file open. Without room for it the server works all the same, and the next
/// start tries again.
pub(super) async fn remove_leftovers(db: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    if !secrets::has_leftovers(db).await? {
        return Ok(());
    }
    tracing::info!(path = %path.display(), "the database is written anew, so that no secret stays behind in unused parts of it");
    InboxFile::remove(path)?;
    if let Err(error) = begin_anew(db).await {
        tracing::warn!(
            %error,
            "old secrets may still be in unused parts of the database file; make room for a second one of its size and \
             start again, or run `groundswell migrate`"
        );
        return Ok(());
    }
    secrets::forget_leftovers(db).await?;
    run(db, EMPTY_LOG).await.map_err(error::of_write)
}

async fn begin_anew(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    run(db, BEGIN_ANEW).await?;
    run(db, EMPTY_LOG).await
}

/// Seals everything with another key, and closes the connection.
pub(super) async fn rotate(
    mut db: SqliteConnection,
    path: &Path,
    keys: (&Vault, &Vault),
    now_ms: i64,
) -> Result<(), StoreError> {
    run(&mut db, BEGIN).await.map_err(error::of_write)?;
    secrets::rotate(&mut db, keys, now_ms).await?;
    run(&mut db, COMMIT).await.map_err(error::of_commit)?;
    remove_leftovers(&mut db, path).await?;
    db.close().await.map_err(error::of_write)
}

async fn run(db: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(db).await.map(drop)
}
