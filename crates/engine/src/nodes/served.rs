//! Which endpoints this node delivers to, and what of theirs is under way.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Uptime;
use crate::cluster::{Epoch, Lease, Leases, Shard};
use crate::store::EndpointId;

/// Asked for every delivery; where only one process can have the database, everything is served and asking costs nothing.
#[derive(Debug, Default)]
pub struct Served(Option<Box<Shards>>);

#[derive(Debug)]
struct Shards {
    leases: Mutex<Leases>,
    uptime: Uptime,
    /// Whether what waits there is read and delivered here. Set before it is read.
    begun: [AtomicBool; Shard::COUNT],
    /// Attempts and endings that are begun and not yet committed.
    under_way: [AtomicU32; Shard::COUNT],
}

impl Served {
    /// Everything.
    pub const fn alone() -> Self {
        Self(None)
    }

    /// What these leases say.
    pub fn under(leases: Leases, uptime: Uptime) -> Self {
        Self(Some(Box::new(Shards {
            leases: Mutex::new(leases),
            uptime,
            begun: [const { AtomicBool::new(false) }; Shard::COUNT],
            under_way: [const { AtomicU32::new(0) }; Shard::COUNT],
        })))
    }

    /// Whether an endpoint is this node's: what is committed for it goes to the scheduler here. A lease may run out before
    /// that is noticed, so [`Served::begin`] is asked before anything is sent.
    pub fn has(&self, endpoint: EndpointId) -> bool {
        self.0.as_ref().is_none_or(|shards| shards.begun[index(Shard::of(endpoint))].load(Ordering::SeqCst))
    }

    /// Something is about to be sent to an endpoint, or to be ended: the epoch in which, or none if it is not this node's
    /// any more. [`Served::ended`] must follow.
    pub fn begin(&self, endpoint: EndpointId) -> Option<Epoch> {
        let Some(shards) = &self.0 else { return Some(Epoch::default()) };
        let shard = Shard::of(endpoint);
        // Counted first: whoever drains looks at the count once nothing new is begun.
        shards.under_way[index(shard)].fetch_add(1, Ordering::SeqCst);
        let epoch = shards.leases().lease(shard, shards.uptime.now_ms());
        if epoch.is_none() {
            self.ended(endpoint);
        }
        epoch
    }

    /// What was begun is committed, or was not made.
    pub fn ended(&self, endpoint: EndpointId) {
        if let Some(shards) = &self.0 {
            shards.under_way[index(Shard::of(endpoint))].fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Whether nothing is under way in a shard.
    pub(super) fn is_quiet(&self, shard: Shard) -> bool {
        self.0.as_ref().is_none_or(|shards| shards.under_way[index(shard)].load(Ordering::SeqCst) == 0)
    }

    /// What is committed for a shard from now on is delivered here, or not any more.
    pub(super) fn serve(&self, shard: Shard, is_begun: bool) {
        if let Some(shards) = &self.0 {
            shards.begun[index(shard)].store(is_begun, Ordering::SeqCst);
        }
    }

    /// The leases and the time; none where there are none.
    pub(super) fn leases(&self) -> Option<(MutexGuard<'_, Leases>, i64)> {
        let shards = self.0.as_ref()?;
        Some((shards.leases(), shards.uptime.now_ms()))
    }

    /// How many shards are served.
    pub fn shards(&self) -> usize {
        let begun =
            |shards: &Shards| shards.begun.iter().filter(|is_begun| is_begun.load(Ordering::SeqCst)).count();
        self.0.as_ref().map_or(Shard::COUNT, |shards| begun(shards))
    }

    /// Whether outcomes say in which epoch their attempts began.
    pub fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Whether this lease is held and was not given up.
    pub(super) fn holds(&self, lease: Lease) -> bool {
        self.leases().is_some_and(|(leases, now_ms)| leases.lease(lease.shard, now_ms) == Some(lease.epoch))
    }
}

impl Shards {
    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(shard: Shard) -> usize {
    usize::from(shard.number())
}
