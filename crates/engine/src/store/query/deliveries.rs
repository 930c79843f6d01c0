//! Events and what waits for delivery, as the log and changes of settings need them.

use groundswell_types::{DeliveryId, EventId, EventKind, ProgramId};

use super::{Columns, Connection, Value, damaged};
use crate::store::list::{List, Marks};
use crate::store::{
    Backlog, EndpointId, EventRecord, Expired, PARKED_DUE_MS, Pending, PendingKey, StoreError,
};

/// The trigger `event_keeps_highest_id` writes the row of `meta` when the highest event is deleted.
const HIGHEST_EVENT_ID: &str = "
    SELECT MAX(id) FROM (
        SELECT MAX(id) AS id FROM event
        UNION ALL
        SELECT value AS id FROM meta WHERE name = 'highest_event_id'
    ) AS highest";

/// `targets <> ''` is the condition of the index `event_log`, word for word, or it would not be used.
const EVENTS: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id < $2 AND targets <> ''
    ORDER BY id DESC
    LIMIT $3";

const EVENT: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE id = $1";

static PENDING_AT: List = List::new(
    "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE (endpoint_id, due_at_ms, delivery_id) IN (VALUES ",
    3,
    ")
    ORDER BY endpoint_id, due_at_ms, delivery_id",
    Marks::From(1),
);

static BACKLOG: List = List::new(
    "
    WITH wanted (endpoint_id) AS (VALUES ",
    1,
    ")
    SELECT endpoint_id,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms < $1
            LIMIT $2
        ) AS waiting),
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms = $1
            LIMIT $2
        ) AS parked),
        (SELECT MIN(due_at_ms) FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms < $1)
    FROM wanted
    WHERE endpoint_id IS NOT NULL",
    Marks::From(3),
);

/// Unattempted deliveries expire in the order of the queue.
const EXPIRED_UNATTEMPTED: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND due_at_ms <= $4 AND attempts = 0 AND expires_at_ms <= $2 AND accepted_at_ms <= $3
    ORDER BY due_at_ms
    LIMIT $5";

/// `attempts > 0` is the condition of the index `pending_deadline`, word for word, or it would not be used.
const EXPIRED_ATTEMPTED: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND expires_at_ms <= $2 AND attempts > 0 AND accepted_at_ms <= $3 AND due_at_ms < $4
    LIMIT $5";

pub(in crate::store) async fn highest_event_id(
    db: &mut impl Connection,
) -> Result<Option<EventId>, StoreError> {
    let rows = db.fetch(HIGHEST_EVENT_ID, vec![]).await?;
    let highest = rows.first().map(|row| row.optional_int(0)).transpose()?.flatten();
    Ok(highest.map(EventId::from_number))
}

pub(in crate::store) async fn events(
    db: &mut impl Connection,
    program: &ProgramId,
    before: Option<EventId>,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let before = before.map_or(i64::MAX, EventId::number);
    let rows = db.fetch(EVENTS, vec![program.as_str().into(), before.into(), limit_of(limit)]).await?;
    rows.iter().map(event_of).collect()
}

pub(in crate::store) async fn event(
    db: &mut impl Connection,
    id: EventId,
) -> Result<Option<EventRecord>, StoreError> {
    let rows = db.fetch(EVENT, vec![id.number().into()]).await?;
    rows.first().map(event_of).transpose()
}

pub(super) fn event_of(row: &impl Columns) -> Result<EventRecord, StoreError> {
    Ok(EventRecord {
        id: EventId::from_number(row.int(0)?),
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        kind: row.parsed(2, EventKind::parse)?,
        occurred_at_ms: row.int(3)?,
        accepted_at_ms: row.int(4)?,
        targets: targets(&row.text(5)?)?,
    })
}

pub(in crate::store) fn targets(text: &str) -> Result<Vec<EndpointId>, StoreError> {
    let numbers = text.split(',').filter(|number| !number.is_empty()).map(str::parse);
    let ids = numbers.map(|number| number.map(EndpointId)).collect::<Result<_, _>>();
    ids.map_err(|_| damaged(format!("`{text}` is no list of targets")))
}

pub(in crate::store) async fn pending_at(
    db: &mut impl Connection,
    keys: &[PendingKey],
) -> Result<Vec<Pending>, StoreError> {
    let mut found = Vec::new();
    for (statement, values) in PENDING_AT.padded(&[], keys, numbers_of) {
        for row in &db.fetch_list(statement, values).await? {
            found.push(pending(row)?);
        }
    }
    Ok(found)
}

/// The columns of the primary key of `pending`, in their order.
pub(in crate::store) fn numbers_of(key: &PendingKey) -> [i64; 3] {
    [key.endpoint_id.0, key.due_at_ms, key.delivery_id.number()]
}

/// A row of `pending`, its columns in the order of the table.
pub(in crate::store) fn pending(row: &impl Columns) -> Result<Pending, StoreError> {
    Ok(Pending {
        key: PendingKey {
            endpoint_id: EndpointId(row.int(0)?),
            due_at_ms: row.int(1)?,
            delivery_id: DeliveryId::from_number(row.int(2)?),
        },
        attempts: row.int(3)?,
        accepted_at_ms: row.int(4)?,
        expires_at_ms: row.int(5)?,
    })
}

pub(in crate::store) async fn backlog(
    db: &mut impl Connection,
    endpoints: &[EndpointId],
    cap: i64,
) -> Result<Vec<Backlog>, StoreError> {
    let mut backlogs = Vec::new();
    for (statement, values) in BACKLOG.padded(&[PARKED_DUE_MS, cap], endpoints, |id| [id.0]) {
        for row in &db.fetch_list(statement, values).await? {
            backlogs.push(Backlog {
                endpoint_id: EndpointId(row.int(0)?),
                pending: row.int(1)?,
                parked: row.int(2)?,
                next_due_at_ms: row.optional_int(3)?,
            });
        }
    }
    Ok(backlogs)
}

pub(in crate::store) async fn expired(
    db: &mut impl Connection,
    wanted: Expired,
) -> Result<Vec<Pending>, StoreError> {
    let Expired { endpoint_id, expires_by_ms, accepted_by_ms, due_by_ms, limit } = wanted;
    let values = |due_ms: i64, rows: usize| {
        vec![endpoint_id.0.into(), expires_by_ms.into(), accepted_by_ms.into(), due_ms.into(), limit_of(rows)]
    };
    let rows = db.fetch(EXPIRED_UNATTEMPTED, values(due_by_ms, limit)).await?;
    let mut found: Vec<Pending> = rows.iter().map(pending).collect::<Result<_, _>>()?;
    if found.len() < limit {
        let rows = db.fetch(EXPIRED_ATTEMPTED, values(PARKED_DUE_MS, limit - found.len())).await?;
        for row in &rows {
            found.push(pending(row)?);
        }
    }
    Ok(found)
}

pub(in crate::store) fn limit_of(rows: usize) -> Value {
    i64::try_from(rows).unwrap_or(i64::MAX).into()
}
