//! What a database tells whoever only looks at it, whichever migrations it has.

use super::{Columns, Connection, deliveries};
use crate::id::made_at_ms;
use crate::store::StoreError;

/// The migrations that make the tables.
const EVENTS: i64 = 1;
const BOOTS: i64 = 2;

const NEWEST_BOOT: &str = "SELECT MAX(at_ms) FROM boot";

const RECEIVERS: &str = "
    SELECT url
    FROM endpoint
    WHERE deleted_at_ms IS NULL AND is_enabled = 1
    ORDER BY id DESC
    LIMIT 100";

/// The latest time that is known to have been written, Unix milliseconds: of a start, or in an event's id.
pub(in crate::store) async fn newest_at_ms(
    db: &mut impl Connection,
    applied: &[i64],
) -> Result<Option<i64>, StoreError> {
    let mut newest = None;
    if applied.contains(&EVENTS) {
        newest = newest.max(deliveries::highest_event_id(db).await?.map(made_at_ms));
    }
    if applied.contains(&BOOTS) {
        let rows = db.fetch(NEWEST_BOOT, vec![]).await?;
        newest = newest.max(rows.first().map(|row| row.optional_int(0)).transpose()?.flatten());
    }
    Ok(newest)
}

/// The URLs of enabled webhooks, newest first.
pub(in crate::store) async fn receivers(
    db: &mut impl Connection,
    applied: &[i64],
) -> Result<Vec<String>, StoreError> {
    if !applied.contains(&EVENTS) {
        return Ok(Vec::new());
    }
    db.fetch(RECEIVERS, vec![]).await?.iter().map(|row| row.text(0)).collect()
}
