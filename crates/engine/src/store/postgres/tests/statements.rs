//! Every statement must prepare on PostgreSQL and find an index there, and both databases must have the same columns.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::Database;
use crate::store::postgres::copying;
use crate::store::sql::Database as _;
use crate::store::statements::{self, Statement};

/// Tables with a row per event: reading one through is never right.
const HOT_TABLES: [&str; 4] = ["event", "pending", "attempt", "idempotency"];

#[tokio::test]
async fn every_statement_prepares_and_none_reads_a_hot_table_through() {
    let database = Database::new();
    let store = database.open().await;
    let mut db = store.reader().await.expect("reads");
    // As long as a copy is unfinished there is a table more.
    sqlx::raw_sql(copying::MARK).execute(&mut *db).await.expect("is made");
    let statements = statements::in_sources_but("sqlite");
    assert!(statements.len() > 50, "they are not found any more");
    for statement in statements {
        for step in plan(&mut db, &statement).await {
            let table = step.split_once("Seq Scan on ").map(|(_, rest)| rest.split(['_', ' ']).next());
            let is_hot = table.flatten().is_some_and(|table| HOT_TABLES.contains(&table));
            assert!(!is_hot, "{} reads a table through: {step}", statement.name);
        }
    }
}

/// The plans above are those of empty tables; so see that the test would notice.
#[tokio::test]
async fn a_plan_that_reads_a_table_through_is_recognised() {
    let database = Database::new();
    let store = database.open().await;
    let mut db = store.reader().await.expect("reads");
    let text = "SELECT body FROM event WHERE kind = $1".to_owned();
    let steps = plan(&mut db, &Statement { name: String::new(), text, is_list: false }).await;
    assert!(steps.iter().any(|step| step.contains("Seq Scan on event_")), "{steps:?}");
}

async fn plan(db: &mut PgConnection, Statement { name, text, is_list }: &Statement) -> Vec<String> {
    if ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| text.starts_with(word)) {
        return Vec::new();
    }
    // Small tables are read through whatever indexes there are, and a plan for known values could skip partitions.
    sqlx::raw_sql("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
        .execute(&mut *db)
        .await
        .expect("can be set");
    let values = text.split('$').skip(1).filter_map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<usize>().ok())
    });
    let values = values.max().unwrap_or(0);
    let list =
        |word: &str| if values == 0 { String::new() } else { format!("({})", vec![word; values].join(", ")) };
    let types = if *is_list { list("BIGINT") } else { String::new() };
    let prepare = AssertSqlSafe(format!("PREPARE one {types} AS {text}"));
    sqlx::raw_sql(prepare).execute(&mut *db).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE one {}", list("NULL")));
    let rows = sqlx::raw_sql(explain).fetch_all(&mut *db).await;
    let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}"));
    sqlx::raw_sql("DEALLOCATE one").execute(&mut *db).await.expect("was prepared");
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

/// Columns with types and whether they may be empty, in SQLite.
const COLUMNS: &str =
    "SELECT m.name || '.' || c.name || ' ' || c.type || CASE WHEN c.\"notnull\" THEN ' NO' ELSE ' YES' END
        FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'";

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let database = Database::new();
    database.open().await;
    let of_postgres = database.sql(
        "SELECT table_name || '.' || column_name || ' ' || CASE data_type
            WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE UPPER(data_type) END || ' ' || is_nullable
        FROM information_schema.columns
        JOIN pg_class ON pg_class.oid = CAST(table_name AS REGCLASS)
        WHERE table_schema = 'public' AND NOT relispartition
            AND table_name NOT IN ('lease', 'node', 'node_commit', 'settings_change', 'settings_version', 'shard_lease',
                '_sqlx_migrations', 'emitted', 'rejected_event')",
    );
    let of_postgres: BTreeSet<String> = of_postgres.lines().map(str::to_owned).collect();

    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let options = crate::store::sqlite::Options::new(0, super::vault(1));
    let sqlite = crate::store::sqlite::Sqlite::open(&path, options).await.expect("opens");
    let mut rows =
        sqlx::query(COLUMNS).fetch_all(&mut *sqlite.reader().await.expect("reads")).await.expect("reads");
    rows.extend(
        sqlx::query(COLUMNS).fetch_all(&mut *sqlite.inbox().await.expect("opens")).await.expect("reads"),
    );
    let mut of_sqlite: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    // SQLite's attempts need a key of one number to be appended in order; PostgreSQL's are in partitions.
    assert!(of_sqlite.remove("attempt.id INTEGER NO"), "{of_sqlite:?}");
    assert_eq!(of_postgres, of_sqlite);
    assert!(of_sqlite.len() > 80, "{}", of_sqlite.len());
}
