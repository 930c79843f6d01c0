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
    /// Whether what waits there is read and delivered here. Set before it is read, and once it is known how the webhooks are
    /// doing: what is sent from then on is judged by that, and written over what another node has found.
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
        let leased = shards.leases().lease(shard, shards.uptime.now_ms());
        let is_begun = shards.begun[index(shard)].load(Ordering::SeqCst);
        let epoch = leased.filter(|_| is_begun);
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

    /// What is committed for a shard from now on is delivered here, as long as this lease is held and not given up; whether
    /// it is.
    pub(super) fn serve(&self, lease: Lease) -> bool {
        let Some(shards) = &self.0 else { return true };
        // Held until it is set: whoever takes the lease away comes before or after all of this.
        let leases = shards.leases();
        let is_held = leases.lease(lease.shard, shards.uptime.now_ms()) == Some(lease.epoch);
        if is_held {
            shards.begun[index(lease.shard)].store(true, Ordering::SeqCst);
        }
        is_held
    }

    /// What is committed for a shard from now on is not delivered here any more.
    pub(super) fn leave(&self, shard: Shard) {
        if let Some(shards) = &self.0 {
            shards.begun[index(shard)].store(false, Ordering::SeqCst);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::cluster::{Action, LeaseTable, NodeId, Timing};

    /// A node that has taken all shards, as its leases say.
    fn holder() -> Served {
        let (mut table, uptime) = (LeaseTable::new(Shard::all()), Clock::manual(1_000_000).uptime());
        let now_ms = uptime.now_ms();
        let mut leases = Leases::new(NodeId::new(1), Timing::default(), now_ms);
        for action in leases.poll(now_ms) {
            if let Action::Renew(asked) = action {
                leases.renewed(&asked, Some(&table.renew(&asked, now_ms)), now_ms);
            }
        }
        for action in leases.poll(now_ms) {
            if let Action::Acquire(asked) = action {
                leases.acquired(&asked, Some(&table.acquire(&asked, now_ms)), now_ms);
            }
        }
        Served::under(leases, uptime)
    }

    #[test]
    fn nothing_begins_in_a_shard_before_it_is_known_how_its_webhooks_are_doing() {
        let served = holder();
        let endpoint = EndpointId(7);
        let shard = Shard::of(endpoint);
        let epoch = served.leases().and_then(|(leases, now_ms)| leases.lease(shard, now_ms));
        let lease = Lease { shard, epoch: epoch.expect("is held") };
        assert_eq!(served.begin(endpoint), None);
        assert!(served.is_quiet(shard) && !served.has(endpoint));
        assert!(served.serve(lease) && served.has(endpoint));
        assert_eq!(served.begin(endpoint), epoch);
        assert!(!served.is_quiet(shard));

        // What is given up meanwhile is not served after all.
        served.leave(shard);
        let (mut leases, now_ms) = served.leases().expect("it is one of several");
        leases.leave(now_ms);
        drop(leases);
        assert!(!served.serve(lease) && !served.has(endpoint));
    }
}
