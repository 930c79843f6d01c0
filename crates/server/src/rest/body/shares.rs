//! Who holds how much of the room for bodies.
//!
//! Nobody gets more than is left to all others: one alone half of the room, two a third each. So however much somebody sends,
//! there is room for the next one, and nothing is kept back from anybody while nobody else wants it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

/// There are not many more at a time.
const MANY: usize = 2_000;

/// What each of them holds, by its id.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Mutex<HashMap<String, Share>>>);

/// What one of them holds, in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Share(Arc<AtomicUsize>);

impl Shares {
    /// The share of the one with this id.
    pub(super) fn of(&self, id: &str) -> Share {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(id) {
            return share.clone();
        }
        if shares.len() >= MANY {
            // Whoever has a body has the share as well.
            shares.retain(|_, share| Arc::strong_count(&share.0) > 1);
        }
        shares.entry(id.to_owned()).or_default().clone()
    }
}

impl Share {
    /// Whether it may have so much more when so much is free.
    pub(super) fn allows(&self, more: usize, free: usize) -> bool {
        self.0.load(Ordering::Relaxed).saturating_add(more) <= free
    }
}

/// Room that a body holds until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    permit: OwnedSemaphorePermit,
    share: Option<Share>,
}

impl Held {
    pub(super) fn new(permit: OwnedSemaphorePermit, share: Option<Share>) -> Self {
        if let Some(Share(held)) = &share {
            held.fetch_add(permit.num_permits(), Ordering::Relaxed);
        }
        Self { permit, share }
    }

    pub(super) fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// More for the same body.
    pub(super) fn grow(&mut self, more: OwnedSemaphorePermit) {
        if let Some(Share(held)) = &self.share {
            held.fetch_add(more.num_permits(), Ordering::Relaxed);
        }
        self.permit.merge(more);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(Share(held)) = &self.share {
            held.fetch_sub(self.permit.num_permits(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_those_who_hold_nothing_are_forgotten() {
        let shares = Shares::default();
        let one = shares.of("one");
        for number in 0..2 * MANY {
            shares.of(&number.to_string());
        }
        let known = shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(known.len() <= MANY, "{} are known", known.len());
        assert!(Arc::ptr_eq(&known["one"].0, &one.0), "whoever holds something is not forgotten");
    }
}
