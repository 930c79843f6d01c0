//! The erasing of participants' data.

use bytes::Bytes;
use groundswell_types::{
    AuditActor, AuditActorKind, DeliveryId, ErasureId, EventId, ProgramId, Subject, SubjectKind,
};

use super::deliveries::{event_of, limit_of};
use super::{Columns, Connection, Value, damaged};
use crate::store::list::{List, Marks};
use crate::store::{ErasureRecord, EventRecord, StoreError};

/// The conditions of the indexes `event_log` and `event_unsent`, word for word, or they would not be used.
const EVENTS_SENT: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id > $2 AND targets <> ''
    ORDER BY id
    LIMIT $3";

const EVENTS_UNSENT: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id > $2 AND targets = ''
    ORDER BY id
    LIMIT $3";

const KEY: &str = "SELECT key FROM erasure_key WHERE id = 1";

const SAVE_KEY: &str = "INSERT INTO erasure_key (id, key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

const SAVE: &str = "
    INSERT INTO erasure
        (id, program_id, subject_kind, subject, subject_hash, actor_kind, actor_id, actor_name, address,
            cursor, until_id, events, attempts, cancelled, requests, created_at_ms, ended_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

const UPDATE: &str = "
    UPDATE erasure
    SET subject = $2, cursor = $3, events = $4, attempts = $5, cancelled = $6, requests = $7, ended_at_ms = $8
    WHERE id = $1";

const FIND: &str = "
    SELECT id, program_id, subject_kind, subject, subject_hash, actor_kind, actor_id, actor_name, address,
        cursor, until_id, events, attempts, cancelled, requests, created_at_ms, ended_at_ms
    FROM erasure
    WHERE id = $1";

const OF_PROGRAM: &str = "
    SELECT id, program_id, subject_kind, subject, subject_hash, actor_kind, actor_id, actor_name, address,
        cursor, until_id, events, attempts, cancelled, requests, created_at_ms, ended_at_ms
    FROM erasure
    WHERE program_id = $1
    ORDER BY id DESC
    LIMIT $2";

const RUNNING: &str = "
    SELECT id, program_id, subject_kind, subject, subject_hash, actor_kind, actor_id, actor_name, address,
        cursor, until_id, events, attempts, cancelled, requests, created_at_ms, ended_at_ms
    FROM erasure
    WHERE ended_at_ms IS NULL
    ORDER BY id";

const ERASE_BODY: &str = "UPDATE event SET body = $2 WHERE id = $1";

const NOTE_ERASED: &str = "INSERT INTO erased_event (event_id) VALUES ($1) ON CONFLICT (event_id) DO NOTHING";

/// `SUBSTR` of no length is an empty value of the column's own type in every database, but NULL in SQLite if the value was empty
/// before: nothing came back, or nobody was reached.
static ERASE_ANSWERS: List = List::new(
    "
    UPDATE attempt SET
        response_head = '',
        response_body = COALESCE(SUBSTR(response_body, 1, 0), response_body),
        is_response_truncated = 0,
        message = CASE WHEN status_code IS NULL OR message = '' THEN message ELSE 'What the receiver answered was erased.' END
    WHERE number <> 0 AND delivery_id IN (VALUES ",
    1,
    ")",
    Marks::From(1),
);

static ERASED: List =
    List::new("SELECT event_id FROM erased_event WHERE event_id IN (VALUES ", 1, ")", Marks::From(1));

/// Those that went somewhere and those that did not, each from its index, in one order.
pub(in crate::store) async fn events_in_order(
    db: &mut impl Connection,
    program: &ProgramId,
    after: EventId,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let values = || vec![program.as_str().into(), after.number().into(), limit_of(limit)];
    let mut rows = db.fetch(EVENTS_SENT, values()).await?;
    rows.extend(db.fetch(EVENTS_UNSENT, values()).await?);
    let mut events: Vec<EventRecord> = rows.iter().map(event_of).collect::<Result<_, _>>()?;
    events.sort_unstable_by_key(|event| event.id);
    events.truncate(limit);
    Ok(events)
}

pub(in crate::store) async fn key(db: &mut impl Connection, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    db.execute(SAVE_KEY, [(&fresh).into()]).await?;
    let rows = db.fetch(KEY, vec![]).await?;
    rows.first().ok_or_else(|| damaged("there is no key for erasures".to_owned()))?.hash(0)
}

pub(in crate::store) async fn save(db: &mut impl Connection, job: &ErasureRecord) -> Result<(), StoreError> {
    let values = [
        job.id.number().into(),
        job.program_id.as_str().into(),
        job.kind.as_str().into(),
        job.subject.as_ref().map(Subject::expose).into(),
        job.subject_hash.as_str().into(),
        job.actor.kind.as_str().into(),
        job.actor.id.as_deref().into(),
        job.actor.name.as_str().into(),
        job.address.as_deref().into(),
        job.cursor.number().into(),
        job.until.number().into(),
        job.events.into(),
        job.attempts.into(),
        job.cancelled.into(),
        job.inbox_requests.into(),
        job.created_at_ms.into(),
        job.ended_at_ms.into(),
    ];
    db.execute(SAVE, values).await?;
    Ok(())
}

pub(in crate::store) async fn update(
    db: &mut impl Connection,
    job: &ErasureRecord,
) -> Result<(), StoreError> {
    let values = [
        job.id.number().into(),
        job.subject.as_ref().map(Subject::expose).into(),
        job.cursor.number().into(),
        job.events.into(),
        job.attempts.into(),
        job.cancelled.into(),
        job.inbox_requests.into(),
        job.ended_at_ms.into(),
    ];
    db.execute(UPDATE, values).await?;
    Ok(())
}

pub(in crate::store) async fn erase_body(
    db: &mut impl Connection,
    event: EventId,
    body: &Bytes,
) -> Result<(), StoreError> {
    db.execute(ERASE_BODY, [event.number().into(), Value::Blob(body.to_vec())]).await?;
    db.execute(NOTE_ERASED, [event.number().into()]).await?;
    Ok(())
}

/// Answers how many attempts there were.
pub(in crate::store) async fn erase_answers(
    db: &mut impl Connection,
    deliveries: &[DeliveryId],
) -> Result<i64, StoreError> {
    let mut erased = 0;
    for (statement, values) in ERASE_ANSWERS.padded(&[], deliveries, |id| [id.number()]) {
        erased += i64::try_from(db.execute_list(statement, values).await?).unwrap_or(i64::MAX);
    }
    Ok(erased)
}

pub(in crate::store) async fn erased(
    db: &mut impl Connection,
    events: &[EventId],
) -> Result<Vec<EventId>, StoreError> {
    let mut found = Vec::new();
    for (statement, values) in ERASED.padded(&[], events, |id| [id.number()]) {
        for row in &db.fetch_list(statement, values).await? {
            found.push(EventId::from_number(row.int(0)?));
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    id: ErasureId,
) -> Result<Option<ErasureRecord>, StoreError> {
    db.fetch(FIND, vec![id.number().into()]).await?.first().map(job).transpose()
}

pub(in crate::store) async fn of_program(
    db: &mut impl Connection,
    program: &ProgramId,
    limit: usize,
) -> Result<Vec<ErasureRecord>, StoreError> {
    let rows = db.fetch(OF_PROGRAM, vec![program.as_str().into(), limit_of(limit)]).await?;
    rows.iter().map(job).collect()
}

pub(in crate::store) async fn running(db: &mut impl Connection) -> Result<Vec<ErasureRecord>, StoreError> {
    db.fetch(RUNNING, vec![]).await?.iter().map(job).collect()
}

fn job(row: &impl Columns) -> Result<ErasureRecord, StoreError> {
    let kind = row.parsed(2, SubjectKind::parse)?;
    Ok(ErasureRecord {
        id: ErasureId::from_number(row.int(0)?),
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        kind,
        subject: row.optional_parsed(3, |text| Subject::parse(kind, text))?,
        subject_hash: row.text(4)?,
        actor: AuditActor {
            kind: row.parsed(5, AuditActorKind::parse)?,
            id: row.optional_text(6)?,
            name: row.text(7)?,
        },
        address: row.optional_text(8)?,
        cursor: EventId::from_number(row.int(9)?),
        until: EventId::from_number(row.int(10)?),
        events: row.int(11)?,
        attempts: row.int(12)?,
        cancelled: row.int(13)?,
        inbox_requests: row.int(14)?,
        created_at_ms: row.int(15)?,
        ended_at_ms: row.optional_int(16)?,
    })
}
