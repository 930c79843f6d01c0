//! Moving what is pending, in steps.

use std::collections::BTreeSet;

use groundswell_engine::store::{
    Move, MoveStep, Moved, PARKED_DUE_MS, Pending, PendingKey, Store, WebhooksChange,
};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

const EXPIRES_AT_MS: i64 = 77_000_000;

fn parked_key(pending: &Pending) -> PendingKey {
    PendingKey { due_at_ms: PARKED_DUE_MS, ..pending.key }
}

fn release() -> Move {
    Move::Release { before: make::delivery(100, 0), expires_at_ms: EXPIRES_AT_MS }
}

async fn counts(store: &dyn Store, endpoint_number: i64) -> (i64, i64) {
    let backlogs = store.backlog(&[make::endpoint(endpoint_number)], 10_000).await.expect("reads");
    (backlogs[0].pending, backlogs[0].parked)
}

pub async fn disabling_parks_and_releasing_sends_again(store: &dyn Store) {
    make::accept_all(store, 1..=3, &[10, 20]).await;
    let queue = make::queue(store, 10).await;
    let retried = make::retried(&queue[1], ACCEPTED_AT_MS + 9000);
    commit(store, make::outcomes([retried])).await;
    assert_eq!(make::move_in_steps(store, 10, Move::Park, 2).await, [2, 1]);
    assert_eq!(make::queue(store, 10).await, []);
    let keys: Vec<_> = queue.iter().map(parked_key).collect();
    assert_eq!(store.pending_at(&keys).await.expect("reads").len(), 3);
    // What comes before the release is not parked and keeps its deadline.
    make::accept_all(store, [4], &[10]).await;
    let newcomer = make::queue(store, 10).await[0];

    assert_eq!(make::move_in_steps(store, 10, release(), 2).await, [2, 1]);
    let released =
        |pending: &Pending, attempts| Pending { attempts, expires_at_ms: EXPIRES_AT_MS, ..*pending };
    let wanted = [released(&queue[0], 0), released(&queue[1], 1), released(&queue[2], 0), newcomer];
    assert_eq!(make::queue(store, 10).await, wanted);
    assert_eq!(store.pending_at(&keys).await.expect("reads"), []);
    assert_eq!(make::queue(store, 20).await.len(), 3);
}

pub async fn discarding_removes_only_what_is_parked(store: &dyn Store) {
    make::accept_all(store, 1..=3, &[10, 20]).await;
    make::park(store, 10).await;
    make::park(store, 20).await;
    make::accept_all(store, [4], &[10]).await;
    let discard = Move::Discard { before: make::delivery(100, 0) };
    assert_eq!(make::move_in_steps(store, 10, discard, 2).await, [2, 1]);
    assert_eq!((counts(store, 10).await, counts(store, 20).await), ((1, 0), (0, 3)));
}

pub async fn what_is_parked_after_a_release_or_discarding_began_stays_parked(store: &dyn Store) {
    make::accept_all(store, 1..=6, &[10, 20]).await;
    make::park(store, 10).await;
    make::park(store, 20).await;
    let before = make::delivery(4, 0);
    make::move_in_steps(store, 10, Move::Discard { before }, 2).await;
    make::move_in_steps(store, 20, Move::Release { before, expires_at_ms: EXPIRES_AT_MS }, 2).await;
    assert_eq!((counts(store, 10).await, counts(store, 20).await), ((0, 3), (3, 3)));
}

pub async fn what_waits_for_a_retry_can_go_out_at_once(store: &dyn Store) {
    make::accept_all(store, 1..=5, &[10, 20]).await;
    for endpoint in [10, 20] {
        let queue = make::queue(store, endpoint).await;
        let retried =
            queue.iter().zip(0..).take(4).map(|(row, n)| make::retried(row, ACCEPTED_AT_MS + n * 500));
        commit(store, make::outcomes(retried)).await;
    }
    // The second was tried again since, and this one was accepted since.
    let except = BTreeSet::from([make::delivery(2, 0)]);
    let mut late = make::accept(6, &[10]);
    late.accepted_at_ms += 200;
    commit(store, make::accepts([late])).await;
    let advance = Move::Advance { now_ms: ACCEPTED_AT_MS + 100, except };
    assert_eq!(make::move_in_steps(store, 10, advance, 3).await, [1, 1], "of three rows and of one");

    let dues = async |endpoint| {
        let queue = make::queue(store, endpoint).await;
        queue.iter().map(|row| (row.key.due_at_ms - ACCEPTED_AT_MS, row.attempts)).collect::<Vec<_>>()
    };
    assert_eq!(dues(10).await, [(0, 1), (0, 1), (0, 1), (0, 0), (200, 0), (500, 1)]);
    assert_eq!(dues(20).await, [(0, 1), (0, 0), (500, 1), (1_000, 1), (1_500, 1)]);
}

pub async fn rows_of_a_removed_webhook_are_found_and_deleted(store: &dyn Store) {
    make::create_program(store, 1).await;
    let upserts = vec![
        make::endpoint_record(10, "primary"),
        make::endpoint_record(20, "wh_2"),
        make::endpoint_record(30, "wh_3"),
    ];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;
    assert_eq!(store.pending_without_webhook().await.expect("reads"), []);
    make::accept_all(store, 1..=5, &[10, 20, 30]).await;
    make::park(store, 30).await;
    assert_eq!(store.pending_without_webhook().await.expect("reads"), []);
    let deletes = vec![make::endpoint(10), make::endpoint(30)];
    make::apply(store, WebhooksChange { deletes, ..make::change(2) }).await;

    for number in [10, 30] {
        let left = store.pending_without_webhook().await.expect("reads");
        assert_eq!(left.first(), Some(&make::endpoint(number)));
        assert_eq!(make::move_in_steps(store, number, Move::Delete, 2).await, [2, 2, 1]);
        assert_eq!(counts(store, number).await, (0, 0));
    }
    assert_eq!(store.pending_without_webhook().await.expect("reads"), []);
    assert_eq!(make::queue(store, 20).await.len(), 5);
}

pub async fn a_step_looks_at_no_more_rows_than_its_limit(store: &dyn Store) {
    make::accept_all(store, 1..=600, &[10]).await;
    let step = |after, limit| MoveStep { endpoint_id: make::endpoint(10), kind: Move::Park, after, limit };
    let first = store.move_pending(&step(None, 300)).await.expect("moves");
    assert_eq!(first.rows, 300);
    assert_eq!(counts(store, 10).await, (300, 300));
    let second = store.move_pending(&step(first.next, 301)).await.expect("moves");
    assert_eq!(second, Moved { rows: 300, next: None });
    let again = store.move_pending(&step(None, 300)).await.expect("moves");
    assert_eq!(again, Moved { rows: 0, next: None }, "a move that was made is made");
    assert_eq!(counts(store, 10).await, (0, 600));
}
