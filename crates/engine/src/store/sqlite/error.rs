//! What a failure of SQLite means to the caller.

use std::fmt::Display;

use crate::store::{BoxError, StoreError};

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

/// What went wrong, as far as it matters.
pub(super) enum Cause {
    /// A primary result code.
    Sqlite(i32),
    /// A value is not what it should be.
    Decoding,
    /// A value cannot be bound.
    Encoding,
    Other,
}

/// A failure as either driver reports it.
pub(super) trait Failure: Display + Into<BoxError> {
    fn cause(&self) -> Cause;
}

impl Failure for sqlx::Error {
    fn cause(&self) -> Cause {
        match self {
            Self::Database(database) => {
                let code = database.code().and_then(|code| code.parse::<i32>().ok());
                code.map_or(Cause::Other, |code| Cause::Sqlite(code & 0xff))
            }
            Self::ColumnDecode { .. } | Self::Decode(_) => Cause::Decoding,
            Self::Encode(_) => Cause::Encoding,
            _ => Cause::Other,
        }
    }
}

impl Failure for rusqlite::Error {
    fn cause(&self) -> Cause {
        match self {
            Self::SqliteFailure(failure, _) => Cause::Sqlite(failure.extended_code & 0xff),
            Self::FromSqlConversionFailure(..)
            | Self::IntegralValueOutOfRange(..)
            | Self::InvalidColumnType(..) => Cause::Decoding,
            Self::ToSqlConversionFailure(_) => Cause::Encoding,
            _ => Cause::Other,
        }
    }
}

/// A statement that reads failed: nothing is in doubt.
pub(super) fn of_read(error: impl Failure) -> StoreError {
    match error.cause() {
        Cause::Sqlite(CORRUPT | NOT_A_DATABASE) | Cause::Decoding => StoreError::Damaged(error.to_string()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// A statement within a write transaction failed. The transaction is rolled back, so nothing is in doubt when the
/// failure is a known one that passes or concerns the rows. Any other means that the file is not what SQLite believes
/// it to be, for example after a failed fsync or when it was moved away: opening it again finds out.
pub(super) fn of_write(error: impl Failure) -> StoreError {
    match error.cause() {
        Cause::Sqlite(FULL) => StoreError::Full(error.into()),
        Cause::Sqlite(BUSY | LOCKED | INTERRUPT | NO_MEMORY | PROTOCOL) => {
            StoreError::Unavailable(error.into())
        }
        Cause::Sqlite(CONSTRAINT | MISMATCH | TOO_BIG | ERROR) | Cause::Encoding => {
            StoreError::Rejected(error.into())
        }
        Cause::Decoding => StoreError::Damaged(error.to_string()),
        Cause::Sqlite(_) | Cause::Other => StoreError::Fatal(error.into()),
    }
}

/// COMMIT failed. In WAL mode a full disk is noticed while the frames are written, before the last one that makes
/// them count, and a busy database before any; after everything else the transaction may be on the disk or not.
pub(super) fn of_commit(error: impl Failure) -> StoreError {
    match error.cause() {
        Cause::Sqlite(FULL) => StoreError::Full(error.into()),
        Cause::Sqlite(BUSY | LOCKED) => StoreError::Unavailable(error.into()),
        _ => StoreError::Fatal(error.into()),
    }
}

/// ROLLBACK failed because SQLite had left the transaction already.
pub(super) fn says_no_transaction(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("no transaction is active"))
}
