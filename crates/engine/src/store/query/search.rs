//! What the log's filters ask. Each question is bounded: by the events it looks at, or by an index that has nothing else.

use groundswell_types::{DeliveryId, EventId, ProgramId};

use super::deliveries::{event_of, limit_of};
use super::{Columns, Connection, Value};
use crate::store::list::{List, Marks};
use crate::store::{
    DeliverySearch, EndpointId, EventRecord, EventSearch, EventsFound, SMALL_BODY, StoreError, Unsuccessful,
};

/// The oldest of the events that are looked at, when there are that many.
const LOOKED_AT: &str = "
    SELECT id
    FROM event
    WHERE program_id = $1 AND id >= $2 AND id < $3 AND targets <> ''
    ORDER BY id DESC
    LIMIT 1 OFFSET $4";

/// `targets <> ''` is the condition of the index `event_log`, word for word, or it would not be used.
const MATCHING: &str = "
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE program_id = $1 AND id >= $2 AND id < $3 AND targets <> ''
        AND ($4 = '' OR kind = $4) AND ($5 = '' OR ',' || targets || ',' LIKE $5)
    ORDER BY id DESC
    LIMIT $6";

static BY_ID: List = List::new(
    "
    WITH wanted (id) AS (VALUES ",
    1,
    ")
    SELECT id, program_id, kind, occurred_at_ms, accepted_at_ms, targets
    FROM event
    WHERE id IN (SELECT id FROM wanted)
    ORDER BY id DESC",
    Marks::From(1),
);

/// `after <> 'delivered'` is the condition of the index `attempt_unsuccessful`, word for word, or it would not be used.
const UNSUCCESSFUL: &str = "
    SELECT DISTINCT delivery_id
    FROM attempt
    WHERE endpoint_id = $1 AND delivery_id >= $2 AND delivery_id <= $3 AND after <> 'delivered'
        AND ($4 = '' OR after = $4) AND COALESCE(status_code, 0) BETWEEN $5 AND $6
    ORDER BY delivery_id DESC
    LIMIT $7";

const PENDING: &str = "
    SELECT delivery_id
    FROM pending
    WHERE endpoint_id = $1 AND delivery_id >= $2 AND delivery_id <= $3
    ORDER BY delivery_id DESC
    LIMIT $4";

const OF_PROGRAM: &str = "SELECT id FROM endpoint WHERE program_id = $1 ORDER BY id";

/// Events that match. `saying` is [`MATCHING`] in the words of a database, with `$6` the longest body that is looked
/// into, `$7` the text and `$8` the limit.
pub(in crate::store) async fn events(
    db: &mut impl Connection,
    search: &EventSearch,
    saying: &'static str,
) -> Result<EventsFound, StoreError> {
    let program = search.program_id.as_str();
    let before = search.before.number();
    let offset = limit_of(search.look_at.saturating_sub(1));
    let values = vec![program.into(), search.from.number().into(), before.into(), offset];
    let looked_at = db.fetch(LOOKED_AT, values).await?;
    let lowest = looked_at.first().map(|row| row.int(0)).transpose()?;

    let kind = search.kind.map_or("", |kind| kind.name());
    let endpoint = search.endpoint.map_or(String::new(), |id| format!("%,{},%", id.0));
    let from = lowest.unwrap_or(search.from.number());
    let mut values: Vec<Value> =
        vec![program.into(), from.into(), before.into(), kind.into(), endpoint.as_str().into()];
    let rows = match &search.text {
        None => {
            values.push(limit_of(search.limit));
            db.fetch(MATCHING, values).await?
        }
        Some(text) => {
            values.extend([limit_of(SMALL_BODY), text.as_str().into(), limit_of(search.limit)]);
            db.fetch(saying, values).await?
        }
    };
    let events: Vec<EventRecord> = rows.iter().map(event_of).collect::<Result<_, _>>()?;
    let last = events.last().filter(|_| events.len() == search.limit).map(|event| event.id);
    Ok(EventsFound { events, reached: last.or(lowest.map(EventId::from_number)) })
}

pub(in crate::store) async fn events_by_id(
    db: &mut impl Connection,
    ids: &[EventId],
) -> Result<Vec<EventRecord>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for (statement, values) in BY_ID.padded(&[], ids, |id| [id.number()]) {
        for row in &db.fetch_list(statement, values).await? {
            found.push(event_of(row)?);
        }
    }
    Ok(found)
}

pub(in crate::store) async fn unsuccessful(
    db: &mut impl Connection,
    search: DeliverySearch,
    wanted: Unsuccessful,
) -> Result<Vec<DeliveryId>, StoreError> {
    let (after, lowest, highest) = match wanted {
        Unsuccessful::Any => ("", 0, i64::MAX),
        Unsuccessful::Undeliverable => ("undeliverable", 0, i64::MAX),
        Unsuccessful::Answered(status) => ("", i64::from(status.from()), i64::from(status.to())),
    };
    let values = vec![
        search.endpoint_id.0.into(),
        search.from.number().into(),
        search.to.number().into(),
        after.into(),
        lowest.into(),
        highest.into(),
        limit_of(search.limit),
    ];
    ids(&db.fetch(UNSUCCESSFUL, values).await?)
}

pub(in crate::store) async fn pending(
    db: &mut impl Connection,
    search: DeliverySearch,
) -> Result<Vec<DeliveryId>, StoreError> {
    let values = vec![
        search.endpoint_id.0.into(),
        search.from.number().into(),
        search.to.number().into(),
        limit_of(search.limit),
    ];
    ids(&db.fetch(PENDING, values).await?)
}

pub(in crate::store) async fn endpoints_of(
    db: &mut impl Connection,
    program: &ProgramId,
) -> Result<Vec<EndpointId>, StoreError> {
    let rows = db.fetch(OF_PROGRAM, vec![program.as_str().into()]).await?;
    rows.iter().map(|row| row.int(0).map(EndpointId)).collect()
}

fn ids(rows: &[impl Columns]) -> Result<Vec<DeliveryId>, StoreError> {
    rows.iter().map(|row| row.int(0).map(DeliveryId::from_number)).collect()
}
