//! How many deliveries wait, and what for: for whoever watches the server.
//!
//! They are counted when somebody asks, by index, each webhook's up to a bound. What was counted is given again for as long
//! as twenty times what the counting took, so that however many ask, and however much waits, it takes a twentieth of one
//! connection that reads. It goes on when whoever asked does not wait any longer, for the next one who asks: counting much takes
//! long, and would never come to an end if it began anew each time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointId, HealthRecord};

/// Of each webhook no more are counted.
pub const COUNTED_MAX: i64 = 1_000_000;

/// What was counted is given again for at least so long.
const FRESH: Duration = Duration::from_secs(5);

/// As long as this times what it took to count.
const REST: u32 = 20;

/// Deliveries that wait, by what they wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// For their turn, or for their next attempt.
    pub waiting: i64,
    /// Until their webhook's breaker closes.
    pub held: i64,
    /// Until their webhook is enabled.
    pub parked: i64,
}

/// Webhooks, by what may be sent to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breakers {
    /// Everything that is due.
    pub closed: usize,
    /// A probe now and then: the receiver is failing.
    pub open: usize,
    /// Nothing for a while: the receiver asked for that.
    pub paused: usize,
    /// Nothing: the webhook is disabled.
    pub disabled: usize,
}

/// What was counted last.
#[derive(Debug, Default)]
pub(crate) struct Counted(Arc<Mutex<Option<Count>>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    depth: QueueDepth,
    since: Stopwatch,
    took: Duration,
}

impl Count {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < FRESH.max(self.took.saturating_mul(REST))
    }
}

impl Engine {
    /// How many deliveries wait. Up to some seconds old, see the module.
    pub async fn queue_depth(self: &Arc<Self>) -> Result<QueueDepth, EngineError> {
        // Only one counts at a time: whoever has this.
        let counted = Arc::clone(&self.counted.0).lock_owned().await;
        if let Some(count) = counted.filter(Count::is_fresh) {
            return Ok(count.depth);
        }
        let counting = tokio::spawn(Arc::clone(self).count_for_all(counted));
        counting.await.unwrap_or_else(|error| {
            tracing::error!(%error, "what waits was not counted");
            Err(EngineError::Stopping)
        })
    }

    /// Ends with the engine.
    async fn count_for_all(
        self: Arc<Self>,
        mut counted: OwnedMutexGuard<Option<Count>>,
    ) -> Result<QueueDepth, EngineError> {
        let watch = Stopwatch::start();
        let depth = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(EngineError::Stopping),
            depth = self.count_queues() => depth?,
        };
        *counted = Some(Count { depth, since: Stopwatch::start(), took: watch.elapsed() });
        Ok(depth)
    }

    async fn count_queues(&self) -> Result<QueueDepth, EngineError> {
        let disabled = self.directory.disabled_endpoints();
        let all: Vec<EndpointId> =
            self.directory.enabled_endpoints().into_iter().chain(disabled.iter().copied()).collect();
        let mut depth = QueueDepth::default();
        for backlog in self.store.backlog(&all, COUNTED_MAX).await? {
            depth.parked += backlog.parked;
            let id = backlog.endpoint_id;
            if disabled.binary_search(&id).is_ok() {
                // It is being parked, in steps.
                depth.parked += backlog.pending;
            } else if self.directory.health(id).opened_at_ms.is_some() {
                depth.held += backlog.pending;
            } else {
                depth.waiting += backlog.pending;
            }
        }
        Ok(depth)
    }

    /// How many webhooks may be sent to, and how many not.
    pub fn breakers(&self) -> Breakers {
        let mut breakers =
            Breakers { disabled: self.directory.disabled_endpoints().len(), ..Breakers::default() };
        let now_ms = self.now_ms();
        for id in self.directory.enabled_endpoints() {
            match self.directory.health(id) {
                HealthRecord { opened_at_ms: Some(_), .. } => breakers.open += 1,
                HealthRecord { paused_until_ms: Some(until_ms), .. } if until_ms > now_ms => {
                    breakers.paused += 1;
                }
                _ => breakers.closed += 1,
            }
        }
        breakers
    }

    /// How many attempts may be under way at once.
    pub const fn slots(&self) -> usize {
        self.config.slots
    }
}
