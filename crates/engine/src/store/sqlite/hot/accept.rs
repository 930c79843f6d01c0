//! Accepts: the event once with its bytes, one pending row per webhook.
//!
//! A row that is refused ends the whole transaction, so the statements say `OR ROLLBACK`. Without it SQLite prepares to
//! undo each statement alone, and for one of many rows keeps a copy of every page it touches.

use std::fmt::Write;

use groundswell_types::DeliveryId;
use sqlx::SqliteConnection;

use super::Values;
use super::idempotency::Keys;
use crate::store::list::{List, Marks};
use crate::store::{Accept, Accepted, MAX_TARGETS, PARKED_DUE_MS, Pending, PendingKey, StoreError};

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
    let mut keys = Keys::find(connection, accepts).await?;
    let answers: Vec<_> = accepts.iter().map(|accept| keys.answer(accept)).collect();
    let new = accepts.iter().zip(&answers).filter(|(_, answer)| **answer == Accepted::New);
    let new: Vec<_> = new.map(|(accept, _)| accept).collect();

    INSERT_EVENTS.execute(connection, &new, |values, accept| bind_event(values, accept)).await?;
    let mut pending: Vec<_> = new.iter().flat_map(|accept| pending(accept)).collect();
    // Rows of one page next to each other.
    pending.sort_unstable_by_key(|pending| pending.key);
    INSERT_PENDING.execute(connection, &pending, bind_pending).await?;
    keys.write(connection).await?;
    Ok(answers)
}

fn pending(accept: &Accept) -> impl Iterator<Item = Pending> {
    (0..).zip(&accept.targets).map(|(slot, target)| Pending {
        key: PendingKey {
            endpoint_id: target.endpoint_id,
            due_at_ms: if target.is_parked { PARKED_DUE_MS } else { accept.accepted_at_ms },
            delivery_id: DeliveryId::new(accept.event_id, slot),
        },
        attempts: 0,
        accepted_at_ms: accept.accepted_at_ms,
        expires_at_ms: accept.expires_at_ms,
    })
}

fn bind_event(values: &mut Values, accept: &Accept) {
    let mut targets = String::new();
    for target in &accept.targets {
        let comma = if targets.is_empty() { "" } else { "," };
        write!(targets, "{comma}{}", target.endpoint_id.0).expect("writing to a string cannot fail");
    }
    values
        .int(accept.event_id.number())
        .text(accept.program_id.as_str().into())
        .text(accept.kind.name().into());
    values.int(accept.occurred_at_ms).int(accept.accepted_at_ms).text(targets.into());
    values.blob(accept.body.to_vec());
}

pub(super) fn bind_pending(values: &mut Values, pending: &Pending) {
    values.int(pending.key.endpoint_id.0).int(pending.key.due_at_ms).int(pending.key.delivery_id.number());
    values.int(pending.attempts).int(pending.accepted_at_ms).int(pending.expires_at_ms);
}
