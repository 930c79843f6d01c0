//! Events whose data is being erased, or was: no request with it begins any more.
//!
//! What waits in the scheduler has its body with it, and the store's rows go later than that. Whoever begins an attempt says
//! so first ([`super::under_way`]) and asks here then; whoever erases notes it here first, and then waits until nothing of it
//! is under way. So one of the two sees the other. After a restart the store alone decides: the rows are gone.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use groundswell_types::EventId;

/// See the module. As long as nothing was erased since the start, asking is one look at a flag.
#[derive(Debug, Default)]
pub struct Erased {
    is_any: AtomicBool,
    events: Mutex<HashSet<EventId>>,
}

impl Erased {
    /// Begins to keep these from being sent.
    pub fn add(&self, events: impl IntoIterator<Item = EventId>) {
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(events);
        self.is_any.store(!all.is_empty(), Ordering::SeqCst);
    }

    /// Whether this one must not be sent.
    pub fn has(&self, event: EventId) -> bool {
        self.is_any.load(Ordering::SeqCst)
            && self.events.lock().unwrap_or_else(PoisonError::into_inner).contains(&event)
    }
}
