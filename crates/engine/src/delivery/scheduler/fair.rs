//! Fair turns by the service received so far, in slot-milliseconds.
//!
//! Each contender has a virtual time: what it was served. The one that was served least is next. Who comes back after
//! having had nothing to do starts at the present, so idle time is not saved up; what was used too much is not
//! forgotten for as long as anybody has work. While two contenders both have work, their services differ by no more than
//! one item of each, which is closer than deficit round robin with any quantum. When nobody has any the present moves
//! behind everything that was served, as in start-time fair queueing (Goyal, Vin and Cheng 1996), so that nothing need be
//! kept of those who have nothing to do.

use std::collections::BTreeSet;
use std::hash::Hash;

use super::ById;

/// Contenders of one level.
#[derive(Debug)]
pub(super) struct Fair<K> {
    /// Of those that are ready, and of those that were served beyond the present.
    served: ById<K, i64>,
    ready: BTreeSet<(i64, K)>,
    /// The present: the virtual time of whoever was served last.
    now: i64,
    /// So many turns have been taken and not given back.
    under_way: u32,
}

impl<K: Copy + Ord + Hash> Fair<K> {
    pub(super) fn new() -> Self {
        Self { served: ById::default(), ready: BTreeSet::new(), now: 0, under_way: 0 }
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
            self.rest();
        }
    }

    /// Nobody has anything to do: the present moves behind all that was served.
    fn rest(&mut self) {
        if self.under_way == 0 && self.ready.is_empty() && !self.served.is_empty() {
            self.now = self.served.values().copied().fold(self.now, i64::max);
            self.served = ById::default();
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
        self.under_way += 1;
        if self.served.len() > 2 * self.ready.len() + 64 {
            let Self { served, ready, now, .. } = self;
            served.retain(|key, served| *served > *now || ready.contains(&(*served, *key)));
        }
    }

    /// A turn of `key` is over, which took so much more, or less, than was expected.
    pub(super) fn give_back(&mut self, key: K, extra: i64) {
        self.charge(key, extra);
        self.under_way = self.under_way.saturating_sub(1);
        self.rest();
    }

    fn charge(&mut self, key: K, cost: i64) {
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
        self.served.is_empty() && self.under_way == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_too_much_is_remembered_while_anybody_has_work() {
        let mut fair = Fair::new();
        fair.join('a');
        fair.join('b');
        fair.serve('a', 10);
        fair.leave('a');
        fair.give_back('a', 1_000);
        fair.join('a');
        for _ in 0..100 {
            assert_eq!(fair.next(), Some('b'), "a has had its share for a second");
            fair.serve('b', 10);
            fair.give_back('b', 0);
        }
    }

    #[test]
    fn when_nobody_has_work_nothing_is_kept_and_all_begin_alike() {
        let mut fair = Fair::new();
        for key in ['a', 'b'] {
            fair.join(key);
        }
        fair.serve('a', 10);
        fair.serve('b', 500);
        fair.leave('a');
        fair.leave('b');
        fair.give_back('a', 0);
        assert!(!fair.is_forgettable(), "a turn of b is under way");
        fair.give_back('b', 2_000);
        assert!(fair.is_forgettable());
        fair.join('b');
        fair.join('a');
        fair.serve('a', 10);
        assert_eq!(fair.next(), Some('b'), "nobody is behind by what was long ago");
    }
}
