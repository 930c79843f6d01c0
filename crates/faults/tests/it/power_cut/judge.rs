//! Opens what a power cut has left, and says whether it is what it must be.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;

use groundswell_engine::store::sqlite::Sqlite;
use groundswell_engine::store::{Accept, Accepted, Batch, Pending, PendingKey, Store};
use groundswell_types::{DeliveryId, EventId};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::ledger::{Ledger, Milestone};
use super::workload::{database, open};

#[derive(Debug)]
pub enum Verdict {
    Intact,
    /// Something acknowledged is not there.
    Lost(String),
    /// The database is not sound, or has what was never committed.
    Damaged(String),
}

/// Judges the database in `directory` by the milestones it may be at: the last one acknowledged, and the next one.
pub async fn judge(directory: &Path, allowed: &[Milestone]) -> Verdict {
    let store = match open(directory).await {
        Ok(store) => store,
        Err(error) => return Verdict::Damaged(format!("does not open: {error}")),
    };
    let verdict = examine(directory, &store, allowed).await;
    store.close().await;
    verdict
}

async fn examine(directory: &Path, store: &Sqlite, allowed: &[Milestone]) -> Verdict {
    let found = match inspect(directory) {
        Ok((faults, found)) if faults.is_empty() => found,
        Ok((faults, _)) => return Verdict::Damaged(faults.join("; ")),
        Err(error) => return Verdict::Damaged(error.to_string()),
    };
    match allowed.iter().find(|milestone| milestone.digest == found) {
        Some(milestone) => repeats(store, &milestone.ledger).await.map_or(Verdict::Intact, Verdict::Damaged),
        None => match missing(store, allowed).await {
            Some(what) => Verdict::Lost(what),
            None => Verdict::Damaged("it is at no milestone".to_owned()),
        },
    }
}

/// What SQLite itself finds wrong, and the digest.
fn inspect(directory: &Path) -> rusqlite::Result<(Vec<String>, u64)> {
    let db = Connection::open(database(directory))?;
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let answers = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut faults: Vec<String> = answers.into_iter().filter(|answer| answer != "ok").collect();
    if db.prepare("PRAGMA foreign_key_check")?.exists([])? {
        faults.push("a foreign key leads nowhere".to_owned());
    }
    Ok((faults, digest_of(&db)?))
}

/// A hash over all rows of all tables.
pub fn digest(directory: &Path) -> rusqlite::Result<u64> {
    digest_of(&Connection::open(database(directory))?)
}

fn digest_of(db: &Connection) -> rusqlite::Result<u64> {
    // The migrations are noted with the time they were made at, and a database that begins anew seals its check value anew.
    const TABLES: &str = "
        SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'secrets_key')
        ORDER BY name";
    let mut tables = db.prepare(TABLES)?;
    let names = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut dump = Vec::new();
    for name in names {
        dump.extend_from_slice(name.as_bytes());
        let columns = db.prepare(&format!("SELECT * FROM {name}"))?.column_count();
        let order: Vec<String> = (1..=columns).map(|column| column.to_string()).collect();
        let mut statement = db.prepare(&format!("SELECT * FROM {name} ORDER BY {}", order.join(", ")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let (kind, bytes) = match row.get_ref(column)? {
                    ValueRef::Null => (b'n', &[][..]),
                    ValueRef::Integer(number) => (b'i', &number.to_le_bytes()[..]),
                    ValueRef::Real(number) => (b'r', &number.to_le_bytes()[..]),
                    ValueRef::Text(bytes) => (b't', bytes),
                    ValueRef::Blob(bytes) => (b'b', bytes),
                };
                dump.push(kind);
                dump.extend_from_slice(&bytes.len().to_le_bytes());
                dump.extend_from_slice(bytes);
            }
        }
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(&dump);
    Ok(hasher.finish())
}

/// The first acknowledged event, delivery or outcome that is not there and that nothing under way could have removed.
async fn missing(store: &Sqlite, allowed: &[Milestone]) -> Option<String> {
    let acknowledged = &allowed[0].ledger;
    let next = &allowed[allowed.len() - 1].ledger;
    let bodies = bodies(store, acknowledged).await;
    for (id, body) in &acknowledged.bodies {
        if bodies.get(id) != Some(body) && next.bodies.contains_key(id) {
            return Some(format!("event {id}"));
        }
    }
    let (waiting, attempts) = (waiting(store, acknowledged).await, attempts(store, acknowledged).await);
    for id in acknowledged.waiting.keys() {
        let is_there = waiting.contains_key(id) || attempts.contains_key(id);
        if !is_there && next.waiting.contains_key(id) {
            return Some(format!("the pending row of delivery {id}"));
        }
    }
    for (id, number) in &acknowledged.attempts {
        if attempts.get(id) < Some(number) && next.attempts.contains_key(id) {
            return Some(format!("attempt {number} of delivery {id}"));
        }
    }
    // What is left are settings; they are acknowledged as well.
    Some("a change of settings, a draft, or a removal".to_owned())
}

/// Where the store's answers differ from the ledger.
pub async fn difference(store: &Sqlite, ledger: &Ledger) -> Option<&'static str> {
    if bodies(store, ledger).await != ledger.bodies {
        return Some("bodies");
    }
    if waiting(store, ledger).await != ledger.waiting {
        return Some("pending rows");
    }
    if attempts(store, ledger).await != ledger.attempts {
        return Some("attempts");
    }
    None
}

/// The last keys give their first answers again. This also shows that the database can be written.
async fn repeats(store: &Sqlite, ledger: &Ledger) -> Option<String> {
    let keys = || ledger.keys.values().rev().take(8);
    let repeat = |accept: &Accept| Accept {
        event_id: EventId::from_number(accept.event_id.number() + (1 << 50)),
        ..accept.clone()
    };
    let batch = Batch { accepts: keys().map(repeat).collect(), ..Batch::default() };
    let answers = match store.commit(&batch).await {
        Ok(answers) => answers,
        Err(error) => return Some(format!("cannot be written: {error}")),
    };
    let first = |accept: &Accept| Accepted::Duplicate {
        event_id: accept.event_id,
        deliveries: i64::try_from(accept.targets.len()).expect("a few"),
    };
    (!keys().map(first).eq(answers)).then(|| "idempotency keys differ".to_owned())
}

async fn bodies(store: &Sqlite, ledger: &Ledger) -> BTreeMap<EventId, bytes::Bytes> {
    let ids: Vec<EventId> = ledger.bodies.keys().copied().collect();
    let mut bodies = BTreeMap::new();
    for some in ids.chunks(256) {
        bodies.extend(store.bodies(some).await.expect("bodies are read"));
    }
    bodies
}

/// The pending rows of the deliveries that wait, wherever they stand.
async fn waiting(store: &Sqlite, ledger: &Ledger) -> BTreeMap<DeliveryId, Pending> {
    let keys: Vec<PendingKey> = ledger.waiting.values().map(|row| row.key).collect();
    let mut waiting = BTreeMap::new();
    for some in keys.chunks(2048) {
        let rows = store.pending_at(some).await.expect("pending rows are read");
        waiting.extend(rows.into_iter().map(|row| (row.key.delivery_id, row)));
    }
    waiting
}

/// How many attempts each delivery has.
async fn attempts(store: &Sqlite, ledger: &Ledger) -> BTreeMap<DeliveryId, i64> {
    let ids: Vec<DeliveryId> = ledger.attempts.keys().chain(ledger.waiting.keys()).copied().collect();
    let mut attempts = BTreeMap::new();
    for some in ids.chunks(512) {
        for attempt in store.attempts(some).await.expect("attempts are read") {
            let most = attempts.entry(attempt.delivery_id).or_insert(attempt.number);
            *most = attempt.number.max(*most);
        }
    }
    attempts
}
