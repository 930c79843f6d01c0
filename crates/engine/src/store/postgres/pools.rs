//! What is taken from a pool, and goes back when it is dropped.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres};

use super::error::{self, WRITE_LIMIT, within};
use crate::store::{StoreError, sql};

const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// Nothing that an inbox has got is worth waiting for a disk.
const BEGIN_INBOX: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL synchronous_commit = off;
    SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// A connection that reads.
#[derive(Debug)]
pub(in crate::store) enum Reader {
    /// Each statement for itself.
    Session(PoolConnection<Postgres>),
    /// In a transaction, which a pooler runs in one session.
    Transaction(sqlx::Transaction<'static, Postgres>),
}

impl Reader {
    pub(super) async fn of(pool: &PgPool, has_own_session: bool) -> Result<Self, StoreError> {
        let reader = if has_own_session {
            pool.acquire().await.map(Self::Session)
        } else {
            pool.begin_with(BEGIN_READING).await.map(Self::Transaction)
        };
        reader.map_err(error::of_read)
    }
}

impl Deref for Reader {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Session(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Session(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A transaction on what inboxes have got.
#[derive(Debug)]
pub(in crate::store) struct InboxTransaction(sqlx::Transaction<'static, Postgres>);

impl InboxTransaction {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, StoreError> {
        pool.begin_with(BEGIN_INBOX).await.map(Self).map_err(error::of_read)
    }
}

impl sql::Transaction for InboxTransaction {
    async fn finish<T: Send>(self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let done = result?;
        within(WRITE_LIMIT, self.0.commit()).await.map_err(error::of_read)?;
        Ok(done)
    }
}

impl Deref for InboxTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for InboxTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
