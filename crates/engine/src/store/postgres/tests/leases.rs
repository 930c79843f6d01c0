//! Who may start, and who must be alone.

use std::time::Duration;

use super::{Database, accepts, options, vault, with_lease};
use crate::clock::Stopwatch;
use crate::store::postgres::node::Ids;
use crate::store::postgres::{Options, Postgres};
use crate::store::{PeopleStore as _, Standing, Store, StoreError};

const LONG: Duration = Duration::from_mins(10);

/// Somebody has had it since long ago and has so many milliseconds left.
fn give_to(database: &Database<'_>, owner: &str, left_ms: i64) {
    database.sql(&format!(
        "UPDATE lease SET owner = '{owner}', epoch = epoch + 1, commits = 0, backend_pid = 1,
            backend_start = '2000-01-01',
            expires_at_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + {left_ms}"
    ));
}

async fn rotate(database: &Database<'_>) -> Result<(), StoreError> {
    Postgres::rotate(&database.url(), with_lease(Duration::from_secs(2)), &vault(1)).await
}

#[tokio::test]
async fn a_process_starts_beside_others_and_all_of_them_write() {
    let database = Database::new();
    let url = database.url();
    let opened = (0..4).map(|_| Postgres::open(&url, options()));
    let stores = futures::future::join_all(opened).await;
    for (number, store) in (1..).zip(&stores) {
        let store = store.as_ref().expect("opens beside the others, at once and on an empty database");
        Store::commit(store, &accepts([number])).await.expect("commits");
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "4");
    assert_eq!(database.sql("SELECT COUNT(DISTINCT node) FROM node_commit"), "4");
    for store in stores {
        store.expect("is open").close().await;
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM node"), "0", "they have taken leave");
    assert_eq!(database.sql("SELECT COUNT(*) FROM node_commit"), "0");
}

/// An earlier version holds the lease as long as it runs, and counts its commits.
#[tokio::test]
async fn a_process_is_refused_beside_one_of_an_earlier_version() {
    let database = Database::new();
    database.open().await.close().await;
    let holder = tokio::spawn({
        let url = database.url();
        async move {
            let connector = super::super::connector::Connector::parse(&url).expect("is a URL");
            let mut session = connector.connect().await.expect("connects");
            let now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
            let take = format!(
                "UPDATE lease SET owner = 'process 7 on elsewhere', epoch = epoch + 1, commits = 0,
                    expires_at_ms = {now} + 600000, backend_pid = pg_backend_pid(),
                    backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(take)).execute(&mut session).await.expect("takes it");
            loop {
                let count = "UPDATE lease SET commits = commits + 1";
                sqlx::raw_sql(count).execute(&mut session).await.expect("counts");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    while database.sql("SELECT owner FROM lease") != "process 7 on elsewhere" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refusal = database.refusal().await;
    assert!(refusal.starts_with(&format!("the database {} at ", database.name)), "{refusal}");
    assert!(refusal.contains("is in use by process 7 on elsewhere, which has it until 2"), "{refusal}");
    holder.abort();
}

/// Those that start hold the lease for moments, or as long as a migration takes.
#[tokio::test]
async fn who_starts_waits_for_another_one_that_starts() {
    let database = Database::new();
    database.open().await.close().await;
    give_to(&database, "process 7 on elsewhere (starting)", 600_000);
    let url = database.url();
    let opening = Postgres::open(&url, options());
    tokio::pin!(opening);
    for _ in 0..20 {
        // It lives, and is not done.
        database.sql("UPDATE lease SET expires_at_ms = expires_at_ms + 1");
        let early = tokio::time::timeout(Duration::from_millis(100), &mut opening).await;
        assert!(early.is_err(), "{early:?}");
    }
    database.sql("UPDATE lease SET expires_at_ms = 0");
    opening.await.expect("opens").close().await;
}

#[tokio::test]
async fn who_must_be_alone_is_refused_while_somebody_has_the_database_open() {
    let database = Database::new();
    let own = Options { name: "one".to_owned(), address: "http://10.0.0.7:3000".to_owned(), ..options() };
    let store = Postgres::open(&database.url(), own).await.expect("opens");
    let refusal = rotate(&database).await.expect_err("is in use").to_string();
    let wanted = "is in use by one at http://10.0.0.7:3000, which has it until 2";
    assert!(
        refusal.contains(wanted) && refusal.contains("stop that process and every other one"),
        "{refusal}"
    );
    // The refused one has done no harm.
    Store::commit(&store, &accepts([1])).await.expect("commits");
    database.open().await.close().await;
    store.close().await;
    rotate(&database).await.expect("nobody has it open");
}

/// As after a pause of a virtual machine: whoever was alone meanwhile must not be written over.
#[tokio::test]
async fn who_was_thought_dead_by_somebody_who_was_alone_commits_nothing() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens");
    database.sql("UPDATE node SET open_until_ms = 0");
    rotate(&database).await.expect("nobody is known to live");
    for result in [Store::commit(&store, &accepts([2])).await.map(drop), store.delete_session([0; 32]).await]
    {
        let Err(StoreError::Unusable(why)) = result else { panic!("{result:?}") };
        assert!(why.contains("its row in the table node is gone"), "{why}");
    }
    assert_eq!(store.standing(), Standing::Doubtful);
    assert!(store.lost().await.to_string().contains("this process stops"));
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "0");
    store.close().await;
}

#[tokio::test]
async fn the_loss_is_noticed_without_a_write() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_millis(900))).await.expect("opens");
    database.sql("DELETE FROM node");
    let lost = tokio::time::timeout(Duration::from_secs(10), store.lost()).await.expect("is noticed");
    assert!(lost.to_string().contains("the table node"), "{lost}");
}

#[tokio::test]
async fn nodes_that_were_not_heard_of_for_a_day_are_forgotten() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_millis(600))).await.expect("opens");
    let hour = 3_600_000;
    for (id, hours) in [(7, 23), (8, 25)] {
        database.sql(&format!(
            "INSERT INTO node (id, name, machine, address, number, presence, commits, open_until_ms)
            SELECT {id}, '', '', '', 1, 'staying', 0, open_until_ms - {} FROM node LIMIT 1",
            hours * hour
        ));
    }
    tokio::time::timeout(Duration::from_secs(10), async {
        while database.sql("SELECT id FROM node WHERE id < 9 ORDER BY id") != "7" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the older one is forgotten");
    assert_eq!(store.standing(), Standing::Sure);
    store.close().await;
}

#[tokio::test]
async fn a_lease_given_back_is_free_at_once() {
    let database = Database::new();
    Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens").close().await;
    let watch = Stopwatch::start();
    Postgres::open(&database.url(), with_lease(LONG)).await.expect("opens").close().await;
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
}

/// As after a kill in the middle of a start: the kernel has closed its connections.
#[tokio::test]
async fn a_lease_left_behind_is_taken_over_as_soon_as_its_session_has_ended() {
    let database = Database::new();
    let url = database.url();
    let connector = super::super::connector::Connector::parse(&url).expect("is a URL");
    database.open().await.close().await;
    let options = with_lease(LONG);
    let lease = super::super::open::claim(&connector, &options, super::super::lease::Purpose::Serve).await;
    drop(lease.expect("takes it"));
    let watch = Stopwatch::start();
    Postgres::open(&url, options).await.expect("opens").close().await;
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
}

/// A server that has restarted knows no session of before, so that none can be said to have ended.
#[tokio::test]
async fn a_lease_of_unknown_whereabouts_is_taken_over_once_it_has_run_out() {
    let database = Database::new();
    database.open().await.close().await;
    give_to(&database, "process 7 on elsewhere", 2_000);
    let watch = Stopwatch::start();
    let store = database.open().await;
    assert!(watch.elapsed() >= Duration::from_millis(1_500), "{:?}", watch.elapsed());
    Store::commit(&store, &accepts([1])).await.expect("commits");
    store.close().await;
}

/// Whoever asked has hung up at the worst moment.
#[tokio::test]
async fn a_transaction_left_half_way_does_not_keep_signs_of_life_from_being_given() {
    let database = Database::new();
    let store = Postgres::open(&database.url(), with_lease(Duration::from_secs(3))).await.expect("opens");
    let mut half_way = store.writer.begin().await.expect("begins");
    sqlx::query("INSERT INTO meta (name, value) VALUES ('x', 1)")
        .execute(&mut *half_way)
        .await
        .expect("inserts");
    store.writer.node.count(&mut half_way, (false, Ids::default())).await.expect("counts");
    drop(half_way);
    let watch = Stopwatch::start();
    while watch.elapsed() < Duration::from_secs(4) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(store.standing(), Standing::Sure, "after {:?}", watch.elapsed());
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM meta WHERE name = 'x'"), "0");
    store.close().await;
}
