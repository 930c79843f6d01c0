//! One process at a time.

use std::time::Duration;

use super::{Database, accepts, with_lease};
use crate::clock::Stopwatch;
use crate::store::postgres::Postgres;
use crate::store::{PeopleStore as _, Standing, Store, StoreError};

const LONG: Duration = Duration::from_mins(10);

/// Somebody has had it since long ago and has so many milliseconds left.
fn give_to_another(database: &Database<'_>, left_ms: i64) {
    database.sql(&format!(
        "UPDATE lease SET owner = 'process 7 on elsewhere', epoch = epoch + 1, commits = 0, backend_pid = 1,
            backend_start = '2000-01-01',
            expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + {left_ms}"
    ));
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_has_the_database_and_until_when() {
    let database = Database::new();
    let lease = Duration::from_millis(1_500);
    let first = Postgres::open(&database.url(), with_lease(lease)).await.expect("opens");
    let refused = Postgres::open(&database.url(), with_lease(lease)).await;
    let refusal = refused.expect_err("is in use").to_string();
    let holder = format!("the database {} at ", database.name);
    assert!(refusal.starts_with(&holder), "{refusal}");
    let process = format!("is in use by process {} on ", std::process::id());
    assert!(refusal.contains(&process) && refusal.contains(", which has it until 2"), "{refusal}");
    // The refused one has done no harm.
    first.commit(&accepts([1])).await.expect("commits");
    first.close().await;
}

#[tokio::test]
async fn a_lease_given_back_is_free_at_once() {
    let database = Database::new();
    Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens").close().await;
    let watch = Stopwatch::start();
    Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens").close().await;
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
}

/// As after a kill: the kernel has closed its connections.
#[tokio::test]
async fn a_lease_left_behind_is_taken_over_as_soon_as_its_session_has_ended() {
    let database = Database::new();
    let first = Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens");
    first.commit(&accepts([1])).await.expect("commits");
    drop(first);
    let watch = Stopwatch::start();
    let second = Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens");
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    assert!(second.commit(&accepts([1])).await.is_err(), "what was committed is there");
    second.close().await;
}

/// A server that has restarted knows no session of before, so that none can be said to have ended.
#[tokio::test]
async fn a_lease_of_unknown_whereabouts_is_taken_over_once_it_has_run_out() {
    let database = Database::new();
    database.open().await.close().await;
    give_to_another(&database, 2_000);
    let watch = Stopwatch::start();
    let store = database.open().await;
    assert!(watch.elapsed() >= Duration::from_millis(1_500), "{:?}", watch.elapsed());
    store.commit(&accepts([1])).await.expect("commits");
    store.close().await;
}

#[tokio::test]
async fn who_has_lost_the_lease_commits_nothing_and_says_why() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens");
    store.commit(&accepts([1])).await.expect("commits");
    give_to_another(&database, 600_000);
    for result in [store.commit(&accepts([2])).await.map(drop), store.delete_session([0; 32]).await] {
        let Err(StoreError::Unusable(why)) = result else { panic!("{result:?}") };
        assert!(why.contains("taken over by process 7 on elsewhere"), "{why}");
    }
    assert!(store.lost().await.to_string().contains("process 7"));
    assert_eq!(store.standing(), Standing::Doubtful);
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "1");
    store.close().await;
    assert_eq!(database.sql("SELECT owner FROM lease WHERE expires_at_ms > 0"), "process 7 on elsewhere");
}

#[tokio::test]
async fn the_loss_is_noticed_without_a_write() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_millis(900))).await.expect("opens");
    give_to_another(&database, 600_000);
    let lost = tokio::time::timeout(Duration::from_secs(10), store.lost()).await.expect("is noticed");
    assert!(lost.to_string().contains("process 7"), "{lost}");
}

#[tokio::test]
async fn a_lease_is_renewed_while_nothing_is_written() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_millis(600))).await.expect("opens");
    let expiry = || database.sql("SELECT expires_at_ms FROM lease").parse::<i64>().expect("a number");
    let before = expiry();
    tokio::time::timeout(Duration::from_secs(10), async {
        while expiry() <= before + 600 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("is renewed");
    assert_eq!(store.standing(), Standing::Sure);
    store.close().await;
}

/// Whoever asked has hung up at the worst moment.
#[tokio::test]
async fn a_transaction_left_half_way_does_not_keep_the_lease_from_being_renewed() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_secs(3))).await.expect("opens");
    let mut half_way = store.writer.begin().await.expect("begins");
    sqlx::query("INSERT INTO meta (name, value) VALUES ('x', 1)")
        .execute(&mut *half_way)
        .await
        .expect("inserts");
    store.writer.lease.count(&mut half_way).await.expect("counts");
    drop(half_way);
    let watch = Stopwatch::start();
    while watch.elapsed() < Duration::from_secs(4) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(store.standing(), Standing::Sure, "after {:?}", watch.elapsed());
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM meta WHERE name = 'x'"), "0");
    store.close().await;
}
