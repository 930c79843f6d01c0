//! The queue's bounds, and that nothing in it is lost without a word.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{join, join_all};
use groundswell_client::{Batcher, MAX_EVENT_BYTES, Report, SubmitError};
use tokio::sync::Semaphore;

use super::server::{Ledger, Reply, Seen, TestServer, joined, program};

/// A server that answers a batch for each permit.
async fn gated() -> (TestServer, Arc<Semaphore>) {
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let server = TestServer::start(move |_, seen| match ledger.accept_all(seen) {
        Reply::Answer(status, body) => Reply::When(Arc::clone(&held), status, body),
        other => other,
    });
    (server.await, gate)
}

/// Batches may overtake each other.
fn arrived(server: &TestServer) -> Vec<String> {
    let mut ids: Vec<String> = server.seen().iter().flat_map(Seen::ids).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_full_queue_makes_its_producers_wait() {
    let (server, gate) = gated().await;
    let batcher = Batcher::builder(&server.client(), &program()).queue_events(5).start();
    let mut pending = Vec::new();
    for id in ["1", "2", "3", "4", "5"] {
        pending.push(batcher.enqueue(joined(id)).await.expect("taken"));
    }
    server.arrived(1).await;
    // Those on their way count as well. Whoever stops waiting has sent nothing.
    assert_eq!(batcher.unresolved(), 5);
    assert!(batcher.enqueue(joined("gone")).now_or_never().is_none());
    let mut waiting = Box::pin(batcher.submit(joined("6")));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(batcher.unresolved(), 5);
    gate.add_permits(Semaphore::MAX_PERMITS);
    let (sixth, others) = join(waiting, join_all(pending)).await;
    assert!(sixth.is_ok() && others.iter().all(Result::is_ok));
    assert_eq!(batcher.unresolved(), 0);
    assert_eq!(arrived(&server), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn many_producers_never_have_more_in_the_queue_than_it_takes() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |_, seen| ledger.accept_all(seen)).await;
    let batcher = Batcher::builder(&server.client(), &program()).queue_events(7).start();
    let producers = join_all((0..200).map(async |n: usize| {
        let result = batcher.submit(joined(&n.to_string())).await;
        assert!(batcher.unresolved() <= 7);
        result
    }));
    assert!(producers.await.iter().all(Result::is_ok));
    assert!(server.seen().iter().all(|seen| seen.ids().len() <= 7));
    assert_eq!(batcher.close().await.accepted, 200);
}

#[tokio::test]
async fn large_events_fill_the_queue_by_their_bytes() {
    let (server, gate) = gated().await;
    let batcher = Batcher::builder(&server.client(), &program()).queue_bytes(0).start();
    let half = "x".repeat(MAX_EVENT_BYTES / 2);
    let first = batcher.enqueue(joined(&half)).await.expect("taken");
    let mut second = Box::pin(batcher.enqueue(joined(&half)));
    assert!(second.as_mut().now_or_never().is_none());
    gate.add_permits(2);
    assert!(first.await.is_ok());
    assert!(second.await.expect("taken").await.is_ok());
    let large = batcher.enqueue(joined(&"x".repeat(MAX_EVENT_BYTES))).await;
    assert!(matches!(large, Err(SubmitError::TooLarge { .. })));
}

#[tokio::test]
async fn no_more_batches_are_under_way_than_may_be() {
    let (server, gate) = gated().await;
    let builder = Batcher::builder(&server.client(), &program()).max_events(1).batches_in_flight(2);
    let batcher = builder.start();
    let all = join_all((0..6).map(|n| batcher.submit(joined(&n.to_string()))));
    let open = async {
        for arrived in [2, 3, 4, 5, 6, 6] {
            server.arrived(arrived).await;
            gate.add_permits(1);
        }
    };
    let (all, ()) = join(all, open).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.most_at_once(), 2);
}

#[tokio::test]
async fn closing_sends_what_was_taken_and_turns_away_the_rest() {
    let (server, gate) = gated().await;
    let batcher = Batcher::builder(&server.client(), &program()).queue_events(2).start();
    // Nobody waits for the first one; it is sent all the same.
    drop(batcher.enqueue(joined("1")).await.expect("taken"));
    let second = batcher.enqueue(joined("2")).await.expect("taken");
    let mut third = Box::pin(batcher.submit(joined("3")));
    assert!(third.as_mut().now_or_never().is_none());
    let mut closing = Box::pin(batcher.close());
    assert!(closing.as_mut().now_or_never().is_none());
    let turned_away = third.await.expect_err("closed");
    assert!(matches!(turned_away, SubmitError::Closed { .. }), "{turned_away}");
    gate.add_permits(2);
    let report = closing.await;
    assert_eq!(report, Report { accepted: 2, duplicates: 0, failed: 0 });
    assert!(second.now_or_never().expect("resolved").is_ok());
    assert!(matches!(batcher.enqueue(joined("4")).await, Err(SubmitError::Closed { .. })));
    assert_eq!(batcher.close().await, report);
    assert_eq!(arrived(&server), ["1", "2"]);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_batch_to_fill() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |_, seen| ledger.accept_all(seen)).await;
    let hour = Duration::from_hours(1);
    let batcher = Batcher::builder(&server.client(), &program()).linger(hour).start();
    let pending = batcher.enqueue(joined("1")).await.expect("taken");
    assert_eq!(batcher.close().await.accepted, 1);
    assert!(pending.await.is_ok());
}

#[tokio::test]
async fn what_a_dropped_batcher_leaves_behind_is_an_error_with_its_key() {
    let (server, _gate) = gated().await;
    let batcher = Batcher::builder(&server.client(), &program()).max_events(1).batches_in_flight(1).start();
    let under_way = batcher.enqueue(joined("1")).await.expect("taken");
    let in_queue = batcher.enqueue(joined("2")).await.expect("taken");
    server.arrived(1).await;
    drop(batcher);
    for pending in [under_way, in_queue] {
        let key = pending.key().clone();
        let abandoned = pending.await.expect_err("abandoned");
        assert!(matches!(abandoned, SubmitError::Abandoned { .. }), "{abandoned}");
        assert_eq!(abandoned.key(), &key);
    }
}
