//! Committing outcomes of attempts.

use groundswell_engine::store::{
    After, Batch, HealthRecord, Outcome, PARKED_DUE_MS, Pending, PendingKey, Store, StoreError,
};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

pub async fn a_success_ends_the_delivery(store: &dyn Store) {
    make::accept_all(store, [1, 2], &[10]).await;
    let queue = make::queue(store, 10).await;
    commit(store, make::outcomes([make::delivered(&queue[0])])).await;

    assert_eq!(make::queue(store, 10).await, queue[1..]);
    let attempts = store.attempts_in_full(make::delivery(1, 0)).await.expect("reads");
    assert_eq!(attempts, [make::attempt(&queue[0], After::Delivered)]);
}

pub async fn a_failure_moves_the_delivery_to_its_next_attempt(store: &dyn Store) {
    make::accept_all(store, [1, 2], &[10]).await;
    let queue = make::queue(store, 10).await;
    commit(store, make::outcomes([make::retried(&queue[0], ACCEPTED_AT_MS + 50)])).await;

    let after = make::queue(store, 10).await;
    let moved =
        Pending { key: make::key(10, ACCEPTED_AT_MS + 50, make::delivery(1, 0)), attempts: 1, ..queue[0] };
    assert_eq!(after, [queue[1], moved]);
    // Once more, with the attempt's number counted on.
    commit(store, make::outcomes([make::retried(&moved, ACCEPTED_AT_MS + 90)])).await;
    let attempts = store.attempts(&[make::delivery(1, 0)]).await.expect("reads");
    let numbers: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.after)).collect();
    assert_eq!(numbers, [(1, After::Retry(ACCEPTED_AT_MS + 50)), (2, After::Retry(ACCEPTED_AT_MS + 90))]);
}

/// While a request was in flight its row may have been parked; the outcome names both places.
pub async fn a_delivery_can_be_removed_from_where_it_may_stand(store: &dyn Store) {
    make::accept_all(store, [1], &[10]).await;
    make::create_program(store, 1).await;
    let in_flight = make::queue(store, 10).await[0];
    make::park(store, 10).await;

    let parked_key = PendingKey { due_at_ms: PARKED_DUE_MS, ..in_flight.key };
    let outcome = Outcome { remove: vec![in_flight.key, parked_key], ..make::delivered(&in_flight) };
    commit(store, make::outcomes([outcome])).await;
    assert_eq!(store.pending_at(&[in_flight.key, parked_key]).await.expect("reads"), []);
}

pub async fn a_later_outcome_of_a_batch_counts(store: &dyn Store) {
    make::accept_all(store, [1, 2], &[10]).await;
    let queue = make::queue(store, 10).await;
    let first = make::retried(&queue[0], ACCEPTED_AT_MS + 50);
    let second = make::delivered(&first.insert.expect("is due again"));
    // And one that goes back to where it was.
    let back = make::retried(&queue[1], ACCEPTED_AT_MS);
    commit(store, make::outcomes([first, second, back.clone()])).await;
    assert_eq!(make::queue(store, 10).await, [back.insert.expect("is due again")]);
}

pub async fn an_attempt_logged_twice_is_rejected_and_nothing_written(store: &dyn Store) {
    make::accept_all(store, [1, 2], &[10]).await;
    let queue = make::queue(store, 10).await;
    commit(store, make::outcomes([make::retried(&queue[0], ACCEPTED_AT_MS + 50)])).await;

    let before = make::queue(store, 10).await;
    let batch = Batch {
        accepts: vec![make::accept(3, &[10])],
        outcomes: vec![make::delivered(&queue[1]), make::delivered(&queue[0])],
        health: vec![(make::endpoint(10), HealthRecord::default())],
        ..Batch::default()
    };
    let result = store.commit(&batch).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    assert_eq!(make::queue(store, 10).await, before);
    assert_eq!(store.health().await.expect("reads"), []);
    assert_eq!(store.attempts(&[make::delivery(2, 0)]).await.expect("reads"), []);
}

pub async fn accepts_and_outcomes_commit_together(store: &dyn Store) {
    make::accept_all(store, 1..=20, &[10, 20]).await;
    let queue = make::queue(store, 10).await;
    let retried = queue.iter().take(5).map(|pending| make::retried(pending, ACCEPTED_AT_MS + 50));
    let delivered = queue.iter().skip(5).map(make::delivered);
    let batch = Batch {
        accepts: (21..=40).map(|number| make::accept(number, &[10])).collect(),
        outcomes: retried.chain(delivered).collect(),
        health: vec![(
            make::endpoint(10),
            HealthRecord { consecutive_failures: 2, ..HealthRecord::default() },
        )],
        ..Batch::default()
    };
    commit(store, batch).await;

    let after = make::queue(store, 10).await;
    let numbers: Vec<_> = after.iter().map(|pending| pending.key.delivery_id.event().number()).collect();
    assert_eq!(numbers, (21..=40).chain(1..=5).collect::<Vec<_>>());
    assert_eq!(make::queue(store, 20).await.len(), 20);
    assert_eq!(store.health().await.expect("reads").len(), 1);
}

pub async fn health_is_kept_and_replaced(store: &dyn Store) {
    let failing = HealthRecord {
        consecutive_failures: 3,
        last_failure_at_ms: Some(70),
        last_success_at_ms: None,
        failing: [Some(make::delivery(1, 0)), Some(make::delivery(2, 4)), None],
        failing_since_ms: Some(60),
        opened_at_ms: Some(70),
        failed_probes: 2,
        next_probe_at_ms: Some(90),
        paused_until_ms: Some(80),
        warnings: 1,
    };
    let well = HealthRecord { last_success_at_ms: Some(80), consecutive_failures: 0, ..failing };
    let health = vec![(make::endpoint(20), failing), (make::endpoint(10), failing)];
    commit(store, Batch { health, ..Batch::default() }).await;
    commit(store, Batch { health: vec![(make::endpoint(20), well)], ..Batch::default() }).await;
    let mut stored = store.health().await.expect("reads");
    stored.sort_by_key(|(endpoint, _)| *endpoint);
    assert_eq!(stored, [(make::endpoint(10), failing), (make::endpoint(20), well)]);
}
