//! The first rows of an endpoint's queue, in order.

use std::collections::VecDeque;

use groundswell_types::DeliveryId;

use super::Item;

pub(super) type Key = (i64, DeliveryId);

/// Rows by (due, id). A sorted ring: most rows come in at its end and leave at its beginning, and it is small.
#[derive(Debug, Default)]
pub(super) struct Window {
    items: VecDeque<Item>,
    /// Bytes of the bodies that are kept. Each is small, so that a window's come to no more than a few megabytes.
    bytes: u32,
    /// What the scheduler has counted of them.
    counted: u32,
}

impl Window {
    pub(super) fn insert(&mut self, item: Item) {
        let key = item.key();
        let at = self.items.partition_point(|other| other.key() < key);
        self.bytes += item.kept_bytes();
        if self.items.get(at).is_some_and(|other| other.key() == key) {
            self.bytes -= self.items[at].kept_bytes();
            self.items[at] = item;
        } else {
            if self.items.capacity() == 0 {
                // Most endpoints have one thing to do at a time.
                self.items.reserve_exact(1);
            }
            self.items.insert(at, item);
        }
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        let at = self.items.partition_point(|other| other.key() < *key);
        self.items.get(at).is_some_and(|other| other.key() == *key)
    }

    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let at = self.items.partition_point(|other| other.key() < *key);
        let is_there = self.items.get(at).is_some_and(|other| other.key() == *key);
        if is_there && let Some(item) = self.items.remove(at) {
            self.bytes -= item.kept_bytes();
        }
        is_there
    }

    pub(super) fn pop_first(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes -= item.kept_bytes();
        if self.items.is_empty() {
            // Most endpoints have nothing to do most of the time.
            self.items = VecDeque::new();
        }
        Some(item)
    }

    pub(super) fn pop_last(&mut self) -> Option<Item> {
        let item = self.items.pop_back()?;
        self.bytes -= item.kept_bytes();
        Some(item)
    }

    pub(super) fn clear(&mut self) {
        *self = Self { counted: self.counted, ..Self::default() };
    }

    pub(super) fn first_key(&self) -> Option<Key> {
        self.items.front().map(Item::key)
    }

    pub(super) fn first_due_ms(&self) -> Option<i64> {
        self.items.front().map(|item| item.key().0)
    }

    pub(super) fn first_retry_due_ms(&self) -> Option<i64> {
        self.items.front().filter(|item| item.pending.attempts > 0).map(|item| item.key().0)
    }

    pub(super) fn last_key(&self) -> Option<Key> {
        self.items.back().map(Item::key)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The bytes of the bodies that are kept, to be counted: what they were when this was asked last, and what they are.
    pub(super) fn count_bytes(&mut self) -> (usize, usize) {
        let before = std::mem::replace(&mut self.counted, self.bytes);
        (before as usize, self.bytes as usize)
    }

    /// Keeps its rows in no more room than they take, without their bodies.
    pub(super) fn let_go_of_room(&mut self) {
        for item in &mut self.items {
            item.body = None;
        }
        self.bytes = 0;
        self.items.shrink_to_fit();
    }
}
