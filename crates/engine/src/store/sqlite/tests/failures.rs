//! What a failure means, and what can be done after it.

use rusqlite::types::Value;

use super::{File, accepts, execute};
use crate::store::sql::Database as _;
use crate::store::sqlite::Sqlite;
use crate::store::{Accepted, Batch, PeopleStore as _, Store, StoreError};

/// On the connection that commits: the limit is each connection's own.
async fn limit_pages(store: &Sqlite, more: Option<i64>) {
    let count = store.writer.ask("PRAGMA page_count").await.expect("answers");
    let Value::Integer(count) = count else { panic!("a number of pages is a number") };
    let limit = more.map_or(1_000_000_000, |more| count + more);
    store.writer.ask(&format!("PRAGMA max_page_count = {limit}")).await.expect("works");
}

#[tokio::test]
async fn a_full_disk_refuses_a_batch_whole_and_the_next_one_works() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts([1], 10)).await.expect("commits");
    limit_pages(&store, Some(10)).await;
    let too_much = accepts(2..300, 1000);
    for _ in 0..3 {
        let result = store.commit(&too_much).await;
        assert!(matches!(result, Err(StoreError::Full(_))), "{result:?}");
    }
    let event = store.event(accepts([2], 0).accepts[0].event_id).await.expect("reads");
    assert_eq!(event, None);
    // What is smaller fits still: outcomes can be kept while events are refused.
    assert_eq!(store.commit(&accepts([301], 10)).await.expect("commits"), [Accepted::New]);

    limit_pages(&store, None).await;
    assert_eq!(store.commit(&too_much).await.expect("commits").len(), 298);
}

#[tokio::test]
async fn after_an_unclear_commit_nothing_is_written_any_more() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts([1], 10)).await.expect("commits");
    // A constraint that is checked by COMMIT itself, which fails then for a reason that nobody expects of it.
    execute(&store, "CREATE TABLE owed (name TEXT REFERENCES meta (name) DEFERRABLE INITIALLY DEFERRED)")
        .await;
    execute(&store, "CREATE TRIGGER owe AFTER INSERT ON event BEGIN INSERT INTO owed VALUES ('nobody'); END")
        .await;
    let result = store.commit(&accepts([2], 10)).await;
    assert!(matches!(result, Err(StoreError::Fatal(_))), "{result:?}");
    for result in [
        store.commit(&Batch::default()).await.map(drop),
        store.checkpoint().await,
        store.delete_session([0; 32]).await,
    ] {
        assert!(matches!(result, Err(StoreError::Fatal(_))), "{result:?}");
    }
    store.close().await;

    let store = file.open().await;
    execute(&store, "DROP TRIGGER owe").await;
    assert_eq!(store.commit(&accepts([3], 10)).await.expect("commits"), [Accepted::New]);
}

#[tokio::test]
async fn a_write_lock_held_elsewhere_is_a_passing_fault() {
    let file = File::new();
    let options = super::Options { busy_timeout: std::time::Duration::from_millis(20), ..super::options() };
    let store = Sqlite::open(&file.path(), options).await.expect("opens");
    let mut intruder = store.reader().await.expect("reads");
    sqlx::query("PRAGMA query_only = OFF").execute(&mut *intruder).await.expect("works");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *intruder).await.expect("begins");
    let result = store.commit(&accepts([1], 10)).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");

    sqlx::query("ROLLBACK").execute(&mut *intruder).await.expect("ends");
    assert_eq!(store.commit(&accepts([1], 10)).await.expect("commits"), [Accepted::New]);
}

/// A use case may be dropped while it writes, for example when a request is cancelled.
#[tokio::test]
async fn a_write_that_was_dropped_half_way_is_rolled_back() {
    let file = File::new();
    let store = file.open().await;
    {
        let mut db = store.writer.begin().await.expect("begins");
        sqlx::query("INSERT INTO meta (name, value) VALUES ('half', 1)")
            .execute(&mut *db)
            .await
            .expect("inserts");
    }
    assert_eq!(store.commit(&accepts([1], 10)).await.expect("commits"), [Accepted::New]);
    let mut reader = store.reader().await.expect("reads");
    let rows = sqlx::query("SELECT * FROM meta").fetch_all(&mut *reader).await.expect("reads");
    assert!(rows.is_empty());
}

#[tokio::test]
async fn what_cannot_be_understood_is_damaged() {
    let file = File::new();
    let store = file.open().await;
    store.commit(&accepts([1], 10)).await.expect("commits");
    execute(&store, "UPDATE event SET kind = 'NEVER_HEARD_OF'").await;
    let result = store.event(accepts([1], 0).accepts[0].event_id).await;
    assert!(matches!(result, Err(StoreError::Damaged(_))), "{result:?}");
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let file = File::new();
    let store = file.open().await;
    store.close().await;
    let result = store.commit(&Batch::default()).await.map(drop);
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    let result = store.programs().await.map(drop);
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
}
