//! A file as the source of a copy: nobody else's meanwhile, read in one state, and left as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::backup;
use super::lock::Lock;
use super::open;
use crate::store::copy::{Batch, Catalogue, Cell, Checksum, Found, Key, KeyPart, Kind, Table, quoted};
use crate::store::{StoreError, schema};

const TABLES: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

const COLUMNS: &str = "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid";

const HAS_KEY: &str = "SELECT COUNT(*) FROM secrets_key";

/// Every start of a server, every other key and every restore changes one of these. The check value of the key was drawn at
/// random when the database was made.
const STATE: [&str; 3] = [
    "SELECT at_ms, is_clean, has_ended FROM boot ORDER BY at_ms",
    "SELECT id, check_value, since_ms FROM secrets_key ORDER BY id",
    "SELECT name, value FROM meta ORDER BY name",
];

const HIGHEST_EVENT: &str = "SELECT MAX(id) FROM event";

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct Source {
    path: PathBuf,
    db: Arc<Mutex<Connection>>,
    /// Given back when this is dropped.
    _lock: Lock,
}

/// What there is to copy.
#[derive(Debug)]
pub(in crate::store) struct Contents {
    pub(in crate::store) catalogue: Catalogue,
    /// How many rows each table has.
    pub(in crate::store) rows: BTreeMap<String, u64>,
    /// Tells this state of this database from every other that a server has left.
    pub(in crate::store) fingerprint: String,
}

impl Source {
    /// Takes a database. Refuses one that is in use, or not of this version's schema.
    pub(in crate::store) fn open(path: &Path, now_ms: i64) -> Result<Self, StoreError> {
        let shown = path.display();
        if !path.exists() {
            return Err(StoreError::Unusable(format!("there is no database at {shown}")));
        }
        let lock = Lock::take(path, now_ms)?;
        // Root copies what a server opened as another user, and may again.
        lock.give_to_owner(path)?;
        let db = backup::open_source(path)?;
        let (found, _) = backup::identity(&db, path)?;
        let newest = schema::newest(&open::MIGRATOR);
        if found != newest {
            return Err(StoreError::Unusable(format!(
                "the schema of the database {shown} is {found:04}, and a copy needs this version's, {newest:04}; run `groundswell \
                 migrate` on it first, or start this version's server on it once"
            )));
        }
        let keys: i64 =
            db.query_row(HAS_KEY, [], |row| row.get(0)).map_err(|error| unreadable(path, &error))?;
        if keys == 0 {
            return Err(StoreError::Unusable(format!(
                "nothing in the database {shown} is encrypted yet; run `groundswell migrate` on it first"
            )));
        }
        Ok(Self { path: path.to_owned(), db: Arc::new(Mutex::new(db)), _lock: lock })
    }

    /// What there is.
    pub(in crate::store) async fn contents(&self) -> Result<Contents, StoreError> {
        self.run(|db, path| contents(db).map_err(|error| unreadable(path, &error))).await
    }

    /// The next rows of a table: those behind `after`, or the first ones.
    pub(in crate::store) async fn batch(
        &self,
        table: &Table,
        after: Option<Key>,
    ) -> Result<Batch, StoreError> {
        let table = table.clone();
        self.run(move |db, path| batch(db, &table, after, path)).await
    }

    /// Goes through a whole table.
    pub(in crate::store) async fn checksum(&self, table: &Table) -> Result<Checksum, StoreError> {
        let mut sum = Checksum::default();
        let mut after = None;
        loop {
            let batch = self.batch(table, after).await?;
            batch.add_to(&mut sum);
            if batch.is_last {
                return Ok(sum);
            }
            after = batch.last_key(table)?;
        }
    }

    /// Has a thread wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (db, path) = (Arc::clone(&self.db), self.path.clone());
        let done = tokio::task::spawn_blocking(move || {
            work(&db.lock().unwrap_or_else(PoisonError::into_inner), &path)
        });
        done.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into())))
    }
}

fn contents(db: &Connection) -> rusqlite::Result<Contents> {
    let mut catalogue = Catalogue::default();
    let (mut rows, mut state) = (BTreeMap::new(), Checksum::default());
    let mut tables = db.prepare(TABLES)?;
    let names: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut columns = db.prepare(COLUMNS)?;
    for name in names {
        let found = columns.query_map([&name], |row| {
            let place: i64 = row.get(2)?;
            let kind = kind(&row.get::<_, String>(1)?);
            Ok(Found { name: row.get(0)?, kind, key_place: (place > 0).then_some(place) })
        })?;
        catalogue.tables.insert(name.clone(), found.collect::<Result<_, _>>()?);
        let count = format!("SELECT COUNT(*) FROM {}", quoted(&name));
        let count: i64 = db.query_row(&count, [], |row| row.get(0))?;
        // Those of other programs, as Litestream's, go on changing.
        if !name.starts_with('_') {
            state.add_row([Cell::Text(Cow::Borrowed(&name)), Cell::Int(count)]);
        }
        rows.insert(name, count.unsigned_abs());
    }
    let highest: Option<i64> = db.query_row(HIGHEST_EVENT, [], |row| row.get(0))?;
    state.add_row([Cell::Int(schema::newest(&open::MIGRATOR)), highest.map_or(Cell::Null, Cell::Int)]);
    for sql in STATE {
        let mut statement = db.prepare(sql)?;
        let columns = statement.column_count();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let cells = (0..columns).map(|at| cell(row.get_ref(at)?)).collect::<Result<Vec<_>, _>>()?;
            state.add_row(cells);
        }
    }
    Ok(Contents { catalogue, rows, fingerprint: state.text() })
}

fn kind(declared: &str) -> Option<Kind> {
    match declared {
        "INTEGER" => Some(Kind::Int),
        "TEXT" => Some(Kind::Text),
        "BLOB" => Some(Kind::Blob),
        _ => None,
    }
}

fn batch(db: &Connection, table: &Table, after: Option<Key>, path: &Path) -> Result<Batch, StoreError> {
    let failed = |error: rusqlite::Error| unreadable(path, &error);
    let mut batch = Batch::of(table);
    let mut statement = db.prepare(&table.page(after.is_none(), "")).map_err(failed)?;
    let after = after.map(|key| key.0).unwrap_or_default().into_iter().map(|part| match part {
        KeyPart::Int(number) => Value::Integer(number),
        KeyPart::Text(text) => Value::Text(text),
        KeyPart::Blob(bytes) => Value::Blob(bytes),
    });
    // A batch ends where it is full.
    let no_limit = Value::Integer(-1);
    let mut rows = statement.query(params_from_iter(after.chain([no_limit]))).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        if batch.is_full() {
            return Ok(batch);
        }
        let cells = (0..table.columns.len()).map(|at| {
            let cell = cell(row.get_ref(at)?)?;
            Ok(if table.key.contains(&at) { cell } else { without_nul(cell) })
        });
        batch.push(table, cells.collect::<Result<_, _>>().map_err(failed)?)?;
    }
    batch.is_last = true;
    Ok(batch)
}

fn cell(value: ValueRef<'_>) -> rusqlite::Result<Cell<'_>> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(_) => Cell::Text(Cow::Borrowed(value.as_str()?)),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
        ValueRef::Real(_) => return Err(rusqlite::Error::IntegralValueOutOfRange(0, 0)),
    })
}

/// PostgreSQL's texts have no NUL, which a receiver's answer may have; a server on PostgreSQL keeps the same instead.
fn without_nul(cell: Cell<'_>) -> Cell<'_> {
    match cell {
        Cell::Text(text) if text.contains('\0') => Cell::Text(text.replace('\0', "\u{fffd}").into()),
        other => other,
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Damaged(format!("the database {}: {error}", path.display()))
}
