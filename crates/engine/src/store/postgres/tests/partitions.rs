//! Events and attempts by day.

use std::time::Duration;

use groundswell_types::{DeliveryId, EventId};

use super::{Database, accepts, lead, options};
use crate::clock::Stopwatch;
use crate::id::first_of_day;
use crate::store::postgres::{Options, Postgres};
use crate::store::{After, AttemptRecord, Batch, EndpointId, Forget, Outcome, PendingKey, Store, StoreError};

/// 2026-03-01, counted from 1970-01-01.
const DAY: i64 = 20_513;
const NOON_MS: i64 = DAY * 86_400_000 + 43_200_000;

fn first_of(day: i64) -> i64 {
    first_of_day(day).expect("is within our time").number()
}

async fn open(database: &Database<'_>) -> Postgres {
    let options = Options { opened_at_ms: NOON_MS, ..options() };
    let store = Postgres::open(&database.url(), options).await.expect("opens");
    lead(&store).await;
    store
}

fn partitions(database: &Database<'_>) -> Vec<String> {
    let names = database.sql(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r' ORDER BY relname",
    );
    names.lines().map(str::to_owned).collect()
}

fn delivered(event: i64) -> Batch {
    let delivery_id = DeliveryId::new(EventId::from_number(event), 0);
    let attempt = AttemptRecord {
        delivery_id,
        endpoint_id: EndpointId(10),
        number: 1,
        started_at_ms: 1,
        duration_ms: 1,
        failure: None,
        status_code: Some(200),
        message: String::new(),
        // Nothing of a receiver's may keep an outcome from being stored.
        response_head: "x: \0".to_owned(),
        response_body: bytes::Bytes::new(),
        is_response_truncated: false,
        is_response_restricted: false,
        after: After::Delivered,
    };
    let remove = vec![PendingKey { endpoint_id: EndpointId(10), due_at_ms: 1, delivery_id }];
    Batch { outcomes: vec![Outcome { attempt, remove, insert: None }], ..Batch::default() }
}

fn forget(events: &[i64], with_attempts: &[i64]) -> Forget {
    let deliveries = with_attempts.iter().map(|id| DeliveryId::new(EventId::from_number(*id), 0)).collect();
    let events = events.iter().copied().map(EventId::from_number).collect();
    Forget { events, deliveries, ..Forget::default() }
}

#[tokio::test]
async fn partitions_are_made_ahead_and_when_they_are_needed() {
    let database = Database::new();
    let store = open(&database).await;
    let ahead = ["attempt_20260301", "attempt_20260302", "event_20260301", "event_20260302"];
    assert_eq!(partitions(&database), ahead);

    // The process has slept for days, and the clock may go back.
    Store::commit(&store, &accepts([first_of(DAY + 9), first_of(DAY - 1) + 5])).await.expect("commits");
    Store::commit(&store, &delivered(first_of(DAY + 9))).await.expect("commits");
    assert_eq!(database.sql("SELECT COUNT(*) FROM ONLY event_20260310"), "1");
    assert_eq!(database.sql("SELECT COUNT(*) FROM ONLY attempt_20260310"), "1");
    assert_eq!(database.sql("SELECT COUNT(*) FROM ONLY event_20260228"), "1");
    store.writer.make_room_ahead().await.expect("makes room");
    assert!(partitions(&database).contains(&"event_20260311".to_owned()));

    let settings = "SELECT reloptions::text FROM pg_class WHERE relname = 'attempt_20260310'";
    assert!(database.sql(settings).contains("autovacuum_freeze_min_age=0"), "{}", database.sql(settings));
    // Their indexes came along.
    let indexes = "SELECT COUNT(*) FROM pg_index WHERE indrelid = CAST('event_20260310' AS REGCLASS)";
    assert_eq!(database.sql(indexes), "3");
    store.close().await;
    let store = open(&database).await;
    Store::commit(&store, &accepts([first_of(DAY + 9) + 1])).await.expect("what is there is not made again");
    store.close().await;
}

/// As somebody at the database may do it: the store does not know.
#[tokio::test]
async fn a_partition_that_is_gone_is_made_again_and_one_that_cannot_be_made_refuses_what_needs_it() {
    let database = Database::new();
    let store = open(&database).await;
    let first = first_of(DAY);
    Store::commit(&store, &accepts([first])).await.expect("commits");
    database.sql("DROP TABLE event_20260301");
    let result = Store::commit(&store, &accepts([first + 1])).await;
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
    Store::commit(&store, &accepts([first + 1])).await.expect("it is made");
    database.sql("DROP TABLE attempt_20260301");
    let result = Store::commit(&store, &delivered(first + 1)).await;
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
    Store::commit(&store, &delivered(first + 1)).await.expect("the half that is missing is made");

    database.sql("DROP TABLE event_20260301; CREATE TABLE event_20260301 (id BIGINT)");
    for _ in 0..2 {
        let _ = Store::commit(&store, &accepts([first + 2])).await;
    }
    let result = Store::commit(&store, &accepts([first + 2])).await;
    assert!(matches!(result, Err(StoreError::NoRoom(_))), "{result:?}");
    Store::commit(&store, &accepts([first_of(DAY + 1)])).await.expect("of another day");
    database.sql("DROP TABLE event_20260301");
    Store::commit(&store, &accepts([first + 2])).await.expect("commits");
    store.close().await;
}

#[tokio::test]
async fn every_id_there_can_be_has_a_partition() {
    let database = Database::new();
    let store = open(&database).await;
    let ids = [0, 1, (1 << 60) - 1];
    Store::commit(&store, &accepts(ids)).await.expect("commits");
    for id in ids {
        Store::commit(&store, &delivered(id)).await.expect("commits");
    }
    store.close().await;
}

/// As all of them do at midnight.
#[tokio::test]
async fn several_nodes_make_the_same_partitions_at_once() {
    let database = Database::new();
    let stores = [open(&database).await, open(&database).await, open(&database).await];
    for day in DAY + 100..DAY + 110 {
        let batches = [1, 2, 3].map(|number| accepts([first_of(day) + number]));
        let commits = stores.iter().zip(&batches).map(|(store, batch)| Store::commit(store, batch));
        for result in futures::future::join_all(commits).await {
            result.expect("commits");
        }
    }
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn a_batch_that_is_rejected_takes_its_partitions_along() {
    let database = Database::new();
    let store = open(&database).await;
    let day = first_of(DAY + 40);
    assert!(Store::commit(&store, &accepts([day, day])).await.is_err());
    Store::commit(&store, &accepts([day])).await.expect("the partition is made again");
    store.close().await;
}

#[tokio::test]
async fn partitions_go_once_retention_has_emptied_them() {
    let database = Database::new();
    let store = open(&database).await;
    let [first, second, third] = [DAY - 40, DAY - 39, DAY - 38].map(first_of);
    Store::commit(&store, &accepts([first, first + 1, second, third])).await.expect("commits");
    for id in [first, first + 1, second] {
        Store::commit(&store, &delivered(id)).await.expect("commits");
    }
    let has = |suffix: &str| partitions(&database).iter().filter(|name| name.ends_with(suffix)).count();

    store.forget(&forget(&[first, second], &[first, second])).await.expect("forgets");
    assert_eq!((has("_20260120"), has("_20260121")), (2, 2), "an event of the first day is still there");
    store.forget(&forget(&[first + 1], &[])).await.expect("forgets");
    store.forget(&forget(&[third], &[])).await.expect("forgets");
    assert_eq!((has("_20260120"), has("_20260121")), (2, 2), "an attempt of the first day is still there");
    store.forget(&forget(&[third], &[first + 1])).await.expect("forgets");
    assert_eq!((has("_20260120"), has("_20260121"), has("_20260122")), (0, 0, 2), "those before the last go");
    assert_eq!(store.highest_event_id().await.expect("reads"), Some(EventId::from_number(third)));

    Store::commit(&store, &accepts([first]))
        .await
        .expect("a partition that is gone is made when it is needed");
    store.close().await;
}

#[tokio::test]
async fn a_long_reader_holds_up_neither_retention_nor_anybody_else() {
    let database = Database::new();
    let store = open(&database).await;
    let [old, new] = [DAY - 40, DAY].map(first_of);
    Store::commit(&store, &accepts([old, new])).await.expect("commits");
    let connector = super::super::connector::Connector::parse(&database.url()).expect("is a URL");
    let mut reader = connector.connect().await.expect("connects");
    sqlx::raw_sql("BEGIN; SELECT * FROM event").execute(&mut reader).await.expect("reads");

    let watch = Stopwatch::start();
    store.forget(&forget(&[old, new], &[])).await.expect("forgets");
    Store::commit(&store, &accepts([new + 1])).await.expect("commits");
    assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    let has_old = || partitions(&database).contains(&"event_20260120".to_owned());
    assert!(has_old(), "somebody reads it");
    sqlx::raw_sql("ROLLBACK").execute(&mut reader).await.expect("ends");
    store.forget(&forget(&[new + 1], &[])).await.expect("forgets");
    assert!(!has_old());
    store.close().await;
}
