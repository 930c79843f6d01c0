//! What the disk and SQLite can do by themselves, on the same file system as the server's database.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::vault::{SecretsKey, Vault};
use groundswell_engine::store::{
    Accept, After, AttemptRecord, Batch, EndpointId, Outcome, PARKED_DUE_MS, PendingKey, Store as _, Target,
};
use groundswell_types::{DeliveryId, EventId, EventKind, ProgramId};
use rusqlite::{Connection, params};

use crate::numbers::{nanoseconds, rate, whole};
use crate::payload::Template;

/// Events in one transaction of the loops. The server's own transactions have as many as came in during an fsync.
const BATCH: i64 = 500;

const ENDPOINT: EndpointId = EndpointId(1);

/// How long appending 4 KiB and `fdatasync` take, each time, in nanoseconds.
pub fn fsyncs(directory: &Path, time: Duration) -> Result<Vec<u64>> {
    const BLOCK: [u8; 4096] = [0x5a; 4096];
    let mut file = OpenOptions::new().create_new(true).append(true).open(directory.join("fsync"))?;
    let (whole, mut all) = (Stopwatch::start(), Vec::new());
    while whole.elapsed() < time {
        let one = Stopwatch::start();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        all.push(nanoseconds(one.elapsed()));
    }
    Ok(all)
}

/// Events a second that a bare loop commits: prepared statements in one thread, the same rows as an accepted event
/// has, [`BATCH`] of them in a transaction.
pub fn raw_loop(directory: &Path, time: Duration) -> Result<f64> {
    const EVENT: &str =
        "INSERT INTO event (id, program_id, kind, occurred_at_ms, accepted_at_ms, targets, body)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    const PENDING: &str = "INSERT INTO pending
        (endpoint_id, due_at_ms, delivery_id, attempts, accepted_at_ms, expires_at_ms) VALUES (?, ?, ?, 0, ?, ?)";
    let path = directory.join("raw.db");
    // The schema is the server's.
    runtime()?.block_on(async {
        Sqlite::open(&path, options(0)).await?.close().await;
        anyhow::Ok(())
    })?;
    let mut db = Connection::open(&path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", options(0).checkpoint_pages)?;
    let body = envelope();
    let (watch, mut ids) = (Stopwatch::start(), Ids::new());
    while watch.elapsed() < time {
        let transaction = db.transaction()?;
        {
            let mut event = transaction.prepare(EVENT)?;
            let mut pending = transaction.prepare(PENDING)?;
            for (id, now_ms) in ids.next_batch() {
                let kind = EventKind::NewParticipantAdded.name();
                event.execute(params![id.number(), "abcdefgh", kind, now_ms, now_ms, "1", &body[..]])?;
                let delivery = DeliveryId::new(id, 0).number();
                pending.execute(params![ENDPOINT.0, PARKED_DUE_MS, delivery, now_ms, now_ms])?;
            }
        }
        transaction.commit()?;
    }
    Ok(rate(ids.count, watch.elapsed()))
}

/// The server's, with a key of its own.
fn options(opened_at_ms: i64) -> Options {
    Options::new(opened_at_ms, Vault::new(&SecretsKey::random()))
}

/// What the server's store is asked to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Accepted events.
    Accepts,
    /// Accepted events, and the outcomes of those of the transaction before.
    AcceptsAndOutcomes,
}

/// Events a second that the server's own store commits when nothing else is asked of it.
pub fn store_loop(directory: &Path, time: Duration, rows: Rows) -> Result<f64> {
    runtime()?.block_on(async {
        let clock = Clock::system();
        let store = Sqlite::open(&directory.join("store.db"), options(clock.now_ms())).await?;
        let body = envelope();
        let (watch, mut ids) = (Stopwatch::start(), Ids::new());
        let mut outcomes = Vec::new();
        while watch.elapsed() < time {
            let accepts: Vec<_> = ids.next_batch().map(|(id, now_ms)| accept(id, now_ms, &body)).collect();
            let next = match rows {
                Rows::Accepts => Vec::new(),
                Rows::AcceptsAndOutcomes => accepts.iter().map(outcome).collect(),
            };
            let batch =
                Batch { accepts, outcomes: std::mem::replace(&mut outcomes, next), ..Batch::default() };
            store.commit(&batch).await?;
        }
        let result = rate(ids.count, watch.elapsed());
        store.close().await;
        Ok(result)
    })
}

/// Events and parked deliveries in the database of a server that has ended.
pub fn stored(database: &Path) -> Result<(u64, u64)> {
    let db = Connection::open(database)?;
    let count = |sql: &str, due: &[&dyn rusqlite::ToSql]| db.query_row(sql, due, |row| row.get::<_, i64>(0));
    let events = count("SELECT COUNT(*) FROM event", &[])?;
    let parked = count("SELECT COUNT(*) FROM pending WHERE due_at_ms = ?", &[&PARKED_DUE_MS])?;
    Ok((u64::try_from(events)?, u64::try_from(parked)?))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}

fn envelope() -> Bytes {
    Template::new().envelope(0).into()
}

/// Ids as the server's generator makes them: the milliseconds in the upper bits.
struct Ids {
    clock: Clock,
    last: i64,
    count: u64,
}

impl Ids {
    fn new() -> Self {
        Self { clock: Clock::system(), last: 0, count: 0 }
    }

    fn next_batch(&mut self) -> impl Iterator<Item = (EventId, i64)> + use<> {
        let now_ms = self.clock.now_ms();
        let first = (now_ms << 10).max(self.last + 1);
        self.last = first + BATCH - 1;
        self.count += whole(usize::try_from(BATCH).unwrap_or(0));
        (first..=self.last).map(move |id| (EventId::from_number(id), now_ms))
    }
}

fn accept(event_id: EventId, now_ms: i64, body: &Bytes) -> Accept {
    Accept {
        event_id,
        program_id: ProgramId::parse("abcdefgh").expect("eight letters are an id"),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: now_ms,
        accepted_at_ms: now_ms,
        expires_at_ms: now_ms,
        body: body.clone(),
        targets: vec![Target { endpoint_id: ENDPOINT, is_parked: false }],
        idempotency: None,
    }
}

fn outcome(accept: &Accept) -> Outcome {
    let delivery_id = DeliveryId::new(accept.event_id, 0);
    Outcome {
        attempt: AttemptRecord {
            delivery_id,
            endpoint_id: ENDPOINT,
            number: 1,
            started_at_ms: accept.accepted_at_ms,
            duration_ms: 1,
            failure: None,
            status_code: Some(200),
            message: String::new(),
            response_head: "content-type: text/plain\ncontent-length: 2\n".to_owned(),
            response_body: Bytes::from_static(b"ok"),
            is_response_truncated: false,
            is_response_restricted: false,
            after: After::Delivered,
        },
        remove: vec![PendingKey { endpoint_id: ENDPOINT, due_at_ms: accept.accepted_at_ms, delivery_id }],
        insert: None,
    }
}
