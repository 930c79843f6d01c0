//! What every connection must have, and which databases are refused.

use std::time::Duration;

use groundswell_types::EventId;
use rusqlite::types::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row};

use super::{File, accepts, execute, options};
use crate::store::sql::Database as _;
use crate::store::sqlite::thread::Place;
use crate::store::sqlite::{Options, Sqlite, open, thread};
use crate::store::{Store, StoreError};

const SETTINGS: [(&str, i64); 5] = [
    ("PRAGMA synchronous", 2),
    ("PRAGMA wal_autocheckpoint", 0),
    ("PRAGMA foreign_keys", 1),
    ("PRAGMA busy_timeout", 5000),
    ("PRAGMA page_size", 8192),
];

#[tokio::test]
async fn every_connection_syncs_fully_and_never_checkpoints_by_itself() {
    let file = File::new();
    let store = file.open().await;
    let mut reader = store.reader().await.expect("reads");
    let mut writer = store.writer.begin().await.expect("begins");
    for connection in [&mut *reader, &mut *writer] {
        open::check_settings(connection).await.expect("is as it must be");
        for (pragma, wanted) in SETTINGS {
            let row = sqlx::query(pragma).fetch_one(&mut *connection).await.expect("answers");
            assert_eq!(row.get::<i64, _>(0), wanted, "{pragma}");
        }
    }
    drop(writer);
    for (pragma, wanted) in SETTINGS {
        let value = store.writer.ask(pragma).await.expect("answers");
        assert_eq!(value, Value::Integer(wanted), "{pragma}");
    }
    let refused = sqlx::query("DELETE FROM meta").execute(&mut *reader).await;
    assert!(refused.is_err(), "readers cannot write");
}

/// A cache is filled by a large database however much or little is read of it, and is not given back.
#[tokio::test]
async fn what_the_connections_keep_of_a_large_database_is_less_than_four_megabytes() {
    const KEPT: &str = "PRAGMA cache_size";
    const CHANGED: &str = "PRAGMA cache_spill";
    let file = File::new();
    let store = file.open().await;
    let committer = store.writer.ask(KEPT).await.expect("answers");
    let committer_changed = store.writer.ask(CHANGED).await.expect("answers");
    let mut connection = store.reader().await.expect("reads");
    let reader: i64 = sqlx::query_scalar(KEPT).fetch_one(&mut *connection).await.expect("answers");
    let mut connection = store.writer.begin().await.expect("begins");
    let writer: i64 = sqlx::query_scalar(KEPT).fetch_one(&mut *connection).await.expect("answers");
    let writer_changed: i64 = sqlx::query_scalar(CHANGED).fetch_one(&mut *connection).await.expect("answers");
    let place = Place { path: file.path(), busy_timeout: Duration::from_secs(1) };
    let queue = thread::connect(&place, open::QUEUE_SETTINGS).expect("opens");
    let queue: i64 = queue.query_row(KEPT, [], |row| row.get(0)).expect("answers");
    assert_eq!(committer, Value::Integer(-2048));
    let kib = 2048 - writer - queue - i64::from(options().readers) * reader;
    assert!((2048..4 * 1024).contains(&kib), "{kib} KiB");
    // Whoever writes has room for what a transaction changes beside that.
    assert_eq!((committer_changed, writer_changed), (Value::Integer(1000), 1000));
}

#[tokio::test]
async fn settings_that_could_lose_data_are_refused() {
    let file = File::new();
    let options = open::connect_options(&file.path(), Duration::from_secs(1)).create_if_missing(true);
    let weaker: [fn(SqliteConnectOptions) -> SqliteConnectOptions; 3] = [
        |options| options.synchronous(SqliteSynchronous::Normal),
        |options| options.foreign_keys(false),
        |options| options.journal_mode(SqliteJournalMode::Delete),
    ];
    for weaken in weaker {
        let mut connection = weaken(options.clone()).connect().await.expect("opens");
        let result = open::check_settings(&mut connection).await;
        assert!(matches!(result, Err(StoreError::Unusable(_))), "{result:?}");
        connection.close().await.expect("closes");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let file = File::new();
    let store = file.open().await;
    execute(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9000, 'from the future', TRUE, x'00', 1)",
    )
    .await;
    store.close().await;

    let refusal = Sqlite::open(&file.path(), options()).await.expect_err("is refused").to_string();
    assert!(
        refusal.contains("newer version of Groundswell (its schema is 9000, this version knows "),
        "{refusal}"
    );
    assert!(refusal.contains("groundswell.db"), "{refusal}");
}

#[tokio::test]
async fn a_database_with_another_schema_is_refused() {
    let file = File::new();
    let store = file.open().await;
    execute(&store, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    store.close().await;
    let refusal = Sqlite::open(&file.path(), options()).await.expect_err("is refused").to_string();
    assert!(refusal.contains("is not one of Groundswell's"), "{refusal}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let file = File::new();
    std::fs::write(file.path(), "Dear diary, ".repeat(1000)).expect("writes");
    let refusal = Sqlite::open(&file.path(), options()).await.expect_err("is refused").to_string();
    assert!(refusal.contains("cannot open the database") && refusal.contains("not a database"), "{refusal}");
}

/// Retention takes the oldest first, but in a quiet month it takes everything.
#[tokio::test]
async fn the_highest_event_id_outlives_its_event() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts([5, 9], 10)).await.expect("commits");
    execute(&store, "DELETE FROM event WHERE id = 5").await;
    execute(&store, "DELETE FROM event").await;
    let highest = async |store: &Sqlite| store.highest_event_id().await.expect("reads").map(EventId::number);
    assert_eq!(highest(&store).await, Some(9));
    store.close().await;

    let store = file.open().await;
    assert_eq!(highest(&store).await, Some(9));
    store.commit(&accepts([12], 10)).await.expect("commits");
    assert_eq!(highest(&store).await, Some(12));
}

#[tokio::test]
async fn the_write_ahead_log_is_copied_between_batches() {
    let file = File::new();
    // What makes the tables goes through the log, too, and makes it long.
    file.open().await.close().await;
    let options = Options { checkpoint_pages: 50, ..options() };
    let store = Sqlite::open(&file.path(), options).await.expect("opens");
    let wal = file.directory.path().join("groundswell.db-wal");
    for first in 0..40 {
        store.commit(&accepts(first * 20..first * 20 + 20, 4096)).await.expect("commits");
    }
    // 800 events, the content of each more than half a page, have gone through it.
    let bytes = std::fs::metadata(&wal).expect("is there").len();
    assert!(bytes < 100 * u64::from(open::PAGE_BYTES), "{bytes}");
    store.checkpoint().await.expect("copies");
    store.close().await;
    assert!(!wal.exists());
}

#[tokio::test]
async fn a_long_reader_holds_up_no_commit_and_no_checkpoint() {
    let file = File::new();
    let options = Options { checkpoint_pages: 20, ..options() };
    let store = Sqlite::open(&file.path(), options).await.expect("opens");
    store.commit(&accepts([1], 10)).await.expect("commits");
    let mut reader = store.reader().await.expect("reads");
    sqlx::query("BEGIN").execute(&mut *reader).await.expect("begins");
    sqlx::query("SELECT * FROM event").fetch_all(&mut *reader).await.expect("reads");
    for first in 1..20 {
        store.commit(&accepts(first * 20..first * 20 + 20, 4096)).await.expect("commits");
        store.checkpoint().await.expect("does what it can");
    }
    let seen = sqlx::query("SELECT * FROM event").fetch_all(&mut *reader).await.expect("reads");
    assert_eq!(seen.len(), 1, "the reader sees what it saw first");
    drop(reader);
    store.close().await;
}
