//! Which deliveries have an attempt under way, for people who look at them. Delivery itself decides nothing by it.

use std::sync::{Mutex, PoisonError};

use groundswell_types::DeliveryId;
use rustc_hash::FxHashMap;

/// From the beginning of an attempt until its outcome is committed, so that no delivery seems to wait again in between.
/// Never more than there are slots and outcomes on their way to the store.
///
/// The lock is held for one insertion an attempt, and for one pass a commit of outcomes: next to the request itself,
/// that is nothing.
#[derive(Debug, Default)]
pub struct UnderWay {
    /// With how many attempts had been made before.
    attempts: Mutex<FxHashMap<DeliveryId, i64>>,
}

impl UnderWay {
    /// An attempt begins, after `attempts` others.
    pub fn begin(&self, delivery: DeliveryId, attempts: i64) {
        self.lock().insert(delivery, attempts);
    }

    /// The outcomes of these are committed.
    pub fn end(&self, deliveries: impl IntoIterator<Item = DeliveryId>) {
        let mut under_way = self.lock();
        for delivery in deliveries {
            under_way.remove(&delivery);
        }
    }

    /// Those of `deliveries` that have an attempt under way, with how many were made before it. Whoever reads the store
    /// afterwards can tell an attempt that has ended since by the number of attempts made.
    pub fn among(&self, deliveries: &[DeliveryId]) -> FxHashMap<DeliveryId, i64> {
        let under_way = self.lock();
        deliveries.iter().filter_map(|id| Some((*id, *under_way.get(id)?))).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<DeliveryId, i64>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
