//! How a database is connected to, and the settings that keep a commit safe.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgConnection, Row};

use super::copying;
use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::migrations::{self, migrator};
use super::statement::{scalar, statement};
use super::writer::BEGIN;
use crate::clock::{Clock, Stopwatch};
use crate::store::inspection::Inspection;
use crate::store::{StoreError, query, schema};

/// The oldest version that is tested and that PostgreSQL's own project still looks after.
const OLDEST_VERSION: i64 = 140_000;

/// More than the statements there are, list sizes included, so that none is ever prepared twice.
const STATEMENT_CACHE: usize = 300;

/// A server that is there answers at once, also with a refusal.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// A connection that is still one answers at once.
const PING_LIMIT: Duration = Duration::from_millis(500);

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

/// Where the migrations are noted, by the search path as it is now. A migration makes the schema `groundswell`, and for a role of
/// that name it comes first in the path from then on: a table without its schema's name would be made there.
const PLACE: &str = "
    SELECT CAST(quote_ident(room.nspname) AS TEXT)
    FROM pg_class AS noted
    JOIN pg_namespace AS room ON room.oid = noted.relnamespace
    WHERE noted.oid = to_regclass('_sqlx_migrations')";

const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";

/// How to connect.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    /// Whether each connection is a session of the server's own: not so behind a pooler, which has a transaction run in any.
    has_own_session: bool,
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
        let has_own_session = !is_pooled(url);
        let cache = if has_own_session { STATEMENT_CACHE } else { 0 };
        let options = options.statement_cache_capacity(cache).disable_statement_logging();
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("groundswell"),
        };
        let name = options.get_database().unwrap_or_else(|| options.get_username());
        let database = match options.get_socket() {
            Some(socket) => format!("{name} at {}:{}", socket.display(), options.get_port()),
            None => format!("{name} at {}:{}", options.get_host(), options.get_port()),
        };
        Ok(Self { options, has_own_session, database })
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) const fn has_own_session(&self) -> bool {
        self.has_own_session
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
        let row = transact(connection, async |db| {
            within(READ_LIMIT, statement(db, SETTINGS).fetch_one(db)).await.map_err(error::of_read)
        });
        let row = row.await?;
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
        let inspection = transact(&mut connection, async |db| self.look(db, connecting).await).await?;
        close(connection).await;
        Ok(inspection)
    }

    async fn look(&self, db: &mut PgConnection, connecting: Stopwatch) -> Result<Inspection, StoreError> {
        let state = within(READ_LIMIT, statement(db, STATE).fetch_one(&mut *db)).await;
        let (state, now_ms) = (state.map_err(error::of_read)?, Clock::system().now_ms());
        let age_ms: i64 = state.try_get(3).map_err(error::of_read)?;
        let older_ms = age_ms - connecting.elapsed_ms();
        let session_is_older_by_ms = (older_ms > 0 && self.has_own_session).then_some(older_ms);
        let clocks_ms = Some((state.try_get(2).map_err(error::of_read)?, now_ms));
        let query = scalar(db, HAS_MIGRATIONS);
        let has_migrations: bool =
            within(READ_LIMIT, query.fetch_one(&mut *db)).await.map_err(error::of_read)?;
        let applied = if has_migrations {
            let query = scalar(db, APPLIED);
            within(READ_LIMIT, query.fetch_all(&mut *db)).await.map_err(error::of_read)?
        } else {
            Vec::new()
        };
        let secrets_key = query::secrets::key_id(db, &applied).await?;
        let row = within(READ_LIMIT, statement(db, SETTINGS).fetch_one(&mut *db)).await;
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
        let newest_at_ms = query::inspection::newest_at_ms(db, &applied).await?;
        let receivers = query::inspection::receivers(db, &applied).await?;
        let unfinished_copy_of = copying::unfinished_copy_of(&mut *db).await?;
        let new = Inspection::new(&migrator(), applied);
        let state = Inspection { newest_at_ms, receivers, clocks_ms, session_is_older_by_ms, ..new };
        Ok(Inspection { secrets_key, settings, unfinished_copy_of, ..state })
    }

    /// The connections that read, opened when they are needed.
    pub(super) fn readers(&self, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            // Costs a round trip, and spares every reader an error after the server has restarted. By itself sqlx would wait
            // for the answer as long as for a connection, and so for each one that was cut, one after the other.
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(answers(connection)))
            // Nor would it ever end to wait for one that comes back, which has its place meanwhile.
            .after_release(|connection, _| Box::pin(answers(connection)))
            .connect_lazy_with(self.options.clone())
    }

    /// The connection for what inboxes have got, opened when it is needed.
    pub(super) fn inbox(&self) -> PgPool {
        self.readers(1)
    }

    /// Makes a connection one that begins and ends its transactions itself. Behind a pooler it has sqlx count one that never
    /// ends, for [`super::statement::may_be_kept`].
    pub(super) async fn prepare_to_write(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if self.has_own_session {
            return Ok(());
        }
        let begun = within(READ_LIMIT, connection.begin_with(BEGIN)).await.map_err(error::of_read)?;
        std::mem::forget(begun);
        let ended = within(READ_LIMIT, sqlx::raw_sql("ROLLBACK").execute(connection)).await;
        ended.map(drop).map_err(error::of_read)
    }

    pub(super) async fn migrate(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let newest = schema::newest(&migrator());
        self.migrate_to(newest, connection).await
    }

    /// Makes the migrations up to this one.
    pub(super) async fn migrate_to(
        &self,
        target: i64,
        connection: &mut PgConnection,
    ) -> Result<(), StoreError> {
        let mut migrator = migrator();
        if !self.has_own_session {
            let result = migrations::run_to(&migrator, target, connection).await;
            return result.map_err(|error| schema::refuse(&self.database, &migrator, error));
        }
        let query = scalar::<String>(connection, PLACE);
        let place = within(READ_LIMIT, query.fetch_optional(&mut *connection)).await;
        if let Some(place) = place.map_err(error::of_read)? {
            migrator.dangerous_set_table_name(format!("{place}._sqlx_migrations"));
        }
        let result = migrator.run_to(target, connection).await;
        result.map_err(|error| schema::refuse(&self.database, &migrator, error))
    }
}

/// Whether a connection of a pool can be used still; else it is closed at once.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    within(PING_LIMIT, connection.ping()).await.map(|()| true)
}

/// Whether a URL says that there is a pooler before the database, by the parameter with which sqlx keeps no statements.
fn is_pooled(url: &str) -> bool {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    parameters.split('&').any(|parameter| parameter == "statement-cache-capacity=0")
}

/// Runs statements in a transaction, however few they are: a pooler may send what is outside of one to any session, and
/// what sqlx calls a statement is two requests.
pub(super) async fn transact<T: Send>(
    connection: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    transact_after(BEGIN, connection, work).await
}

/// The same, with the statement that begins the transaction.
pub(super) async fn transact_after<T: Send>(
    first: &'static str,
    connection: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let begun = within(READ_LIMIT, connection.begin_with(first)).await;
    let mut transaction = begun.map_err(error::of_read)?;
    let done = work(&mut transaction).await?;
    within(WRITE_LIMIT, transaction.commit()).await.map_err(error::of_read)?;
    Ok(done)
}

/// Ends a session in order.
pub(super) async fn close(connection: PgConnection) {
    if let Err(error) = within(READ_LIMIT, connection.close()).await {
        tracing::debug!(%error, "the connection to PostgreSQL was not closed cleanly");
    }
}
