//! Opening a database: how it is connected to, the settings that keep a commit safe, the schema, and what is refused.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgConnection, Row};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::{self, READ_LIMIT, within};
use super::lease::Lease;
use super::writer::Writer;
use super::{Options, copying, keeper, secrets};
use crate::clock::{Clock, Stopwatch};
use crate::store::inspection::Inspection;
use crate::store::{StoreError, query, schema};

/// The oldest version that is tested and that PostgreSQL's own project still looks after.
const OLDEST_VERSION: i64 = 140_000;

/// More than the statements there are, list sizes included, so that none is ever prepared twice.
const STATEMENT_CACHE: usize = 300;

/// A server that is there answers at once, also with a refusal.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// How long a read waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);

const SETTINGS: &str = "
    SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding'),
        CAST(current_setting('server_version_num') AS BIGINT), current_setting('server_version')";

/// What is not checked when connecting; and the age of the session.
const STATE: &str = "
    SELECT current_setting('full_page_writes'), current_setting('autovacuum'),
        CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT),
        CAST(EXTRACT(EPOCH FROM clock_timestamp() - backend_start) * 1000 AS BIGINT)
    FROM pg_stat_activity
    WHERE pid = pg_backend_pid()";

const HAS_MIGRATIONS: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";

const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";

/// Where the migrations are noted, by the search path as it is now. A migration makes the schema `groundswell`, and for a role of
/// that name it comes first in the path from then on: a table without its schema's name would be made there.
const PLACE: &str = "
    SELECT CAST(quote_ident(room.nspname) AS TEXT)
    FROM pg_class AS noted
    JOIN pg_namespace AS room ON room.oid = noted.relnamespace
    WHERE noted.oid = to_regclass('_sqlx_migrations')";

const HAS_LEASE: &str = "SELECT to_regclass('lease') IS NOT NULL";

/// Without an advisory lock: the lease keeps other processes away, and a new database's first migration can succeed
/// only once.
pub(super) fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../../migrations/postgres");
    migrator.set_locking(false);
    migrator
}

/// How to connect.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    /// The database as messages name it, without a password.
    database: String,
}

impl Connector {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|error| {
            StoreError::Unusable(format!(
                "the database URL must look like postgres://user:password@host:5432/database ({error})"
            ))
        })?;
        let options = options.statement_cache_capacity(STATEMENT_CACHE).disable_statement_logging();
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("groundswell"),
        };
        let name = options.get_database().unwrap_or_else(|| options.get_username());
        let database = match options.get_socket() {
            Some(socket) => format!("{name} at {}:{}", socket.display(), options.get_port()),
            None => format!("{name} at {}:{}", options.get_host(), options.get_port()),
        };
        Ok(Self { options, database })
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Connects, and makes sure that a commit will be on the disk.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut connection = within(CONNECT_LIMIT, self.options.connect()).await.map_err(error::of_read)?;
        self.check_settings(&mut connection).await?;
        Ok(connection)
    }

    /// The same when nothing works yet and a person waits for the reason.
    pub(super) async fn connect_first(&self) -> Result<PgConnection, StoreError> {
        self.connect().await.map_err(|error| match error {
            StoreError::Unavailable(cause) => {
                StoreError::Unusable(format!("cannot connect to the database {}: {cause}", self.database))
            }
            other => other,
        })
    }

    async fn check_settings(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let row = within(READ_LIMIT, sqlx::query(SETTINGS).fetch_one(connection)).await;
        let row = row.map_err(error::of_read)?;
        let text = |column| row.try_get::<String, _>(column).map_err(error::of_read);
        let (synchronous_commit, fsync, encoding) = (text(0)?, text(1)?, text(2)?);
        let version: i64 = row.try_get(3).map_err(error::of_read)?;
        let refusal = if synchronous_commit == "off" || fsync == "off" {
            format!(
                "can lose what it has committed: synchronous_commit is {synchronous_commit} and fsync is {fsync}, and \
                 neither may be off"
            )
        } else if encoding != "UTF8" {
            format!("has the encoding {encoding}; create one with the encoding UTF8")
        } else if version < OLDEST_VERSION {
            format!("is on PostgreSQL {}; at least 14 is needed", text(4)?)
        } else {
            return Ok(());
        };
        Err(StoreError::Unusable(format!("the database {} {refusal}", self.database)))
    }

    /// The database as it is. Connecting checks the settings; nothing is written.
    pub(super) async fn inspect(&self) -> Result<Inspection, StoreError> {
        let connecting = Stopwatch::start();
        let mut connection = self.connect_first().await?;
        let state = within(READ_LIMIT, sqlx::query(STATE).fetch_one(&mut connection)).await;
        let (state, now_ms) = (state.map_err(error::of_read)?, Clock::system().now_ms());
        let age_ms: i64 = state.try_get(3).map_err(error::of_read)?;
        let session_is_older_by_ms = Some(age_ms - connecting.elapsed_ms()).filter(|ms| *ms > 0);
        let clocks_ms = Some((state.try_get(2).map_err(error::of_read)?, now_ms));
        let query = sqlx::query_scalar(HAS_MIGRATIONS);
        let has_migrations: bool =
            within(READ_LIMIT, query.fetch_one(&mut connection)).await.map_err(error::of_read)?;
        let applied = if has_migrations {
            let query = sqlx::query_scalar(APPLIED);
            within(READ_LIMIT, query.fetch_all(&mut connection)).await.map_err(error::of_read)?
        } else {
            Vec::new()
        };
        let secrets_key = query::secrets::key_id(&mut connection, &applied).await?;
        let row = within(READ_LIMIT, sqlx::query(SETTINGS).fetch_one(&mut connection)).await;
        let row = row.map_err(error::of_read)?;
        let text = |column| row.try_get::<String, _>(column).map_err(error::of_read);
        let settings = vec![
            ("synchronous_commit", text(0)?),
            ("fsync", text(1)?),
            ("encoding", text(2)?),
            ("version", text(4)?),
            ("full_page_writes", state.try_get(0).map_err(error::of_read)?),
            ("autovacuum", state.try_get(1).map_err(error::of_read)?),
        ];
        let newest_at_ms = query::inspection::newest_at_ms(&mut connection, &applied).await?;
        let receivers = query::inspection::receivers(&mut connection, &applied).await?;
        let unfinished_copy_of = copying::unfinished_copy_of(&mut connection).await?;
        within(CONNECT_LIMIT, connection.close()).await.map_err(error::of_read)?;
        let new = Inspection::new(&migrator(), applied);
        let state = Inspection { newest_at_ms, receivers, clocks_ms, session_is_older_by_ms, ..new };
        Ok(Inspection { secrets_key, settings, unfinished_copy_of, ..state })
    }

    /// The connections that read, opened when they are needed.
    pub(super) fn readers(&self, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            // Costs a round trip, and spares every reader an error after the server has restarted.
            .test_before_acquire(true)
            .connect_lazy_with(self.options.clone())
    }

    /// The connection for what inboxes have got, opened when it is needed. Its commits wait for no disk.
    pub(super) fn inbox(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_LIMIT)
            .test_before_acquire(true)
            .connect_lazy_with(self.options.clone().options([("synchronous_commit", "off")]))
    }

    pub(super) async fn migrate(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let mut migrator = migrator();
        let query = sqlx::query_scalar::<_, String>(PLACE);
        let place =
            within(READ_LIMIT, query.fetch_optional(&mut *connection)).await.map_err(error::of_read)?;
        if let Some(place) = place {
            migrator.dangerous_set_table_name(format!("{place}._sqlx_migrations"));
        }
        let result = migrator.run(connection).await;
        result.map_err(|error| schema::refuse(&self.database, &migrator, error))
    }
}

/// Takes the lease, brings the schema up to date, and makes room for today. Returns what writes, and the task that
/// keeps the lease until `stop`.
pub(super) async fn writer(
    connector: Connector,
    options: &Options,
    stop: CancellationToken,
) -> Result<(Arc<Writer>, JoinHandle<()>), StoreError> {
    let (writer, keeper) = claim(&connector, (options.opened_at_ms, options.lease), &stop).await?;
    let prepared = async {
        let mut connection = connector.connect().await?;
        copying::refuse_unfinished(&mut connection, connector.database()).await?;
        connector.migrate(&mut connection).await?;
        secrets::settle(&writer, &options.vault, options.opened_at_ms).await?;
        secrets::remove_leftovers(&mut connection).await?;
        writer.make_room_ahead().await
    };
    if let Err(error) = prepared.await {
        stop.cancel();
        writer.close().await;
        return Err(error);
    }
    Ok((writer, keeper))
}

/// Takes the lease of a database, which gets the tables for that if it has none. Returns what writes, and the task that keeps
/// the lease until `stop`, however long a migration takes.
pub(super) async fn claim(
    connector: &Connector,
    (opened_at_ms, lease): (i64, Duration),
    stop: &CancellationToken,
) -> Result<(Arc<Writer>, JoinHandle<()>), StoreError> {
    const DAY_MS: i64 = 86_400_000;
    let mut connection = connector.connect_first().await?;
    if !has_lease(&mut connection).await?
        && let Err(error) = connector.migrate(&mut connection).await
        // Another process has done it at the same time; which of the two goes on is decided below.
        && !has_lease(&mut connection).await?
    {
        return Err(error);
    }
    let lease = Lease::take(&mut connection, connector.database(), &owner(), lease).await?;
    let today = opened_at_ms.div_euclid(DAY_MS);
    let writer = Arc::new(Writer::new(connection, connector.clone(), lease, today));
    let keeper = tokio::spawn(keeper::run(Arc::clone(&writer), connector.clone(), stop.clone()));
    Ok((writer, keeper))
}

async fn has_lease(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar(HAS_LEASE);
    within(READ_LIMIT, query.fetch_one(connection)).await.map_err(error::of_read)
}

/// This process, as others are told who has the database.
fn owner() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("process {} on {host}", std::process::id())
}
