//! What inboxes have got, in a file of its own beside the database: the database has one writer, and nobody who posts to
//! an inbox may take a turn from it. Opened when it is first needed. Its commits are not synced, so a power cut may lose
//! the last of them; nothing in it is older than a day or worth keeping, so a file that cannot be read is begun anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::{error, lock};
use crate::store::{StoreError, sql};

/// Counts up with each change of [`SCHEMA`].
const VERSION: i64 = 1;

const SET_VERSION: &str = "PRAGMA user_version = 1";

const READ_VERSION: &str = "PRAGMA user_version";

/// The table of `migrations/postgres`.
const SCHEMA: &str = "
    CREATE TABLE inbox_request (
        id             INTEGER NOT NULL PRIMARY KEY,
        program_id     TEXT NOT NULL,
        received_at_ms INTEGER NOT NULL,
        method         TEXT NOT NULL,
        is_own         INTEGER NOT NULL,
        webhook_id     TEXT, -- the header
        kind           TEXT,
        check_json     TEXT NOT NULL,
        headers_json   TEXT NOT NULL,
        body_bytes     INTEGER NOT NULL,
        body           BLOB NOT NULL
    ) STRICT;
    CREATE INDEX inbox_request_program ON inbox_request (program_id, id);
    CREATE INDEX inbox_request_age ON inbox_request (received_at_ms);";

/// Each statement commits for itself.
impl sql::Transaction for MappedMutexGuard<'_, SqliteConnection> {
    async fn finish<T: Send>(self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result
    }
}

#[derive(Debug)]
pub(super) struct InboxFile {
    path: PathBuf,
    busy_timeout: Duration,
    connection: Mutex<Option<SqliteConnection>>,
}

/// What a file turned out to be.
enum Opened {
    Good(SqliteConnection),
    /// Of another version, or damaged.
    Useless,
}

impl InboxFile {
    pub(super) fn beside(database: &Path, busy_timeout: Duration) -> Self {
        Self { path: path(database), busy_timeout, connection: Mutex::new(None) }
    }

    /// Removes the file beside a database that nobody has open.
    pub(super) fn remove(database: &Path) -> Result<(), StoreError> {
        remove(&path(database))
    }

    /// Whether there is a file.
    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// The connection, opened if need be.
    pub(super) async fn connection(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut connection = self.connection.lock().await;
        if connection.is_none() {
            *connection = Some(self.open().await?);
        }
        MutexGuard::try_map(connection, Option::as_mut)
            .map_err(|_| StoreError::Unavailable("the inbox is not open".into()))
    }

    /// Copies its write-ahead log into it and cuts it off; says whether that was possible.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        if !self.is_there() {
            return Ok(true);
        }
        let mut connection = self.connection().await?;
        super::writer::empty_log(&mut connection).await.map_err(error::of_write)
    }

    /// Closes it; the file stays.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the inbox was not closed in order");
        }
    }

    async fn open(&self) -> Result<SqliteConnection, StoreError> {
        if let Opened::Good(connection) = self.try_open().await? {
            return Ok(connection);
        }
        tracing::warn!(path = %self.path.display(), "the inboxes are begun anew: their file is of another version, or damaged");
        remove(&self.path)?;
        match self.try_open().await? {
            Opened::Good(connection) => Ok(connection),
            Opened::Useless => Err(StoreError::Damaged("the inbox's new file cannot be read".to_owned())),
        }
    }

    async fn try_open(&self) -> Result<Opened, StoreError> {
        // There are bodies in it that may be confidential.
        lock::private(&self.path).map_err(unavailable)?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(self.busy_timeout)
            // What is removed is overwritten: see the erasing of participants' data.
            .pragma("secure_delete", "ON")
            .disable_statement_logging();
        let prepared = async {
            let mut connection = options.connect().await?;
            let version: i64 = sqlx::query_scalar(READ_VERSION).fetch_one(&mut connection).await?;
            if version == 0 {
                let mut transaction = connection.begin().await?;
                sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
                sqlx::raw_sql(SET_VERSION).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }
            let is_known = version == 0 || version == VERSION;
            Ok::<_, sqlx::Error>(if is_known { Opened::Good(connection) } else { Opened::Useless })
        };
        match prepared.await.map_err(error::of_read) {
            Ok(opened) => Ok(opened),
            Err(StoreError::Damaged(_)) => Ok(Opened::Useless),
            Err(error) => Err(error),
        }
    }
}

fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".inbox");
    name.into()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unavailable(error)),
            _ => {}
        }
    }
    Ok(())
}

fn unavailable(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}
