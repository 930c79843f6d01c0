//! The thread that reads the queues: what is due, and the bytes to send.

use std::sync::mpsc;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};
use tokio::sync::oneshot;

use super::error;
use super::thread::{Place, Ready, Thread, connect};
use crate::store::{EndpointId, PARKED_DUE_MS, Pending, PendingKey, SMALL_BODY, StoreError};

/// Seeks to the first key behind the given one and reads on from there.
const PENDING: &str = "
    SELECT endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms
    FROM pending
    WHERE endpoint_id = ?1 AND due_at_ms < ?2 AND (due_at_ms, delivery_id) > (?3, ?4)
    ORDER BY due_at_ms, delivery_id
    LIMIT ?5";

/// The length stands in the row's header, so a longer body is not read to find out.
const BODY: &str = "SELECT body FROM event WHERE id = ?1 AND length(body) <= ?2";

/// More jobs than this do not wait in front of the thread.
const MAX_WAITING: usize = 256;

type Reply<T> = oneshot::Sender<Result<Vec<T>, StoreError>>;

#[derive(Debug)]
enum Job {
    Pending(EndpointId, Option<PendingKey>, usize, Reply<Pending>),
    /// Bodies of events, up to so many bytes each.
    Bodies(Vec<EventId>, usize, Reply<(EventId, Bytes)>),
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct QueueReader(Thread<Job>);

impl QueueReader {
    /// Starts the thread.
    pub(super) async fn start(place: Place) -> Result<Self, StoreError> {
        let run = move |ready, inbox| run(&place, ready, &inbox);
        Ok(Self(Thread::start("sqlite-queue", MAX_WAITING, run).await?))
    }

    pub(super) async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.0.ask(|reply| Job::Pending(endpoint, after, limit, reply)).await.unwrap_or_else(closed)
    }

    pub(super) async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.0.ask(|reply| Job::Bodies(events.to_vec(), usize::MAX, reply)).await.unwrap_or_else(closed)
    }

    pub(super) async fn small_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.0.ask(|reply| Job::Bodies(events.to_vec(), SMALL_BODY, reply)).await.unwrap_or_else(closed)
    }

    /// Closes the connection.
    pub(super) async fn close(&mut self) {
        self.0.close().await;
    }
}

/// Nothing is in doubt when something was not read.
fn closed<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("the database is closed".into()))
}

struct Statements<'db> {
    db: &'db Connection,
    pending: Statement<'db>,
    body: Statement<'db>,
}

fn run(place: &Place, ready: Ready, inbox: &mpsc::Receiver<Job>) {
    let db = match connect(place, super::open::QUEUE_SETTINGS) {
        Ok(db) => db,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let mut statements = match Statements::prepare(&db).map_err(error::of_write) {
        Ok(statements) => statements,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    while let Ok(job) = inbox.recv() {
        // Whoever asked may be gone.
        match job {
            Job::Pending(endpoint, after, limit, reply) => {
                _ = reply.send(statements.pending(endpoint, after, limit).map_err(error::of_read));
            }
            Job::Bodies(events, max_bytes, reply) => {
                _ = reply.send(statements.bodies(&events, max_bytes).map_err(error::of_read));
            }
        }
    }
}

impl<'db> Statements<'db> {
    fn prepare(db: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self { db, pending: db.prepare(PENDING)?, body: db.prepare(BODY)? })
    }

    fn pending(
        &mut self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Pending>> {
        let (due_at_ms, delivery_id) =
            after.map_or((i64::MIN, i64::MIN), |after| (after.due_at_ms, after.delivery_id.number()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![endpoint.0, PARKED_DUE_MS, due_at_ms, delivery_id, limit];
        self.pending.query_map(values, pending)?.collect()
    }

    fn bodies(&mut self, events: &[EventId], max_bytes: usize) -> rusqlite::Result<Vec<(EventId, Bytes)>> {
        let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        let mut bodies = Vec::with_capacity(events.len());
        // Else each statement takes the locks of a transaction of its own, which cost as much as the body. It ends when it is dropped.
        let _all = (events.len() > 1).then(|| self.db.unchecked_transaction()).transpose()?;
        for event in events {
            let copy = |row: &Row<'_>| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?));
            let body = self.body.query_row(params![event.number(), max_bytes], copy).optional()?;
            bodies.extend(body.map(|body| (*event, body)));
        }
        Ok(bodies)
    }
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    Ok(Pending {
        key: PendingKey {
            endpoint_id: EndpointId(row.get(0)?),
            due_at_ms: row.get(1)?,
            delivery_id: DeliveryId::from_number(row.get(2)?),
        },
        attempts: row.get(3)?,
        accepted_at_ms: row.get(4)?,
        expires_at_ms: row.get(5)?,
    })
}
