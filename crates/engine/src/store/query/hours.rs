//! What came of attempts, by the hour.

use groundswell_types::HourCount;

use super::deliveries::limit_of;
use super::{Columns, Connection};
use crate::store::list::{List, Marks};
use crate::store::{EndpointId, HourRecord, StoreError};

const ADD: &str = "
    INSERT INTO endpoint_hour (endpoint_id, hour, delivered, failed, undeliverable)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (endpoint_id, hour) DO UPDATE SET
        delivered = endpoint_hour.delivered + excluded.delivered,
        failed = endpoint_hour.failed + excluded.failed,
        undeliverable = endpoint_hour.undeliverable + excluded.undeliverable";

static SINCE: List = List::new(
    "
    WITH wanted (endpoint_id) AS (VALUES ",
    1,
    ")
    SELECT endpoint_id, hour, delivered, failed, undeliverable
    FROM endpoint_hour
    WHERE endpoint_id IN (SELECT endpoint_id FROM wanted) AND hour >= $1
    ORDER BY endpoint_id, hour",
    Marks::From(2),
);

const DELETE: &str = "
    DELETE FROM endpoint_hour
    WHERE (endpoint_id, hour) IN (
        SELECT endpoint_id, hour FROM endpoint_hour
        WHERE hour < $1
        ORDER BY hour
        LIMIT $2
    )";

/// Adds to what is there, within the caller's transaction.
pub(in crate::store) async fn add(
    db: &mut impl Connection,
    records: &[HourRecord],
) -> Result<(), StoreError> {
    for HourRecord { endpoint_id, hour, count } in records {
        let HourCount { delivered, failed, undeliverable } = *count;
        let values = [endpoint_id.0, *hour, delivered, failed, undeliverable].map(Into::into);
        db.execute(ADD, values).await?;
    }
    Ok(())
}

/// Those of `endpoints` from an hour on, in order.
pub(in crate::store) async fn since(
    db: &mut impl Connection,
    endpoints: &[EndpointId],
    first_hour: i64,
) -> Result<Vec<HourRecord>, StoreError> {
    let mut records = Vec::new();
    for (statement, values) in SINCE.padded(&[first_hour], endpoints, |id| [id.0]) {
        for row in &db.fetch_list(statement, values).await? {
            records.push(HourRecord {
                endpoint_id: EndpointId(row.int(0)?),
                hour: row.int(1)?,
                count: HourCount { delivered: row.int(2)?, failed: row.int(3)?, undeliverable: row.int(4)? },
            });
        }
    }
    Ok(records)
}

/// Removes the oldest of those before an hour, within the caller's transaction.
pub(super) async fn forget(
    db: &mut impl Connection,
    before_hour: i64,
    limit: usize,
) -> Result<u64, StoreError> {
    db.execute(DELETE, [before_hour.into(), limit_of(limit)]).await
}
