//! What a failure of PostgreSQL means to the caller, and how long it may take to answer.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::store::StoreError;

/// How long a query may take.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(10);

/// How long a statement that writes may take. It takes milliseconds, since what concerns many rows is done in steps; and while
/// it is waited for nothing else is written. When the way to the database is cut and nobody says so, this is what notices.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// The same for what is done alone with the database, and may be about a whole table.
pub(super) const ALONE_LIMIT: Duration = Duration::from_mins(1);

/// An answer that does not come in time counts as a lost connection.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let error = io::Error::new(io::ErrorKind::TimedOut, "PostgreSQL did not answer in time");
        Err(sqlx::Error::Io(error))
    })
}

/// A statement that reads failed: nothing is in doubt.
pub(super) fn of_read(error: sqlx::Error) -> StoreError {
    match &error {
        // XX001 data_corrupted, XX002 index_corrupted.
        sqlx::Error::Database(database) if matches!(database.code().as_deref(), Some("XX001" | "XX002")) => {
            StoreError::Damaged(error.to_string())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// A statement within a write transaction failed. PostgreSQL has given the transaction up by then, so nothing is in
/// doubt. Classes of codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn of_write(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some("53100") => StoreError::Full(error.into()),
            // A row without a partition: they are looked up again after a failure, and then made.
            Some("23514") if database.constraint().is_none() => StoreError::Outdated,
            // A check that is not ours.
            Some("23514") => StoreError::Unavailable(error.into()),
            // Another node has accepted an event with that key at the same moment; by now it is known.
            Some("23505") if database.constraint() == Some("idempotency_pkey") => StoreError::Outdated,
            // Data that is no text or out of range, constraints, rows that are too large.
            Some(code) if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Rejected(error.into())
            }
            // Tables or columns that are not there or may not be written to.
            Some(code) if code.starts_with("42") => {
                StoreError::Unusable(format!("the database's schema or rights were changed: {error}"))
            }
            Some("XX001" | "XX002") => StoreError::Damaged(error.to_string()),
            _ => StoreError::Unavailable(error.into()),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        sqlx::Error::Encode(_) => StoreError::Rejected(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}
