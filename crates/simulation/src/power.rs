//! The machine's power. Whatever the engine does that can be seen from outside passes here, and at each of these
//! points it can be cut: before a commit took effect, after it did but before its answer came, while a request is on
//! its way, after the receiver saw it.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// On from the start of a life to its end.
#[derive(Debug)]
pub(crate) struct Power {
    left: AtomicU64,
    passed: AtomicU64,
    is_out: CancellationToken,
}

impl Power {
    /// Goes out at the point with this number, counted from 1.
    pub(crate) fn until(points: u64) -> Self {
        Self { left: AtomicU64::new(points), passed: AtomicU64::new(0), is_out: CancellationToken::new() }
    }

    /// Passes a point, or never returns because the power is out.
    pub(crate) async fn point(&self) {
        if !self.is_out() {
            if self.left.fetch_sub(1, Ordering::Relaxed) > 1 {
                self.passed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.cut();
        }
        std::future::pending::<()>().await;
    }

    /// Nothing more can be seen from outside.
    pub(crate) fn cut(&self) {
        self.is_out.cancel();
    }

    pub(crate) fn is_out(&self) -> bool {
        self.is_out.is_cancelled()
    }

    /// Resolves when it goes out.
    pub(crate) async fn gone(&self) {
        self.is_out.cancelled().await;
    }

    /// How many points were passed.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}
