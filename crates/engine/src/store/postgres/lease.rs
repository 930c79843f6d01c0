//! The lease on a database as a whole: a row that says who may change what is the same for all processes. It is held by a
//! process while it starts, and all the time by what must be alone with the database. Only the database's clock counts.
//!
//! Versions before migration 19 held it for as long as they ran. So they are still refused beside one another and beside this
//! one, whichever came first: they do not know the schema that this one leaves behind.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::connector::transact;
use super::error;
use super::statement::{scalar, statement};
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::calendar::utc;

/// `is_over`: the time has come. `is_gone`: the session of the owner that writes has ended although the server runs on,
/// so that process has ended, too, or is about to connect again. A session of another role is seen without its start, and one
/// that came through a pooler has none.
const LOOK: &str = "
    SELECT owner, epoch, commits, expires_at_ms,
        expires_at_ms <= CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS is_over,
        COALESCE(pg_postmaster_start_time() < backend_start, FALSE) AND NOT EXISTS (
            SELECT 1 FROM pg_stat_activity AS session
            WHERE session.pid = lease.backend_pid
                AND (session.backend_start IS NULL OR session.backend_start = lease.backend_start)
        ) AS is_gone
    FROM lease
    WHERE id = 1";

/// Only if nothing has happened to it since it was looked at. `$6`: whether the session is the process's own.
const TAKE: &str = "
    UPDATE lease SET
        owner = $1,
        epoch = epoch + 1,
        commits = 0,
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2,
        backend_pid = CASE WHEN $6 THEN pg_backend_pid() END,
        backend_start = CASE WHEN $6 THEN (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) END
    WHERE id = 1 AND epoch = $3 AND commits = $4 AND expires_at_ms = $5
    RETURNING epoch";

/// In a new session, when the one that has taken it was lost.
const RENEW: &str = "
    UPDATE lease SET
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2,
        backend_pid = CASE WHEN $3 THEN pg_backend_pid() END,
        backend_start = CASE WHEN $3 THEN (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) END
    WHERE id = 1 AND epoch = $1";

const RELEASE: &str = "UPDATE lease SET expires_at_ms = 0 WHERE id = 1 AND epoch = $1";

/// How often a lease that another process holds is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// So many looks in a row find the owner connected before it counts as living.
const SIGNS_OF_LIFE: u32 = 4;

/// Behind the name of an owner that gives the lease back as soon as it has started.
const STARTING: &str = " (starting)";

/// How long those that start wait for one another. Several of them need moments each, but for the one that upgrades.
const START_LIMIT: Duration = Duration::from_mins(1);

/// What a process needs the database for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// As one of several.
    Serve,
    /// Alone.
    Alone,
}

/// What is known of the lease.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    owner: String,
    epoch: i64,
    commits: i64,
    expires_at_ms: i64,
}

/// Who asks for the lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimant<'a> {
    /// The database, as messages name it.
    pub(super) database: &'a str,
    /// The process, as others are told.
    pub(super) name: &'a str,
    pub(super) purpose: Purpose,
    pub(super) ttl: Duration,
    /// Whether the session is the process's own, and ends with it: not so behind a pooler.
    pub(super) has_own_session: bool,
}

/// The lease while it is ours.
#[derive(Debug)]
pub(super) struct Lease {
    epoch: i64,
    ttl: Duration,
    has_own_session: bool,
    /// Started before the last renewal that succeeded was sent, so it never runs later than the database's clock.
    renewed: Mutex<Stopwatch>,
}

impl Lease {
    /// Takes the lease, or says who has it.
    ///
    /// One that is neither over nor left behind is watched: its owner either shows a sign of life within a third of the
    /// lease's time, or it runs out. A change alone is none: the database may still be at what a process asked of it
    /// before it was killed. The owner lives if it is connected for some looks after a change. For those that only start
    /// is waited.
    pub(super) async fn take(db: &mut PgConnection, claimant: Claimant<'_>) -> Result<Self, StoreError> {
        let watch = Stopwatch::start();
        let mut before: Option<Seen> = None;
        let mut looks_since_change = 0;
        loop {
            let (seen, is_over, is_gone) = transact(db, async |db| look(db).await).await?;
            let is_same = before.as_ref() == Some(&seen);
            let has_changed = looks_since_change > 0 || before.is_some() && !is_same;
            let is_starting = seen.owner.ends_with(STARTING);
            looks_since_change =
                if has_changed && !is_gone && !is_starting { looks_since_change + 1 } else { 0 };
            // The second is for a database whose clock was set back.
            let limit = if is_starting { START_LIMIT } else { 2 * claimant.ttl };
            if looks_since_change >= SIGNS_OF_LIFE || watch.elapsed() > limit {
                return Err(in_use(claimant.database, &seen));
            }
            if is_over || (is_same && is_gone) {
                let taken = transact(db, async |db| Self::try_take(db, claimant, &seen).await).await?;
                if let Some(lease) = taken {
                    return Ok(lease);
                }
            } else if before.is_none() {
                tracing::info!(owner = %seen.owner, "the database may be in use; watching whether its owner lives");
            }
            before = Some(seen);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn try_take(
        db: &mut PgConnection,
        claimant: Claimant<'_>,
        seen: &Seen,
    ) -> Result<Option<Self>, StoreError> {
        let sent = Stopwatch::start();
        let suffix = if claimant.purpose == Purpose::Serve { STARTING } else { "" };
        let query = scalar(db, TAKE)
            .bind(format!("{}{suffix}", claimant.name))
            .bind(milliseconds(claimant.ttl))
            .bind(seen.epoch)
            .bind(seen.commits)
            .bind(seen.expires_at_ms)
            .bind(claimant.has_own_session);
        let epoch: Option<i64> =
            error::within(error::READ_LIMIT, query.fetch_optional(db)).await.map_err(error::of_read)?;
        let Claimant { ttl, has_own_session, .. } = claimant;
        Ok(epoch.map(|epoch| Self { epoch, ttl, has_own_session, renewed: Mutex::new(sent) }))
    }

    /// Whether it may have run out already.
    pub(super) fn may_be_over(&self) -> bool {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= self.ttl
    }

    /// How long a renewal may be put off.
    pub(super) fn renewal_wait(&self) -> Duration {
        self.ttl / 3
    }

    /// Makes it last longer; the error is [`StoreError::Unusable`] once another process has it.
    pub(super) async fn renew(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let sent = Stopwatch::start();
        let query =
            statement(db, RENEW).bind(self.epoch).bind(milliseconds(self.ttl)).bind(self.has_own_session);
        let done =
            error::within(self.renewal_wait(), query.execute(&mut *db)).await.map_err(error::of_read)?;
        if done.rows_affected() == 0 {
            let owner = look(db).await.map_or_else(|_| "another process".to_owned(), |(seen, ..)| seen.owner);
            return Err(StoreError::Unusable(format!(
                "the database was taken over by {owner} while this process was not heard of"
            )));
        }
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        Ok(())
    }

    /// Lets the next process have it at once.
    pub(super) async fn release(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let query = statement(db, RELEASE).bind(self.epoch);
        error::within(error::READ_LIMIT, query.execute(db)).await.map_err(error::of_read)?;
        Ok(())
    }
}

async fn look(db: &mut PgConnection) -> Result<(Seen, bool, bool), StoreError> {
    let query = statement(db, LOOK).fetch_one(db);
    let row = error::within(error::READ_LIMIT, query).await.map_err(error::of_read)?;
    let read = |row: &PgRow| {
        let seen = Seen {
            owner: row.try_get(0)?,
            epoch: row.try_get(1)?,
            commits: row.try_get(2)?,
            expires_at_ms: row.try_get(3)?,
        };
        Ok((seen, row.try_get(4)?, row.try_get(5)?))
    };
    read(&row).map_err(error::of_read)
}

fn in_use(database: &str, seen: &Seen) -> StoreError {
    StoreError::Unusable(format!(
        "the database {database} is in use by {}, which has it until {} and longer; stop that process first, or use \
         another database",
        seen.owner,
        utc(seen.expires_at_ms)
    ))
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
