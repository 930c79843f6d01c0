//! How many reads of the store are under way at once. The store reads one after the other; a start with many endpoints
//! that have work must not make as many tasks that wait for their turn.

use std::collections::VecDeque;

/// So many keep the store busy.
const AT_ONCE: usize = 32;

/// Reads that are under way, and those that wait, in the order they were asked for.
#[derive(Debug)]
pub(super) struct Reads<T> {
    running: usize,
    waiting: VecDeque<T>,
}

impl<T> Default for Reads<T> {
    fn default() -> Self {
        Self { running: 0, waiting: VecDeque::new() }
    }
}

impl<T> Reads<T> {
    /// A read is wanted: the one to begin now, if there is room for it.
    pub(super) fn ask(&mut self, read: T) -> Option<T> {
        if self.running < AT_ONCE {
            self.running += 1;
            return Some(read);
        }
        self.waiting.push_back(read);
        None
    }

    /// One has ended: the one to begin in its place.
    pub(super) fn ended(&mut self) -> Option<T> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running -= 1;
            self.waiting = VecDeque::new();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_so_many_are_under_way_and_each_has_its_turn() {
        let mut reads = Reads::default();
        let mut begun: Vec<usize> = (0..1_000).filter_map(|read| reads.ask(read)).collect();
        assert_eq!(begun.len(), AT_ONCE);
        for _ in 0..1_000 {
            begun.extend(reads.ended());
        }
        assert_eq!(begun, (0..1_000).collect::<Vec<_>>());
        // Nothing is left of it.
        assert_eq!((reads.running, reads.waiting.capacity()), (0, 0));
        assert_eq!(reads.ask(1), Some(1));
    }
}
