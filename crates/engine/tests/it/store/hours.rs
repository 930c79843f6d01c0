//! What came of attempts, by the hour.

use groundswell_engine::store::{Forget, HourRecord, Store};
use groundswell_types::HourCount;

use super::make;

fn record(endpoint: i64, hour: i64, delivered: i64, failed: i64) -> HourRecord {
    let count = HourCount { delivered, failed, undeliverable: failed };
    HourRecord { endpoint_id: make::endpoint(endpoint), hour, count }
}

async fn add(store: &dyn Store, records: &[HourRecord]) {
    store.add_hours(records).await.expect("writes");
}

async fn since(store: &dyn Store, endpoints: &[i64], hour: i64) -> Vec<HourRecord> {
    let endpoints: Vec<_> = endpoints.iter().map(|id| make::endpoint(*id)).collect();
    store.hours(&endpoints, hour).await.expect("reads")
}

pub async fn counts_of_an_hour_add_up(store: &dyn Store) {
    add(store, &[record(10, 5, 3, 1), record(10, 6, 1, 0)]).await;
    add(store, &[record(10, 5, 2, 0), record(10, 5, 0, 4), record(20, 5, 1, 1)]).await;
    add(store, &[]).await;
    assert_eq!(since(store, &[10], 0).await, [record(10, 5, 5, 5), record(10, 6, 1, 0)]);
}

pub async fn hours_are_read_of_some_endpoints_and_from_one_on(store: &dyn Store) {
    let all = [1, 2, 3].map(|id| [4, 5, 6].map(|hour| record(id, hour, id, hour))).concat();
    add(store, &all).await;
    let wanted = [record(1, 5, 1, 5), record(1, 6, 1, 6), record(3, 5, 3, 5), record(3, 6, 3, 6)];
    assert_eq!(since(store, &[3, 1, 99], 5).await, wanted);
    assert_eq!(since(store, &[], 0).await, []);
    // More endpoints than a statement has room for.
    let many: Vec<i64> = (1..1_500).collect();
    assert_eq!(since(store, &many, 0).await.len(), 9);
}

pub async fn old_hours_are_forgotten_oldest_first_a_few_at_a_time(store: &dyn Store) {
    add(store, &[record(10, 7, 1, 0), record(20, 6, 1, 0), record(10, 5, 1, 0), record(20, 8, 1, 0)]).await;
    let forget = Forget { hours_before: Some(8), limit: 2, ..Forget::default() };
    assert_eq!(store.forget(&forget).await.expect("removes"), 2);
    assert_eq!(since(store, &[10, 20], 0).await, [record(10, 7, 1, 0), record(20, 8, 1, 0)]);
    assert_eq!(store.forget(&forget).await.expect("removes"), 1);
    assert_eq!(store.forget(&forget).await.expect("removes"), 0);
    assert_eq!(since(store, &[10, 20], 0).await, [record(20, 8, 1, 0)]);
}
