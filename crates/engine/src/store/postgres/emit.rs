//! What producers emit in SQL: how it leaves the table it waits in.
//!
//! An event and the end of its waiting are one transaction. Its row is deleted first, which locks it, so of two nodes that
//! have read it one finds it gone, and does not accept it. Who drains is therefore a matter of speed and never of safety.

use groundswell_types::{ProgramId, RejectedEvent};
use sqlx::PgConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::{may_be_kept, statement};
use super::{Postgres, hot};
use crate::events::MAX_EVENT_BYTES;
use crate::store::emit::{EmitStore, Emitted, EmittedId, EmittedRecord, RejectedSearch, Rejection};
use crate::store::query::Columns;
use crate::store::sql::{Database, Transaction as _};
use crate::store::{Accept, Accepted, Batch, StoreError};

/// The length of a text stands in its row, so what is too large is not read to find that out.
const WAITING: &str = "
    SELECT id, LEFT(program_id, 300), LEFT(event, 300), CASE WHEN size <= $3 THEN data END,
        LEFT(idempotency_key, 300), created_at_ms
    FROM (
        SELECT *, SUM(LEAST(size, $3)) OVER (ORDER BY id) - LEAST(size, $3) AS before
        FROM (
            SELECT *, CAST(OCTET_LENGTH(data) AS BIGINT) AS size
            FROM emitted WHERE id > $1 ORDER BY id LIMIT $2
        ) AS next
    ) AS sized
    WHERE before < $3
    ORDER BY id";

const WAITING_OF: &str = "
    SELECT id, LEFT(program_id, 300), LEFT(event, 300), CASE WHEN size <= $3 THEN data END,
        LEFT(idempotency_key, 300), created_at_ms
    FROM (
        SELECT *, SUM(LEAST(size, $3)) OVER (ORDER BY id) - LEAST(size, $3) AS before
        FROM (
            SELECT *, CAST(OCTET_LENGTH(data) AS BIGINT) AS size
            FROM emitted WHERE id > $1 AND program_id = $4 ORDER BY id LIMIT $2
        ) AS next
    ) AS sized
    WHERE before < $3
    ORDER BY id";

const TAKE: &str = "DELETE FROM emitted WHERE id = ANY($1) RETURNING id";

/// What is kept of it is what [`INSERT_REJECTED`] gets back.
const TAKE_REJECTED: &str = "
    DELETE FROM emitted WHERE id = ANY($1)
    RETURNING id, LEFT(program_id, 255), LEFT(event, 255), CASE WHEN OCTET_LENGTH(data) <= $2 THEN data END,
        CAST(OCTET_LENGTH(data) AS BIGINT), LEFT(idempotency_key, 255), created_at_ms";

const INSERT_REJECTED: &str = "
    INSERT INTO rejected_event
        (id, program_id, event, data, data_bytes, idempotency_key, reason, created_at_ms, rejected_at_ms)
    SELECT * FROM UNNEST($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::TEXT[], $7::TEXT[],
        $8::BIGINT[], $9::BIGINT[])
    ON CONFLICT (id) DO NOTHING";

const REJECTED: &str = "
    SELECT id, program_id, event, data, data_bytes, idempotency_key, reason, created_at_ms, rejected_at_ms
    FROM rejected_event WHERE id < $1 ORDER BY id DESC LIMIT $2";

const REJECTED_OF: &str = "
    SELECT id, program_id, event, data, data_bytes, idempotency_key, reason, created_at_ms, rejected_at_ms
    FROM rejected_event WHERE program_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2";

const FORGET: &str = "
    DELETE FROM rejected_event WHERE id IN (
        SELECT id FROM rejected_event WHERE rejected_at_ms < $1 ORDER BY rejected_at_ms LIMIT $2)";

const FORGET_OF: &str = "
    DELETE FROM rejected_event WHERE id IN (
        SELECT id FROM rejected_event WHERE program_id = $3 AND rejected_at_ms < $1 ORDER BY id LIMIT $2)";

const ERASE_REJECTED: &str = "DELETE FROM rejected_event WHERE id = ANY($1)";

const ERASE_WAITING: &str = "DELETE FROM emitted WHERE id = ANY($1)";

/// Data of rejected events is kept up to here, in bytes.
const MAX_KEPT_BYTES: usize = 16 * 1024;

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

async fn execute(db: &mut PgConnection, statement: Statement<'_>) -> Result<u64, StoreError> {
    let statement = statement.persistent(may_be_kept(db));
    let done = within(WRITE_LIMIT, statement.execute(db)).await.map_err(error::of_write)?;
    Ok(done.rows_affected())
}

/// Writes what a batch accepts, and the ends of what was emitted.
pub(super) async fn accept(db: &mut PgConnection, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
    let ids: Vec<i64> = batch.emitted.iter().flatten().map(|id| id.0).collect();
    if ids.is_empty() {
        return hot::accept(db, &batch.accepts).await;
    }
    let taken = statement(db, TAKE).bind(&ids);
    let taken = within(WRITE_LIMIT, taken.fetch_all(&mut *db)).await.map_err(error::of_write)?;
    let mut taken = taken.iter().map(|row| row.int(0)).collect::<Result<Vec<_>, _>>()?;
    taken.sort_unstable();
    let emitted = |at: usize| batch.emitted.get(at).copied().flatten();
    let is_there = |at: usize| emitted(at).is_none_or(|id| taken.binary_search(&id.0).is_ok());
    let answers = if taken.len() == ids.len() {
        hot::accept(db, &batch.accepts).await?
    } else {
        let accepts = batch.accepts.iter().enumerate().filter(|(at, _)| is_there(*at));
        let accepts: Vec<_> = accepts.map(|(_, accept)| accept.clone()).collect();
        let mut accepted = hot::accept(db, &accepts).await?.into_iter();
        let answer = |at| if is_there(at) { accepted.next() } else { Some(Accepted::Taken) };
        (0..batch.accepts.len()).filter_map(answer).collect()
    };
    let conflicts = batch.accepts.iter().zip(&answers).enumerate();
    let conflicts = conflicts.filter(|(_, (_, answer))| **answer == Accepted::Conflict);
    let conflicts = conflicts.filter_map(|(at, (accept, _))| Some(conflict(emitted(at)?, accept)));
    insert_rejected(db, &conflicts.collect::<Vec<_>>()).await?;
    Ok(answers)
}

/// What is kept of an event whose key was used with other content.
fn conflict(id: EmittedId, accept: &Accept) -> RejectedEvent {
    const BEFORE: &[u8] = b",\"data\":";
    let body = &accept.body[..];
    let at = body.windows(BEFORE.len()).position(|window| window == BEFORE);
    let data = at.map_or(body, |at| &body[at + BEFORE.len()..body.len() - 1]);
    let kept = (data.len() <= MAX_KEPT_BYTES).then(|| String::from_utf8_lossy(data).into_owned());
    RejectedEvent {
        id: id.0,
        campaign_id: accept.program_id.to_string(),
        event: accept.kind.name().to_owned(),
        data: kept,
        data_bytes: i64::try_from(data.len()).unwrap_or(i64::MAX),
        idempotency_key: accept.idempotency.as_ref().map(|idempotency| idempotency.key.clone()),
        reason: crate::EngineError::IdempotencyConflict.to_string(),
        created_at: accept.occurred_at_ms,
        rejected_at: accept.accepted_at_ms,
    }
}

async fn insert_rejected(db: &mut PgConnection, rows: &[RejectedEvent]) -> Result<(), StoreError> {
    fn column<'a, V>(rows: &'a [RejectedEvent], value: impl Fn(&'a RejectedEvent) -> V) -> Vec<V> {
        rows.iter().map(value).collect()
    }
    if rows.is_empty() {
        return Ok(());
    }
    let statement = sqlx::query(INSERT_REJECTED)
        .bind(column(rows, |row| row.id))
        .bind(column(rows, |row| &*row.campaign_id))
        .bind(column(rows, |row| &*row.event))
        .bind(column(rows, |row| row.data.as_deref()))
        .bind(column(rows, |row| row.data_bytes))
        .bind(column(rows, |row| row.idempotency_key.as_deref()))
        .bind(column(rows, |row| &*row.reason))
        .bind(column(rows, |row| row.created_at))
        .bind(column(rows, |row| row.rejected_at));
    execute(db, statement).await.map(drop)
}

async fn reject(db: &mut PgConnection, rejections: &[Rejection], at_ms: i64) -> Result<u64, StoreError> {
    let ids: Vec<i64> = rejections.iter().map(|rejection| rejection.id.0).collect();
    let statement = statement(db, TAKE_REJECTED).bind(ids).bind(limit(MAX_KEPT_BYTES));
    let taken = within(WRITE_LIMIT, statement.fetch_all(&mut *db)).await.map_err(error::of_write)?;
    let mut rows = Vec::with_capacity(taken.len());
    for row in &taken {
        let id = row.int(0)?;
        let Some(rejection) = rejections.iter().find(|rejection| rejection.id.0 == id) else { continue };
        let content = |column| if rejection.keeps_content { row.optional_text(column) } else { Ok(None) };
        rows.push(RejectedEvent {
            id,
            campaign_id: row.text(1)?,
            event: row.text(2)?,
            data: content(3)?,
            data_bytes: row.int(4)?,
            idempotency_key: content(5)?,
            reason: rejection.reason.clone(),
            created_at: row.int(6)?,
            rejected_at: at_ms,
        });
    }
    insert_rejected(db, &rows).await?;
    Ok(taken.len() as u64)
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn numbers(ids: &[EmittedId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

fn emitted_of(row: &PgRow) -> Result<EmittedRecord, StoreError> {
    Ok(EmittedRecord {
        id: EmittedId(row.int(0)?),
        program_id: row.text(1)?,
        event: row.text(2)?,
        data: row.optional_text(3)?,
        idempotency_key: row.optional_text(4)?,
        created_at_ms: row.int(5)?,
    })
}

fn rejected_of(row: &PgRow) -> Result<RejectedEvent, StoreError> {
    Ok(RejectedEvent {
        id: row.int(0)?,
        campaign_id: row.text(1)?,
        event: row.text(2)?,
        data: row.optional_text(3)?,
        data_bytes: row.int(4)?,
        idempotency_key: row.optional_text(5)?,
        reason: row.text(6)?,
        created_at: row.int(7)?,
        rejected_at: row.int(8)?,
    })
}

impl Postgres {
    async fn read_emitted(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let mut db = self.reader().await?;
        let statement = statement.persistent(may_be_kept(&db));
        within(READ_LIMIT, statement.fetch_all(&mut *db)).await.map_err(error::of_read)
    }

    async fn write_emitted(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = execute(&mut db, statement).await;
        db.finish(result).await
    }
}

#[async_trait::async_trait]
impl EmitStore for Postgres {
    async fn emitted(&self, after: EmittedId, most: usize) -> Result<Vec<EmittedRecord>, StoreError> {
        let statement = sqlx::query(WAITING).bind(after.0).bind(limit(most)).bind(limit(MAX_EVENT_BYTES));
        self.read_emitted(statement).await?.iter().map(emitted_of).collect()
    }

    async fn emitted_of(
        &self,
        program: &ProgramId,
        after: EmittedId,
        most: usize,
    ) -> Result<Vec<EmittedRecord>, StoreError> {
        let statement = sqlx::query(WAITING_OF).bind(after.0).bind(limit(most)).bind(limit(MAX_EVENT_BYTES));
        let rows = self.read_emitted(statement.bind(program.as_str())).await?;
        rows.iter().map(emitted_of).collect()
    }

    async fn reject(&self, rejections: &[Rejection], at_ms: i64) -> Result<u64, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = reject(&mut db, rejections, at_ms).await;
        db.finish(result).await
    }

    async fn rejected(&self, search: RejectedSearch<'_>) -> Result<Vec<RejectedEvent>, StoreError> {
        let RejectedSearch { program, before, limit: most } = search;
        let before = before.map_or(i64::MAX, |id| id.0);
        let statement = sqlx::query(if program.is_some() { REJECTED_OF } else { REJECTED });
        let statement = statement.bind(before).bind(limit(most));
        let statement = if let Some(program) = program { statement.bind(program) } else { statement };
        self.read_emitted(statement).await?.iter().map(rejected_of).collect()
    }

    async fn forget_rejected(
        &self,
        program: Option<&ProgramId>,
        before_ms: i64,
        most: usize,
    ) -> Result<u64, StoreError> {
        let statement = sqlx::query(if program.is_some() { FORGET_OF } else { FORGET });
        let statement = statement.bind(before_ms).bind(limit(most));
        let statement =
            if let Some(program) = program { statement.bind(program.as_str()) } else { statement };
        self.write_emitted(statement).await
    }

    async fn erase_emitted(&self, events: Emitted, ids: &[EmittedId]) -> Result<u64, StoreError> {
        let statement = match events {
            Emitted::Waiting => sqlx::query(ERASE_WAITING),
            Emitted::Rejected => sqlx::query(ERASE_REJECTED),
        };
        self.write_emitted(statement.bind(numbers(ids))).await
    }
}
