//! Fair turns by the service received so far, in slot-milliseconds.
//!
//! Each contender has a virtual time: what it was served. The one that was served least is next. Who comes back after
//! having had nothing to do starts at the present, so idle time is not saved up; what was used too much is not
//! forgotten. While two contenders both have work, their services differ by no more than one item of each, which is
//! closer than deficit round robin with any quantum.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Contenders of one level.
#[derive(Debug)]
pub(super) struct Fair<K> {
    /// Of those that are ready, and of those that were served beyond the present.
    served: HashMap<K, i64>,
    ready: BTreeSet<(i64, K)>,
    /// The present: the virtual time of whoever was served last.
    now: i64,
}

impl<K: Copy + Ord + Hash> Fair<K> {
    pub(super) fn new() -> Self {
        Self { served: HashMap::new(), ready: BTreeSet::new(), now: 0 }
    }

    /// Takes part from now on.
    pub(super) fn join(&mut self, key: K) {
        let served = self.served.entry(key).or_insert(self.now);
        if !self.ready.contains(&(*served, key)) {
            *served = (*served).max(self.now);
            self.ready.insert((*served, key));
        }
    }

    /// Has nothing to do any more.
    pub(super) fn leave(&mut self, key: K) {
        if let Some(served) = self.served.get(&key).copied() {
            self.ready.remove(&(served, key));
            if self.ready.is_empty() {
                // An empty set keeps room for eleven, and most programs have nobody ready most of the time.
                self.ready = BTreeSet::new();
            }
            if served <= self.now {
                self.served.remove(&key);
            }
        }
    }

    /// Who is next.
    pub(super) fn next(&self) -> Option<K> {
        self.ready.first().map(|(_, key)| *key)
    }

    /// Who is next, second, and so on.
    pub(super) fn order(&self) -> impl Iterator<Item = K> {
        self.ready.iter().map(|(_, key)| *key)
    }

    /// It is the turn of `key`, for what is expected to take `cost`.
    pub(super) fn serve(&mut self, key: K, cost: i64) {
        if let Some(served) = self.served.get(&key) {
            self.now = self.now.max(*served);
        }
        self.charge(key, cost);
        if self.served.len() > 2 * self.ready.len() + 64 {
            let Self { served, ready, now } = self;
            served.retain(|key, served| *served > *now || ready.contains(&(*served, *key)));
        }
    }

    /// `key` used so much more, or less, than was expected.
    pub(super) fn charge(&mut self, key: K, cost: i64) {
        let served = self.served.entry(key).or_insert(self.now);
        let was_ready = self.ready.remove(&(*served, key));
        *served = served.saturating_add(cost);
        if was_ready {
            self.ready.insert((*served, key));
        } else if *served <= self.now {
            self.served.remove(&key);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether nothing would be forgotten with it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.served.is_empty()
    }
}
