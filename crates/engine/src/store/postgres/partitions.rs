//! Events and attempts by day: partitions are made ahead, and go once retention has emptied them, which gives their
//! room back at once and leaves nothing to be vacuumed.

use std::collections::BTreeSet;

use groundswell_types::EventId;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::{scalar, statement};
use crate::id::{day_of, first_of_day};
use crate::store::calendar::date;
use crate::store::{Batch, StoreError};

/// The lowest number of each partition, and whether it is one of `attempt`; and the time.
const LOWEST_IDS: &str = "
    SELECT CAST(SUBSTRING(pg_get_expr(part.relpartbound, part.oid) FROM '-?[0-9]+') AS BIGINT),
        pg_inherits.inhparent = CAST('attempt' AS REGCLASS)
    FROM pg_inherits
    JOIN pg_class AS part ON part.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent IN (CAST('event' AS REGCLASS), CAST('attempt' AS REGCLASS))
        AND NOT pg_inherits.inhdetachpending";

const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// Beside the tables they are of. By the search path alone they could be made in the schema `groundswell`.
const PLACE: &str = "
    SELECT CAST(quote_ident(room.nspname) AS TEXT)
    FROM pg_class AS parent
    JOIN pg_namespace AS room ON room.oid = parent.relnamespace
    WHERE parent.oid = CAST('event' AS REGCLASS)";

/// MIN takes the index, which soon skips what was deleted; EXISTS might read through all of it each time.
const IS_EMPTY_BEFORE: &str = "
    SELECT (SELECT MIN(id) FROM event WHERE id < $1) IS NULL
        AND (SELECT MIN(delivery_id) FROM attempt WHERE delivery_id < $2) IS NULL";

/// The tables with partitions, the column that decides, and how many of its numbers an event's id stands for.
pub(super) const PARTITIONED: [(&str, &str, i64); 2] = [("event", "id", 1), ("attempt", "delivery_id", 8)];

/// At the beginning of a day every node makes the same partitions: one after the other, so that the next one finds them.
/// Attaching takes this lock as well; it keeps nobody from reading or writing.
const MAKE_ALONE: &str = "LOCK TABLE event IN SHARE UPDATE EXCLUSIVE MODE";

/// Dropping a partition waits for whoever reads the table, and all that come later wait behind it; so not for long.
/// The next sweep tries again.
const WAIT_BRIEFLY: &str = "SET LOCAL lock_timeout = '200ms'";

/// Rows are written once and go with their partition. So what is vacuumed is frozen at once, and nothing of it is gone through
/// again because transaction ids run out, which at 1,000 commits a second is every second day; and for the tenth part that is new,
/// not for a fifth, so that a busy day is done soon after it is over. What retention deletes of a day is soon all of it, and
/// then the partition is dropped: to clear away half of it is early enough.
const SETTINGS: &str = "autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.1, \
    autovacuum_vacuum_scale_factor = 0.5";

/// Milliseconds.
const DAY_MS: i64 = 86_400_000;

/// The days whose partitions are known to be there.
#[derive(Debug, Default)]
pub(super) struct Days(BTreeSet<i64>);

/// The days of a batch's rows.
pub(super) fn days_of(batch: &Batch) -> BTreeSet<i64> {
    let events = batch.accepts.iter().map(|accept| day_of(accept.event_id));
    let attempts = batch.outcomes.iter().map(|outcome| day_of(outcome.attempt.delivery_id.event()));
    events.chain(attempts).collect()
}

impl Days {
    pub(super) fn lacks(&self, days: &BTreeSet<i64>) -> bool {
        !days.is_subset(&self.0)
    }

    pub(super) fn has_any_before(&self, day: i64) -> bool {
        self.0.range(..day).next().is_some()
    }

    /// Forgets what is known, so that it is looked up again.
    pub(super) fn doubt(&mut self) {
        self.0.clear();
    }

    /// What is there now, once the caller's transaction has committed.
    pub(super) fn know(&mut self, days: BTreeSet<i64>) {
        self.0 = days;
    }
}

/// The days that each table has a partition of, in the order of [`PARTITIONED`].
#[derive(Debug, Default)]
struct Present([BTreeSet<i64>; 2]);

impl Present {
    async fn look(db: &mut PgConnection) -> Result<Self, StoreError> {
        let rows =
            within(READ_LIMIT, statement(db, LOWEST_IDS).fetch_all(db)).await.map_err(error::of_read)?;
        let mut present = Self::default();
        for row in &rows {
            let lowest: i64 = row.try_get(0).map_err(error::of_read)?;
            let at = usize::from(row.try_get::<bool, _>(1).map_err(error::of_read)?);
            present.0[at].insert(day_of(EventId::from_number(lowest / PARTITIONED[at].2)));
        }
        Ok(present)
    }

    /// The days of which there is all.
    fn whole(&self) -> BTreeSet<i64> {
        let Self([events, attempts]) = self;
        events.intersection(attempts).copied().collect()
    }
}

/// What is ready for the days to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ahead {
    /// By the database's clock.
    pub(super) today: i64,
    /// Days after today that there are partitions of, without a gap; -1 if there is none of today.
    pub(super) days: i64,
}

impl Ahead {
    /// What there is now.
    pub(super) async fn look(db: &mut PgConnection) -> Result<Self, StoreError> {
        let query = scalar::<i64>(db, NOW);
        let now_ms = within(READ_LIMIT, query.fetch_one(&mut *db)).await.map_err(error::of_read)?;
        let (today, present) = (now_ms.div_euclid(DAY_MS), Present::look(db).await?.whole());
        let ahead = present.range(today..).zip(today..).take_while(|(there, day)| *there == day).count();
        Ok(Self { today, days: i64::try_from(ahead).unwrap_or(i64::MAX) - 1 })
    }
}

/// Makes the partitions of `days` that are not there, within the caller's transaction; returns the days of which there is all then.
pub(super) async fn create(db: &mut PgConnection, days: &BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
    let there = Present::look(db).await?.whole();
    if days.is_subset(&there) {
        return Ok(there);
    }
    within(WRITE_LIMIT, sqlx::raw_sql(MAKE_ALONE).execute(&mut *db)).await.map_err(not_made)?;
    let mut there = Present::look(db).await?;
    for ((table, _, factor), present) in PARTITIONED.iter().zip(&mut there.0) {
        for day in days {
            if present.insert(*day) {
                let place: String = scalar(db, PLACE).fetch_one(&mut *db).await.map_err(not_made)?;
                let sql = AssertSqlSafe(create_text((table, *factor), *day, &place));
                sqlx::raw_sql(sql).execute(&mut *db).await.map_err(not_made)?;
            }
        }
    }
    Ok(there.whole())
}

/// Whatever keeps a partition from being made, somebody may mend it while the server runs: until then what needs it is refused.
fn not_made(error: sqlx::Error) -> StoreError {
    match error::of_write(error) {
        StoreError::Unusable(why) => {
            StoreError::NoRoom(format!("a day's partition cannot be made: {why}").into())
        }
        other => other,
    }
}

/// Attaching a table locks out nobody who reads or writes; `CREATE TABLE … PARTITION OF` would.
fn create_text((table, factor): (&str, i64), day: i64, place: &str) -> String {
    let bound = |day: i64| {
        let id = first_of_day(day).and_then(|id| id.number().checked_mul(factor));
        id.map_or_else(|| "MAXVALUE".to_owned(), |id| id.to_string())
    };
    let (suffix, from, to) = (suffix(day), bound(day), bound(day + 1));
    format!(
        "CREATE TABLE {place}.{table}_{suffix} (LIKE {table} INCLUDING STORAGE) WITH ({SETTINGS});
        ALTER TABLE {table} ATTACH PARTITION {place}.{table}_{suffix} FOR VALUES FROM ({from}) TO ({to});"
    )
}

fn suffix(day: i64) -> String {
    let (year, month, date) = date(day);
    format!("{year:04}{month:02}{date:02}")
}

/// Drops the partitions of a day if neither it nor any day before it has a row, within the caller's transaction; says
/// whether they were dropped.
///
/// An event is only forgotten when none of its deliveries waits, so no attempt can come to a day without events before
/// the next one, but for resends, whose partition would be made again.
pub(super) async fn drop_empty(db: &mut PgConnection, day: i64) -> Result<bool, StoreError> {
    let Some(end) = first_of_day(day + 1) else { return Ok(false) };
    let is_empty = scalar::<bool>(db, IS_EMPTY_BEFORE)
        .bind(end.number())
        .bind(end.number().saturating_mul(8))
        .fetch_one(&mut *db)
        .await
        .map_err(error::of_write)?;
    if !is_empty {
        return Ok(false);
    }
    sqlx::raw_sql(WAIT_BRIEFLY).execute(&mut *db).await.map_err(error::of_write)?;
    let suffix = suffix(day);
    let sql = AssertSqlSafe(format!("DROP TABLE event_{suffix}, attempt_{suffix}"));
    sqlx::raw_sql(sql).execute(&mut *db).await.map_err(error::of_write)?;
    Ok(true)
}
