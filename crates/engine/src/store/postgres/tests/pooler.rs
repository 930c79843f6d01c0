//! Through PgBouncer in transaction mode, where no session is a process's own.

use std::time::Duration;

use private_postgres::Pooler;
use sqlx::Row as _;

use super::{Database, accepts, asked, options, take, with_lease};
use crate::clock::Stopwatch;
use crate::cluster::Shard;
use crate::store::postgres::Postgres;
use crate::store::postgres::connector::Connector;
use crate::store::statements;
use crate::store::{Batch, ClusterStore, SettingsVersion, Standing, Store, StoreError};

#[tokio::test]
async fn two_nodes_share_a_database_through_a_pooler() {
    let database = Database::new();
    let url = Pooler::shared().url(&database.name);
    let open = || Postgres::open(&url, with_lease(Duration::from_secs(2)));
    let (one, two) = tokio::join!(open(), open());
    let (one, two) = (one.expect("opens"), two.expect("opens"));
    let shards = || Shard::all().take(128);
    let leases = take(&one, shards(), 600_000).await;
    assert_eq!((leases.len(), take(&two, shards(), 600_000).await.len()), (128, 0));
    let work = async |store: &Postgres, first: i64| {
        for number in first..first + 50 {
            let batch = Batch { settings: Some(SettingsVersion(0)), ..accepts([number]) };
            ClusterStore::commit(store, &batch).await.expect("commits");
            let pending = store.pending(crate::store::EndpointId(10), None, 1_000).await.expect("reads");
            assert!(pending.iter().any(|row| row.key.delivery_id.event().number() == number));
            store.renew(&asked(store, [], 600_000)).await.expect("renews");
        }
    };
    tokio::join!(work(&one, 1), work(&two, 1_001));
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "100");
    assert_eq!(named_statements(&url).await, 0, "they would be another's in the next transaction");
    one.release(&asked(&one, leases, 1)).await.expect("releases");
    assert_eq!(take(&two, shards(), 600_000).await.len(), 128);
    assert_eq!((one.standing(), two.standing()), (Standing::Sure, Standing::Sure));
    one.close().await;
    two.close().await;
    assert_eq!(database.sql("SELECT COUNT(*) FROM node"), "0");
}

/// What is left in the sessions that the pooler has.
async fn named_statements(url: &str) -> i64 {
    let mut found = 0;
    for _ in 0..20 {
        let mut db = Connector::parse(url).expect("is a URL").connect().await.expect("connects");
        let rows = sqlx::raw_sql("SELECT CAST(COUNT(*) AS TEXT) FROM pg_prepared_statements")
            .fetch_one(&mut db)
            .await;
        let count: String = rows.expect("reads").get(0);
        found += count.parse::<i64>().expect("a number");
    }
    found
}

/// The pooler ends with it what was begun.
#[tokio::test]
async fn a_pooler_that_restarts_is_found_again() {
    let database = Database::new();
    let pooler = Pooler::before(database.server);
    let store = Postgres::open(&pooler.url(&database.name), options()).await.expect("opens");
    Store::commit(&store, &accepts([1])).await.expect("commits");
    pooler.restart(database.server);
    let watch = Stopwatch::start();
    while let Err(error) = Store::commit(&store, &accepts([2])).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(watch.elapsed() < Duration::from_secs(10), "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.event(accepts([1]).accepts[0].event_id).await.expect("reads").is_some());
    store.close().await;
}

/// A session that was lost sight of, as behind a cut cable, has locked what others need.
#[tokio::test]
async fn what_a_lost_session_has_locked_is_free_again_by_itself() {
    let database = Database::new();
    let (one, two) = (database.open().await, database.open().await);
    let mut lost = one.writer.begin().await.expect("begins");
    sqlx::raw_sql("INSERT INTO meta (name, value) VALUES ('x', 1)")
        .execute(&mut *lost)
        .await
        .expect("inserts");
    let mut db = two.writer.begin().await.expect("begins");
    let watch = Stopwatch::start();
    let insert = "INSERT INTO meta (name, value) VALUES ('x', 2)";
    sqlx::raw_sql(insert).execute(&mut *db).await.expect("the other one's was rolled back");
    assert!(watch.elapsed() > Duration::from_secs(3), "{:?}", watch.elapsed());
    crate::store::sql::Transaction::finish(db, Ok(())).await.expect("commits");
    let result = crate::store::sql::Transaction::finish(lost, Ok(())).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    one.close().await;
    two.close().await;
}

/// What belongs to a session is nobody's behind a pooler. The lease looks at sessions only to find out sooner that its owner
/// has ended, and takes none for its own behind a pooler.
#[test]
fn no_statement_depends_on_a_session() {
    let of_sessions = ["advisory", "LISTEN", "NOTIFY", "SKIP LOCKED", "pg_terminate", "pg_stat_activity"];
    let allowed = ["lease.rs: LOOK", "lease.rs: TAKE", "lease.rs: RENEW", "connector.rs: STATE"];
    let statements = statements::in_sources_but("sqlite");
    let depends = |text: &str| {
        let sets = text.matches("SET ").count() > 0 && text.trim_start().starts_with("SET ");
        sets || of_sessions.iter().any(|words| text.contains(words))
    };
    let found: Vec<&str> =
        statements.iter().filter(|one| depends(&one.text)).map(|one| one.name.as_str()).collect();
    let others: Vec<&&str> = found.iter().filter(|name| !allowed.contains(name)).collect();
    assert_eq!(others, Vec::<&&str>::new());
    assert!(found.len() >= 3, "they are not found any more: {found:?}");
}
