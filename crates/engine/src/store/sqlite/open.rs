//! Opening a database: the settings every connection must have, the schema, and what is refused.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _, SqliteConnection};

use super::lock;
use crate::store::inspection::Inspection;
use crate::store::query::{inspection, secrets};
use crate::store::{StoreError, directory, schema};

/// The SQLite before this can lose committed data when one connection writes while another checkpoints.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// More than the statements there are, list sizes included, so that none is ever prepared twice.
const STATEMENT_CACHE: usize = 200;

/// Of a new database; another one keeps what it was made with. Each page that a commit changes is two system calls, so
/// with SQLite's usual 4 KiB an event costs the server a twentieth more processor time.
pub(super) const PAGE_BYTES: u32 = 8192;

/// Negative is KiB. The system keeps what is read often; each connection's own cache only grows with the database, and is
/// emptied by the next commit of another connection anyway.
const READER_CACHE: &str = "-256";

/// Of the connection for cold writes.
const WRITER_CACHE: &str = "-512";

/// A transaction writes out what it has changed, to make room for more, only beyond so many pages: what is written out may be
/// written again. That room is given back at its end, which a cache's is not. No multiple of 256: SQLite takes those for OFF.
const CHANGED_PAGES: &str = "1000";

/// The write-ahead log's file is cut back to this once it has been copied, in case a long reader made it grow.
const JOURNAL_SIZE_LIMIT_BYTES: &str = "67108864";

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

pub(super) const HAS_MIGRATIONS: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";

pub(super) const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";

const VERSION: &str = "SELECT sqlite_version()";
const PAGE_SIZE: &str = "PRAGMA page_size";
const OVERWRITE_ALL: &str = "PRAGMA secure_delete = ON";
const OVERWRITE_IN_PAGES: &str = "PRAGMA secure_delete = FAST";

pub(super) const SYNCHRONOUS: &str = "PRAGMA synchronous";
pub(super) const JOURNAL_MODE: &str = "PRAGMA journal_mode";
pub(super) const FOREIGN_KEYS: &str = "PRAGMA foreign_keys";

/// Those of [`connect_options`], for the connection that commits. The journal mode is a property of the file. The cache
/// (negative is KiB) is for where rows come in and leave; what a large transaction changes has room beside it, as
/// [`CHANGED_PAGES`] says. When a page is split, what moves to another one is overwritten where it was: else it would outlast
/// the row, and its erasing.
pub(super) const COMMITTER_SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = FAST;
    PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
    PRAGMA cache_spill = 1000;";

/// For the connection that reads queues. The first one is not needed to read, but read back like everybody's.
pub(super) const QUEUE_SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA query_only = ON;
    PRAGMA cache_size = -256;";

pub(super) fn connect_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
        .statement_cache_capacity(STATEMENT_CACHE)
        // Checkpoints are made between batches, never inside a commit somebody waits for.
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES)
        // What SQLite keeps to undo a single statement would go through a file otherwise.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// The connection for cold writes, and the schema brought up to date.
pub(super) async fn writer(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, StoreError> {
    create(path)?;
    let cannot_open = |error: sqlx::Error| {
        StoreError::Unusable(format!("cannot open the database {}: {error}", path.display()))
    };
    // Secrets are written, replaced and erased here, and are not to stay behind in unused parts of pages.
    let options = options.clone().pragma("secure_delete", "FAST");
    let options = options.pragma("cache_size", WRITER_CACHE).pragma("cache_spill", CHANGED_PAGES);
    let mut connection = options.connect().await.map_err(cannot_open)?;
    check_version(&mut connection).await?;
    check_settings(&mut connection).await?;
    let refuse = |error| schema::refuse(&path.display().to_string(), &MIGRATOR, error);
    MIGRATOR.run(&mut connection).await.map_err(refuse)?;
    Ok(connection)
}

/// Has the connection overwrite all of what it removes, also whole pages, which [`writer`]'s setting leaves as they are to
/// save the writing.
pub(super) async fn overwrite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(OVERWRITE_ALL).execute(connection).await.map(drop).map_err(super::error::of_write)
}

/// The end of [`overwrite`].
pub(super) async fn overwrite_no_more(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(OVERWRITE_IN_PAGES).execute(connection).await.map(drop).map_err(super::error::of_write)
}

/// The connections that read. `query_only`, because only the writer may hold a write lock.
pub(super) async fn readers(
    options: &SqliteConnectOptions,
    connections: u32,
) -> Result<SqlitePool, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .max_lifetime(None)
        .idle_timeout(None)
        // A ping costs as much as a query, and a local file does not hang up.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let checked = check_settings(connection).await;
                checked.map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        });
    let options = options.clone().pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
    pool.connect_with(options).await.map_err(super::error::of_read)
}

/// The database as it is. Waits for nobody and writes nothing; a file that is not there is not made.
pub(super) async fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    if !path.exists() {
        return Ok(Inspection::new(&MIGRATOR, Vec::new()));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(2))
        .disable_statement_logging();
    let unreadable = |error: sqlx::Error| {
        StoreError::Unusable(format!("cannot read the database {}: {error}", path.display()))
    };
    let mut connection = options.connect().await.map_err(unreadable)?;
    let has_migrations: i64 =
        sqlx::query_scalar(HAS_MIGRATIONS).fetch_one(&mut connection).await.map_err(unreadable)?;
    let applied = if has_migrations > 0 {
        sqlx::query_scalar(APPLIED).fetch_all(&mut connection).await.map_err(unreadable)?
    } else {
        Vec::new()
    };
    let secrets_key = secrets::key_id(&mut connection, &applied).await?;
    let journal_mode: String = scalar(&mut connection, JOURNAL_MODE).await?;
    let synchronous: i64 = scalar(&mut connection, SYNCHRONOUS).await?;
    let page_bytes: i64 = scalar(&mut connection, PAGE_SIZE).await?;
    let settings = vec![
        ("journal_mode", journal_mode),
        ("synchronous", synchronous.to_string()),
        ("page_size", page_bytes.to_string()),
        ("SQLite", scalar(&mut connection, VERSION).await?),
    ];
    let newest_at_ms = inspection::newest_at_ms(&mut connection, &applied).await?;
    let receivers = inspection::receivers(&mut connection, &applied).await?;
    connection.close().await.map_err(unreadable)?;
    let new = Inspection::new(&MIGRATOR, applied);
    Ok(Inspection { secrets_key, settings, newest_at_ms, receivers, ..new })
}

/// Creates the file, for this user alone: there are secrets in it.
fn create(path: &Path) -> Result<(), StoreError> {
    lock::private(path).map(drop).map_err(|error| {
        StoreError::Unusable(format!("cannot create or write the database {}: {error}", path.display()))
    })
}

/// The directory of the database, made if it is not there.
pub(super) fn create_directory(path: &Path) -> Result<(), StoreError> {
    directory::make(path).map_err(|error| {
        let directory = path.parent().unwrap_or(path);
        StoreError::Unusable(format!("cannot create the directory {}: {error}", directory.display()))
    })
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = scalar(connection, VERSION).await?;
    if is_safe(&version) {
        return Ok(());
    }
    let [major, minor, patch] = OLDEST_SQLITE;
    Err(StoreError::Unusable(format!(
        "this program was built with SQLite {version}, which can lose data; it needs {major}.{minor}.{patch} or later"
    )))
}

fn is_safe(version: &str) -> bool {
    let numbers: Result<Vec<u32>, _> = version.split('.').map(str::parse).collect();
    numbers.is_ok_and(|numbers| numbers.as_slice() >= OLDEST_SQLITE.as_slice())
}

/// The settings that keep data safe.
pub(super) struct Settings {
    pub(super) synchronous: i64,
    pub(super) journal_mode: String,
    pub(super) foreign_keys: i64,
}

/// What was asked for is not always what one gets, for example on a file system without shared memory; so it is read
/// back.
pub(super) async fn check_settings(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    check(Settings {
        synchronous: scalar(connection, SYNCHRONOUS).await?,
        journal_mode: scalar(connection, JOURNAL_MODE).await?,
        foreign_keys: scalar(connection, FOREIGN_KEYS).await?,
    })
}

/// Refuses settings that could lose data.
pub(super) fn check(settings: Settings) -> Result<(), StoreError> {
    let Settings { synchronous, journal_mode, foreign_keys } = settings;
    if (synchronous, journal_mode.as_str(), foreign_keys) == (2, "wal", 1) {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "SQLite refused the settings that keep data safe: synchronous is {synchronous} and must be 2, journal_mode is \
         {journal_mode} and must be wal, foreign_keys is {foreign_keys} and must be 1"
    )))
}

async fn scalar<T>(connection: &mut SqliteConnection, sql: &'static str) -> Result<T, StoreError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(super::error::of_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_can_lose_data_is_refused() {
        for version in ["3.51.3", "3.51.4", "3.52.0", "4.0"] {
            assert!(is_safe(version), "{version}");
        }
        for version in ["3.51.2", "3.50.9", "2.99.99", "", "new"] {
            assert!(!is_safe(version), "{version}");
        }
    }
}
