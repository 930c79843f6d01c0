//! Idempotency keys in SQLite.

use sqlx::SqliteConnection;

use super::Values;
use crate::store::idempotency::{FirstAnswer, Keys, Name};
use crate::store::list::{List, Marks};
use crate::store::{Accept, StoreError};

static FIRST_ANSWERS: List = List::new(
    "
    SELECT program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms
    FROM idempotency
    WHERE (program_id, idempotency_key) IN (VALUES ",
    2,
    ")",
    Marks::Anonymous,
);

static DELETE: List = List::new(
    "
    DELETE FROM idempotency
    WHERE (program_id, idempotency_key) IN (VALUES ",
    2,
    ")",
    Marks::Anonymous,
);

static INSERT: List = List::new(
    "
    INSERT OR ROLLBACK INTO idempotency
        (program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms)
    VALUES ",
    6,
    "",
    Marks::Anonymous,
);

/// Reads what is stored under the keys of `accepts`.
pub(super) async fn find(connection: &mut SqliteConnection, accepts: &[Accept]) -> Result<Keys, StoreError> {
    let rows = FIRST_ANSWERS.fetch(connection, &Keys::names(accepts), bind_name).await?;
    Keys::stored(&rows)
}

/// Writes the keys that were used first in this batch.
pub(super) async fn write(connection: &mut SqliteConnection, keys: &Keys) -> Result<(), StoreError> {
    DELETE.execute(connection, &keys.expired(), |values, name| bind_name(values, name)).await?;
    let bind = |values: &mut Values, (name, first): &(&Name, &FirstAnswer)| {
        bind_name(values, name);
        values.blob(first.content_hash.to_vec());
        values.int(first.event_id.number()).int(first.deliveries).int(first.accepted_at_ms);
    };
    INSERT.execute(connection, &keys.first_used(), bind).await
}

fn bind_name(values: &mut Values, (program, key): &Name) {
    values.text(program.clone()).text(key.clone());
}
