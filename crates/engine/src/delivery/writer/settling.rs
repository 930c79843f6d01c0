//! Up to where this node's events are settled: said with each commit, and by itself while there is none, because those who follow
//! a program at another node are told of nothing that is higher.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Writer;
use crate::error::EngineError;
use crate::store::StoreError;

/// How often it is said.
const EVERY: Duration = Duration::from_millis(250);

/// When it is said.
pub(super) fn ticks() -> Interval {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl Writer {
    /// Whether somebody may wait to learn it.
    pub(super) fn others_wait_for_ids(&self) -> bool {
        self.nodes.served.is_shared() && (self.nodes.has_others() || self.feeds.is_followed())
    }

    /// Every event that is accepted later has a higher id than now.
    pub(super) async fn settle_ids(&self) {
        let store = Arc::clone(&self.store);
        let Some(cluster) = store.cluster() else { return };
        match cluster.settle(self.ids.settle()).await {
            Ok(()) => self.feeds.wake(),
            Err(StoreError::Outdated) => _ = self.enter().await,
            Err(error) => _ = self.failed(error),
        }
    }

    /// Begins to accept events above what others hold for settled.
    pub(super) async fn enter(&self) -> Result<(), EngineError> {
        let store = Arc::clone(&self.store);
        let Some(cluster) = store.cluster() else { return Ok(()) };
        let settled = cluster.enter().await.map_err(|error| self.note(error))?;
        self.ids.raise(settled);
        Ok(())
    }
}
