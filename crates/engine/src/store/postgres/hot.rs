//! The hot path: one statement for each table of a batch, however many rows it has, their columns bound as arrays.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, FailureClass};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::emit;
use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::{Statement, may_be_kept};
use crate::store::fencing::Logged;
use crate::store::idempotency::{Keys, Name, StoredAnswer};
use crate::store::query::attempts::{after_columns, response_column};
use crate::store::query::deliveries::{limit_of, pending as pending_row};
use crate::store::query::webhooks::failing_text;
use crate::store::query::{Columns, Connection, notices};
use crate::store::rows::{changes, pending_rows, targets_text};
use crate::store::{
    Accept, Accepted, Batch, EndpointId, HealthRecord, MAX_TARGETS, Outcome, PARKED_DUE_MS, Pending,
    PendingKey, SMALL_BODY, StoreError,
};

const INSERT_EVENTS: &str = "
    INSERT INTO event (id, program_id, kind, occurred_at_ms, accepted_at_ms, targets, body)
    SELECT * FROM UNNEST($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[], $7::BYTEA[])";

const INSERT_PENDING: &str = "
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[])";

const DELETE_PENDING: &str = "
    DELETE FROM pending
    USING UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS gone (endpoint_id, due_at_ms, delivery_id)
    WHERE pending.endpoint_id = gone.endpoint_id AND pending.due_at_ms = gone.due_at_ms
        AND pending.delivery_id = gone.delivery_id";

/// The same, and a row for the next attempt of those deliveries that had one. Grouped, so that every row that goes is gone
/// before the first one comes.
const MOVE_PENDING: &str = "
    WITH gone AS (
        DELETE FROM pending
        USING UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS gone (endpoint_id, due_at_ms, delivery_id)
        WHERE pending.endpoint_id = gone.endpoint_id AND pending.due_at_ms = gone.due_at_ms
            AND pending.delivery_id = gone.delivery_id
        RETURNING pending.endpoint_id, pending.delivery_id
    ), waited AS (
        SELECT endpoint_id, delivery_id FROM gone GROUP BY endpoint_id, delivery_id
    )
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    SELECT next.endpoint_id, next.due_at_ms, next.delivery_id, next.attempts, next.accepted_at_ms, next.expires_at_ms
    FROM UNNEST($4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[])
        AS next (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    JOIN waited ON waited.endpoint_id = next.endpoint_id AND waited.delivery_id = next.delivery_id
    RETURNING endpoint_id, delivery_id";

const INSERT_ATTEMPTS: &str = "
    INSERT INTO attempt
        (delivery_id, number, endpoint_id, started_at_ms, duration_ms, failure, status_code, message, after,
        retry_at_ms, is_response_truncated, response_head, response_body)
    SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[],
        $7::BIGINT[], $8::TEXT[], $9::TEXT[], $10::BIGINT[], $11::BIGINT[], $12::TEXT[], $13::BYTEA[])";

const FIRST_ANSWERS: &str = "
    SELECT program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms
    FROM idempotency
    WHERE (program_id, idempotency_key) IN (SELECT * FROM UNNEST($1::TEXT[], $2::TEXT[]))";

const DELETE_KEYS: &str = "
    DELETE FROM idempotency
    WHERE (program_id, idempotency_key) IN (SELECT * FROM UNNEST($1::TEXT[], $2::TEXT[]))";

const INSERT_KEYS: &str = "
    INSERT INTO idempotency (program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms)
    SELECT * FROM UNNEST($1::TEXT[], $2::TEXT[], $3::BYTEA[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[])";

const INSERT_HEALTH: &str = "
    INSERT INTO endpoint_state
        (endpoint_id, consecutive_failures, last_failure_at_ms, last_success_at_ms, failing_deliveries,
        failing_since_ms, opened_at_ms, failed_probes, next_probe_at_ms, paused_until_ms, warnings)
    SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::BIGINT[],
        $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[])
    ON CONFLICT (endpoint_id) DO UPDATE SET
        consecutive_failures = excluded.consecutive_failures,
        last_failure_at_ms = excluded.last_failure_at_ms,
        last_success_at_ms = excluded.last_success_at_ms,
        failing_deliveries = excluded.failing_deliveries,
        failing_since_ms = excluded.failing_since_ms,
        opened_at_ms = excluded.opened_at_ms,
        failed_probes = excluded.failed_probes,
        next_probe_at_ms = excluded.next_probe_at_ms,
        paused_until_ms = excluded.paused_until_ms,
        warnings = excluded.warnings";

/// Seeks to the first key behind the given one and reads on from there.
const PENDING: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND due_at_ms < $2 AND (due_at_ms, delivery_id) > ($3, $4)
    ORDER BY due_at_ms, delivery_id
    LIMIT $5";

const BODIES: &str = "SELECT id, body FROM event WHERE id = ANY($1)";

/// The length stands in the row, so a longer body is not read to find out.
const SMALL_BODIES: &str = "SELECT id, body FROM event WHERE id = ANY($1) AND LENGTH(body) <= $2";

/// One index seek per endpoint; grouping would read every row of each.
const EARLIEST_DUE: &str = "
    SELECT wanted.endpoint_id, first.due_at_ms
    FROM UNNEST($1::BIGINT[]) AS wanted (endpoint_id),
        LATERAL (
            SELECT due_at_ms FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms < 9223372036854775807
            ORDER BY due_at_ms
            LIMIT 1
        ) AS first";

pub(super) async fn execute(db: &mut PgConnection, statement: Statement<'_>) -> Result<(), StoreError> {
    let statement = statement.persistent(may_be_kept(db));
    within(WRITE_LIMIT, statement.execute(db)).await.map(drop).map_err(error::of_write)
}

pub(super) async fn fetch(db: &mut PgConnection, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
    let statement = statement.persistent(may_be_kept(db));
    within(READ_LIMIT, statement.fetch_all(db)).await.map_err(error::of_read)
}

/// Writes a batch within the caller's transaction.
pub(super) async fn commit(db: &mut PgConnection, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
    let answers = emit::accept(db, batch).await?;
    finish(db, &batch.outcomes).await?;
    set_health(db, &batch.health).await?;
    notices::insert(db, &batch.notices).await?;
    Ok(answers)
}

pub(super) async fn accept(db: &mut PgConnection, accepts: &[Accept]) -> Result<Vec<Accepted>, StoreError> {
    if accepts.iter().any(|accept| accept.targets.len() > MAX_TARGETS) {
        return Err(StoreError::Rejected("an event has too many targets".into()));
    }
    let mut keys = find_keys(db, &Keys::names(accepts)).await?;
    let answers: Vec<_> = accepts.iter().map(|accept| keys.answer(accept)).collect();
    let new = accepts.iter().zip(&answers).filter(|(_, answer)| **answer == Accepted::New);
    let new: Vec<_> = new.map(|(accept, _)| accept).collect();
    insert_events(db, &new).await?;
    insert_pending(db, &pending_rows(&new)).await?;
    write_keys(db, &keys).await?;
    Ok(answers)
}

async fn insert_events(db: &mut PgConnection, new: &[&Accept]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(INSERT_EVENTS)
        .bind(column(new, |accept| accept.event_id.number()))
        .bind(column(new, |accept| accept.program_id.as_str()))
        .bind(column(new, |accept| accept.kind.name()))
        .bind(column(new, |accept| accept.occurred_at_ms))
        .bind(column(new, |accept| accept.accepted_at_ms))
        .bind(column(new, |accept| targets_text(accept)))
        .bind(column(new, |accept| &accept.body[..]));
    execute(db, statement).await
}

async fn insert_pending(db: &mut PgConnection, rows: &[Pending]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(INSERT_PENDING)
        .bind(column(rows, |row| row.key.endpoint_id.0))
        .bind(column(rows, |row| row.key.due_at_ms))
        .bind(column(rows, |row| row.key.delivery_id.number()))
        .bind(column(rows, |row| row.attempts))
        .bind(column(rows, |row| row.accepted_at_ms))
        .bind(column(rows, |row| row.expires_at_ms));
    execute(db, statement).await
}

async fn find_keys(db: &mut PgConnection, names: &[Name]) -> Result<Keys, StoreError> {
    if names.is_empty() {
        return Ok(Keys::default());
    }
    let statement =
        sqlx::query(FIRST_ANSWERS).bind(column(names, |name| &*name.0)).bind(column(names, |name| &*name.1));
    let mut keys = Keys::default();
    for row in fetch(db, statement).await? {
        let stored = StoredAnswer {
            content_hash: row.hash(2)?,
            event_id: row.int(3)?,
            deliveries: row.int(4)?,
            accepted_at_ms: row.int(5)?,
        };
        keys.insert_stored((row.text(0)?.into(), row.text(1)?.into()), stored);
    }
    Ok(keys)
}

async fn write_keys(db: &mut PgConnection, keys: &Keys) -> Result<(), StoreError> {
    let expired = keys.expired();
    if !expired.is_empty() {
        let statement = sqlx::query(DELETE_KEYS)
            .bind(column(&expired, |name| &*name.0))
            .bind(column(&expired, |name| &*name.1));
        execute(db, statement).await?;
    }
    let new = keys.first_used();
    if new.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(INSERT_KEYS)
        .bind(column(&new, |(name, _)| &*name.0))
        .bind(column(&new, |(name, _)| &*name.1))
        .bind(column(&new, |(_, first)| &first.content_hash[..]))
        .bind(column(&new, |(_, first)| first.event_id.number()))
        .bind(column(&new, |(_, first)| first.deliveries))
        .bind(column(&new, |(_, first)| first.accepted_at_ms));
    execute(db, statement).await
}

async fn finish(db: &mut PgConnection, outcomes: &[Outcome]) -> Result<(), StoreError> {
    let attempts: Vec<_> = outcomes.iter().map(|outcome| Logged::of(&outcome.attempt)).collect();
    log(db, &attempts).await?;
    let (removed, inserted) = changes(outcomes);
    delete_pending(db, &removed).await?;
    insert_pending(db, &inserted).await
}

pub(super) async fn log(db: &mut PgConnection, attempts: &[Logged<'_>]) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(INSERT_ATTEMPTS)
        .bind(column(attempts, |one| one.attempt.delivery_id.number()))
        .bind(column(attempts, |one| one.number))
        .bind(column(attempts, |one| one.attempt.endpoint_id.0))
        .bind(column(attempts, |one| one.attempt.started_at_ms))
        .bind(column(attempts, |one| one.attempt.duration_ms))
        .bind(column(attempts, |one| one.attempt.failure.map(FailureClass::as_str)))
        .bind(column(attempts, |one| one.attempt.status_code.map(i64::from)))
        .bind(column(attempts, |one| storable(&one.attempt.message)))
        .bind(column(attempts, |one| after_columns(one.after).0))
        .bind(column(attempts, |one| after_columns(one.after).1))
        .bind(column(attempts, |one| response_column(one.attempt)))
        .bind(column(attempts, |one| storable(&one.attempt.response_head)))
        .bind(column(attempts, |one| &one.attempt.response_body[..]));
    execute(db, statement).await
}

async fn delete_pending(db: &mut PgConnection, removed: &[PendingKey]) -> Result<(), StoreError> {
    if removed.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(DELETE_PENDING)
        .bind(column(removed, |key| key.endpoint_id.0))
        .bind(column(removed, |key| key.due_at_ms))
        .bind(column(removed, |key| key.delivery_id.number()));
    execute(db, statement).await
}

/// Deletes rows, and inserts others for those of their deliveries that waited; answers which did not; sorted.
pub(super) async fn move_pending(
    db: &mut PgConnection,
    removed: &[PendingKey],
    inserted: &[Pending],
) -> Result<Vec<(EndpointId, DeliveryId)>, StoreError> {
    if inserted.is_empty() {
        delete_pending(db, removed).await?;
        return Ok(Vec::new());
    }
    let statement = sqlx::query(MOVE_PENDING)
        .bind(column(removed, |key| key.endpoint_id.0))
        .bind(column(removed, |key| key.due_at_ms))
        .bind(column(removed, |key| key.delivery_id.number()))
        .bind(column(inserted, |row| row.key.endpoint_id.0))
        .bind(column(inserted, |row| row.key.due_at_ms))
        .bind(column(inserted, |row| row.key.delivery_id.number()))
        .bind(column(inserted, |row| row.attempts))
        .bind(column(inserted, |row| row.accepted_at_ms))
        .bind(column(inserted, |row| row.expires_at_ms));
    let statement = statement.persistent(may_be_kept(db));
    let rows = within(WRITE_LIMIT, statement.fetch_all(db)).await.map_err(error::of_write)?;
    let mut ended: BTreeSet<_> =
        inserted.iter().map(|row| (row.key.endpoint_id, row.key.delivery_id)).collect();
    for row in &rows {
        ended.remove(&(EndpointId(row.int(0)?), DeliveryId::from_number(row.int(1)?)));
    }
    Ok(ended.into_iter().collect())
}

pub(super) async fn set_health(
    db: &mut PgConnection,
    health: impl IntoIterator<Item = &(EndpointId, HealthRecord)>,
) -> Result<(), StoreError> {
    // The last one of each endpoint counts: a statement can touch a row once only.
    let last: BTreeMap<_, _> = health.into_iter().map(|(endpoint, health)| (*endpoint, health)).collect();
    if last.is_empty() {
        return Ok(());
    }
    let health: Vec<_> = last.into_iter().collect();
    let health = &health[..];
    let statement = sqlx::query(INSERT_HEALTH)
        .bind(column(health, |(endpoint, _)| endpoint.0))
        .bind(column(health, |(_, health)| health.consecutive_failures))
        .bind(column(health, |(_, health)| health.last_failure_at_ms))
        .bind(column(health, |(_, health)| health.last_success_at_ms))
        .bind(column(health, |(_, health)| failing_text(&health.failing)))
        .bind(column(health, |(_, health)| health.failing_since_ms))
        .bind(column(health, |(_, health)| health.opened_at_ms))
        .bind(column(health, |(_, health)| health.failed_probes))
        .bind(column(health, |(_, health)| health.next_probe_at_ms))
        .bind(column(health, |(_, health)| health.paused_until_ms))
        .bind(column(health, |(_, health)| health.warnings));
    execute(db, statement).await
}

/// One column of the rows.
pub(super) fn column<'a, T, V>(rows: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

/// PostgreSQL keeps every text but one with a NUL in it, which a receiver's answer may have.
fn storable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

pub(super) async fn pending(
    db: &mut PgConnection,
    endpoint: EndpointId,
    after: Option<PendingKey>,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let (due_at_ms, delivery_id) =
        after.map_or((i64::MIN, i64::MIN), |after| (after.due_at_ms, after.delivery_id.number()));
    let values =
        vec![endpoint.0.into(), PARKED_DUE_MS.into(), due_at_ms.into(), delivery_id.into(), limit_of(limit)];
    let rows = db.fetch(PENDING, values).await?;
    rows.iter().map(pending_row).collect()
}

pub(super) async fn bodies(
    db: &mut PgConnection,
    events: &[EventId],
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    let ids = column(events, |id| id.number());
    read_bodies(db, sqlx::query(BODIES).bind(ids)).await
}

pub(super) async fn small_bodies(
    db: &mut PgConnection,
    events: &[EventId],
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    let ids = column(events, |id| id.number());
    let limit = i64::try_from(SMALL_BODY).unwrap_or(i64::MAX);
    read_bodies(db, sqlx::query(SMALL_BODIES).bind(ids).bind(limit)).await
}

async fn read_bodies(
    db: &mut PgConnection,
    statement: Statement<'_>,
) -> Result<Vec<(EventId, Bytes)>, StoreError> {
    let rows = fetch(db, statement).await?;
    rows.iter().map(|row| Ok((EventId::from_number(row.int(0)?), row.blob(1)?.into()))).collect()
}

pub(super) async fn earliest_due(
    db: &mut PgConnection,
    endpoints: &[EndpointId],
) -> Result<Vec<(EndpointId, i64)>, StoreError> {
    let ids = column(endpoints, |id| id.0);
    let rows = fetch(db, sqlx::query(EARLIEST_DUE).bind(ids)).await?;
    rows.iter().map(|row| Ok((EndpointId(row.int(0)?), row.int(1)?))).collect()
}
