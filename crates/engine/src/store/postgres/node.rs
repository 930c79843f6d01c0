//! This process's row in the table `node`, and its commits. Every transaction that writes locks the row and notes its own number
//! in `node_commit` just before it commits: so a process whose row is gone cannot commit any more, however late it notices, and
//! when the answer to a COMMIT is lost the number tells what became of it.
//!
//! Each number is a row of its own and found by its key. A counter in one row would have to be looked for through all of its
//! versions for as long as anybody's transaction keeps them from being cleared away.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use groundswell_types::EventId;
use sqlx::{PgConnection, Row};
use tokio_util::sync::CancellationToken;

use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::lease::{Purpose, milliseconds};
use super::statement::{scalar, statement};
use crate::cluster::NodeId;
use crate::store::calendar::utc;
use crate::store::{SettingsVersion, StoreError};

const REGISTER: &str = "
    INSERT INTO node (id, name, machine, address, number, presence, commits, open_until_ms, expires_at_ms)
    SELECT $1, $2, $3, $4, free.number, $5, 0, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $6, NULL
    FROM generate_series(0, 63) AS free (number)
    WHERE free.number NOT IN (
        SELECT number FROM node
        WHERE open_until_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 3600000
    )
    ORDER BY free.number
    LIMIT 1
    RETURNING number";

const MOVE: &str = "UPDATE node SET address = $2 WHERE id = $1";

/// Those on other machines that have the database open. One without an address has only just begun; `$2`: the name alone is what
/// processes of the version before say of this machine.
const ELSEWHERE: &str = "
    SELECT name, address
    FROM node
    WHERE machine <> $1 AND machine <> $2 AND presence <> 'alone' AND address <> ''
        AND open_until_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
    ORDER BY name, id";

/// Two processes cannot be at one address of one machine: whoever had it before is gone.
const SUCCEED: &str = "
    UPDATE shard_lease SET expires_at_ms = 0
    FROM node
    WHERE node.id = shard_lease.owner AND node.id <> $1 AND node.machine = $2 AND node.address = $3";

const FORGET_PREDECESSORS: &str = "DELETE FROM node WHERE id <> $1 AND machine = $2 AND address = $3";

/// Who has the lease may be sure that nobody is alone with the database any more.
const FORGET_ALONE: &str = "DELETE FROM node WHERE presence = 'alone'";

/// The others that have the database open. Who has the lease may be sure that nobody is alone with it any more: those rows were
/// left behind.
const OPEN: &str = "
    SELECT name, address, open_until_ms
    FROM node
    WHERE presence <> 'alone' AND open_until_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
    ORDER BY name, id
    LIMIT 1";

/// For whoever is alone: what comes back of those that were thought dead must not write.
const FORGET_ALL: &str = "DELETE FROM node";

/// Not heard of for a day.
const FORGET_OLD: &str = "
    DELETE FROM node
    WHERE open_until_ms < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 86400000";

/// And keeps what was last said of ids with a commit, because that commit is forgotten soon.
const STAY_OPEN: &str = "
    UPDATE node
    SET open_until_ms = GREATEST(open_until_ms, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $2),
        settled = CASE WHEN settled IS NOT NULL THEN GREATEST(settled, (
            SELECT said.settled FROM node_commit AS said
            WHERE said.node = node.id AND said.settled IS NOT NULL
            ORDER BY said.number DESC
            LIMIT 1
        )) END
    WHERE id = $1";

/// The last statement of every transaction that writes. Its lock on the row is held until the transaction has ended one
/// way or the other, and keeps nobody from giving signs of life meanwhile.
///
/// `$3`: up to where this node's events are settled, once that is known. `$4`: the lowest id of those that the transaction accepts.
/// A process that is not counted in may commit none, so it stays out.
const COUNT: &str = "
    WITH own AS (
        SELECT id FROM node WHERE id = $1 AND (CAST($4 AS BIGINT) IS NULL OR settled < $4) FOR KEY SHARE
    )
    INSERT INTO node_commit (node, number, settled) SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM own
    RETURNING number";

/// The same, and which settings there are, which stay so until the transaction has ended.
const COUNT_UNDER_SETTINGS: &str = "
    WITH own AS (
        SELECT id FROM node WHERE id = $1 AND (CAST($4 AS BIGINT) IS NULL OR settled < $4) FOR KEY SHARE
    )
    INSERT INTO node_commit (node, number, settled) SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM own
    RETURNING (SELECT version FROM settings_version WHERE id = 1 FOR SHARE)";

const IS_THERE: &str = "SELECT settled IS NOT NULL FROM node WHERE id = $1";

const ENTER: &str = "
    UPDATE node
    SET settled = COALESCE(settled, GREATEST(
        (SELECT MAX(settled) FROM node), (SELECT MAX(settled) FROM node_commit), (SELECT MAX(id) FROM event), 0
    ))
    WHERE id = $1";

/// Asked once the process is counted in: whatever others hold for settled after that they know of it. What one that is gone by now
/// has told of is there as an event.
const HIGHEST: &str = "
    SELECT GREATEST((SELECT MAX(settled) FROM node), (SELECT MAX(settled) FROM node_commit), (SELECT MAX(id) FROM event), 0)";

/// Whoever has come back meanwhile stays. One in the middle of a commit has locked its row, which a change alone would not wait for.
const RETIRE: &str = "
    UPDATE node SET settled = NULL
    WHERE id IN (
        SELECT id FROM node
        WHERE id = $1 AND COALESCE(expires_at_ms, open_until_ms) <= CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
        FOR UPDATE
    )";

const LOCK_NOT_AVAILABLE: &str = "55P03";

const RETIRE_BRIEFLY: &str = "SET LOCAL lock_timeout = '100ms'";

/// Waits until a transaction of the former session has ended, because of its lock: so what is read after it is final.
const RESUME: &str = "SELECT id FROM node WHERE id = $1 FOR UPDATE";

const LAST_COMMIT: &str = "SELECT COALESCE(MAX(number), 0) FROM node_commit WHERE node = $1";

/// A range that begins where the one before ended, so that nothing is looked at that is gone already.
const FORGET_COMMITS: &str = "DELETE FROM node_commit WHERE node = $1 AND number >= $2 AND number < $3";

/// Of processes that are gone.
const FORGET_COMMITS_OF_OTHERS: &str = "
    DELETE FROM node_commit WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = node_commit.node)";

const FORGET_OWN_COMMITS: &str = "DELETE FROM node_commit WHERE node = $1";

const LEAVE: &str = "DELETE FROM node WHERE id = $1";

/// What others are told of a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Introduction<'a> {
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    pub(super) purpose: Purpose,
    /// How long the process counts as having the database open when it is not heard of.
    pub(super) ttl: Duration,
}

/// This process, as the database knows it.
#[derive(Debug)]
pub(super) struct Node {
    id: NodeId,
    number: u8,
    ttl: Duration,
    /// The number of the next transaction. None is given twice; that of one that was rolled back is missing.
    next_commit: AtomicI64,
    /// Those before it are forgotten.
    forgotten_to: AtomicI64,
    /// Whether the last sign of life did not get through.
    is_silent: AtomicBool,
    /// Why nothing can be written any more, once that is so.
    loss: OnceLock<String>,
    lost: CancellationToken,
}

/// What a transaction says of the ids of events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ids {
    /// No event of this node with an id up to there is committed after this transaction.
    pub(super) settled: Option<EventId>,
    /// The lowest of those that it commits.
    pub(super) lowest: Option<EventId>,
}

/// A transaction that is about to commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) number: i64,
    /// The settings there are, if they were asked for.
    pub(super) settings: Option<SettingsVersion>,
}

/// Refuses a database that others have open, and forgets those that do not come back. For who has the lease.
pub(super) async fn be_alone(db: &mut PgConnection, database: &str) -> Result<(), StoreError> {
    let open = within(READ_LIMIT, statement(db, OPEN).fetch_optional(&mut *db)).await;
    if let Some(row) = open.map_err(error::of_read)? {
        let text = |column| row.try_get::<String, _>(column).map_err(error::of_read);
        let (name, address) = (text(0)?, text(1)?);
        let place = if address.is_empty() { String::new() } else { format!(" at {address}") };
        let until = utc(row.try_get(2).map_err(error::of_read)?);
        return Err(StoreError::Unusable(format!(
            "the database {database} is in use by {name}{place}, which has it until {until} and longer; stop that process and \
             every other one at this database first, or use another database"
        )));
    }
    within(WRITE_LIMIT, statement(db, FORGET_ALL).execute(db)).await.map(drop).map_err(error::of_write)
}

impl Node {
    /// Introduces this process. For who has the lease.
    pub(super) async fn register(db: &mut PgConnection, own: Introduction<'_>) -> Result<Self, StoreError> {
        let id = NodeId::new(rand::random_range(1..=i64::MAX));
        let presence = match own.purpose {
            Purpose::Alone => "alone",
            Purpose::Serve => "staying",
        };
        for sql in [FORGET_ALONE, FORGET_OLD, FORGET_COMMITS_OF_OTHERS] {
            within(WRITE_LIMIT, statement(db, sql).execute(&mut *db)).await.map_err(error::of_write)?;
        }
        let query = statement(db, REGISTER)
            .bind(id.number())
            .bind(own.name)
            .bind(machine())
            .bind(own.address)
            .bind(presence)
            .bind(milliseconds(own.ttl));
        let row = within(WRITE_LIMIT, query.fetch_optional(db)).await.map_err(error::of_write)?;
        let Some(row) = row else {
            return Err(StoreError::Unusable(
                "64 processes have had this database open within the last hour, and there is a number for no more; stop some, or \
                 wait"
                    .to_owned(),
            ));
        };
        let number: i16 = row.try_get(0).map_err(error::of_write)?;
        Ok(Self {
            id,
            number: u8::try_from(number).unwrap_or_default(),
            ttl: own.ttl,
            next_commit: AtomicI64::new(1),
            forgotten_to: AtomicI64::new(1),
            is_silent: AtomicBool::new(false),
            loss: OnceLock::new(),
            lost: CancellationToken::new(),
        })
    }

    pub(super) const fn id(&self) -> NodeId {
        self.id
    }

    pub(super) const fn number(&self) -> u8 {
        self.number
    }

    /// Is spoken to there from now on, and takes the place of whoever was before. Processes on several machines that cannot
    /// reach each other are refused.
    pub(super) async fn be_at(&self, db: &mut PgConnection, address: &str) -> Result<(), StoreError> {
        let query = statement(db, ELSEWHERE).bind(machine()).bind(host_name());
        let others = within(READ_LIMIT, query.fetch_all(&mut *db)).await.map_err(error::of_read)?;
        for row in others {
            let text = |column| row.try_get::<String, _>(column).map_err(error::of_read);
            let (name, other) = (text(0)?, text(1)?);
            if [address, &other].into_iter().any(is_loopback) {
                return Err(StoreError::Unusable(format!(
                    "this process is at {address}, and {name} at {other} on another machine: one cannot reach the other there; \
                     give each an address that the others reach (GROUNDSWELL_NODE_ADDRESS)"
                )));
            }
        }
        let own = statement(db, MOVE).bind(self.id.number()).bind(address);
        within(WRITE_LIMIT, own.execute(&mut *db)).await.map_err(error::of_write)?;
        for sql in [SUCCEED, FORGET_PREDECESSORS] {
            let query = statement(db, sql).bind(self.id.number()).bind(machine()).bind(address);
            within(WRITE_LIMIT, query.execute(&mut *db)).await.map_err(error::of_write)?;
        }
        Ok(())
    }

    /// How long a sign of life may be put off.
    pub(super) fn wait(&self) -> Duration {
        self.ttl / 3
    }

    /// Whether the last sign of life did not get through.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::SeqCst)
    }

    pub(super) fn note_silence(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// The error once nothing can be written any more.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.loss.get().map_or(Ok(()), |loss| Err(StoreError::Unusable(loss.clone())))
    }

    /// Waits until nothing can be written any more.
    pub(super) async fn lost(&self) -> StoreError {
        self.lost.cancelled().await;
        self.check().err().unwrap_or_else(|| StoreError::Unusable("the database is lost".to_owned()))
    }

    /// Gives a sign of life, and forgets who has given none for a day.
    pub(super) async fn stay_open(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let limit = self.wait().max(Duration::from_secs(1));
        // All before it have ended by now, so what they said is seen by what follows.
        let last = self.next_commit.load(Ordering::SeqCst) - 1;
        let query = statement(db, STAY_OPEN).bind(self.id.number()).bind(milliseconds(self.ttl));
        let done = within(limit, query.execute(&mut *db)).await.map_err(error::of_read)?;
        if done.rows_affected() == 0 {
            return Err(self.is_gone());
        }
        within(limit, statement(db, FORGET_OLD).execute(&mut *db)).await.map_err(error::of_read)?;
        self.forget_commits(db, (last, limit)).await?;
        self.is_silent.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Counts the transaction that is about to commit. [`StoreError::Outdated`] if others hold for settled what it accepts.
    pub(super) async fn count(
        &self,
        db: &mut PgConnection,
        (needs_settings, ids): (bool, Ids),
    ) -> Result<Counted, StoreError> {
        let number = self.next_commit.fetch_add(1, Ordering::SeqCst);
        let query = statement(db, if needs_settings { COUNT_UNDER_SETTINGS } else { COUNT })
            .bind(self.id.number())
            .bind(number)
            .bind(ids.settled.map(EventId::number))
            .bind(ids.lowest.map(EventId::number));
        let row = within(WRITE_LIMIT, query.fetch_optional(&mut *db)).await;
        let Some(row) = row.map_err(error::of_write)? else {
            self.is_counted_in(db).await?;
            return Err(StoreError::Outdated);
        };
        let settings = needs_settings.then(|| row.try_get(0).map(SettingsVersion)).transpose();
        Ok(Counted { number, settings: settings.map_err(error::of_write)? })
    }

    /// Whether events may be committed without entering again.
    pub(super) async fn is_counted_in(&self, db: &mut PgConnection) -> Result<bool, StoreError> {
        let query = scalar::<bool>(db, IS_THERE).bind(self.id.number());
        let is_counted_in = within(READ_LIMIT, query.fetch_optional(db)).await.map_err(error::of_read)?;
        is_counted_in.ok_or_else(|| self.is_gone())
    }

    /// See [`crate::store::ClusterStore::enter`]; in two transactions, of which this is the first.
    pub(super) async fn enter(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let query = statement(db, ENTER).bind(self.id.number());
        within(WRITE_LIMIT, query.execute(db)).await.map(drop).map_err(error::of_write)
    }

    /// The second.
    pub(super) async fn highest_settled(&self, db: &mut PgConnection) -> Result<EventId, StoreError> {
        let query = scalar(db, HIGHEST);
        let highest = within(READ_LIMIT, query.fetch_one(db)).await.map_err(error::of_read)?;
        Ok(EventId::from_number(highest))
    }

    /// Goes on without another process, if its time is over. Nothing happens while that is in the middle of a commit.
    pub(super) async fn retire(db: &mut PgConnection, other: NodeId) -> Result<(), StoreError> {
        within(READ_LIMIT, sqlx::raw_sql(RETIRE_BRIEFLY).execute(&mut *db)).await.map_err(error::of_read)?;
        let query = statement(db, RETIRE).bind(other.number());
        match within(READ_LIMIT, query.execute(db)).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                Ok(())
            }
            result => result.map(drop).map_err(error::of_read),
        }
    }

    /// Goes on in a new session: returns the number of the last transaction that has committed, of those that are remembered.
    pub(super) async fn resume(&self, db: &mut PgConnection) -> Result<i64, StoreError> {
        let query = scalar::<i64>(db, RESUME).bind(self.id.number());
        let own = within(READ_LIMIT, query.fetch_optional(&mut *db)).await.map_err(error::of_read)?;
        if own.is_none() {
            return Err(self.is_gone());
        }
        let query = scalar(db, LAST_COMMIT).bind(self.id.number());
        within(READ_LIMIT, query.fetch_one(db)).await.map_err(error::of_read)
    }

    /// Forgets the transactions before one of which it may still have to be found out what became of it.
    async fn forget_commits(
        &self,
        db: &mut PgConnection,
        (to, limit): (i64, Duration),
    ) -> Result<(), StoreError> {
        let from = self.forgotten_to.load(Ordering::SeqCst);
        if from < to {
            let query = statement(db, FORGET_COMMITS).bind(self.id.number()).bind(from).bind(to);
            within(limit, query.execute(db)).await.map_err(error::of_read)?;
            self.forgotten_to.store(to, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Takes leave: nothing is written any more.
    pub(super) async fn leave(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        for sql in [FORGET_OWN_COMMITS, LEAVE] {
            let query = statement(db, sql).bind(self.id.number());
            within(READ_LIMIT, query.execute(&mut *db)).await.map_err(error::of_read)?;
        }
        Ok(())
    }

    /// The error for the row's being gone.
    pub(super) fn is_gone(&self) -> StoreError {
        let loss = "this process was thought to have ended, and others go on with the database without it: its row in the table \
                    node is gone; this process stops, and what it had not committed is delivered by another one";
        self.give_up(loss.to_owned());
        StoreError::Unusable(loss.to_owned())
    }

    /// Nothing is written any more, for this reason.
    pub(super) fn give_up(&self, reason: String) {
        let _ = self.loss.set(reason);
        self.lost.cancel();
    }
}

/// What the machine, or the container, calls itself; and, since others may call themselves the same, which start of it this is and
/// which network it has. Where the system does not say that, names must differ.
fn machine() -> String {
    let name = host_name();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let network = std::fs::read_link("/proc/self/ns/net").unwrap_or_default();
    format!("{name} {} {}", boot.trim(), network.display())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether an address like `http://127.0.0.1:3000` is one that only its own machine can reach.
fn is_loopback(address: &str) -> bool {
    let Ok(address) = address.parse::<http::Uri>() else { return false };
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
