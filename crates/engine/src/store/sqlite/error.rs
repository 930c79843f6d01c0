//! What a failure of SQLite means to the caller.

use sqlx::error::DatabaseError;

use crate::store::StoreError;

// Primary result codes, https://www.sqlite.org/rescode.html; the extended ones carry them in the low byte.
const ERROR: i32 = 1;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NO_MEMORY: i32 = 7;
const INTERRUPT: i32 = 9;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const PROTOCOL: i32 = 15;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOT_A_DATABASE: i32 = 26;

fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse().ok().map(|code: i32| code & 0xff)
}

/// A statement that reads failed: nothing is in doubt.
pub(super) fn of_read(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => match primary_code(database.as_ref()) {
            Some(CORRUPT | NOT_A_DATABASE) => StoreError::Damaged(error.to_string()),
            _ => StoreError::Unavailable(error.into()),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// A statement within a write transaction failed. The transaction is rolled back, so nothing is in doubt when the
/// failure is a known one that passes or concerns the rows. Any other means that the file is not what SQLite believes
/// it to be, for example after a failed fsync or when it was moved away: opening it again finds out.
pub(super) fn of_write(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => match primary_code(database.as_ref()) {
            Some(FULL) => StoreError::Full(error.into()),
            Some(BUSY | LOCKED | INTERRUPT | NO_MEMORY | PROTOCOL) => StoreError::Unavailable(error.into()),
            Some(CONSTRAINT | MISMATCH | TOO_BIG | ERROR) => StoreError::Rejected(error.into()),
            _ => StoreError::Fatal(error.into()),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        sqlx::Error::Encode(_) => StoreError::Rejected(error.into()),
        _ => StoreError::Fatal(error.into()),
    }
}

/// COMMIT failed. In WAL mode a full disk is noticed while the frames are written, before the last one that makes
/// them count, and a busy database before any; after everything else the transaction may be on the disk or not.
pub(super) fn of_commit(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(primary_code);
    match code {
        Some(FULL) => StoreError::Full(error.into()),
        Some(BUSY | LOCKED) => StoreError::Unavailable(error.into()),
        _ => StoreError::Fatal(error.into()),
    }
}

/// ROLLBACK failed because SQLite had left the transaction already.
pub(super) fn says_no_transaction(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("no transaction is active"))
}
