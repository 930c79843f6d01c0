//! A database as the target of a copy. As long as it is one, a table that no migration makes says of what and how far it is,
//! and no server opens it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::TryStreamExt as _;
use groundswell_types::EventId;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Options;
use super::connector::{self, Connector};
use super::error::{self, ALONE_LIMIT, READ_LIMIT, within};
use super::keeper::KeptLease;
use super::lease::Purpose;
use super::open::{self, Opened};
use super::partitions::PARTITIONED;
use super::statement::{scalar, statement};
use super::writer::{self, Writer};
use crate::id::day_of;
use crate::store::StoreError;
use crate::store::copy::{
    Batch, Catalogue, Cell, Checksum, Found, Key, KeyPart, Kind, Progress, Table, Values, quoted,
};
use crate::store::query::secrets;
use crate::store::sql::Transaction as _;
use crate::store::vault::Vault;

const HAS_MARK: &str = "SELECT to_regclass('unfinished_copy') IS NOT NULL";

pub(super) const MARK: &str =
    "CREATE TABLE unfinished_copy (name TEXT COLLATE \"C\" NOT NULL PRIMARY KEY, value TEXT NOT NULL)";

const UNMARK: &str = "DROP TABLE unfinished_copy";

const NOTE: &str = "
    INSERT INTO unfinished_copy (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const NOTES: &str = "SELECT name, value FROM unfinished_copy";

/// What the notes are called: where the source was when the copy was begun, which state of which database it is, and, with
/// the table's name behind it, how far a table is.
const SOURCE: &str = "source";
const FINGERPRINT: &str = "fingerprint";
const TABLE: &str = "table ";

/// Rows that a new database has, one of each table, those that refer to others first. They make room for the source's.
const MADE_WITH_IT: [&str; 4] = ["membership", "user_account", "team", "secrets_key"];

/// Of the tables that are where ours are: for a role called like the schema `groundswell` that is not the first in its path. In a
/// new database, of any that somebody else has made.
const COLUMNS: &str = "
    SELECT CAST(part.relname AS TEXT), CAST(col.attname AS TEXT), format_type(col.atttypid, NULL),
        (SELECT place.number FROM UNNEST(key.indkey) WITH ORDINALITY AS place (column_number, number)
        WHERE place.column_number = col.attnum)
    FROM pg_class AS part
    JOIN pg_attribute AS col ON col.attrelid = part.oid AND col.attnum > 0 AND NOT col.attisdropped
    LEFT JOIN pg_index AS key ON key.indrelid = part.oid AND key.indisprimary
    WHERE part.relkind IN ('r', 'p') AND NOT part.relispartition AND part.relnamespace = COALESCE(
        (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('event')),
        (SELECT oid FROM pg_namespace WHERE nspname = current_schema()))
    ORDER BY part.relname, col.attnum";

const REFERENCES: &str = "
    SELECT CAST(child.relname AS TEXT), CAST(parent.relname AS TEXT)
    FROM pg_constraint AS own
    JOIN pg_class AS child ON child.oid = own.conrelid
    JOIN pg_class AS parent ON parent.oid = own.confrelid
    WHERE own.contype = 'f'
        AND child.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('event'))";

/// Names compare by their bytes as the source compares them, also where a column has the database's own order.
const BY_BYTES: &str = " COLLATE \"C\"";

/// So many rows are asked for at once when they are read back.
const PAGE: usize = 1_000;

/// What is copied into a database.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Claim<'a> {
    /// Where the source is.
    pub(in crate::store) source: &'a str,
    /// Which state of which database it is.
    pub(in crate::store) fingerprint: &'a str,
    /// Its tables.
    pub(in crate::store) tables: &'a BTreeSet<String>,
    /// Opens what is secret in both.
    pub(in crate::store) vault: &'a Vault,
    /// Unix milliseconds.
    pub(in crate::store) now_ms: i64,
}

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct Target {
    writer: Arc<Writer>,
    keeper: JoinHandle<()>,
    lease: KeptLease,
    stop: DropGuard,
    /// What is looked up and read back.
    reader: PgConnection,
}

/// Where the source is of a database that is an unfinished copy.
pub(super) async fn unfinished_copy_of(db: &mut PgConnection) -> Result<Option<String>, StoreError> {
    let notes = notes(db).await?;
    Ok(notes.map(|mut notes| notes.remove(SOURCE).unwrap_or_else(|| "another one".to_owned())))
}

/// Refuses a database that is not whole.
pub(super) async fn refuse_unfinished(db: &mut PgConnection, database: &str) -> Result<(), StoreError> {
    let Some(source) = unfinished_copy_of(db).await? else { return Ok(()) };
    Err(StoreError::Unusable(format!(
        "the database {database} is an unfinished copy of {source}; finish it with `groundswell copy --from sqlite://{source} \
         --to <the URL of this one>`, or use another database"
    )))
}

impl Target {
    /// Takes a database, and says how far the copy is. Refuses one that is in use, and one in which there is anything but an
    /// unfinished copy of the same state of the same source.
    pub(in crate::store) async fn open(
        url: &str,
        claim: Claim<'_>,
    ) -> Result<(Self, BTreeMap<String, Progress>), StoreError> {
        let connector = Connector::parse(url)?;
        if !connector.has_own_session() {
            return Err(StoreError::Unusable(
                "a copy goes to PostgreSQL itself, past every pooler: its URL must not have statement-cache-capacity=0"
                    .to_owned(),
            ));
        }
        let mut reader = connector.connect_first().await?;
        // Before anything of it is changed, were it only its schema.
        if !is_marked(&mut reader).await? {
            refuse_full(&mut reader, connector.database(), claim.tables).await?;
        }
        let options = Options::new(claim.now_ms, claim.vault.clone());
        let lease = open::claim(&connector, &options, Purpose::Alone).await?;
        let stop = CancellationToken::new();
        let begun = async {
            let progress = check(&mut reader, &connector, claim).await?;
            connector.migrate(&mut reader).await?;
            Ok((open::join(&connector, &options, (Purpose::Alone, &stop)).await?, progress))
        };
        let (Opened { writer, keeper }, progress) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                lease.release().await;
                return Err(error);
            }
        };
        lease.guard(&writer);
        let target = Self { writer, keeper, lease, stop: stop.drop_guard(), reader };
        if let Some(progress) = progress {
            return Ok((target, progress));
        }
        match target.begin(claim).await {
            Ok(()) => Ok((target, BTreeMap::new())),
            Err(error) => {
                target.close().await;
                Err(error)
            }
        }
    }

    async fn begin(&self, claim: Claim<'_>) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = mark(&mut db, claim).await;
        db.finish(result).await
    }

    /// Its tables.
    pub(in crate::store) async fn catalogue(&mut self) -> Result<Catalogue, StoreError> {
        let mut catalogue = Catalogue::default();
        for row in fetch(&mut self.reader, COLUMNS).await? {
            let place: Option<i64> = row.try_get(3).map_err(error::of_read)?;
            let kind = kind(&text(&row, 2)?);
            let found = Found { name: text(&row, 1)?, kind, key_place: place };
            catalogue.tables.entry(text(&row, 0)?).or_default().push(found);
        }
        for row in fetch(&mut self.reader, REFERENCES).await? {
            catalogue.references.push((text(&row, 0)?, text(&row, 1)?));
        }
        Ok(catalogue)
    }

    /// Commits rows together with how far their table is then.
    pub(in crate::store) async fn write(
        &self,
        table: &Table,
        batch: &Batch,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = write(&mut db, table, (batch, progress)).await;
        db.finish(result).await
    }

    /// Counts the next rows of a table in; returns the last one's key, and none when there are no more.
    pub(in crate::store) async fn read_back(
        &mut self,
        table: &Table,
        after: Option<&Key>,
        sum: &mut Checksum,
    ) -> Result<Option<Key>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(table.page(after.is_none(), BY_BYTES)));
        for part in after.into_iter().flat_map(|key| &key.0) {
            query = match part {
                KeyPart::Int(number) => query.bind(*number),
                KeyPart::Text(text) => query.bind(text.as_str()),
                KeyPart::Blob(bytes) => query.bind(bytes.as_slice()),
            };
        }
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut rows = query.bind(limit).fetch(&mut self.reader);
        let (mut count, mut last) = (0, None);
        while let Some(row) = within(READ_LIMIT, rows.try_next()).await.map_err(error::of_read)? {
            let cells: Vec<Cell<'_>> = table
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| cell(&row, at, column.kind))
                .collect::<Result<_, _>>()?;
            count += 1;
            if count == PAGE {
                last = Some(Key::of(table, |at| cells[at].clone())?);
            }
            sum.add_row(cells);
        }
        Ok(last)
    }

    /// Has PostgreSQL know what is in the tables, from which it decides how to look for things. It finds out by itself, but
    /// minutes later.
    pub(in crate::store) async fn analyze(&mut self, table: &Table) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(format!("ANALYZE {}", quoted(&table.name)));
        let done = within(ALONE_LIMIT, sqlx::raw_sql(sql).execute(&mut self.reader)).await;
        done.map(drop).map_err(error::of_write)
    }

    /// Opens every secret with the key that a server will have, and makes it a database like every other.
    pub(in crate::store) async fn finish(&self, vault: &Vault, now_ms: i64) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let finished = async {
            secrets::settle(&mut *db, vault, now_ms).await?;
            secrets::open_all(&mut *db, vault).await?;
            run(&mut db, UNMARK).await
        };
        let result = finished.await;
        db.finish(result).await
    }

    /// Gives it back.
    pub(in crate::store) async fn close(self) {
        self.stop.token().cancel();
        if let Err(error) = self.keeper.await {
            tracing::error!(%error, "the task that keeps the lease ended early");
        }
        self.writer.close().await;
        self.lease.release().await;
        connector::close(self.reader).await;
    }
}

/// How far the copy is that a database is of the same source; none of an empty one. Refuses every other.
async fn check(
    db: &mut PgConnection,
    connector: &Connector,
    claim: Claim<'_>,
) -> Result<Option<BTreeMap<String, Progress>>, StoreError> {
    let Some(notes) = notes(db).await? else {
        refuse_full(db, connector.database(), claim.tables).await?;
        return Ok(None);
    };
    if notes.get(FINGERPRINT).map(String::as_str) != Some(claim.fingerprint) {
        let source = notes.get(SOURCE).map_or("another one", String::as_str);
        return Err(StoreError::Unusable(format!(
            "the database {} is an unfinished copy of {source} as it was before: of another database, or a server has \
             used it since. Create an empty database and copy into that",
            connector.database()
        )));
    }
    progress(&notes).map(Some)
}

/// Writes down what is to be copied, and makes room for it.
async fn mark(db: &mut PgConnection, claim: Claim<'_>) -> Result<(), StoreError> {
    run(db, MARK).await?;
    note(db, SOURCE, claim.source).await?;
    note(db, FINGERPRINT, claim.fingerprint).await?;
    for table in MADE_WITH_IT {
        run(db, AssertSqlSafe(format!("DELETE FROM {}", quoted(table)))).await?;
    }
    Ok(())
}

async fn write(
    db: &mut writer::Transaction<'_>,
    table: &Table,
    (batch, progress): (&Batch, &Progress),
) -> Result<(), StoreError> {
    if batch.rows > 0 {
        db.make_room_for(&days(table, batch)).await?;
        insert(db, table, batch).await?;
    }
    note(db, &format!("{TABLE}{}", table.name), &progress.to_text()).await
}

/// The days whose partitions the rows are in.
fn days(table: &Table, batch: &Batch) -> BTreeSet<i64> {
    let partitioned = PARTITIONED.iter().find(|(name, ..)| *name == table.name);
    let Some((_, by, factor)) = partitioned else { return BTreeSet::new() };
    let column = table.columns.iter().position(|column| column.name == *by);
    match column.map(|at| &batch.columns[at]) {
        Some(Values::Ints(ids)) => {
            ids.iter().flatten().map(|id| day_of(EventId::from_number(id / factor))).collect()
        }
        _ => BTreeSet::new(),
    }
}

async fn insert(db: &mut PgConnection, table: &Table, batch: &Batch) -> Result<(), StoreError> {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let arrays: Vec<String> = table
        .columns
        .iter()
        .zip(1..)
        .map(|(column, number)| {
            let kind = match column.kind {
                Kind::Int => "BIGINT",
                Kind::Text => "TEXT",
                Kind::Blob => "BYTEA",
            };
            format!("${number}::{kind}[]")
        })
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT * FROM UNNEST({})",
        quoted(&table.name),
        names.join(", "),
        arrays.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for values in &batch.columns {
        query = match values {
            Values::Ints(values) => query.bind(values),
            Values::Texts(values) => query.bind(values),
            Values::Blobs(values) => query.bind(values),
        };
    }
    match within(ALONE_LIMIT, query.execute(db)).await.map_err(error::of_write) {
        Ok(_) => Ok(()),
        Err(StoreError::Rejected(cause)) => Err(StoreError::Unusable(format!(
            "PostgreSQL does not take what is in the table {}: {cause}",
            table.name
        ))),
        Err(error) => Err(error),
    }
}

async fn is_marked(db: &mut PgConnection) -> Result<bool, StoreError> {
    let query = scalar(db, HAS_MARK);
    within(READ_LIMIT, query.fetch_one(db)).await.map_err(error::of_read)
}

/// What is written down; none of a database that is no unfinished copy.
async fn notes(db: &mut PgConnection) -> Result<Option<BTreeMap<String, String>>, StoreError> {
    if !is_marked(db).await? {
        return Ok(None);
    }
    let rows = fetch(db, NOTES).await?;
    rows.iter().map(|row| Ok((text(row, 0)?, text(row, 1)?))).collect::<Result<_, _>>().map(Some)
}

fn progress(notes: &BTreeMap<String, String>) -> Result<BTreeMap<String, Progress>, StoreError> {
    let of_tables = notes.iter().filter_map(|(name, value)| Some((name.strip_prefix(TABLE)?, value)));
    let read = |(table, value): (&str, &String)| {
        let progress = Progress::of_text(value).ok_or_else(|| {
            StoreError::Damaged(format!("how far the copy of the table {table} is cannot be read"))
        })?;
        Ok((table.to_owned(), progress))
    };
    of_tables.map(read).collect()
}

async fn note(db: &mut PgConnection, name: &str, value: &str) -> Result<(), StoreError> {
    let query = sqlx::query(NOTE).bind(name).bind(value);
    within(ALONE_LIMIT, query.execute(db)).await.map(drop).map_err(error::of_write)
}

/// Refuses a database in which there is more than its migrations have made.
async fn refuse_full(
    db: &mut PgConnection,
    database: &str,
    tables: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let mut found = BTreeSet::new();
    for row in fetch(db, COLUMNS).await? {
        found.insert(text(&row, 0)?);
    }
    for table in found.intersection(tables).filter(|name| !name.starts_with('_')) {
        let allowed = i64::from(MADE_WITH_IT.contains(&table.as_str()));
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT 2) AS first", quoted(table));
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        let rows: i64 = within(READ_LIMIT, query.fetch_one(&mut *db)).await.map_err(error::of_read)?;
        if rows > allowed {
            return Err(StoreError::Unusable(format!(
                "there is something in the database {database} already (in the table {table}); create an empty database and \
                 copy into that"
            )));
        }
    }
    Ok(())
}

fn kind(declared: &str) -> Option<Kind> {
    match declared {
        "bigint" => Some(Kind::Int),
        "text" => Some(Kind::Text),
        "bytea" => Some(Kind::Blob),
        _ => None,
    }
}

fn cell(row: &PgRow, at: usize, kind: Kind) -> Result<Cell<'_>, StoreError> {
    let cell = match kind {
        Kind::Int => row.try_get::<Option<i64>, _>(at).map(|value| value.map(Cell::Int)),
        Kind::Text => {
            row.try_get::<Option<&str>, _>(at).map(|value| value.map(|text| Cell::Text(text.into())))
        }
        Kind::Blob => row.try_get::<Option<&[u8]>, _>(at).map(|value| value.map(Cell::Blob)),
    };
    cell.map(|cell| cell.unwrap_or(Cell::Null)).map_err(error::of_read)
}

fn text(row: &PgRow, column: usize) -> Result<String, StoreError> {
    row.try_get(column).map_err(error::of_read)
}

async fn fetch(db: &mut PgConnection, sql: &'static str) -> Result<Vec<PgRow>, StoreError> {
    within(READ_LIMIT, statement(db, sql).fetch_all(db)).await.map_err(error::of_read)
}

async fn run(db: &mut PgConnection, sql: impl sqlx::SqlSafeStr + Send) -> Result<(), StoreError> {
    within(ALONE_LIMIT, sqlx::raw_sql(sql).execute(db)).await.map(drop).map_err(error::of_write)
}
