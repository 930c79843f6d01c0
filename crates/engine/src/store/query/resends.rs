//! Resends and the jobs that make them.

use groundswell_types::{DeliveryId, EventId, ProgramId, ResendJobId, ResendState};

use super::deliveries::limit_of;
use super::{Columns, Connection};
use crate::store::list::{List, Marks};
use crate::store::{EndpointId, ResendBatch, ResendJobRecord, ResendRecord, StoreError};

const INSERT: &str = "
    INSERT INTO resend (id, program_id, event_id, original_id, endpoint_id, accepted_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";

const INSERT_PENDING: &str = "
    INSERT INTO pending (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";

const SAVE_JOB: &str = "
    INSERT INTO resend_job (id, program_id, selection, state, total, done, cursor, created_at_ms, ended_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (id) DO UPDATE SET
        selection = excluded.selection,
        state = excluded.state,
        done = excluded.done,
        cursor = excluded.cursor,
        ended_at_ms = excluded.ended_at_ms";

const OF_PROGRAM: &str = "
    SELECT id, program_id, event_id, original_id, endpoint_id, accepted_at_ms
    FROM resend
    WHERE program_id = $1 AND id < $2
    ORDER BY id DESC
    LIMIT $3";

static OF_EVENTS: List = List::new(
    "
    WITH wanted (event_id) AS (VALUES ",
    1,
    ")
    SELECT id, program_id, event_id, original_id, endpoint_id, accepted_at_ms
    FROM resend
    WHERE event_id IN (SELECT event_id FROM wanted)
    ORDER BY id",
    Marks::From(1),
);

static BY_ID: List = List::new(
    "
    WITH wanted (id) AS (VALUES ",
    1,
    ")
    SELECT id, program_id, event_id, original_id, endpoint_id, accepted_at_ms
    FROM resend
    WHERE id IN (SELECT id FROM wanted)
    ORDER BY id",
    Marks::From(1),
);

const JOB: &str = "
    SELECT id, program_id, selection, state, total, done, cursor, created_at_ms, ended_at_ms
    FROM resend_job
    WHERE id = $1";

const JOBS: &str = "
    SELECT id, program_id, selection, state, total, done, cursor, created_at_ms, ended_at_ms
    FROM resend_job
    WHERE program_id = $1
    ORDER BY id DESC
    LIMIT $2";

const RUNNING_JOBS: &str = "
    SELECT id, program_id, selection, state, total, done, cursor, created_at_ms, ended_at_ms
    FROM resend_job
    WHERE ended_at_ms IS NULL
    ORDER BY id";

pub(in crate::store) async fn commit(
    db: &mut impl Connection,
    batch: &ResendBatch,
) -> Result<(), StoreError> {
    for resend in &batch.resends {
        let values = [
            resend.id.number().into(),
            resend.program_id.as_str().into(),
            resend.event_id.number().into(),
            resend.original_id.number().into(),
            resend.endpoint_id.0.into(),
            resend.accepted_at_ms.into(),
        ];
        db.execute(INSERT, values).await?;
    }
    for pending in &batch.pending {
        let values = [
            pending.key.endpoint_id.0,
            pending.key.due_at_ms,
            pending.key.delivery_id.number(),
            pending.attempts,
            pending.accepted_at_ms,
            pending.expires_at_ms,
        ];
        db.execute(INSERT_PENDING, values.map(Into::into)).await?;
    }
    if let Some(job) = &batch.job {
        let values = [
            job.id.number().into(),
            job.program_id.as_str().into(),
            job.selection.as_str().into(),
            job.state.as_str().into(),
            job.total.into(),
            job.done.into(),
            job.cursor.number().into(),
            job.created_at_ms.into(),
            job.ended_at_ms.into(),
        ];
        db.execute(SAVE_JOB, values).await?;
    }
    Ok(())
}

pub(in crate::store) async fn of_program(
    db: &mut impl Connection,
    program: &ProgramId,
    before: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<ResendRecord>, StoreError> {
    let before = before.map_or(i64::MAX, DeliveryId::number);
    let rows = db.fetch(OF_PROGRAM, vec![program.as_str().into(), before.into(), limit_of(limit)]).await?;
    rows.iter().map(resend).collect()
}

pub(in crate::store) async fn of_events(
    db: &mut impl Connection,
    events: &[EventId],
) -> Result<Vec<ResendRecord>, StoreError> {
    let numbers: Vec<i64> = events.iter().map(|id| id.number()).collect();
    find(db, &OF_EVENTS, &numbers).await
}

pub(in crate::store) async fn by_id(
    db: &mut impl Connection,
    ids: &[DeliveryId],
) -> Result<Vec<ResendRecord>, StoreError> {
    let numbers: Vec<i64> = ids.iter().map(|id| id.number()).collect();
    find(db, &BY_ID, &numbers).await
}

async fn find(
    db: &mut impl Connection,
    statement: &'static List,
    numbers: &[i64],
) -> Result<Vec<ResendRecord>, StoreError> {
    let mut found = Vec::new();
    for (statement, values) in statement.padded(&[], numbers, |number| [*number]) {
        for row in &db.fetch_list(statement, values).await? {
            found.push(resend(row)?);
        }
    }
    Ok(found)
}

fn resend(row: &impl Columns) -> Result<ResendRecord, StoreError> {
    Ok(ResendRecord {
        id: DeliveryId::from_number(row.int(0)?),
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        event_id: EventId::from_number(row.int(2)?),
        original_id: DeliveryId::from_number(row.int(3)?),
        endpoint_id: EndpointId(row.int(4)?),
        accepted_at_ms: row.int(5)?,
    })
}

pub(in crate::store) async fn job_by_id(
    db: &mut impl Connection,
    id: ResendJobId,
) -> Result<Option<ResendJobRecord>, StoreError> {
    let rows = db.fetch(JOB, vec![id.number().into()]).await?;
    rows.first().map(job).transpose()
}

pub(in crate::store) async fn jobs(
    db: &mut impl Connection,
    program: &ProgramId,
    limit: usize,
) -> Result<Vec<ResendJobRecord>, StoreError> {
    let rows = db.fetch(JOBS, vec![program.as_str().into(), limit_of(limit)]).await?;
    rows.iter().map(job).collect()
}

pub(in crate::store) async fn running_jobs(
    db: &mut impl Connection,
) -> Result<Vec<ResendJobRecord>, StoreError> {
    let rows = db.fetch(RUNNING_JOBS, vec![]).await?;
    rows.iter().map(job).collect()
}

fn job(row: &impl Columns) -> Result<ResendJobRecord, StoreError> {
    Ok(ResendJobRecord {
        id: ResendJobId::from_number(row.int(0)?),
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        selection: row.text(2)?,
        state: row.parsed(3, ResendState::parse)?,
        total: row.int(4)?,
        done: row.int(5)?,
        cursor: DeliveryId::from_number(row.int(6)?),
        created_at_ms: row.int(7)?,
        ended_at_ms: row.optional_int(8)?,
    })
}
