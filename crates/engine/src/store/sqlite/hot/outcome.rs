//! Outcomes: the attempt's row, and the pending row deleted or moved.

use sqlx::SqliteConnection;

use super::Values;
use super::accept::bind_pending;
use crate::store::list::{List, Marks};
use crate::store::query::attempts::after_columns;
use crate::store::rows::changes;
use crate::store::{AttemptRecord, Outcome, PendingKey, StoreError};

static INSERT_ATTEMPTS: List = List::new(
    "
    INSERT OR ROLLBACK INTO attempt
        (delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body)
    VALUES ",
    13,
    "",
    Marks::Anonymous,
);

static DELETE_PENDING: List = List::new(
    "
    DELETE FROM pending
    WHERE (endpoint_id, due_at_ms, delivery_id) IN (VALUES ",
    3,
    ")",
    Marks::Anonymous,
);

static INSERT_PENDING: List = List::new(
    "
    INSERT OR ROLLBACK INTO pending
        (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES ",
    6,
    "",
    Marks::Anonymous,
);

pub(super) async fn write(connection: &mut SqliteConnection, outcomes: &[Outcome]) -> Result<(), StoreError> {
    INSERT_ATTEMPTS
        .execute(connection, outcomes, |values, outcome| bind_attempt(values, &outcome.attempt))
        .await?;
    let (removed, inserted) = changes(outcomes);
    DELETE_PENDING.execute(connection, &removed, bind_key).await?;
    INSERT_PENDING.execute(connection, &inserted, bind_pending).await
}

fn bind_attempt(values: &mut Values, attempt: &AttemptRecord) {
    let (after, retry_at_ms) = after_columns(attempt.after);
    values.int(attempt.delivery_id.number()).int(attempt.number).int(attempt.endpoint_id.0);
    values.int(attempt.started_at_ms).int(attempt.duration_ms);
    values.optional_text(attempt.failure.map(|class| class.as_str().into()));
    values.optional_int(attempt.status_code.map(i64::from)).text(attempt.message.as_str().into());
    values.text(after.into()).optional_int(retry_at_ms).int(attempt.is_response_truncated.into());
    values.text(attempt.response_head.as_str().into()).blob(attempt.response_body.to_vec());
}

fn bind_key(values: &mut Values, key: &PendingKey) {
    values.int(key.endpoint_id.0).int(key.due_at_ms).int(key.delivery_id.number());
}
