//! Connections that break, and a server that restarts.

use std::time::Duration;

use private_postgres::{Mode, Server};

use super::proxy::{Fault, Proxy};
use super::{Database, accepts, options, with_lease};
use crate::clock::Stopwatch;
use crate::store::postgres::Postgres;
use crate::store::{Accepted, Standing, Store, StoreError};

async fn through(proxy: &Proxy, database: &Database<'_>) -> Postgres {
    Postgres::open(&proxy.url(&database.name), options()).await.expect("opens")
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_to_have_happened() {
    let database = Database::new();
    let proxy = Proxy::before(database.server.socket());
    let store = through(&proxy, &database).await;
    proxy.plan(Fault::Swallow);
    assert_eq!(Store::commit(&store, &accepts([1, 2])).await.expect("has happened"), [Accepted::New; 2]);
    assert!(proxy.has_struck());
    assert_eq!(store.standing(), Standing::Sure);
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "2");
    Store::commit(&store, &accepts([3])).await.expect("goes on");
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_found_not_to_have_happened() {
    let database = Database::new();
    let proxy = Proxy::before(database.server.socket());
    let store = through(&proxy, &database).await;
    proxy.plan(Fault::Cut);
    let result = Store::commit(&store, &accepts([1, 2])).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert!(proxy.has_struck());
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "0");
    Store::commit(&store, &accepts([1, 2])).await.expect("goes on");
    store.close().await;
}

/// Whoever waits for it is told nothing before the server can be asked; everybody else is told that it is away.
#[tokio::test]
async fn a_commit_in_doubt_waits_for_the_server() {
    let database = Database::new();
    let proxy = Proxy::before(database.server.socket());
    let store = through(&proxy, &database).await;
    proxy.plan(Fault::Swallow);
    proxy.let_in(false);
    let batch = accepts([1]);
    let commit = Store::commit(&store, &batch);
    tokio::pin!(commit);
    let early = tokio::time::timeout(Duration::from_secs(1), &mut commit).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(store.standing(), Standing::Away);
    proxy.let_in(true);
    assert_eq!(commit.await.expect("has happened"), [Accepted::New]);
    store.close().await;
}

#[tokio::test]
async fn commits_of_two_nodes_whose_answers_are_lost_are_found_out_about_each_for_itself() {
    let database = Database::new();
    let proxies = [(); 2].map(|()| Proxy::before(database.server.socket()));
    let [one, two] = [through(&proxies[0], &database).await, through(&proxies[1], &database).await];
    // The other one's commits do not count as this one's.
    for number in 10..20 {
        Store::commit(&two, &accepts([number])).await.expect("commits");
    }
    proxies[0].plan(Fault::Cut);
    proxies[1].plan(Fault::Swallow);
    let batches = [accepts([1]), accepts([2])];
    let (lost, kept) = tokio::join!(Store::commit(&one, &batches[0]), Store::commit(&two, &batches[1]));
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    assert_eq!(kept.expect("has happened"), [Accepted::New]);
    assert!(proxies.iter().all(Proxy::has_struck));
    assert_eq!(database.sql("SELECT id FROM event WHERE id < 10"), "2");
    for (store, number) in [(&one, 3), (&two, 4)] {
        Store::commit(store, &accepts([number])).await.expect("goes on");
        store.close().await;
    }
}

#[tokio::test]
async fn a_commit_that_cannot_be_found_out_about_is_fatal() {
    let database = Database::new();
    let proxy = Proxy::before(database.server.socket());
    let store = through(&proxy, &database).await;
    proxy.plan(Fault::Swallow);
    proxy.let_in(false);
    let batch = accepts([1]);
    let commit = Store::commit(&store, &batch);
    tokio::pin!(commit);
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut commit).await.is_err());
    // It was thought to have ended.
    database.sql("DELETE FROM node");
    proxy.let_in(true);
    let result = commit.await;
    assert!(matches!(result, Err(StoreError::Fatal(_))), "{result:?}");
    let result = Store::commit(&store, &accepts([2])).await;
    assert!(matches!(result, Err(StoreError::Unusable(_))), "{result:?}");
    assert_eq!(database.sql("SELECT COUNT(*) FROM event WHERE id = 2"), "0");
}

#[tokio::test]
async fn a_server_that_was_away_is_found_again_by_itself() {
    let server = Server::start();
    let database = Database::on(&server);
    let store = database.open().await;
    Store::commit(&store, &accepts([1])).await.expect("commits");
    server.stop(Mode::Immediate);
    let result = Store::commit(&store, &accepts([2])).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert_eq!(store.standing(), Standing::Away);
    let result = store.event(accepts([1]).accepts[0].event_id).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");

    server.start_again();
    let watch = Stopwatch::start();
    while store.standing() != Standing::Sure && watch.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.standing(), Standing::Sure, "nobody had to ask for it");
    Store::commit(&store, &accepts([2])).await.expect("commits");
    assert!(store.event(accepts([1]).accepts[0].event_id).await.expect("reads").is_some());
    store.close().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_noticed_without_a_write() {
    let server = Server::start();
    let database = Database::on(&server);
    let options = with_lease(Duration::from_secs(1));
    let store = Postgres::open(&database.url(), options).await.expect("opens");
    server.stop(Mode::Fast);
    let stands = async |wanted: Standing| {
        let watch = Stopwatch::start();
        while store.standing() != wanted && watch.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.standing(), wanted);
    };
    stands(Standing::Away).await;
    server.start_again();
    stands(Standing::Sure).await;
    Store::commit(&store, &accepts([1])).await.expect("commits");
    store.close().await;
}

/// Nothing was under way, so nobody is bothered.
#[tokio::test]
async fn a_restart_between_two_commits_is_not_noticed() {
    let server = Server::start();
    let database = Database::on(&server);
    let store = database.open().await;
    for number in 1..=3 {
        Store::commit(&store, &accepts([number])).await.expect("commits");
        server.stop(Mode::Fast);
        server.start_again();
    }
    assert_eq!(database.sql("SELECT COUNT(*) FROM event"), "3");
    store.close().await;
}
