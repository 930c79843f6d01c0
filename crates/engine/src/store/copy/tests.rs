//! Every table, with every column, by eyes that are not the copy's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use private_postgres::Server;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tempfile::TempDir;

use super::{Claim, Copied, CopyOrder, Source, Target, copy, plan};
use crate::store::sqlite::{Options, Sqlite};
use crate::store::vault::{Place, SecretsKey, Vault};
use crate::store::{Store, StoreError};

/// What belongs to PostgreSQL, or is kept elsewhere by SQLite.
const OF_POSTGRESQL: [&str; 10] = [
    "_sqlx_migrations",
    "emitted",
    "inbox_request",
    "lease",
    "node",
    "node_commit",
    "rejected_event",
    "settings_change",
    "settings_version",
    "shard_lease",
];

/// A new file, and a name for a new database.
struct Pair {
    directory: TempDir,
    database: String,
}

impl Pair {
    async fn new() -> Self {
        let pair = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            database: Server::shared().create(None),
        };
        Sqlite::open(&pair.file(), Options::new(0, vault())).await.expect("opens").close().await;
        pair
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("g.db")
    }

    fn open(&self) -> Connection {
        let db = Connection::open(self.file()).expect("opens");
        db.execute_batch("PRAGMA foreign_keys = OFF").expect("a setting");
        db
    }

    async fn copy(&self) -> Result<Copied, StoreError> {
        let (source, target) = (self.file(), Server::shared().url(&self.database));
        let order = CopyOrder { source: &source, target: &target, vault: &vault(), now_ms: 0 };
        copy(order, &mut |_| ()).await
    }

    /// The rows of a table in PostgreSQL, sorted.
    fn copied(&self, table: &str, columns: &[String]) -> Vec<String> {
        let columns: Vec<String> =
            columns.iter().map(|name| format!("COALESCE(CAST(\"{name}\" AS TEXT), 'NULL')")).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", columns.join(", "));
        sorted(Server::shared().sql(&self.database, &sql).lines().map(str::to_owned).collect())
    }
}

fn vault() -> Vault {
    Vault::new(&SecretsKey::from_bytes([1; 32]))
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// The columns of every table of a file: name, type and whether it may be empty.
type Columns = Vec<(String, String, bool)>;

fn tables(db: &Connection) -> BTreeMap<String, Columns> {
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("reads");
    let names = tables.query_map([], |row| row.get::<_, String>(0)).expect("reads");
    let names = names.map(|name| name.expect("a name")).filter(|name| !name.starts_with('_'));
    let columns = |name: &String| {
        let mut columns = db
            .prepare("SELECT name, type, NOT \"notnull\" FROM pragma_table_info(?1) ORDER BY cid")
            .expect("reads");
        let rows = columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.expect("reads").map(|row| row.expect("a column")).collect()
    };
    names.filter(|name| !name.starts_with("sqlite_")).map(|name| (name.clone(), columns(&name))).collect()
}

/// What a column must agree with.
fn referred(db: &Connection, table: &str, column: &str) -> Option<(String, String)> {
    let sql = "SELECT \"table\", \"to\" FROM pragma_foreign_key_list(?1) WHERE \"from\" = ?2";
    db.query_row(sql, [table, column], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

/// A value that no other column has, and no other row.
fn value(db: &Connection, (table, column, kind): (&str, &str, &str), row: i64) -> Value {
    if let Some((table, column)) = referred(db, table, column) {
        return value(db, (&table, &column, kind), row);
    }
    let name = format!("{table}.{column}.{row}");
    let number: i64 = name.bytes().fold(7, |sum, byte| (sum * 31 + i64::from(byte)) % 1_000_000_007);
    match kind {
        "INTEGER" => Value::Integer(number),
        "BLOB" => Value::Blob([b"\0\xff", name.as_bytes()].concat()),
        _ if (table, column) == ("program", "id") => Value::Text(format!("program{row}")),
        _ => Value::Text(format!("{name}\nü")),
    }
}

/// What is sealed has to open.
fn sealed(db: &Connection, place: (&'static str, &'static str), row: i64) -> Option<Value> {
    let key = match place {
        ("endpoint", "secret" | "headers" | "old_secret") => ("endpoint", "id", "INTEGER"),
        ("draft", "rows_json") => ("draft", "program_id", "TEXT"),
        _ => return None,
    };
    let key = match value(db, key, row) {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => panic!("{other:?} is no key"),
    };
    let (table, column) = place;
    Some(Value::Text(vault().seal(Place { table, column, row: &key }, "s3cret")))
}

/// Puts two rows into every table: one that is full, and one in which whatever may be empty is.
fn fill(db: &Connection) {
    for (table, columns) in tables(db) {
        // The database has one key, and knows it already.
        if table == "secrets_key" {
            continue;
        }
        let table: &'static str = table.leak();
        for row in [1, 2] {
            let values = columns.iter().map(|(column, kind, may_be_empty)| {
                let column: &'static str = column.clone().leak();
                match sealed(db, (table, column), row) {
                    _ if row == 2 && *may_be_empty => Value::Null,
                    Some(sealed) => sealed,
                    None => value(db, (table, column, kind), row),
                }
            });
            let marks = vec!["?"; columns.len()].join(", ");
            db.execute(&format!("INSERT INTO {table} VALUES ({marks})"), params_from_iter(values))
                .unwrap_or_else(|error| panic!("{table}: {error}"));
        }
    }
}

/// The rows of a table in SQLite as PostgreSQL prints them, sorted.
fn lines(db: &Connection, table: &str, columns: &[String]) -> Vec<String> {
    let mut rows =
        db.prepare(&format!("SELECT \"{}\" FROM \"{table}\"", columns.join("\", \""))).expect("reads");
    let lines = rows.query_map([], |row| {
        let cells = (0..columns.len()).map(|at| {
            Ok(match row.get::<_, Value>(at)? {
                Value::Null => "NULL".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Blob(bytes) => {
                    bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
                }
                Value::Text(text) => text,
                Value::Real(_) => panic!("there are no such numbers"),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    });
    let lines: Vec<String> = lines.expect("reads").map(|line| line.expect("a row")).collect();
    // A text may have more than one line.
    sorted(lines.join("\n").lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn every_column_of_every_table_goes_over() {
    let pair = Pair::new().await;
    let db = pair.open();
    fill(&db);
    let wanted: BTreeMap<String, Vec<String>> = tables(&db)
        .into_iter()
        .map(|(table, columns)| {
            // What numbers SQLite's attempts is for SQLite alone.
            let names = columns.into_iter().map(|(name, ..)| name);
            let names = names.filter(|name| (table.as_str(), name.as_str()) != ("attempt", "id")).collect();
            (table, names)
        })
        .collect();
    let before: Vec<_> = wanted.iter().map(|(table, columns)| lines(&db, table, columns)).collect();
    drop(db);

    let copied = pair.copy().await.expect("copies");
    let names: BTreeSet<&str> = copied.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, wanted.keys().map(String::as_str).collect(), "every table of SQLite's");
    assert_eq!(copied.strange, Vec::<String>::new());
    for ((table, columns), before) in wanted.iter().zip(&before) {
        assert_eq!(&pair.copied(table, columns), before, "{table}");
        let rows = copied.rows_of(table);
        assert!(rows >= 2 || table == "secrets_key", "{table} has {rows} rows");
    }
    let db = pair.open();
    let after: Vec<_> = wanted.iter().map(|(table, columns)| lines(&db, table, columns)).collect();
    assert_eq!(after, before, "the source is as it was");

    let server = Server::shared();
    let found = server.sql(
        &pair.database,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
         AND relnamespace = 'public'::regnamespace",
    );
    let found: BTreeSet<&str> = found.lines().filter(|name| !OF_POSTGRESQL.contains(name)).collect();
    assert_eq!(found, names, "every table of PostgreSQL's, and nothing of the copy is left");
    // Events are where a server looks for them.
    assert_eq!(server.sql(&pair.database, "SELECT COUNT(*) FROM event_20240101"), "2");
}

#[tokio::test]
async fn a_text_that_postgresql_cannot_keep_is_what_a_server_would_have_made_of_it() {
    let pair = Pair::new().await;
    let db = pair.open();
    fill(&db);
    let changed =
        db.execute("UPDATE attempt SET response_head = 'a' || CHAR(0) || 'b', message = CHAR(0)", []);
    assert_eq!(changed, Ok(2));
    drop(db);
    pair.copy().await.expect("copies");
    let found = Server::shared().sql(&pair.database, "SELECT response_head, message FROM attempt");
    assert_eq!(found, "a\u{fffd}b|\u{fffd}\na\u{fffd}b|\u{fffd}");
}

#[tokio::test]
async fn what_postgresql_has_made_of_a_row_is_read_back() {
    let pair = Pair::new().await;
    fill(&pair.open());
    let server = Server::shared();
    let target = server.url(&pair.database);
    crate::store::postgres::Postgres::open(&target, crate::store::postgres::Options::new(0, vault()))
        .await
        .expect("a new database is one that may be copied into")
        .close()
        .await;
    server.sql(
        &pair.database,
        "CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN NEW.message := NEW.message || ' '; RETURN NEW; END $$;
         CREATE TRIGGER another BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION another();
         CREATE FUNCTION drops() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER drops BEFORE INSERT ON notice FOR EACH ROW EXECUTE FUNCTION drops()",
    );
    for _ in 0..2 {
        let said = pair.copy().await.expect_err("is another").to_string();
        let wanted = "attempt has the same number of rows (2) with other values in them, notice has 0 rows instead of 2. No";
        assert!(said.contains(wanted), "{said}");
    }
}

#[tokio::test]
async fn no_table_is_sorted_to_be_read() {
    let pair = Pair::new().await;
    let source = Source::open(&pair.file(), 0).expect("opens");
    let contents = source.contents().await.expect("reads");
    let tables = contents.catalogue.tables.keys().cloned().collect();
    let vault = vault();
    let claim = Claim { source: "", fingerprint: "", tables: &tables, vault: &vault, now_ms: 0 };
    let target = Target::open(&Server::shared().url(&pair.database), claim).await;
    let (mut target, _) = target.expect("an empty database");
    let plan = plan::plan(&contents.catalogue, &target.catalogue().await.expect("reads")).expect("a plan");
    target.close().await;
    let db = pair.open();
    for table in &plan.tables {
        for is_first in [true, false] {
            let sql = format!("EXPLAIN QUERY PLAN {}", table.page(is_first, ""));
            let mut steps = db.prepare(&sql).expect("prepares");
            let nothing = vec![Value::Null; steps.parameter_count()];
            let steps = steps.query_map(params_from_iter(nothing), |row| row.get::<_, String>(3));
            for step in steps.expect("is explained").map(|step| step.expect("a step")) {
                assert!(!step.contains("TEMP B-TREE"), "{}: {step}", table.name);
            }
        }
    }
}
