//! Heartbeats, troubles and waits.

use groundswell_types::{Component, ComponentStatus};

use super::deliveries::limit_of;
use super::{Columns, Connection};
use crate::store::list::{List, Marks};
use crate::store::{Beat, EndpointId, HEALTH_ROWS, HeartbeatRecord, StoreError, TroubleRecord, WaitRecord};

const SAVE_HEARTBEAT: &str = "
    INSERT INTO heartbeat (id, began_at_ms, last_at_ms, waiting, caught_up_at_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO UPDATE SET
        began_at_ms = excluded.began_at_ms,
        last_at_ms = excluded.last_at_ms,
        waiting = excluded.waiting,
        caught_up_at_ms = excluded.caught_up_at_ms";

const SAVE_TROUBLE: &str = "
    INSERT INTO trouble (id, component, status, began_at_ms, until_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO UPDATE SET
        component = excluded.component,
        status = excluded.status,
        began_at_ms = excluded.began_at_ms,
        until_ms = excluded.until_ms";

const ADD_WAIT: &str = "
    INSERT INTO first_attempt_wait (slot, up_to_us, deliveries) VALUES ($1, $2, $3)
    ON CONFLICT (slot, up_to_us) DO UPDATE SET deliveries = first_attempt_wait.deliveries + excluded.deliveries";

/// The first condition is there for the index.
const FORGET_HEARTBEATS: &str = "DELETE FROM heartbeat WHERE began_at_ms < $1 AND last_at_ms < $1";

const FORGET_TROUBLES: &str = "DELETE FROM trouble WHERE began_at_ms < $1 AND until_ms < $1";

const FORGET_WAITS: &str = "DELETE FROM first_attempt_wait WHERE slot < $1";

const HEARTBEATS: &str = "
    SELECT id, began_at_ms, last_at_ms, waiting, caught_up_at_ms
    FROM heartbeat ORDER BY began_at_ms DESC, id DESC LIMIT $1";

const TROUBLES: &str = "
    SELECT id, component, status, began_at_ms, until_ms
    FROM trouble ORDER BY began_at_ms DESC, id DESC LIMIT $1";

/// A sum of whole numbers is none of 64 bits everywhere.
const WAITS: &str = "
    SELECT up_to_us, CAST(SUM(deliveries) AS BIGINT)
    FROM first_attempt_wait WHERE slot >= $1 GROUP BY up_to_us ORDER BY up_to_us";

static DUE: List = List::new(
    "
    WITH wanted (endpoint_id) AS (VALUES ",
    1,
    ")
    SELECT endpoint_id,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms <= $1
            LIMIT $2
        ) AS due)
    FROM wanted
    WHERE endpoint_id IS NOT NULL",
    Marks::From(3),
);

/// Within the caller's transaction.
pub(in crate::store) async fn beat(db: &mut impl Connection, beat: &Beat) -> Result<(), StoreError> {
    for HeartbeatRecord { id, began_at_ms, last_at_ms, waiting, caught_up_at_ms } in &beat.heartbeats {
        let numbers = [*id, *began_at_ms, *last_at_ms, *waiting].map(Some);
        let [id, began_at_ms, last_at_ms, waiting] = numbers.map(Into::into);
        db.execute(SAVE_HEARTBEAT, [id, began_at_ms, last_at_ms, waiting, (*caught_up_at_ms).into()]).await?;
    }
    for TroubleRecord { id, component, status, began_at_ms, until_ms } in &beat.troubles {
        let values = [
            (*id).into(),
            component.as_str().into(),
            status.as_str().into(),
            (*began_at_ms).into(),
            (*until_ms).into(),
        ];
        db.execute(SAVE_TROUBLE, values).await?;
    }
    for WaitRecord { slot, up_to_us, deliveries } in &beat.waits {
        db.execute(ADD_WAIT, [*slot, *up_to_us, *deliveries].map(Into::into)).await?;
    }
    db.execute(FORGET_HEARTBEATS, [beat.forget_before_ms.into()]).await?;
    db.execute(FORGET_TROUBLES, [beat.forget_before_ms.into()]).await?;
    db.execute(FORGET_WAITS, [beat.forget_before_slot.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn heartbeats(
    db: &mut impl Connection,
) -> Result<Vec<HeartbeatRecord>, StoreError> {
    let rows = db.fetch(HEARTBEATS, vec![limit_of(HEALTH_ROWS)]).await?;
    rows.iter().rev().map(heartbeat).collect()
}

fn heartbeat(row: &impl Columns) -> Result<HeartbeatRecord, StoreError> {
    Ok(HeartbeatRecord {
        id: row.int(0)?,
        began_at_ms: row.int(1)?,
        last_at_ms: row.int(2)?,
        waiting: row.int(3)?,
        caught_up_at_ms: row.optional_int(4)?,
    })
}

pub(in crate::store) async fn troubles(db: &mut impl Connection) -> Result<Vec<TroubleRecord>, StoreError> {
    let rows = db.fetch(TROUBLES, vec![limit_of(HEALTH_ROWS)]).await?;
    rows.iter().rev().map(trouble).collect()
}

fn trouble(row: &impl Columns) -> Result<TroubleRecord, StoreError> {
    Ok(TroubleRecord {
        id: row.int(0)?,
        component: row.parsed(1, Component::parse)?,
        status: row.parsed(2, ComponentStatus::parse)?,
        began_at_ms: row.int(3)?,
        until_ms: row.int(4)?,
    })
}

/// Bounds and how many deliveries did not exceed each, but the one before.
pub(in crate::store) async fn waits(
    db: &mut impl Connection,
    first_slot: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = db.fetch(WAITS, vec![first_slot.into()]).await?;
    rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
}

pub(in crate::store) async fn count_due(
    db: &mut impl Connection,
    endpoints: &[EndpointId],
    (by_ms, cap): (i64, i64),
) -> Result<i64, StoreError> {
    let mut due = 0;
    for (statement, values) in DUE.padded(&[by_ms, cap], endpoints, |id| [id.0]) {
        for row in &db.fetch_list(statement, values).await? {
            due += row.int(1)?;
        }
    }
    Ok(due)
}
