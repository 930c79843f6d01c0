//! How the server has been.

use groundswell_engine::store::{Beat, HeartbeatRecord, Store, TroubleRecord, WaitRecord};
use groundswell_types::{Component, ComponentStatus};

use super::make::{self, ACCEPTED_AT_MS};

fn run(id: i64, (began_at_ms, last_at_ms): (i64, i64)) -> HeartbeatRecord {
    HeartbeatRecord { id, began_at_ms, last_at_ms, waiting: 0, caught_up_at_ms: None }
}

fn trouble(id: i64, (began_at_ms, until_ms): (i64, i64)) -> TroubleRecord {
    let (component, status) = (Component::RetryQueue, ComponentStatus::PartialOutage);
    TroubleRecord { id, component, status, began_at_ms, until_ms }
}

fn wait(slot: i64, up_to_us: i64, deliveries: i64) -> WaitRecord {
    WaitRecord { slot, up_to_us, deliveries }
}

/// A heartbeat of the run `id` with something of everything.
pub fn beat(id: i64) -> Beat {
    Beat {
        heartbeats: vec![HeartbeatRecord { waiting: 7, caught_up_at_ms: Some(150), ..run(id, (100, 200)) }],
        troubles: vec![trouble(id, (120, 140))],
        waits: vec![wait(3, 1_000, 5), wait(3, i64::MAX, 1)],
        ..nothing()
    }
}

fn nothing() -> Beat {
    Beat {
        heartbeats: Vec::new(),
        troubles: Vec::new(),
        waits: Vec::new(),
        forget_before_ms: i64::MIN,
        forget_before_slot: i64::MIN,
    }
}

async fn write(store: &dyn Store, beat: Beat) {
    store.beat(&beat).await.expect("writes");
}

pub async fn a_heartbeat_moves_the_end_of_its_run_on(store: &dyn Store) {
    assert_eq!(store.heartbeats().await.expect("reads"), []);
    write(store, Beat { heartbeats: vec![run(9, (50, 60)), run(8, (100, 110))], ..nothing() }).await;
    let later = HeartbeatRecord { waiting: 3, caught_up_at_ms: Some(115), ..run(8, (100, 120)) };
    write(store, Beat { heartbeats: vec![later], ..nothing() }).await;
    write(store, Beat { heartbeats: vec![run(7, (100, 105))], ..nothing() }).await;
    let runs = store.heartbeats().await.expect("reads");
    assert_eq!(runs, [run(9, (50, 60)), run(7, (100, 105)), later], "by their beginning");
}

pub async fn troubles_read_back_and_are_replaced(store: &dyn Store) {
    let first = trouble(1, (10, 20));
    write(store, Beat { troubles: vec![trouble(2, (30, 40)), first], ..nothing() }).await;
    for component in Component::ALL {
        for status in ComponentStatus::ALL {
            let changed = TroubleRecord { component: *component, status: *status, ..trouble(2, (30, 45)) };
            write(store, Beat { troubles: vec![changed], ..nothing() }).await;
            assert_eq!(store.troubles().await.expect("reads"), [first, changed]);
        }
    }
}

pub async fn waits_add_up_by_bound_from_a_slot_on(store: &dyn Store) {
    write(store, Beat { waits: vec![wait(1, 500, 9), wait(2, 500, 2), wait(3, 1_000, 4)], ..nothing() })
        .await;
    write(store, Beat { waits: vec![wait(3, 500, 1), wait(2, 500, 3), wait(3, i64::MAX, 1)], ..nothing() })
        .await;
    assert_eq!(store.waits(2).await.expect("reads"), [(500, 6), (1_000, 4), (i64::MAX, 1)]);
    assert_eq!(store.waits(4).await.expect("reads"), []);
}

pub async fn what_is_old_of_health_is_forgotten(store: &dyn Store) {
    let old = Beat {
        heartbeats: vec![run(1, (10, 99)), run(2, (20, 100))],
        troubles: vec![trouble(1, (10, 99)), trouble(2, (20, 100))],
        waits: vec![wait(4, 1, 1), wait(5, 2, 1)],
        ..nothing()
    };
    write(store, old).await;
    write(store, Beat { forget_before_ms: 100, forget_before_slot: 5, ..nothing() }).await;
    assert_eq!(store.heartbeats().await.expect("reads"), [run(2, (20, 100))]);
    assert_eq!(store.troubles().await.expect("reads"), [trouble(2, (20, 100))]);
    assert_eq!(store.waits(0).await.expect("reads"), [(2, 1)]);
}

pub async fn what_is_due_is_counted_to_a_cap(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::accept_all(store, 1..=5, &[10, 20]).await;
    // One of them waits for a retry.
    let queue = make::queue(store, 10).await;
    let retried = make::retried(&queue[0], ACCEPTED_AT_MS + 5_000);
    store
        .commit(&groundswell_engine::store::Batch { outcomes: vec![retried], ..Default::default() })
        .await
        .expect("commits");
    let count = async |endpoints: &[i64], by_ms, cap| {
        let endpoints: Vec<_> = endpoints.iter().map(|id| make::endpoint(*id)).collect();
        store.count_due(&endpoints, by_ms, cap).await.expect("reads")
    };
    assert_eq!(count(&[10, 20, 99], ACCEPTED_AT_MS, 100).await, 9);
    assert_eq!(count(&[10, 20], ACCEPTED_AT_MS + 5_000, 100).await, 10);
    assert_eq!(count(&[10, 20], ACCEPTED_AT_MS, 3).await, 6, "each to the cap");
    assert_eq!(count(&[10], ACCEPTED_AT_MS - 1, 100).await, 0);
    assert_eq!(count(&[], ACCEPTED_AT_MS, 100).await, 0);
}
