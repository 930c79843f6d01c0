//! The hot path's reads. Its writes are the [committer](super::committer)'s.

use bytes::Bytes;
use groundswell_types::EventId;
use sqlx::{Row, SqliteConnection};

use super::error;
use crate::store::list::{List, Marks};
use crate::store::query::deliveries::pending as pending_row;
use crate::store::query::{Columns, Connection};
use crate::store::{EndpointId, PARKED_DUE_MS, Pending, PendingKey, SMALL_BODY, StoreError};
/// Seeks to the first key behind the given one and reads on from there.
const PENDING: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND due_at_ms < $2 AND (due_at_ms, delivery_id) > ($3, $4)
    ORDER BY due_at_ms, delivery_id
    LIMIT $5";

static BODIES: List = List::new("SELECT id, body FROM event WHERE id IN (", 1, ")", Marks::Anonymous);

/// The length stands in the row's header, so a longer body is not read to find out. It is that of [`SMALL_BODY`].
static SMALL_BODIES: List =
    List::new("SELECT id, body FROM event WHERE id IN (", 1, ") AND length(body) <= 16384", Marks::Anonymous);

/// One index seek per endpoint; grouping would read every row of each.
static EARLIEST_DUE: List = List::new(
    "
    WITH wanted (endpoint_id) AS (VALUES ",
    1,
    ")
    SELECT endpoint_id, due_at_ms FROM (
        SELECT endpoint_id, (
            SELECT due_at_ms FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms < 9223372036854775807
            ORDER BY due_at_ms
            LIMIT 1
        ) AS due_at_ms
        FROM wanted
    )
    WHERE due_at_ms IS NOT NULL",
    Marks::Anonymous,
);

pub(super) async fn pending(
    connection: &mut SqliteConnection,
    endpoint: EndpointId,
    after: Option<PendingKey>,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let (due_at_ms, delivery_id) =
        after.map_or((i64::MIN, i64::MIN), |after| (after.due_at_ms, after.delivery_id.number()));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [endpoint.0, PARKED_DUE_MS, due_at_ms, delivery_id, limit].map(Into::into);
    let rows = connection.fetch(PENDING, values.into()).await?;
    rows.iter().map(pending_row).collect()
}

pub(super) async fn bodies(
    connection: &mut SqliteConnection,
    events: &[EventId],
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    read_bodies(connection, &BODIES, events).await
}

pub(super) async fn small_bodies(
    connection: &mut SqliteConnection,
    events: &[EventId],
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    const { assert!(SMALL_BODY == 16384, "the statement says so") };
    read_bodies(connection, &SMALL_BODIES, events).await
}

async fn read_bodies(
    connection: &mut SqliteConnection,
    statement: &List,
    events: &[EventId],
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    let rows = statement.fetch(connection, events, |values, id| _ = values.int(id.number())).await?;
    let body = |row: &sqlx::sqlite::SqliteRow| {
        let body: &[u8] = row.try_get(1).map_err(error::of_read)?;
        Ok((EventId::from_number(row.int(0)?), Bytes::copy_from_slice(body)))
    };
    rows.iter().map(body).collect()
}

pub(super) async fn earliest_due(
    connection: &mut SqliteConnection,
    endpoints: &[EndpointId],
) -> Result<Vec<(EndpointId, i64)>, StoreError> {
    let rows = EARLIEST_DUE.fetch(connection, endpoints, |values, id| _ = values.int(id.0)).await?;
    rows.iter().map(|row| Ok((EndpointId(row.int(0)?), row.int(1)?))).collect()
}
