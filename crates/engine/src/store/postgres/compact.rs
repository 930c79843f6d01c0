//! Tables whose rows come and go: what a long snapshot has made large is made small again.
//!
//! As long as a transaction is open somewhere, nothing that was deleted since can be cleared away. Afterwards it is, but the
//! file keeps its size: the few rows of the moment lie all over it, and only pages at its very end could be cut off. So it is
//! written anew by CLUSTER, which keeps what old snapshots see, and takes milliseconds for some thousands of rows.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::connector;
use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::{scalar, statement};
use crate::clock::Stopwatch;
use crate::store::StoreError;

const PENDING_ROWS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM pending LIMIT $1) AS first";
const EMITTED_ROWS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM emitted LIMIT $1) AS first";
const COMMIT_ROWS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM node_commit LIMIT $1) AS first";

const TABLES: [Table; 3] = [
    Table { name: "pending", key: "pending_pkey", row: 80, rows: PENDING_ROWS },
    Table { name: "emitted", key: "emitted_pkey", row: 1_024, rows: EMITTED_ROWS },
    Table { name: "node_commit", key: "node_commit_pkey", row: 64, rows: COMMIT_ROWS },
];

#[derive(Debug)]
struct Table {
    name: &'static str,
    /// In whose order it is written.
    key: &'static str,
    /// Bytes of a row, about.
    row: i64,
    /// How many rows there are, up to a limit.
    rows: &'static str,
}

/// Bytes of a table, and how many rows are in it: those that are there, and those that wait to be cleared away.
const SIZE: &str = "
    SELECT pg_table_size(relid), n_live_tup + n_dead_tup
    FROM pg_stat_user_tables
    WHERE relid = CAST(CAST($1 AS TEXT) AS REGCLASS)";

/// Bytes that nobody needs back.
const SMALL: i64 = 2 << 20;

/// A table may be so many times as large as its rows.
const LOOSE: i64 = 4;

/// What has more rows is left as it is: writing them anew would keep commits waiting for longer than 100 ms or so, and the room is
/// used again.
const ROWS_AT_MOST: i64 = 50_000;

/// Nobody can use the table meanwhile. Where somebody reads it for long, everybody else would wait behind this.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'";

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// A table is left alone for so long after it was written anew. If it is as large again by then, it needs the room, so this
/// time doubles.
const REST: Duration = Duration::from_mins(10);
const LONGEST_REST: Duration = Duration::from_hours(24);

/// After a try that failed, twice as long after the next one.
const AGAIN: Duration = Duration::from_secs(30);

/// When each table may be written anew.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    looked: Option<Stopwatch>,
    rests: [Option<Rest>; TABLES.len()],
}

/// A time in which a table is left alone.
#[derive(Debug)]
struct Rest {
    since: Stopwatch,
    length: Duration,
}

impl Rest {
    fn new(length: Duration) -> Self {
        Self { since: Stopwatch::start(), length: length.min(LONGEST_REST) }
    }

    /// The next one: longer if this has ended just now.
    fn next(last: Option<&Self>, first: Duration) -> Self {
        let again = last.filter(|last| last.since.elapsed() < last.length * 2).map(|last| last.length * 2);
        Self::new(again.unwrap_or(first).max(first))
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.length
    }
}

impl Compaction {
    /// Looks at each table, unless it was done a moment ago, and writes those anew that are much larger than what is in them.
    ///
    /// # Errors
    ///
    /// When the database does not answer. What it refuses is told in the log, and tried again later.
    pub(super) async fn look(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if self.looked.as_ref().is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Stopwatch::start());
        for (table, rest) in TABLES.iter().zip(&mut self.rests) {
            if rest.as_ref().is_some_and(|rest| !rest.is_over()) {
                continue;
            }
            let compacted = connector::transact(connection, async |db| match table.compact(db).await {
                Err(sqlx::Error::Database(refused)) => Ok(Err(refused)),
                other => other.map(Ok).map_err(error::of_read),
            });
            let first = match compacted.await? {
                Ok(false) => continue,
                Ok(true) => REST,
                Err(refused) => {
                    let table = table.name;
                    tracing::info!(%refused, table, "a table was not looked at or written anew; it is tried again later");
                    AGAIN
                }
            };
            *rest = Some(Rest::next(rest.as_ref(), first));
        }
        Ok(())
    }
}

impl Table {
    /// Whether it was written anew.
    async fn compact(&self, db: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let Some((before, rows)) = self.size(db).await? else { return Ok(false) };
        if before <= SMALL || rows.saturating_mul(self.row * LOOSE) >= before {
            return Ok(false);
        }
        // Statistics begin anew when the server has crashed.
        let rows = scalar::<i64>(db, self.rows).bind(ROWS_AT_MOST + 1);
        if within(READ_LIMIT, rows.fetch_one(&mut *db)).await? > ROWS_AT_MOST {
            return Ok(false);
        }
        let took = Stopwatch::start();
        let anew = AssertSqlSafe(format!("{BRIEFLY}; CLUSTER {} USING {}", self.name, self.key));
        within(WRITE_LIMIT, sqlx::raw_sql(anew).execute(&mut *db)).await?;
        let (table, took_ms) = (self.name, took.elapsed_ms());
        let after = self.size(db).await?.map(|(bytes, _)| bytes);
        tracing::info!(
            table,
            before,
            after,
            took_ms,
            "a table that was much larger than what is in it was written anew"
        );
        Ok(true)
    }

    /// Bytes, and rows as the statistics have them.
    async fn size(&self, db: &mut PgConnection) -> Result<Option<(i64, i64)>, sqlx::Error> {
        let query = statement(db, SIZE).bind(self.name);
        let row = within(READ_LIMIT, query.fetch_optional(db)).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_again_at_once_is_left_alone_for_longer() {
        let first = Rest::next(None, REST);
        assert_eq!(first.length, REST);
        let mut last = first;
        for times in [2, 4, 8] {
            last = Rest::next(Some(&last), REST);
            assert_eq!(last.length, REST * times);
        }
        for _ in 0..20 {
            last = Rest::next(Some(&last), REST);
        }
        assert_eq!(last.length, LONGEST_REST);
    }
}
