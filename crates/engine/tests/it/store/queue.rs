//! Reading what is due.

use std::collections::BTreeMap;

use groundswell_engine::store::{Accept, Backlog, Expired, SMALL_BODY, Store};

use super::commit;
use super::make::{self, ACCEPTED_AT_MS};

pub async fn a_queue_is_read_in_windows_without_gaps(store: &dyn Store) {
    // Several at one due time, several due times, and neighbours on both sides.
    let batch = make::accepts((1..=30).map(|number| {
        let mut accept = make::accept(number, &[9, 10, 11]);
        accept.accepted_at_ms = ACCEPTED_AT_MS - number / 4;
        accept
    }));
    commit(store, batch).await;

    let whole = make::queue(store, 10).await;
    assert_eq!(whole.len(), 30);
    assert!(whole.is_sorted_by_key(|pending| pending.key));
    let mut windows = Vec::new();
    loop {
        let after = windows.last().map(|pending: &groundswell_engine::store::Pending| pending.key);
        let window = store.pending(make::endpoint(10), after, 7).await.expect("reads");
        if window.is_empty() {
            break;
        }
        windows.extend(window);
    }
    assert_eq!(windows, whole);
    assert_eq!(store.pending(make::endpoint(10), None, 0).await.expect("reads"), []);
    assert_eq!(make::queue(store, 12).await, []);
}

pub async fn parked_deliveries_are_in_no_window(store: &dyn Store) {
    let mut parked = make::accept(1, &[10]);
    parked.targets[0].is_parked = true;
    commit(store, make::accepts([parked, make::accept(2, &[10])])).await;

    let queue = make::queue(store, 10).await;
    assert_eq!(
        queue.iter().map(|pending| pending.key.delivery_id).collect::<Vec<_>>(),
        [make::delivery(2, 0)]
    );
    let behind = store.pending(make::endpoint(10), Some(queue[0].key), 10).await.expect("reads");
    assert_eq!(behind, []);
}

pub async fn the_earliest_due_time_of_each_endpoint_is_found(store: &dyn Store) {
    make::accept_all(store, [1, 2], &[10, 20]).await;
    let queue = make::queue(store, 20).await;
    commit(store, make::outcomes(queue.iter().map(|pending| make::retried(pending, ACCEPTED_AT_MS + 70))))
        .await;
    let mut parked = make::accept(3, &[30]);
    parked.targets[0].is_parked = true;
    commit(store, make::accepts([parked])).await;

    let asked: Vec<_> = [30, 20, 10, 40].map(make::endpoint).into();
    let due: BTreeMap<_, _> = store.earliest_due(&asked).await.expect("reads").into_iter().collect();
    let wanted = [(make::endpoint(10), ACCEPTED_AT_MS), (make::endpoint(20), ACCEPTED_AT_MS + 70)];
    assert_eq!(due, wanted.into_iter().collect());
    assert_eq!(store.earliest_due(&[]).await.expect("reads"), []);
}

pub async fn bodies_are_found_by_event(store: &dyn Store) {
    make::accept_all(store, 1..=256, &[10]).await;
    let asked: Vec<_> = (2..=257).map(make::event).collect();
    let bodies: BTreeMap<_, _> = store.bodies(&asked).await.expect("reads").into_iter().collect();
    assert_eq!(bodies.len(), 255);
    assert_eq!(bodies[&make::event(200)], make::accept(200, &[]).body);
    assert_eq!(store.bodies(&[]).await.expect("reads"), []);
}

pub async fn only_small_bodies_are_found_where_only_those_are_wanted(store: &dyn Store) {
    let sizes = [(1, 1), (2, SMALL_BODY), (3, SMALL_BODY + 1), (4, 200_000)];
    let with_size =
        sizes.map(|(number, bytes)| Accept { body: vec![b'x'; bytes].into(), ..make::accept(number, &[10]) });
    store.commit(&make::accepts(with_size)).await.expect("commits");
    let asked: Vec<_> = (1..=5).map(make::event).collect();
    let small: BTreeMap<_, _> = store.small_bodies(&asked).await.expect("reads").into_iter().collect();
    assert_eq!(small.keys().copied().collect::<Vec<_>>(), [make::event(1), make::event(2)]);
    assert_eq!(small[&make::event(2)].len(), SMALL_BODY);
    assert_eq!(store.bodies(&asked).await.expect("reads").len(), 4);
}

pub async fn backlogs_are_counted_to_a_cap(store: &dyn Store) {
    make::accept_all(store, 1..=5, &[10, 20]).await;
    make::park(store, 10).await;
    make::accept_all(store, 6..=7, &[10]).await;

    let asked = [make::endpoint(20), make::endpoint(10), make::endpoint(30)];
    let counted = async |cap| {
        let mut backlogs = store.backlog(&asked, cap).await.expect("reads");
        backlogs.sort_by_key(|backlog| backlog.endpoint_id);
        backlogs
    };
    let backlog = |number, pending, parked| Backlog {
        endpoint_id: make::endpoint(number),
        pending,
        next_due_at_ms: (pending > 0).then_some(ACCEPTED_AT_MS),
        parked,
    };
    assert_eq!(counted(100).await, [backlog(10, 2, 5), backlog(20, 5, 0), backlog(30, 0, 0)]);
    assert_eq!(counted(3).await, [backlog(10, 2, 3), backlog(20, 3, 0), backlog(30, 0, 0)]);
    assert_eq!(counted(i64::MAX).await, [backlog(10, 2, 5), backlog(20, 5, 0), backlog(30, 0, 0)]);
}

pub async fn what_expired_while_held_is_found(store: &dyn Store) {
    // Events 1 to 5 expire at once, 6 to 9 later; 1 was tried and has its next attempt behind everything else.
    let batch = make::accepts((1..=9).map(|number| {
        let mut accept = make::accept(number, &[10, 20]);
        accept.expires_at_ms += if number > 5 { 10_000 } else { 0 };
        accept.accepted_at_ms += number;
        accept
    }));
    commit(store, batch).await;
    let queue = make::queue(store, 10).await;
    commit(store, make::outcomes([make::retried(&queue[0], ACCEPTED_AT_MS + 4_000)])).await;

    let wanted = Expired {
        endpoint_id: make::endpoint(10),
        expires_by_ms: ACCEPTED_AT_MS + 5_000,
        accepted_by_ms: i64::MAX,
        due_by_ms: ACCEPTED_AT_MS + 100,
        limit: 100,
    };
    let found = async |wanted| {
        let rows = store.expired(wanted).await.expect("reads");
        let mut numbers: Vec<i64> = rows.iter().map(|row| row.key.delivery_id.event().number()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(found(wanted).await, [1, 2, 3, 4, 5]);
    assert_eq!(found(Expired { expires_by_ms: ACCEPTED_AT_MS + 4_999, ..wanted }).await, [0; 0]);
    assert_eq!(found(Expired { accepted_by_ms: ACCEPTED_AT_MS + 3, ..wanted }).await, [1, 2, 3]);
    assert_eq!(found(Expired { due_by_ms: ACCEPTED_AT_MS + 2, ..wanted }).await, [1, 2]);
    assert_eq!(found(Expired { limit: 2, ..wanted }).await, [2, 3], "those not tried yet come first");

    make::park(store, 10).await;
    assert_eq!(found(wanted).await, [0; 0], "deadlines of what is parked stand still");
}
