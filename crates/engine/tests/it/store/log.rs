//! What the log reads.

use bytes::Bytes;
use groundswell_engine::store::{
    After, AttemptRecord, Outcome, PARKED_DUE_MS, PendingKey, Store, StoreError, TestRecord,
};
use groundswell_types::{FailureClass, TestId};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

pub async fn events_are_listed_newest_first_by_program(store: &dyn Store) {
    let batch = make::accepts((1..=12).map(|number| {
        let mut accept = make::accept(number, &[10]);
        accept.program_id = make::program(1 + number % 2);
        accept
    }));
    commit(store, batch).await;

    let page = async |before: Option<i64>, limit| {
        let events = store.events(&make::program(1), before.map(make::event), limit).await.expect("reads");
        events.iter().map(|event| event.id.number()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 100).await, [12, 10, 8, 6, 4, 2]);
    assert_eq!(page(None, 2).await, [12, 10]);
    assert_eq!(page(Some(10), 2).await, [8, 6]);
    assert_eq!(page(Some(2), 2).await, [0_i64; 0]);
    assert_eq!(store.event(make::event(13)).await.expect("reads"), None);
}

pub async fn attempts_are_read_in_brief_and_in_full(store: &dyn Store) {
    make::accept_all(store, 1..=3, &[10, 20]).await;
    let queue = make::queue(store, 10).await;
    let first = make::retried(&queue[0], ACCEPTED_AT_MS + 50);
    commit(store, make::outcomes([first.clone(), make::delivered(&queue[1])])).await;
    let second = make::delivered(&first.insert.expect("is due again"));
    commit(store, make::outcomes([second.clone()])).await;

    let full = store.attempts_in_full(make::delivery(1, 0)).await.expect("reads");
    assert_eq!(full, [first.attempt.clone(), second.attempt.clone()]);
    let brief = |attempt: &AttemptRecord| AttemptRecord {
        response_head: String::new(),
        response_body: Bytes::new(),
        ..attempt.clone()
    };
    let asked = [make::delivery(1, 0), make::delivery(3, 0), make::delivery(1, 1)];
    assert_eq!(store.attempts(&asked).await.expect("reads"), full.iter().map(brief).collect::<Vec<_>>());
    assert_eq!(store.attempts(&[]).await.expect("reads"), []);
}

pub async fn every_kind_of_attempt_reads_back(store: &dyn Store) {
    let pending = groundswell_engine::store::Pending {
        key: make::key(10, ACCEPTED_AT_MS, make::delivery(1, 0)),
        attempts: 0,
        accepted_at_ms: ACCEPTED_AT_MS,
        expires_at_ms: ACCEPTED_AT_MS,
    };
    let mut wanted = Vec::new();
    let failures = FailureClass::ALL.into_iter().map(Some).chain([None]);
    let afters =
        [After::Delivered, After::Retry(5), After::Undeliverable, After::Cancelled].into_iter().cycle();
    for ((number, failure), after) in (0..).zip(failures).zip(afters) {
        wanted.push(AttemptRecord {
            number,
            failure,
            status_code: failure.is_none().then_some(204),
            response_body: if number == 1 { Bytes::from(vec![7; 16 * 1024]) } else { Bytes::new() },
            is_response_truncated: number == 1,
            is_response_restricted: number == 2,
            ..make::attempt(&pending, after)
        });
    }
    let outcomes =
        wanted.iter().map(|attempt| Outcome { attempt: attempt.clone(), remove: vec![], insert: None });
    commit(store, make::outcomes(outcomes)).await;
    assert_eq!(store.attempts_in_full(make::delivery(1, 0)).await.expect("reads"), wanted);
}

pub async fn pending_rows_are_found_by_key(store: &dyn Store) {
    make::accept_all(store, 1..=700, &[10, 20]).await;
    let mut wanted = make::queue(store, 10).await;
    wanted.extend(make::queue(store, 20).await.into_iter().take(3));
    let mut keys: Vec<_> = wanted.iter().map(|pending| pending.key).collect();
    keys.extend(wanted.iter().map(|pending| PendingKey { due_at_ms: PARKED_DUE_MS, ..pending.key }));

    let mut found = store.pending_at(&keys).await.expect("reads");
    found.sort_by_key(|pending| pending.key);
    assert_eq!(found, wanted);
    assert_eq!(store.pending_at(&[]).await.expect("reads"), []);
}

pub async fn a_test_delivery_reads_back_in_its_program_only(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let id = TestId::from_number(5);
    let test = TestRecord { id, program_id: make::program(1), started_at_ms: 9, view_json: "{}".to_owned() };
    store.save_test(&test).await.expect("saves");
    assert_eq!(store.test(&make::program(1), id).await.expect("reads"), Some(test.clone()));
    assert_eq!(store.test(&make::program(2), id).await.expect("reads"), None);
    assert_eq!(store.test(&make::program(1), TestId::from_number(6)).await.expect("reads"), None);
    let again = store.save_test(&test).await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
}
