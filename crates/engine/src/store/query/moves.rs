//! Moving pending rows, a step at a time. The rows of a step are read and then written by key, so that exactly those
//! are deleted that were read, whatever the move; a statement each would repeat its condition in every pair of them.

use super::deliveries::{limit_of, numbers_of, pending};
use super::{Columns as _, Connection, Value};
use crate::store::list::{List, Marks, SIZES};
use crate::store::moves::Fate;
use crate::store::{EndpointId, MoveStep, Moved, Pending, PendingKey, StoreError};

const MOVABLE: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND (due_at_ms, delivery_id) > ($2, $3) AND (due_at_ms, delivery_id) < ($4, $5)
    ORDER BY due_at_ms, delivery_id
    LIMIT $6";

static INSERT: List = List::new(
    "
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES ",
    6,
    "",
    Marks::From(1),
);

static DELETE: List = List::new(
    "
    DELETE FROM pending
    WHERE (endpoint_id, due_at_ms, delivery_id) IN (VALUES ",
    3,
    ")",
    Marks::From(1),
);

/// Jumps from each endpoint in `pending` to the next: a seek for each, however many rows it has.
const WITHOUT_WEBHOOK: &str = "
    SELECT endpoint_id
    FROM (
        WITH RECURSIVE waiting (endpoint_id) AS (
            SELECT MIN(endpoint_id) FROM pending
            UNION ALL
            SELECT (SELECT MIN(pending.endpoint_id) FROM pending WHERE pending.endpoint_id > waiting.endpoint_id)
            FROM waiting
            WHERE waiting.endpoint_id IS NOT NULL
        )
        SELECT waiting.endpoint_id AS endpoint_id FROM waiting WHERE waiting.endpoint_id IS NOT NULL
    ) AS found
    WHERE NOT EXISTS (
        SELECT 1 FROM endpoint WHERE endpoint.id = found.endpoint_id AND endpoint.deleted_at_ms IS NULL
    )
    ORDER BY endpoint_id";

/// Makes a step, within the caller's transaction. For the only one that writes.
pub(in crate::store) async fn step(db: &mut impl Connection, step: &MoveStep) -> Result<Moved, StoreError> {
    step_through(db, step, MOVABLE).await
}

/// The same, with a statement that reads what may be moved, like [`MOVABLE`].
pub(in crate::store) async fn step_through(
    db: &mut impl Connection,
    step: &MoveStep,
    movable: &'static str,
) -> Result<Moved, StoreError> {
    let (from, to) = step.bounds();
    let values = vec![
        step.endpoint_id.0.into(),
        from.due_at_ms.into(),
        from.delivery_id.number().into(),
        to.due_at_ms.into(),
        to.delivery_id.number().into(),
        limit_of(step.limit),
    ];
    let rows = db.fetch(movable, values).await?;
    let rows: Vec<Pending> = rows.iter().map(pending).collect::<Result<_, _>>()?;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for row in &rows {
        match step.fate(row) {
            Fate::Stays => continue,
            Fate::Goes => {}
            Fate::Becomes(moved) => new.push(moved),
        }
        old.push(row.key);
    }
    delete(db, &old).await?;
    insert(db, &new).await?;
    Ok(step.moved(&rows, old.len()))
}

/// Removes pending rows; answers how many there were.
pub(super) async fn delete(db: &mut impl Connection, keys: &[PendingKey]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for (statement, values) in DELETE.padded(&[], keys, numbers_of) {
        removed += db.execute_list(statement, values).await?;
    }
    Ok(removed)
}

/// Rows cannot be padded, so a list goes in parts of the sizes there are.
async fn insert(db: &mut impl Connection, mut rows: &[Pending]) -> Result<(), StoreError> {
    for (place, size) in SIZES.into_iter().enumerate() {
        while let Some((part, rest)) = rows.split_at_checked(size) {
            let numbers = |row: &Pending| {
                let [endpoint_id, due_at_ms, delivery_id] = numbers_of(&row.key);
                [endpoint_id, due_at_ms, delivery_id, row.attempts, row.accepted_at_ms, row.expires_at_ms]
            };
            let values = part.iter().flat_map(numbers).map(Value::from);
            db.execute_list(INSERT.text(place), values.collect()).await?;
            rows = rest;
        }
    }
    Ok(())
}

/// Endpoints that have pending rows and are no live webhook.
pub(in crate::store) async fn without_webhook(
    db: &mut impl Connection,
) -> Result<Vec<EndpointId>, StoreError> {
    db.read_each(WITHOUT_WEBHOOK, |row| row.int(0).map(EndpointId)).await
}
