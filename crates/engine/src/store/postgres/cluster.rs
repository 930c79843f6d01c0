//! What several nodes at one database need: their leases, on a connection of their own, so that no long transaction of this
//! process keeps them from being renewed; and what one has to learn of the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use groundswell_types::{EventId, ProgramId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio::sync::Mutex as AsyncMutex;

use super::connector::{self, Connector};
use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::hot::{self, column};
use super::node::{Ids, Node};
use super::statement::{Statement, scalar, statement};
use super::writer::BEGIN_BRIEFLY;
use super::{Postgres, changes, fence, partitions};
use crate::cluster::{Asked, Epoch, Lease, LeaseRow, NodeId, NodeRow, Presence, Shard, Snapshot};
use crate::store::query::deliveries::{limit_of, targets};
use crate::store::query::{Columns as _, Connection as _, damaged, moves, programs, webhooks};
use crate::store::sql::{Database as _, Transaction as _};
use crate::store::{
    Batch, Changes, ClusterStore, Committed, EndpointId, EndpointRecord, HealthRecord, Move, MoveStep, Moved,
    NodeAddress, ProgramRecord, SettingsVersion, Settled, StoreError,
};

/// Rows are locked in the order of the shards, so that two of these never wait for each other; looked at again once they
/// are. The lock is one that no fence waits for, nor waits for one.
const RENEW: &str = "
    WITH mine AS (
        SELECT shard_lease.shard
        FROM shard_lease
        JOIN UNNEST($2::SMALLINT[], $3::BIGINT[]) AS held (shard, epoch)
            ON shard_lease.shard = held.shard AND shard_lease.epoch = held.epoch
        ORDER BY shard_lease.shard
        FOR NO KEY UPDATE OF shard_lease
    )
    UPDATE shard_lease
    SET expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $4
    FROM mine
    WHERE shard_lease.shard = mine.shard AND owner = $1
        AND expires_at_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// The lock is one that a fence keeps waiting: whatever was begun under the lease before has committed then, or has not.
const ACQUIRE: &str = "
    WITH over AS (
        SELECT shard_lease.shard
        FROM shard_lease
        JOIN UNNEST($2::SMALLINT[], $3::BIGINT[]) AS seen (shard, epoch)
            ON shard_lease.shard = seen.shard AND shard_lease.epoch = seen.epoch
        WHERE expires_at_ms <= CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
        ORDER BY shard_lease.shard
        FOR UPDATE OF shard_lease
    )
    UPDATE shard_lease
    SET owner = $1, epoch = shard_lease.epoch + 1,
        expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $4
    FROM over
    WHERE shard_lease.shard = over.shard
    RETURNING shard_lease.shard, shard_lease.epoch";

const RELEASE: &str = "
    WITH mine AS (
        SELECT shard_lease.shard
        FROM shard_lease
        JOIN UNNEST($2::SMALLINT[], $3::BIGINT[]) AS held (shard, epoch)
            ON shard_lease.shard = held.shard AND shard_lease.epoch = held.epoch
        ORDER BY shard_lease.shard
        FOR NO KEY UPDATE OF shard_lease
    )
    UPDATE shard_lease SET expires_at_ms = 0 FROM mine WHERE shard_lease.shard = mine.shard AND owner = $1";

const LIVE: &str = "
    UPDATE node
    SET presence = $2, expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + $3
    WHERE id = $1";

const LEASES: &str = "
    SELECT shard, epoch, owner,
        expires_at_ms - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS remaining_ms
    FROM shard_lease
    ORDER BY shard";

const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// Those that have taken part.
const NODES: &str = "
    SELECT id, presence, expires_at_ms - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS remaining_ms
    FROM node
    WHERE expires_at_ms IS NOT NULL
    ORDER BY id";

const ADDRESSES: &str = "
    SELECT id, address
    FROM node
    WHERE id = $1 OR expires_at_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
    ORDER BY id";

/// No acquisition gets the row before the transaction has ended.
const EPOCH: &str = "SELECT epoch FROM shard_lease WHERE shard = $1 FOR KEY SHARE";

/// Of a move. Locked, since nothing that is read here may be deleted by others before it is written again, or it would come back.
const MOVABLE: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = $1 AND (due_at_ms, delivery_id) > ($2, $3) AND (due_at_ms, delivery_id) < ($4, $5)
    ORDER BY due_at_ms, delivery_id
    LIMIT $6
    FOR UPDATE";

/// It stays so until the transaction has ended.
const IS_ENABLED: &str = "SELECT is_enabled FROM endpoint WHERE id = $1 AND deleted_at_ms IS NULL FOR SHARE";

const ACCEPTED: &str = "SELECT id, targets FROM event WHERE id > $1 ORDER BY id LIMIT $2";

const ACCEPTED_BETWEEN: &str =
    "SELECT id, program_id FROM event WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3";

/// Newest day first, which the index gives without reading the others.
const NEWEST_UP_TO: &str = "SELECT MAX(id) FROM event WHERE id <= $1";

/// Of all processes, also of those that have not taken part yet.
const SETTLED: &str = "
    SELECT id,
        GREATEST(settled, (
            SELECT said.settled FROM node_commit AS said
            WHERE said.node = node.id AND said.settled IS NOT NULL AND node.settled IS NOT NULL
            ORDER BY said.number DESC
            LIMIT 1
        )) AS settled,
        COALESCE(expires_at_ms, open_until_ms) - CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS remaining_ms
    FROM node";

const WITHOUT_SYNC: &str = "SET LOCAL synchronous_commit TO OFF";

const HEALTH_OF: &str = "
    SELECT endpoint_id, consecutive_failures, last_failure_at_ms, last_success_at_ms, failing_deliveries,
        failing_since_ms, opened_at_ms, failed_probes, next_probe_at_ms, paused_until_ms, warnings
    FROM endpoint_state
    WHERE endpoint_id = ANY($1)
    ORDER BY endpoint_id";

/// Sees the same from its first statement to its last.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// However short a lease is, the database gets so long for its answer.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);

/// This process's part in the cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    connector: Connector,
    /// For leases; opened when it is needed, and again after a failure.
    connection: AsyncMutex<Option<PgConnection>>,
    /// See [`ClusterStore::lead_under`].
    lead: Mutex<Option<Lease>>,
}

impl Cluster {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, connection: AsyncMutex::new(None), lead: Mutex::new(None) }
    }

    /// Whether each connection is a session of the server's own.
    pub(super) const fn has_own_sessions(&self) -> bool {
        self.connector.has_own_session()
    }

    /// Refuses the transaction unless this node leads; if it does, nobody else will before it has ended.
    pub(super) async fn check_lead(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let lead = *self.lead.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lead) = lead else { return Err(StoreError::Fenced) };
        check(db, lead).await
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            connector::close(connection).await;
        }
    }

    /// Runs a transaction about leases. A failure whose effect is not known needs no finding out: the next look at the
    /// leases shows it.
    async fn transaction<T: Send>(
        &self,
        ttl_ms: i64,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let limit = Duration::from_millis(u64::try_from(ttl_ms / 3).unwrap_or(0)).max(SHORTEST_LIMIT);
        let mut place = self.connection.lock().await;
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let worked = connector::transact_after(BEGIN_BRIEFLY, &mut connection, work);
        let result = tokio::time::timeout(limit, worked).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable("the database did not answer about leases in time".into()))
        });
        // A connection that something went wrong on is not used again.
        if result.is_ok() {
            *place = Some(connection);
        }
        result
    }
}

#[async_trait]
impl ClusterStore for Postgres {
    fn node(&self) -> NodeId {
        self.writer.node.id()
    }

    fn number(&self) -> u8 {
        self.writer.node.number()
    }

    async fn be_at(&self, address: &str) -> Result<(), StoreError> {
        let be_at = async |db: &mut PgConnection| self.writer.node.be_at(db, address).await;
        self.cluster.transaction(0, be_at).await
    }

    async fn renew(&self, asked: &Asked) -> Result<Snapshot, StoreError> {
        let node = &self.writer.node;
        self.cluster.transaction(asked.ttl_ms, async |db| renew(db, asked, node).await).await
    }

    async fn acquire(&self, asked: &Asked) -> Result<Vec<Lease>, StoreError> {
        let acquire = async |db: &mut PgConnection| {
            let statement = of_leases(db, ACQUIRE, asked).bind(asked.ttl_ms);
            let rows = statement.fetch_all(db).await.map_err(error::of_write)?;
            let mut taken: Vec<Lease> = rows.iter().map(lease).collect::<Result<_, _>>()?;
            taken.sort_unstable();
            Ok(taken)
        };
        self.cluster.transaction(asked.ttl_ms, acquire).await
    }

    async fn release(&self, asked: &Asked) -> Result<(), StoreError> {
        let release = async |db: &mut PgConnection| {
            of_leases(db, RELEASE, asked).execute(db).await.map(drop).map_err(error::of_write)
        };
        self.cluster.transaction(asked.ttl_ms, release).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let mut db = self.writer.begin().await?;
        if let Some(settings) = batch.settings
            && batch.goes_by_settings()
        {
            db.expect(settings);
        }
        if batch.settled.is_some() {
            let lowest = batch.accepts.iter().map(|accept| accept.event_id).min();
            db.say(Ids { settled: batch.settled, lowest });
        }
        let result = match db.make_room_for(&partitions::days_of(batch)).await {
            Ok(()) => fence::commit(&mut db, batch, self.writer.node.id()).await,
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn move_pending(&self, step: &MoveStep, lease: Lease) -> Result<Moved, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = step_under(&mut db, step, lease).await;
        db.finish(result).await
    }

    fn lead_under(&self, lease: Option<Lease>) {
        *self.cluster.lead.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    async fn now_ms(&self) -> Result<i64, StoreError> {
        let rows = self.reader().await?.fetch(NOW, Vec::new()).await?;
        rows.first().ok_or_else(|| damaged("the database has no time".to_owned()))?.int(0)
    }

    async fn nodes(&self) -> Result<Vec<NodeAddress>, StoreError> {
        let rows = self.reader().await?.fetch(ADDRESSES, vec![self.node().number().into()]).await?;
        let node = |row: &PgRow| Ok(NodeAddress { id: NodeId::new(row.int(0)?), address: row.text(1)? });
        rows.iter().map(node).collect()
    }

    async fn accepted_elsewhere(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, Vec<EndpointId>)>, StoreError> {
        let values = vec![after.number().into(), limit_of(limit)];
        let rows = self.reader().await?.fetch(ACCEPTED, values).await?;
        rows.iter().map(|row| Ok((EventId::from_number(row.int(0)?), targets(&row.text(1)?)?))).collect()
    }

    async fn enter(&self) -> Result<EventId, StoreError> {
        let node = &self.writer.node;
        let mut db = self.writer.begin().await?;
        let entered = node.enter(&mut db).await;
        db.finish(entered).await?;
        self.cluster.transaction(0, async |db| node.highest_settled(db).await).await
    }

    async fn settle(&self, to: EventId) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        db.say(Ids { settled: Some(to), lowest: None });
        let prepared = async {
            // What is lost when the database crashes is said again.
            within(READ_LIMIT, sqlx::raw_sql(WITHOUT_SYNC).execute(&mut *db))
                .await
                .map_err(error::of_read)?;
            self.writer.node.is_counted_in(&mut db).await
        };
        let is_counted_in = prepared.await;
        let result = is_counted_in.and_then(|is_in| if is_in { Ok(()) } else { Err(StoreError::Outdated) });
        db.finish(result).await
    }

    async fn settled(&self) -> Result<Option<Settled>, StoreError> {
        let rows = self.reader().await?.fetch(SETTLED, Vec::new()).await?;
        let (own, mut living, mut silent) = (self.node(), Vec::new(), Vec::new());
        let mut is_there = false;
        for row in &rows {
            let node = NodeId::new(row.int(0)?);
            is_there |= node == own;
            let Some(settled) = row.optional_int(1)? else { continue };
            let is_over = row.int(2)? <= 0 && node != own;
            let settled = EventId::from_number(settled);
            if is_over { silent.push((node, settled)) } else { living.push(settled) }
        }
        Ok(Settled::of(&living, &silent).filter(|_| is_there))
    }

    async fn retire(&self, nodes: &[NodeId]) -> Result<(), StoreError> {
        for node in nodes {
            self.cluster.transaction(0, async |db| Node::retire(db, *node).await).await?;
        }
        Ok(())
    }

    async fn accepted_between(
        &self,
        after: EventId,
        to: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, ProgramId)>, StoreError> {
        let values = vec![after.number().into(), to.number().into(), limit_of(limit)];
        let rows = self.reader().await?.fetch(ACCEPTED_BETWEEN, values).await?;
        let event = |row: &PgRow| {
            Ok((EventId::from_number(row.int(0)?), row.parsed(1, |text| ProgramId::parse(text).ok())?))
        };
        rows.iter().map(event).collect()
    }

    async fn newest_up_to(&self, id: EventId) -> Result<EventId, StoreError> {
        let rows = self.reader().await?.fetch(NEWEST_UP_TO, vec![id.number().into()]).await?;
        let newest = rows.first().map(|row| row.optional_int(0)).transpose()?.flatten();
        Ok(EventId::from_number(newest.unwrap_or(0)))
    }

    async fn changes(&self, since: SettingsVersion) -> Result<Changes, StoreError> {
        changes::since(&mut *self.reader().await?, since).await
    }

    async fn program_as_it_is(
        &self,
        program: &ProgramId,
    ) -> Result<Option<(ProgramRecord, Vec<EndpointRecord>)>, StoreError> {
        let begun = self.readers.begin_with(BEGIN_READING).await;
        let mut db = begun.map_err(error::of_read)?;
        let Some(record) = programs::find(&mut *db, program).await? else { return Ok(None) };
        Ok(Some((record, webhooks::live_of(&mut *db, &self.vault, program).await?)))
    }

    async fn health_of(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        let mut db = self.reader().await?;
        let statement = statement(&db, HEALTH_OF).bind(column(endpoints, |id| id.0));
        let rows = hot::fetch(&mut db, statement).await?;
        rows.iter().map(webhooks::health_of).collect()
    }
}

/// Refuses the transaction unless this is the current lease of its shard, which it stays then until the transaction has ended.
async fn check(db: &mut PgConnection, lease: Lease) -> Result<(), StoreError> {
    let query = scalar(db, EPOCH).bind(i16::from(lease.shard.number()));
    let epoch: Option<i64> = within(WRITE_LIMIT, query.fetch_optional(db)).await.map_err(error::of_write)?;
    if epoch == Some(lease.epoch.number()) { Ok(()) } else { Err(StoreError::Fenced) }
}

/// A step of a move. Nothing is parked at a webhook that was enabled again since this node last read the settings.
async fn step_under(db: &mut PgConnection, step: &MoveStep, lease: Lease) -> Result<Moved, StoreError> {
    check(db, lease).await?;
    if step.kind == Move::Park {
        let query = scalar::<i64>(db, IS_ENABLED).bind(step.endpoint_id.0);
        let is_enabled =
            within(WRITE_LIMIT, query.fetch_optional(&mut *db)).await.map_err(error::of_write)?;
        if is_enabled == Some(1) {
            return Ok(Moved { rows: 0, next: None });
        }
    }
    moves::step_through(db, step, MOVABLE).await
}

async fn renew(db: &mut PgConnection, asked: &Asked, node: &Node) -> Result<Snapshot, StoreError> {
    of_leases(db, RENEW, asked).bind(asked.ttl_ms).execute(&mut *db).await.map_err(error::of_write)?;
    let live = statement(db, LIVE)
        .bind(asked.node.number())
        .bind(presence_text(asked.presence))
        .bind(asked.ttl_ms)
        .execute(&mut *db)
        .await
        .map_err(error::of_write)?;
    if live.rows_affected() == 0 {
        return Err(node.is_gone());
    }
    let leases = statement(db, LEASES).fetch_all(&mut *db).await.map_err(error::of_read)?;
    let nodes = statement(db, NODES).fetch_all(db).await.map_err(error::of_read)?;
    Ok(Snapshot {
        leases: leases.iter().map(lease_row).collect::<Result<_, _>>()?,
        nodes: nodes.iter().map(node_row).collect::<Result<_, _>>()?,
    })
}

/// A statement with the node, the shards and their epochs.
fn of_leases(db: &PgConnection, sql: &'static str, asked: &Asked) -> Statement<'static> {
    statement(db, sql)
        .bind(asked.node.number())
        .bind(column(&asked.leases, |lease| i16::from(lease.shard.number())))
        .bind(column(&asked.leases, |lease| lease.epoch.number()))
}

/// The lease that a row's first two columns say.
pub(super) fn lease(row: &PgRow) -> Result<Lease, StoreError> {
    let shard: i16 = row.try_get(0).map_err(error::of_read)?;
    let shard = u8::try_from(shard).map_err(|_| damaged(format!("there is no shard {shard}")))?;
    Ok(Lease { shard: Shard::new(shard), epoch: Epoch::new(row.int(1)?) })
}

fn lease_row(row: &PgRow) -> Result<LeaseRow, StoreError> {
    let owner = row.optional_int(2)?.map(NodeId::new);
    Ok(LeaseRow { lease: lease(row)?, owner, remaining_ms: row.int(3)? })
}

fn node_row(row: &PgRow) -> Result<NodeRow, StoreError> {
    let presence = row.parsed(1, |text| {
        [Presence::Staying, Presence::Leaving].into_iter().find(|presence| presence_text(*presence) == text)
    });
    Ok(NodeRow { id: NodeId::new(row.int(0)?), presence: presence?, remaining_ms: row.int(2)? })
}

const fn presence_text(presence: Presence) -> &'static str {
    match presence {
        Presence::Staying => "staying",
        Presence::Leaving => "leaving",
    }
}
