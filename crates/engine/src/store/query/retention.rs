//! Removing what is older than it is kept.

use groundswell_types::EventId;

use super::deliveries::{event_of, limit_of, pending};
use super::{Connection, hours, moves};
use crate::id::last_before;
use crate::store::list::{List, Marks};
use crate::store::{EndpointId, EventRecord, Forget, PARKED_DUE_MS, Pending, StoreError};

const OLDEST_EVENTS: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE id > $1
    ORDER BY id
    LIMIT $2";

const OLDEST_PARKED: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND due_at_ms = $2
    ORDER BY delivery_id
    LIMIT $3";

static DELETE_ATTEMPTS: List =
    List::new("DELETE FROM attempt WHERE delivery_id IN (VALUES ", 1, ")", Marks::From(1));

static DELETE_RESENDS: List = List::new(
    "
    DELETE FROM resend
    WHERE id IN (SELECT id FROM resend WHERE event_id IN (VALUES ",
    1,
    "))",
    Marks::From(1),
);

static DELETE_EVENTS: List = List::new("DELETE FROM event WHERE id IN (VALUES ", 1, ")", Marks::From(1));

static DELETE_ERASED: List =
    List::new("DELETE FROM erased_event WHERE event_id IN (VALUES ", 1, ")", Marks::From(1));

const DELETE_KEYS: &str = "
    DELETE FROM idempotency
    WHERE (program_id, idempotency_key) IN (
        SELECT program_id, idempotency_key FROM idempotency
        WHERE accepted_at_ms < $1
        ORDER BY accepted_at_ms
        LIMIT $2
    )";

/// By their ids what is younger is not read, as in the next ones.
const DELETE_TESTS: &str = "DELETE FROM test_delivery WHERE started_at_ms < $1 AND id <= $2";

const DELETE_NOTICES: &str = "DELETE FROM notice WHERE at_ms < $1 AND id <= $2";

const DELETE_JOBS: &str = "DELETE FROM resend_job WHERE ended_at_ms < $1 AND id <= $2";

const DELETE_TESTS_OF: &str = "
    DELETE FROM test_delivery WHERE program_id = $1 AND started_at_ms < $2 AND id <= $3";

const DELETE_NOTICES_OF: &str = "DELETE FROM notice WHERE program_id = $1 AND at_ms < $2 AND id <= $3";

const DELETE_JOBS_OF: &str = "DELETE FROM resend_job WHERE program_id = $1 AND ended_at_ms < $2 AND id <= $3";

/// Events accepted before `accepted_before_ms` with ids above `after`, oldest first.
pub(in crate::store) async fn oldest_events(
    db: &mut impl Connection,
    after: EventId,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let values = vec![after.number().into(), limit_of(limit)];
    let rows = db.fetch(OLDEST_EVENTS, values).await?;
    rows.iter().map(event_of).collect()
}

/// What is parked at an endpoint, oldest first.
pub(in crate::store) async fn oldest_parked(
    db: &mut impl Connection,
    endpoint: EndpointId,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let values = vec![endpoint.0.into(), PARKED_DUE_MS.into(), limit_of(limit)];
    let rows = db.fetch(OLDEST_PARKED, values).await?;
    rows.iter().map(pending).collect()
}

/// Removes, within the caller's transaction; answers how many rows went.
pub(in crate::store) async fn forget(db: &mut impl Connection, forget: &Forget) -> Result<u64, StoreError> {
    let deliveries: Vec<i64> = forget.deliveries.iter().map(|id| id.number()).collect();
    let events: Vec<i64> = forget.events.iter().map(|id| id.number()).collect();
    let mut removed =
        delete(db, &DELETE_ATTEMPTS, &deliveries.iter().map(|id| [*id]).collect::<Vec<_>>()).await?;
    let events: Vec<[i64; 1]> = events.iter().map(|id| [*id]).collect();
    removed += delete(db, &DELETE_RESENDS, &events).await?;
    removed += delete(db, &DELETE_EVENTS, &events).await?;
    delete(db, &DELETE_ERASED, &events).await?;
    removed += moves::delete(db, &forget.parked).await?;
    if let Some(before_ms) = forget.keys_before_ms {
        removed += db.execute(DELETE_KEYS, [before_ms.into(), limit_of(forget.limit)]).await?;
    }
    if let Some(before_ms) = forget.tests_before_ms {
        removed += db.execute(DELETE_TESTS, [before_ms, last_before(before_ms)].map(Into::into)).await?;
    }
    if let Some(before_ms) = forget.notices_before_ms {
        let times = [before_ms, last_before(before_ms)];
        removed += db.execute(DELETE_NOTICES, times.map(Into::into)).await?;
        removed += db.execute(DELETE_JOBS, times.map(Into::into)).await?;
    }
    if let Some((program, before_ms)) = &forget.of_program {
        for statement in [DELETE_TESTS_OF, DELETE_NOTICES_OF, DELETE_JOBS_OF] {
            let [before_ms, last] = [*before_ms, last_before(*before_ms)].map(Into::into);
            removed += db.execute(statement, [program.as_str().into(), before_ms, last]).await?;
        }
    }
    if let Some(before_hour) = forget.hours_before {
        removed += hours::forget(db, before_hour, forget.limit).await?;
    }
    Ok(removed)
}

async fn delete<const N: usize>(
    db: &mut impl Connection,
    statement: &'static List,
    rows: &[[i64; N]],
) -> Result<u64, StoreError> {
    let mut removed = 0;
    for (statement, values) in statement.padded(&[], rows, |row| *row) {
        removed += db.execute_list(statement, values).await?;
    }
    Ok(removed)
}
