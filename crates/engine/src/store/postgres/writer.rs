//! The one connection that writes: its transactions, and what becomes of them when it breaks.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{Mutex, MutexGuard, Notify};

use super::connector::{self, Connector};
use super::error::{self, WRITE_LIMIT, within};
use super::node::{Ids, Node};
use super::partitions::{self, Ahead, Days};
use crate::clock::Stopwatch;
use crate::store::{SettingsVersion, StoreError, sql};

/// Said in full, so that no setting of the database or the role makes it another one. What a lost session has locked is free
/// again after five seconds; a process that is held up for so long between two statements begins anew.
pub(super) const BEGIN: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// The same for signs of life and leases. They lock this process's row, for which a transaction waits that has locked leases: were
/// both lost sight of, others would have to wait for the one after the other before they could take those leases.
pub(super) const BEGIN_BRIEFLY: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL idle_in_transaction_session_timeout = '1s'";

const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// A server that is there begins and rolls back at once: neither waits for a lock.
const PROMPT_LIMIT: Duration = Duration::from_secs(2);

/// Between attempts to reach a server that is away.
pub(super) const CONNECT_AGAIN: Duration = Duration::from_millis(100);

/// A commit whose answer was lost is asked about for so long; a server recovers from a crash meanwhile.
const DOUBT_LIMIT: Duration = Duration::from_mins(2);

#[derive(Debug)]
pub(super) struct Writer {
    state: Mutex<State>,
    connector: Connector,
    pub(super) node: Node,
    /// Whether the connection is lost and there is no other one yet.
    is_away: AtomicBool,
    /// Told when the connection is lost, or a transaction was left half-way.
    pub(super) needs_care: Notify,
    /// The last day that rows were written for, or the day it was opened.
    latest_day: AtomicI64,
    /// Of how many days to come there are partitions, as it was looked at last.
    days_ahead: AtomicI64,
}

#[derive(Debug)]
struct State {
    /// Gone when the connection was lost, or once the database is closed.
    connection: Option<PgConnection>,
    /// Whether a transaction may still be open, because whoever began it was dropped half-way.
    is_in_transaction: bool,
    /// Set by a commit of which nobody can say what became of it; nothing is written after it.
    is_broken: bool,
    is_closed: bool,
    days: Days,
}

/// A write transaction. Dropped, it is rolled back soon: it may hold the lock on this process's row, and no sign of life gets
/// through then.
#[derive(Debug)]
pub(in crate::store) struct Transaction<'a> {
    writer: &'a Writer,
    state: MutexGuard<'a, State>,
    /// The partitions there are once this has committed, if it made or dropped some.
    days: Option<BTreeSet<i64>>,
    /// The settings that must be there still when it commits.
    settings: Option<SettingsVersion>,
    ids: Ids,
}

impl Writer {
    pub(super) fn new(connection: PgConnection, connector: Connector, node: Node, today: i64) -> Self {
        let state = State {
            connection: Some(connection),
            is_in_transaction: false,
            is_broken: false,
            is_closed: false,
            days: Days::default(),
        };
        Self {
            state: Mutex::new(state),
            connector,
            node,
            is_away: AtomicBool::new(false),
            needs_care: Notify::new(),
            latest_day: AtomicI64::new(today),
            days_ahead: AtomicI64::new(1),
        }
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::SeqCst)
    }

    /// Begins a transaction. A connection that was lost while nothing was written on it is replaced unseen.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let state = self.state.lock().await;
        self.begin_with(state).await
    }

    async fn begin_with<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<Transaction<'a>, StoreError> {
        self.check(&state)?;
        if state.is_in_transaction {
            self.leave_transaction(&mut state).await;
        }
        if state.connection.is_some() && state.start().await.is_err() {
            self.lose(&mut state);
        }
        if state.connection.is_none() {
            self.connect(&mut state).await?;
            if let Err(error) = state.start().await {
                self.lose(&mut state);
                return Err(error::of_read(error));
            }
        }
        Ok(Transaction { writer: self, state, days: None, settings: None, ids: Ids::default() })
    }

    /// Makes the partitions of the latest day and the one after it, unless they are known to be there or something is
    /// being written just now.
    pub(super) async fn make_room_ahead(&self) -> Result<(), StoreError> {
        let latest = self.latest_day.load(Ordering::SeqCst);
        let days = BTreeSet::from([latest, latest + 1]);
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        if !state.days.lacks(&days) {
            return Ok(());
        }
        let mut db = self.begin_with(state).await?;
        let result = db.make_room(&days).await;
        sql::Transaction::finish(db, result).await
    }

    /// Looks whether there are partitions of today and the day after, whatever is known of that: somebody else may have dropped
    /// some. If there are not, they are looked up anew by the next who needs them. Returns whether there are.
    pub(super) async fn look_ahead(&self, db: &mut PgConnection) -> Result<bool, StoreError> {
        let Ahead { today, days } = Ahead::look(db).await?;
        self.latest_day.fetch_max(today, Ordering::SeqCst);
        self.days_ahead.store(days, Ordering::SeqCst);
        if days < 1
            && let Ok(mut state) = self.state.try_lock()
        {
            state.days.doubt();
        }
        Ok(days >= 1)
    }

    /// See [`Ahead::days`].
    pub(super) fn days_ahead(&self) -> i64 {
        self.days_ahead.load(Ordering::SeqCst)
    }

    /// Drops the partitions of days before `day` that are empty, oldest first.
    pub(super) async fn drop_empty_before(&self, day: i64) -> Result<(), StoreError> {
        let state = self.state.lock().await;
        if !state.days.has_any_before(day) {
            return Ok(());
        }
        let mut db = self.begin_with(state).await?;
        let result = db.drop_empty_before(day).await;
        sql::Transaction::finish(db, result).await
    }

    /// Rolls back what was left half-way, unless somebody writes just now, who has done it first.
    pub(super) async fn tidy(&self) {
        // Who left it may still be about to let go.
        const LET_GO: Duration = Duration::from_millis(100);
        let Ok(mut state) = tokio::time::timeout(LET_GO, self.state.lock()).await else { return };
        if state.is_in_transaction {
            self.leave_transaction(&mut state).await;
        }
    }

    /// Connects again if the connection is lost.
    pub(super) async fn recover(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        self.check(&state)?;
        if state.connection.is_none() {
            self.connect(&mut state).await?;
        }
        Ok(())
    }

    /// Closes the connection, and takes leave.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.is_closed = true;
        let Some(mut connection) = state.connection.take() else { return };
        if self.node.check().is_ok()
            && let Err(error) = self.leave(&mut connection).await
        {
            tracing::warn!(%error, "the database was not told that this process ends; it finds out by itself");
        }
        connector::close(connection).await;
    }

    async fn leave(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        run(connection, BEGIN).await.map_err(error::of_read)?;
        self.node.leave(connection).await?;
        run(connection, COMMIT).await.map_err(error::of_read)
    }

    fn check(&self, state: &State) -> Result<(), StoreError> {
        self.node.check()?;
        if state.is_broken {
            return Err(StoreError::Fatal(
                "an earlier commit failed; the database must be opened again".into(),
            ));
        }
        if state.is_closed {
            return Err(StoreError::Unavailable("the database is closed".into()));
        }
        Ok(())
    }

    /// Connects and goes on; returns the number of the last transaction that has committed.
    async fn connect(&self, state: &mut State) -> Result<i64, StoreError> {
        self.lose(state);
        let mut connection = self.connector.connect().await?;
        let last = connector::transact(&mut connection, async |db| self.node.resume(db).await).await?;
        self.connector.prepare_to_write(&mut connection).await?;
        state.connection = Some(connection);
        if self.is_away.swap(false, Ordering::SeqCst) {
            tracing::info!("connected to PostgreSQL again");
        }
        Ok(last)
    }

    fn lose(&self, state: &mut State) {
        state.connection = None;
        state.is_in_transaction = false;
        state.days.doubt();
        if !self.is_away.swap(true, Ordering::SeqCst) {
            self.needs_care.notify_one();
        }
    }

    /// Makes sure that no transaction is open. A connection that cannot even roll back is lost; the server rolls back
    /// then.
    async fn leave_transaction(&self, state: &mut State) {
        state.days.doubt();
        let Some(connection) = &mut state.connection else { return };
        match within(PROMPT_LIMIT, run(connection, ROLLBACK)).await {
            Ok(()) => state.is_in_transaction = false,
            Err(error) => {
                tracing::warn!(%error, "the connection to PostgreSQL was lost");
                self.lose(state);
            }
        }
    }

    /// Counts and commits, unless there are other settings by now than there must be.
    async fn commit(
        &self,
        state: &mut State,
        (settings, ids): (Option<SettingsVersion>, Ids),
    ) -> Result<(), StoreError> {
        let Some(connection) = &mut state.connection else {
            return Err(StoreError::Unavailable("the connection to PostgreSQL was lost".into()));
        };
        let counted = self.node.count(connection, (settings.is_some(), ids)).await?;
        if counted.settings != settings {
            return Err(StoreError::Outdated);
        }
        let error = match within(WRITE_LIMIT, run(connection, COMMIT)).await {
            Ok(()) => return Ok(()),
            // PostgreSQL has said that it did not.
            Err(error) if error.as_database_error().is_some_and(is_refusal) => {
                return Err(error::of_write(error));
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "the connection to PostgreSQL was lost in a commit; finding out what became of it");
        self.lose(state);
        self.resolve(state, counted.number, error).await
    }

    /// Finds out whether the transaction with this number has committed. Whoever waits for it waits on; everybody else
    /// is told that the store is away.
    async fn resolve(&self, state: &mut State, number: i64, error: sqlx::Error) -> Result<(), StoreError> {
        let watch = Stopwatch::start();
        loop {
            match self.connect(state).await {
                Ok(last) if last >= number => return Ok(()),
                Ok(_) => return Err(StoreError::Unavailable(error.into())),
                Err(StoreError::Unavailable(cause)) if watch.elapsed() < DOUBT_LIMIT => {
                    tracing::debug!(%cause, "PostgreSQL does not answer yet");
                    tokio::time::sleep(CONNECT_AGAIN).await;
                }
                Err(cause) => {
                    state.is_broken = true;
                    tracing::error!(%cause, "what became of a commit cannot be found out");
                    return Err(StoreError::Fatal(error.into()));
                }
            }
        }
    }
}

impl State {
    /// Begins a transaction on the connection there is.
    async fn start(&mut self) -> Result<(), sqlx::Error> {
        self.is_in_transaction = true;
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        within(PROMPT_LIMIT, run(connection, BEGIN)).await
    }
}

/// An answer to COMMIT after which the transaction is rolled back for sure; a server that stops (class 57) or has lost
/// sight of itself may have committed.
fn is_refusal(error: &dyn sqlx::error::DatabaseError) -> bool {
    error
        .code()
        .is_some_and(|code| ["23", "25", "40001", "40P01", "53"].iter().any(|class| code.starts_with(class)))
}

impl Transaction<'_> {
    /// Has the transaction commit only if these settings are there still.
    pub(super) const fn expect(&mut self, settings: SettingsVersion) {
        self.settings = Some(settings);
    }

    /// Has the transaction say this of the ids of events, and commit only if others do not hold them for settled.
    pub(super) const fn say(&mut self, ids: Ids) {
        self.ids = ids;
    }

    /// Makes sure that rows of these days have a partition, now that there will be some.
    pub(super) async fn make_room_for(&mut self, days: &BTreeSet<i64>) -> Result<(), StoreError> {
        if let Some(last) = days.last() {
            self.writer.latest_day.fetch_max(*last, Ordering::SeqCst);
        }
        self.make_room(days).await
    }

    async fn make_room(&mut self, days: &BTreeSet<i64>) -> Result<(), StoreError> {
        if self.state.days.lacks(days) {
            let present = partitions::create(self, days).await?;
            self.days = Some(present);
        }
        Ok(())
    }

    async fn drop_empty_before(&mut self, day: i64) -> Result<(), StoreError> {
        let mut present = partitions::create(self, &BTreeSet::new()).await?;
        let old: Vec<i64> = present.range(..day).copied().collect();
        for day in old {
            if !partitions::drop_empty(self, day).await? {
                break;
            }
            present.remove(&day);
        }
        self.days = Some(present);
        Ok(())
    }
}

impl sql::Transaction for Transaction<'_> {
    async fn finish<T: Send>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let result = match result {
            Ok(value) => self.writer.commit(&mut self.state, (self.settings, self.ids)).await.map(|()| value),
            Err(error) => Err(error),
        };
        if result.is_ok() {
            self.state.is_in_transaction = false;
            if let Some(days) = self.days.take() {
                self.state.days.know(days);
            }
        } else if self.state.is_in_transaction {
            self.writer.leave_transaction(&mut self.state).await;
        }
        result
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.state.is_in_transaction {
            self.writer.needs_care.notify_one();
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.state.connection.as_ref().expect("begin has found it open, and the lock has been held since")
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.state.connection.as_mut().expect("begin has found it open, and the lock has been held since")
    }
}

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}
