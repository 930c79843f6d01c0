//! The lease: a row that says which process the database belongs to. Only the database's clock counts.
//!
//! Nothing depends on it for safety but the epoch. Every transaction that writes counts the row's `commits` up under
//! its epoch just before it commits, and whoever takes the lease over counts the epoch up: so a process that has lost
//! the lease cannot commit any more, however late it notices. Expiry and sessions only decide how soon another process
//! may take it over.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio_util::sync::CancellationToken;

use super::error;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::calendar::utc;

/// `is_over`: the time has come. `is_gone`: the session of the owner that writes has ended although the server runs on,
/// so that process has ended, too, or is about to connect again. A session of another role is seen without its start.
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

/// Only if nothing has happened to it since it was looked at.
const TAKE: &str = "
    UPDATE lease SET
        owner = $1,
        epoch = epoch + 1,
        commits = 0,
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2,
        backend_pid = pg_backend_pid(),
        backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
    WHERE id = 1 AND epoch = $3 AND commits = $4 AND expires_at_ms = $5
    RETURNING epoch";

const RENEW: &str = "
    UPDATE lease SET
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2
    WHERE id = 1 AND epoch = $1";

/// The last statement of every transaction that writes. Its lock on the row is held until the transaction has ended one
/// way or the other.
const COUNT: &str = "
    UPDATE lease SET
        commits = commits + 1,
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2
    WHERE id = 1 AND epoch = $1
    RETURNING commits";

/// A session of ours that is still there after its connection was lost: it may hold locks, and may be about to commit.
const END_FORMER_SESSION: &str = "
    SELECT pg_terminate_backend(session.pid)
    FROM lease
    JOIN pg_stat_activity AS session
        ON session.pid = lease.backend_pid AND session.backend_start = lease.backend_start
    WHERE lease.id = 1 AND lease.epoch = $1 AND session.pid <> pg_backend_pid()";

/// Waits until a transaction of the former session has ended, because of its lock: so what it answers is final.
const RESUME: &str = "
    UPDATE lease SET
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2,
        backend_pid = pg_backend_pid(),
        backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
    WHERE id = 1 AND epoch = $1
    RETURNING commits";

const RELEASE: &str = "UPDATE lease SET expires_at_ms = 0 WHERE id = 1 AND epoch = $1";

/// How often a lease that another process holds is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// So many looks in a row find the owner connected before it counts as living.
const SIGNS_OF_LIFE: u32 = 4;

/// What is known of the lease.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    owner: String,
    epoch: i64,
    commits: i64,
    expires_at_ms: i64,
}

/// The lease while it is ours.
#[derive(Debug)]
pub(super) struct Lease {
    epoch: i64,
    ttl: Duration,
    /// Started before the last renewal that succeeded was sent, so it never runs later than the database's clock.
    renewed: Mutex<Stopwatch>,
    /// Who has it now, once it is lost.
    loss: OnceLock<String>,
    lost: CancellationToken,
}

impl Lease {
    /// Takes the lease, or says who has it.
    ///
    /// One that is neither over nor left behind is watched: its owner either shows a sign of life within a third of the
    /// lease's time, or it runs out. A change alone is none: the database may still be at what a process asked of it
    /// before it was killed. The owner lives if it is connected for some looks after a change.
    pub(super) async fn take(
        db: &mut PgConnection,
        database: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Self, StoreError> {
        let watch = Stopwatch::start();
        let mut before: Option<Seen> = None;
        let mut looks_since_change = 0;
        loop {
            let (seen, is_over, is_gone) = look(db).await?;
            let is_same = before.as_ref() == Some(&seen);
            let has_changed = looks_since_change > 0 || before.is_some() && !is_same;
            looks_since_change = if has_changed && !is_gone { looks_since_change + 1 } else { 0 };
            // The second is for a database whose clock was set back.
            if looks_since_change >= SIGNS_OF_LIFE || watch.elapsed() > 2 * ttl {
                return Err(in_use(database, &seen));
            }
            if is_over || (is_same && is_gone) {
                let sent = Stopwatch::start();
                let row = sqlx::query(TAKE)
                    .bind(owner)
                    .bind(milliseconds(ttl))
                    .bind(seen.epoch)
                    .bind(seen.commits)
                    .bind(seen.expires_at_ms)
                    .fetch_optional(&mut *db)
                    .await
                    .map_err(error::of_read)?;
                if let Some(row) = row {
                    return Ok(Self::new(row.try_get(0).map_err(error::of_read)?, ttl, sent));
                }
            } else if before.is_none() {
                tracing::info!(owner = %seen.owner, "the database may be in use; watching whether its owner lives");
            }
            before = Some(seen);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn new(epoch: i64, ttl: Duration, sent: Stopwatch) -> Self {
        Self { epoch, ttl, renewed: Mutex::new(sent), loss: OnceLock::new(), lost: CancellationToken::new() }
    }

    /// Whether it may have run out already: what is not known to the database must not be done any more.
    pub(super) fn may_be_over(&self) -> bool {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.lost.is_cancelled() || renewed.elapsed() >= self.ttl
    }

    /// How long a renewal may be put off.
    pub(super) fn renewal_wait(&self) -> Duration {
        self.ttl / 3
    }

    /// The error once it is lost.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.loss.get().map_or(Ok(()), |loss| Err(StoreError::Unusable(loss.clone())))
    }

    /// Waits until it is lost.
    pub(super) async fn lost(&self) -> StoreError {
        self.lost.cancelled().await;
        self.check().err().unwrap_or_else(|| StoreError::Unusable("the lease is lost".to_owned()))
    }

    /// Makes it last longer.
    pub(super) async fn renew(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let sent = Stopwatch::start();
        let query = sqlx::query(RENEW).bind(self.epoch).bind(milliseconds(self.ttl));
        let done =
            error::within(self.renewal_wait(), query.execute(&mut *db)).await.map_err(error::of_read)?;
        if done.rows_affected() == 0 {
            return Err(self.find_new_owner(db).await);
        }
        self.was_renewed(sent);
        Ok(())
    }

    /// Counts the transaction that is about to commit, and returns its number.
    pub(super) async fn count(&self, db: &mut PgConnection) -> Result<Counted, StoreError> {
        let sent = Stopwatch::start();
        let query = sqlx::query_scalar(COUNT).bind(self.epoch).bind(milliseconds(self.ttl));
        let commits = error::within(error::WRITE_LIMIT, query.fetch_optional(&mut *db)).await;
        match commits.map_err(error::of_write)? {
            Some(commits) => Ok(Counted { commits, sent }),
            None => Err(self.find_new_owner(db).await),
        }
    }

    /// A transaction that was counted has committed.
    pub(super) fn has_committed(&self, counted: &Counted) {
        self.was_renewed(counted.sent);
    }

    /// Goes on in a new session: returns how many transactions have committed under this lease.
    pub(super) async fn resume(&self, db: &mut PgConnection) -> Result<i64, StoreError> {
        let query = sqlx::query(END_FORMER_SESSION).bind(self.epoch);
        error::within(error::READ_LIMIT, query.execute(&mut *db)).await.map_err(error::of_read)?;
        let sent = Stopwatch::start();
        let query = sqlx::query_scalar(RESUME).bind(self.epoch).bind(milliseconds(self.ttl));
        let commits = error::within(error::READ_LIMIT, query.fetch_optional(&mut *db)).await;
        match commits.map_err(error::of_read)? {
            Some(commits) => {
                self.was_renewed(sent);
                Ok(commits)
            }
            None => Err(self.find_new_owner(db).await),
        }
    }

    /// Lets the next process have it at once.
    pub(super) async fn release(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let query = sqlx::query(RELEASE).bind(self.epoch);
        error::within(error::READ_LIMIT, query.execute(db)).await.map_err(error::of_read)?;
        Ok(())
    }

    fn was_renewed(&self, sent: Stopwatch) {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.elapsed() < renewed.elapsed() {
            *renewed = sent;
        }
    }

    /// The row has another epoch.
    async fn find_new_owner(&self, db: &mut PgConnection) -> StoreError {
        let owner = look(db).await.map_or_else(|_| "another process".to_owned(), |(seen, ..)| seen.owner);
        let loss = format!(
            "the database was taken over by {owner} while this process was not heard of; this process stops, and what \
             it had not committed is delivered by the other one"
        );
        self.give_up(loss.clone());
        StoreError::Unusable(loss)
    }

    /// Nothing is written any more, for this reason.
    pub(super) fn give_up(&self, reason: String) {
        let _ = self.loss.set(reason);
        self.lost.cancel();
    }
}

/// A transaction's number, and when it was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) commits: i64,
    sent: Stopwatch,
}

async fn look(db: &mut PgConnection) -> Result<(Seen, bool, bool), StoreError> {
    let query = sqlx::query(LOOK).fetch_one(db);
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

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
