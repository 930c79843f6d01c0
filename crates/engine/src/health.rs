//! How this server is and has been, for System Status.
//!
//! Every few seconds `watch` takes a sample (`signals`) and lets the components' state machines see it (`hysteresis`).
//! Every ten seconds a heartbeat is written, and what there was of trouble; what lies between heartbeats is downtime
//! (`days`). Whoever asks gets what was found last, from memory.

mod catch_up;
mod days;
mod hysteresis;
mod past;
mod sampler;
mod signals;
mod waits;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use groundswell_types::{Component, ComponentStatus, Health};

use self::signals::Answers;
use crate::engine::Engine;
use crate::meters::HistogramSnapshot;

pub(crate) use self::catch_up::CatchUp;
pub use self::hysteresis::Patience;
pub(crate) use self::watch::run;

/// How often health is looked at and written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// From one sample to the next.
    pub sample_ms: u64,
    /// From one heartbeat to the next. A downtime that begins with a crash seems longer by up to so much.
    pub beat_ms: u64,
    /// From one count of what waits to the next.
    pub count_ms: u64,
    /// How many samples a component's status takes to change.
    pub patience: Patience,
}

impl Default for HealthPolicy {
    /// Worse after 6 s, better after half a minute.
    fn default() -> Self {
        let patience = Patience { worse_after: 3, better_after: 15 };
        Self { sample_ms: 2_000, beat_ms: 10_000, count_ms: 30_000, patience }
    }
}

/// What was found last, and what the server counts for the next look.
#[derive(Debug)]
pub struct Monitor {
    current: RwLock<Arc<Health>>,
    /// What of the meters of first attempts is written. It outlives who writes it: a node may lead, and so write, several times.
    waits_written: Mutex<Option<HistogramSnapshot>>,
    of_events: AnswerCounts,
    of_api: AnswerCounts,
    of_editor: AnswerCounts,
}

#[derive(Debug, Default)]
struct AnswerCounts {
    all: AtomicU64,
    failed: AtomicU64,
}

impl AnswerCounts {
    fn get(&self) -> Answers {
        Answers { all: self.all.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) }
    }
}

impl Monitor {
    /// Nothing has been found yet, so nothing bad.
    pub(crate) fn new(now_ms: i64) -> Self {
        let components = Component::ALL.iter().map(|one| (*one, ComponentStatus::Operational)).collect();
        let histories = days::histories(&[], &[], now_ms);
        let current = Health { at: now_ms, components, histories, ..Health::default() };
        let [of_events, of_api, of_editor] = Default::default();
        let (current, waits_written) = (RwLock::new(Arc::new(current)), Mutex::default());
        Self { current, waits_written, of_events, of_api, of_editor }
    }

    fn waits_written(&self) -> Option<HistogramSnapshot> {
        self.waits_written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_waits_written(&self, until: &HistogramSnapshot) {
        *self.waits_written.lock().unwrap_or_else(PoisonError::into_inner) = Some(until.clone());
    }

    fn show(&self, health: Health) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(health);
    }
}

impl Engine {
    /// How the server is and has been, as of a few seconds ago. From memory.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.monitor.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an answer of the server, by its HTTP status. Those of [`Component::Events`] are to posted events, those of
    /// [`Component::Api`] to all other calls. 501 is no failure: it says what only the hosted product has.
    pub fn answered(&self, component: Component, status: u16) {
        let counts = match component {
            Component::Events => &self.monitor.of_events,
            Component::Api => &self.monitor.of_api,
            Component::Editor => &self.monitor.of_editor,
            Component::Delivery | Component::RetryQueue => return,
        };
        counts.all.fetch_add(1, Ordering::Relaxed);
        if status >= 500 && status != 501 {
            counts.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
