//! Whether a file is a whole database of ours, and what is in it.

use std::path::Path;

use groundswell_types::EventId;
use rusqlite::{Connection, OptionalExtension as _};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Inventory, open_source};
use crate::store::query::secrets;
use crate::store::sqlite::open;
use crate::store::vault::Vault;
use crate::store::{StoreError, schema};

/// Reads every page: the structure of all tables and indexes, and whether they agree.
const INTEGRITY: &str = "PRAGMA integrity_check(1)";

const FOREIGN_KEYS: &str = "PRAGMA foreign_key_check";

const HIGHEST_EVENT_ID: &str = "
    SELECT MAX(id) FROM (
        SELECT MAX(id) AS id FROM event
        UNION ALL
        SELECT value AS id FROM meta WHERE name = 'highest_event_id'
    )";

const COUNTS: &str = "
    SELECT (SELECT COUNT(*) FROM program), (SELECT COUNT(*) FROM endpoint WHERE deleted_at_ms IS NULL),
        (SELECT COUNT(*) FROM event), (SELECT COUNT(*) FROM attempt), (SELECT COUNT(*) FROM pending)";

const SECRETS_KEY: &str = "SELECT id FROM secrets_key";

/// What tells one state of a database from another.
pub(in crate::store::sqlite) type Identity = (i64, Option<EventId>);

impl Inventory {
    pub(super) const fn identity(&self) -> Identity {
        (self.schema, self.highest_event_id)
    }
}

/// Reads a whole file that nobody uses, and says what is in it. Answers [`StoreError::Unusable`] when it is no database
/// of ours, or one of a newer version, and [`StoreError::Damaged`] when anything in it does not fit.
pub fn check(path: &Path) -> Result<Inventory, StoreError> {
    if !path.exists() {
        return Err(StoreError::Unusable(format!("there is no file {}", path.display())));
    }
    let db = open_source(path)?;
    let (schema, highest_event_id) = identity(&db, path)?;
    let damaged = |why: &str| StoreError::Damaged(format!("{}: {why}", path.display()));
    let unreadable = |error: rusqlite::Error| damaged(&error.to_string());
    let integrity: String = db.query_row(INTEGRITY, [], |row| row.get(0)).map_err(unreadable)?;
    if integrity != "ok" {
        return Err(damaged(&integrity.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    if db.query_row(FOREIGN_KEYS, [], |_| Ok(())).optional().map_err(unreadable)?.is_some() {
        return Err(damaged("something belongs to what is not there"));
    }
    let counts: [i64; 5] = db
        .query_row(COUNTS, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        .map_err(unreadable)?;
    let secrets_key = if schema >= secrets::MIGRATION {
        db.query_row(SECRETS_KEY, [], |row| row.get(0)).optional().map_err(unreadable)?
    } else {
        None
    };
    let bytes = std::fs::metadata(path).map_err(|error| damaged(&error.to_string()))?.len();
    let [programs, webhooks, events, attempts, waiting] = counts;
    Ok(Inventory {
        schema,
        highest_event_id,
        secrets_key,
        programs,
        webhooks,
        events,
        attempts,
        waiting,
        bytes,
    })
}

/// Opens every secret of a file with the key it will be used with. Of one that has none yet, nothing.
pub async fn check_secrets(path: &Path, vault: &Vault) -> Result<(), StoreError> {
    let unreadable = |error: sqlx::Error| StoreError::Damaged(format!("{}: {error}", path.display()));
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut db = options.connect().await.map_err(unreadable)?;
    let opened = secrets::open_all(&mut db, vault).await;
    db.close().await.map_err(unreadable)?;
    opened
}

/// Refuses what is no database of ours, or is one of a newer version.
pub(in crate::store::sqlite) fn identity(db: &Connection, path: &Path) -> Result<Identity, StoreError> {
    let unusable = |why: &str| StoreError::Unusable(format!("{} {why}", path.display()));
    let unreadable = |error: rusqlite::Error| unusable(&format!("cannot be read: {error}"));
    let tables: i64 = db.query_row(open::HAS_MIGRATIONS, [], |row| row.get(0)).map_err(unreadable)?;
    if tables == 0 {
        return Err(unusable("is no database of Groundswell"));
    }
    let mut applied = db.prepare(open::APPLIED).map_err(unreadable)?;
    let applied: Vec<i64> =
        applied.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(unreadable)?;
    let schema = applied.last().copied().ok_or_else(|| unusable("is no database of Groundswell"))?;
    let newest = schema::newest(&open::MIGRATOR);
    if schema > newest {
        return Err(StoreError::Unusable(schema::newer(&path.display().to_string(), schema, newest)));
    }
    Ok((schema, highest_event_id(db).map_err(unreadable)?))
}

/// The highest event id ever stored, in a database of any version.
pub(super) fn highest_event_id(db: &Connection) -> rusqlite::Result<Option<EventId>> {
    let highest: Option<i64> = db.query_row(HIGHEST_EVENT_ID, [], |row| row.get(0))?;
    Ok(highest.map(EventId::from_number))
}
