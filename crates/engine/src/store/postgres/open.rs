//! Opening a database: what is done before anybody else, the schema, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connector::{Connector, transact};
use super::error::{self, READ_LIMIT, within};
use super::keeper::{self, KeptLease};
use super::lease::{Claimant, Lease, Purpose};
use super::node::{self, Introduction, Node};
use super::statement::scalar;
use super::writer::Writer;
use super::{Options, copying, secrets};
use crate::store::StoreError;

const HAS_LEASE: &str = "SELECT to_regclass('lease') IS NOT NULL";

/// The one that makes it.
const FIRST_MIGRATION: i64 = 1;

/// A new database is given its first table by whichever process comes first.
const TRIES: u32 = 5;
const TRY_AGAIN: Duration = Duration::from_millis(200);

const DAY_MS: i64 = 86_400_000;

/// What writes, and the task that keeps it so.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) writer: Arc<Writer>,
    pub(super) keeper: JoinHandle<()>,
}

/// Brings the schema up to date and makes room for today, while all others wait; from then on this process is one of several.
pub(super) async fn open(
    connector: &Connector,
    options: &Options,
    stop: &CancellationToken,
) -> Result<Opened, StoreError> {
    let lease = claim(connector, options, Purpose::Serve).await?;
    let opened = prepare(connector, options, (Purpose::Serve, stop)).await;
    lease.release().await;
    opened
}

/// The same, but alone with the database as long as the lease is kept.
pub(super) async fn open_alone(
    connector: &Connector,
    options: &Options,
    stop: &CancellationToken,
) -> Result<(Opened, KeptLease), StoreError> {
    let lease = claim(connector, options, Purpose::Alone).await?;
    match prepare(connector, options, (Purpose::Alone, stop)).await {
        Ok(opened) => {
            lease.guard(&opened.writer);
            Ok((opened, lease))
        }
        Err(error) => {
            lease.release().await;
            Err(error)
        }
    }
}

async fn prepare(
    connector: &Connector,
    options: &Options,
    (purpose, stop): (Purpose, &CancellationToken),
) -> Result<Opened, StoreError> {
    let mut connection = connector.connect().await?;
    let database = connector.database();
    transact(&mut connection, async |db| copying::refuse_unfinished(db, database).await).await?;
    connector.migrate(&mut connection).await?;
    let opened = join(connector, options, (purpose, stop)).await?;
    let prepared = async {
        secrets::settle(&opened.writer, &options.vault, options.opened_at_ms).await?;
        secrets::remove_leftovers(&mut connection).await?;
        opened.writer.make_room_ahead().await
    };
    match prepared.await {
        Ok(()) => Ok(opened),
        Err(error) => {
            stop.cancel();
            opened.writer.close().await;
            Err(error)
        }
    }
}

/// Takes the lease of a database, which gets the tables for that if it has none.
pub(super) async fn claim(
    connector: &Connector,
    options: &Options,
    purpose: Purpose,
) -> Result<KeptLease, StoreError> {
    let mut session = connector.connect_first().await?;
    make_lease(connector, &mut session).await?;
    let claimant = Claimant {
        database: connector.database(),
        name: &options.name,
        purpose,
        ttl: options.lease,
        has_own_session: connector.has_own_session(),
    };
    let lease = Lease::take(&mut session, claimant).await?;
    Ok(KeptLease::new(lease, session, connector.clone()))
}

/// Introduces this process to a database whose schema is up to date. For who has the lease.
pub(super) async fn join(
    connector: &Connector,
    options: &Options,
    (purpose, stop): (Purpose, &CancellationToken),
) -> Result<Opened, StoreError> {
    let mut connection = connector.connect().await?;
    let own = Introduction { name: &options.name, address: &options.address, purpose, ttl: options.lease };
    let node = transact(&mut connection, async |db| {
        if purpose == Purpose::Alone {
            node::be_alone(db, connector.database()).await?;
        }
        Node::register(db, own).await
    });
    let node = node.await?;
    connector.prepare_to_write(&mut connection).await?;
    let today = options.opened_at_ms.div_euclid(DAY_MS);
    let writer = Arc::new(Writer::new(connection, connector.clone(), node, today));
    let keeper = tokio::spawn(keeper::run(Arc::clone(&writer), connector.clone(), stop.clone()));
    Ok(Opened { writer, keeper })
}

/// Gives a new database the table for the lease; the rest of the schema is made by whoever has that.
async fn make_lease(connector: &Connector, session: &mut PgConnection) -> Result<(), StoreError> {
    let mut tries = 0;
    while !has_lease(session).await? {
        tries += 1;
        match connector.migrate_to(FIRST_MIGRATION, session).await {
            // Another process does it at the same time.
            Err(_) if tries < TRIES => tokio::time::sleep(TRY_AGAIN).await,
            Err(error) if !has_lease(session).await? => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn has_lease(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let look = async |db: &mut PgConnection| {
        let query = scalar(db, HAS_LEASE);
        within(READ_LIMIT, query.fetch_one(db)).await.map_err(error::of_read)
    };
    transact(connection, look).await
}

/// This process, as others are told who has the database.
pub(super) fn own_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("process {} on {host}", std::process::id())
}
