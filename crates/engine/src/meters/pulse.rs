//! Since when somebody is at a piece of work.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Stopwatch;

/// What stands for no work.
const IDLE: i64 = -1;

/// Tells others how long a task has been at its present piece of work, so that they see when it never ends.
#[derive(Debug)]
pub struct Pulse {
    watch: Stopwatch,
    /// On that watch, in milliseconds.
    begun_ms: AtomicI64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { watch: Stopwatch::start(), begun_ms: AtomicI64::new(IDLE) }
    }
}

impl Pulse {
    pub(crate) fn begin(&self) {
        self.begun_ms.store(self.watch.elapsed_ms(), Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.begun_ms.store(IDLE, Ordering::Relaxed);
    }

    /// How long the present piece of work has taken, in milliseconds; 0 when there is none.
    pub fn under_way_ms(&self) -> i64 {
        match self.begun_ms.load(Ordering::Relaxed) {
            IDLE => 0,
            begun_ms => self.watch.elapsed_ms().saturating_sub(begun_ms),
        }
    }
}
