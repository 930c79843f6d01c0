//! Accepting events.

use groundswell_engine::store::{
    Accepted, EventRecord, MAX_TARGETS, PARKED_DUE_MS, Pending, Store, StoreError, Target,
};
use groundswell_types::EventKind;

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

pub async fn an_event_is_stored_once_with_a_pending_row_per_webhook(store: &dyn Store) {
    assert_eq!(commit(store, make::accepts([make::accept(1, &[30, 10])])).await, [Accepted::New]);

    let event = EventRecord {
        id: make::event(1),
        program_id: make::program(1),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: ACCEPTED_AT_MS - 1,
        accepted_at_ms: ACCEPTED_AT_MS,
        targets: vec![make::endpoint(30), make::endpoint(10)],
    };
    assert_eq!(store.event(make::event(1)).await.expect("reads"), Some(event));
    for (endpoint, slot) in [(30, 0), (10, 1)] {
        let pending = Pending {
            key: make::key(endpoint, ACCEPTED_AT_MS, make::delivery(1, slot)),
            attempts: 0,
            accepted_at_ms: ACCEPTED_AT_MS,
            expires_at_ms: ACCEPTED_AT_MS + 5000,
        };
        assert_eq!(make::queue(store, endpoint).await, [pending]);
    }
}

pub async fn an_event_without_webhooks_is_stored_but_not_in_the_log(store: &dyn Store) {
    make::accept_all(store, [1], &[]).await;
    make::accept_all(store, [2], &[10]).await;

    let event = store.event(make::event(1)).await.expect("reads").expect("is stored");
    assert_eq!(event.targets, []);
    assert_eq!(store.bodies(&[make::event(1)]).await.expect("reads").len(), 1);
    let log = store.events(&make::program(1), None, 10).await.expect("reads");
    assert_eq!(log.iter().map(|event| event.id).collect::<Vec<_>>(), [make::event(2)]);
}

pub async fn a_disabled_webhook_gets_its_delivery_parked(store: &dyn Store) {
    let mut accept = make::accept(1, &[10, 20]);
    accept.targets[1] = Target { endpoint_id: make::endpoint(20), is_parked: true };
    commit(store, make::accepts([accept])).await;

    assert_eq!(make::queue(store, 10).await.len(), 1);
    assert_eq!(make::queue(store, 20).await, []);
    let key = make::key(20, PARKED_DUE_MS, make::delivery(1, 1));
    let parked = store.pending_at(&[key]).await.expect("reads");
    assert_eq!(
        parked.iter().map(|pending| pending.expires_at_ms).collect::<Vec<_>>(),
        [ACCEPTED_AT_MS + 5000]
    );
}

pub async fn a_repeated_key_answers_as_before_and_writes_nothing(store: &dyn Store) {
    let first = make::keyed(make::accept(1, &[10, 20]), "k", 1);
    assert_eq!(commit(store, make::accepts([first])).await, [Accepted::New]);

    let repeat = make::keyed(make::accept(2, &[10]), "k", 1);
    let answer = Accepted::Duplicate { event_id: make::event(1), deliveries: 2 };
    assert_eq!(commit(store, make::accepts([repeat])).await, [answer]);
    assert_eq!(store.event(make::event(2)).await.expect("reads"), None);
    assert_eq!(make::queue(store, 10).await.len(), 1);
}

pub async fn a_repeated_key_with_other_content_is_a_conflict(store: &dyn Store) {
    commit(store, make::accepts([make::keyed(make::accept(1, &[10]), "k", 1)])).await;

    let other = make::keyed(make::accept(2, &[10]), "k", 2);
    assert_eq!(commit(store, make::accepts([other])).await, [Accepted::Conflict]);
    assert_eq!(store.event(make::event(2)).await.expect("reads"), None);
    // The first content still is what the key stands for.
    let repeat = make::keyed(make::accept(3, &[10]), "k", 1);
    let answer = Accepted::Duplicate { event_id: make::event(1), deliveries: 1 };
    assert_eq!(commit(store, make::accepts([repeat])).await, [answer]);
}

pub async fn equal_keys_within_a_batch_deduplicate(store: &dyn Store) {
    let batch = make::accepts([
        make::accept(1, &[10]),
        make::keyed(make::accept(2, &[10]), "k", 1),
        make::keyed(make::accept(3, &[10]), "k", 2),
        make::keyed(make::accept(4, &[10, 20]), "k", 1),
        make::keyed(make::accept(5, &[10]), "K", 1),
    ]);
    let answers = commit(store, batch).await;
    let repeat = Accepted::Duplicate { event_id: make::event(2), deliveries: 1 };
    assert_eq!(answers, [Accepted::New, Accepted::New, Accepted::Conflict, repeat, Accepted::New]);
    let log = store.events(&make::program(1), None, 10).await.expect("reads");
    assert_eq!(log.iter().map(|event| event.id.number()).collect::<Vec<_>>(), [5, 2, 1]);
}

pub async fn equal_keys_of_two_programs_are_two_keys(store: &dyn Store) {
    let first = make::keyed(make::accept(1, &[10]), "k", 1);
    let mut other = make::keyed(make::accept(2, &[20]), "k", 2);
    other.program_id = make::program(2);
    assert_eq!(commit(store, make::accepts([first])).await, [Accepted::New]);
    assert_eq!(commit(store, make::accepts([other])).await, [Accepted::New]);
}

pub async fn an_expired_key_is_forgotten(store: &dyn Store) {
    let first = make::keyed(make::accept(1, &[10]), "k", 1);
    commit(store, make::accepts([first.clone()])).await;

    // Valid to the last millisecond.
    let mut repeat = make::keyed(make::accept(2, &[10]), "k", 1);
    let idempotency = repeat.idempotency.as_mut().expect("has a key");
    idempotency.valid_since_ms = ACCEPTED_AT_MS;
    let answer = Accepted::Duplicate { event_id: make::event(1), deliveries: 1 };
    assert_eq!(commit(store, make::accepts([repeat])).await, [answer]);

    let mut late = make::keyed(make::accept(3, &[10, 20]), "k", 2);
    late.accepted_at_ms = ACCEPTED_AT_MS + 2000;
    late.idempotency.as_mut().expect("has a key").valid_since_ms = ACCEPTED_AT_MS + 1;
    assert_eq!(commit(store, make::accepts([late.clone()])).await, [Accepted::New]);
    // The key stands for the late one now.
    late.event_id = make::event(4);
    let answer = Accepted::Duplicate { event_id: make::event(3), deliveries: 2 };
    assert_eq!(commit(store, make::accepts([late])).await, [answer]);
}

pub async fn an_event_id_used_twice_is_rejected_and_nothing_written(store: &dyn Store) {
    make::accept_all(store, [1], &[10]).await;
    let batch = make::accepts([make::keyed(make::accept(2, &[10]), "k", 1), make::accept(1, &[20])]);
    let result = store.commit(&batch).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    assert_eq!(store.event(make::event(2)).await.expect("reads"), None);

    // Neither was the key, and the store works on.
    let batch = make::accepts([make::keyed(make::accept(3, &[10]), "k", 2)]);
    assert_eq!(commit(store, batch).await, [Accepted::New]);
}

pub async fn too_many_targets_are_rejected(store: &dyn Store) {
    make::accept_all(store, [1], &[10; MAX_TARGETS]).await;
    let result = store.commit(&make::accepts([make::accept(2, &[10; MAX_TARGETS + 1])])).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
}

/// Rows are written in chunks of fixed sizes: none may be lost or doubled at their edges.
pub async fn batches_of_every_size_are_written_whole(store: &dyn Store) {
    assert_eq!(commit(store, make::accepts([])).await, []);
    let mut next = 1;
    for size in [1, 2, 7, 8, 9, 31, 40, 127, 129, 511, 513, 1000] {
        let numbers = next..next + size;
        next += size;
        let batch = make::accepts(
            numbers.clone().map(|number| make::keyed(make::accept(number, &[10]), &number.to_string(), 1)),
        );
        commit(store, batch.clone()).await;
        for answer in commit(store, batch).await {
            assert!(matches!(answer, Accepted::Duplicate { .. }), "{answer:?}");
        }
        let queue = make::queue(store, 10).await;
        let deliveries: Vec<_> = queue.iter().map(|pending| pending.key.delivery_id).collect();
        assert_eq!(deliveries, numbers.map(|number| make::delivery(number, 0)).collect::<Vec<_>>());
        commit(store, make::outcomes(queue.iter().map(make::delivered))).await;
        let ids: Vec<_> = deliveries.iter().copied().take(512).collect();
        assert_eq!(store.attempts(&ids).await.expect("reads").len(), ids.len());
    }
    assert_eq!(make::queue(store, 10).await, []);
}

pub async fn the_highest_event_id_is_known(store: &dyn Store) {
    assert_eq!(store.highest_event_id().await.expect("reads"), None);
    make::accept_all(store, [7, 3], &[10]).await;
    assert_eq!(store.highest_event_id().await.expect("reads"), Some(make::event(7)));
}
