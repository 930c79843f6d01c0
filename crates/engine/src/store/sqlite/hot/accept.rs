//! Accepts: the event once with its bytes, one pending row per webhook.
//!
//! A row that is refused ends the whole transaction, so the statements say `OR ROLLBACK`. Without it SQLite prepares to
//! undo each statement alone, and for one of many rows keeps a copy of every page it touches.

use sqlx::SqliteConnection;

use super::Values;
use super::idempotency;
use crate::store::list::{List, Marks};
use crate::store::rows::{pending_rows, targets_text};
use crate::store::{Accept, Accepted, MAX_TARGETS, Pending, StoreError};

static INSERT_EVENTS: List = List::new(
    "INSERT OR ROLLBACK INTO event (id, program_id, kind, occurred_at_ms, accepted_at_ms, targets, body) VALUES ",
    7,
    "",
    Marks::Anonymous,
);

static INSERT_PENDING: List = List::new(
    "
    INSERT OR ROLLBACK INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES ",
    6,
    "",
    Marks::Anonymous,
);

pub(super) async fn write(
    connection: &mut SqliteConnection,
    accepts: &[Accept],
) -> Result<Vec<Accepted>, StoreError> {
    if accepts.iter().any(|accept| accept.targets.len() > MAX_TARGETS) {
        return Err(StoreError::Rejected("an event has too many targets".into()));
    }
    let mut keys = idempotency::find(connection, accepts).await?;
    let answers: Vec<_> = accepts.iter().map(|accept| keys.answer(accept)).collect();
    let new = accepts.iter().zip(&answers).filter(|(_, answer)| **answer == Accepted::New);
    let new: Vec<_> = new.map(|(accept, _)| accept).collect();

    INSERT_EVENTS.execute(connection, &new, |values, accept| bind_event(values, accept)).await?;
    let pending = pending_rows(&new);
    INSERT_PENDING.execute(connection, &pending, bind_pending).await?;
    idempotency::write(connection, &keys).await?;
    Ok(answers)
}

fn bind_event(values: &mut Values, accept: &Accept) {
    values
        .int(accept.event_id.number())
        .text(accept.program_id.as_str().into())
        .text(accept.kind.name().into());
    values.int(accept.occurred_at_ms).int(accept.accepted_at_ms).text(targets_text(accept).into());
    values.blob(accept.body.to_vec());
}

pub(super) fn bind_pending(values: &mut Values, pending: &Pending) {
    values.int(pending.key.endpoint_id.0).int(pending.key.due_at_ms).int(pending.key.delivery_id.number());
    values.int(pending.attempts).int(pending.accepted_at_ms).int(pending.expires_at_ms);
}
