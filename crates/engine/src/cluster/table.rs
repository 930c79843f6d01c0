//! What the database keeps of leases and nodes, and what each statement does to it.
//!
//! [`LeaseTable`] is the reference: tests, the model and the simulation run against it, and a database is right if it
//! answers the same. In SQL `now` is `clock_timestamp()` of the database in milliseconds, and nothing else ever stands
//! in a comparison with an expiry:
//!
//! ```sql
//! -- renew: what the node holds lasts longer, and it lives. Then everything is read.
//! WITH mine AS (
//!     SELECT shard_lease.shard FROM shard_lease JOIN UNNEST($2::SMALLINT[], $3::BIGINT[]) AS held (shard, epoch)
//!         ON shard_lease.shard = held.shard AND shard_lease.epoch = held.epoch
//!     ORDER BY shard_lease.shard FOR NO KEY UPDATE OF shard_lease
//! )
//! UPDATE shard_lease SET expires_at_ms = now + $4 FROM mine
//!     WHERE shard_lease.shard = mine.shard AND owner = $1 AND expires_at_ms > now;
//! UPDATE node SET presence = $2, expires_at_ms = now + $3 WHERE id = $1;
//! SELECT shard, epoch, owner, expires_at_ms - now AS remaining_ms FROM shard_lease;
//! SELECT id, presence, expires_at_ms - now AS remaining_ms FROM node WHERE expires_at_ms IS NOT NULL;
//!
//! -- acquire: nobody has taken it since it was seen, and it is over.
//! WITH over AS (
//!     SELECT shard_lease.shard FROM shard_lease JOIN UNNEST($2::SMALLINT[], $3::BIGINT[]) AS seen (shard, epoch)
//!         ON shard_lease.shard = seen.shard AND shard_lease.epoch = seen.epoch
//!     WHERE expires_at_ms <= now ORDER BY shard_lease.shard FOR UPDATE OF shard_lease
//! )
//! UPDATE shard_lease SET owner = $1, epoch = shard_lease.epoch + 1, expires_at_ms = now + $4 FROM over
//!     WHERE shard_lease.shard = over.shard RETURNING shard_lease.shard, shard_lease.epoch;
//!
//! -- release: as renew, with
//! UPDATE shard_lease SET expires_at_ms = 0 FROM mine WHERE shard_lease.shard = mine.shard AND owner = $1;
//!
//! -- fence: in the transaction of an outcome batch, before it writes.
//! SELECT shard, epoch, owner FROM shard_lease WHERE shard = ANY($1) ORDER BY shard FOR KEY SHARE;
//! ```
//!
//! A lease that is over does not come back by being renewed, so a renewal that was delayed on its way does not undo a
//! release. `FOR KEY SHARE` holds an acquisition up until the batch has committed, as that locks `FOR UPDATE`; with a plain
//! `UPDATE` it would not. Renewals and releases lock `FOR NO KEY UPDATE`, which lets a fence pass and is let pass by it: so a
//! node's own long transaction never makes it lose what it holds. All lock in the order of the shards. The row of `node` is
//! made when a process starts; if it is gone, others think that process dead, and it must stop.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::shard::Shard;

/// A node, from its start to its end: the number is drawn at random at each start, 1 to 2⁶³ − 1, so that a process
/// never takes what its predecessor held for its own. A number and not a text: each table holds 256 of them, placing
/// the shards hashes thousands, and no collation can compare them in two ways. What people call a node stands beside it
/// in the table `node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(i64);

impl NodeId {
    /// The node with this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// As it is stored.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How often a shard has been taken. Only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(i64);

impl Epoch {
    /// The epoch with this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// As it is stored.
    pub const fn number(self) -> i64 {
        self.0
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A shard in an epoch: at most one node ever delivers to it, for one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    pub shard: Shard,
    pub epoch: Epoch,
}

/// Whether shards are to be placed on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    Staying,
    /// It is giving up what it holds.
    Leaving,
}

/// A statement that a node asks of the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    pub node: NodeId,
    pub presence: Presence,
    pub leases: Vec<Lease>,
    /// Milliseconds a lease and a sign of life last.
    pub ttl_ms: i64,
    /// The node's monotonic time in milliseconds, taken before it is sent.
    pub sent_ms: i64,
}

/// A row of `shard_lease`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseRow {
    pub lease: Lease,
    /// Nobody until it is taken for the first time.
    pub owner: Option<NodeId>,
    /// Milliseconds until it is over, by the database's clock; none or less once it is.
    pub remaining_ms: i64,
}

impl LeaseRow {
    /// Whether anybody may take it.
    pub const fn is_over(&self) -> bool {
        self.remaining_ms <= 0
    }
}

/// A row of `node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeRow {
    pub id: NodeId,
    pub presence: Presence,
    /// Milliseconds until it no longer counts as living, by the database's clock.
    pub remaining_ms: i64,
}

impl NodeRow {
    /// Whether shards may be placed on it.
    pub const fn is_available(&self) -> bool {
        self.remaining_ms > 0 && matches!(self.presence, Presence::Staying)
    }
}

/// Both tables, as they are after a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Snapshot {
    pub leases: Vec<LeaseRow>,
    pub nodes: Vec<NodeRow>,
}

/// Whether what comes of attempts that were begun under a lease may still change what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fence {
    /// Everything is written, as far as the delivery still waits: a stale success may have ended it meanwhile, and a
    /// row for its next attempt must not be inserted but where one was deleted.
    Current,
    /// The shard was taken since. The attempt is logged as fenced; if it succeeded the delivery is over, as there is
    /// nothing more to be done; but neither is it due again nor ended, which is for the new owner to say.
    Stale,
}

/// The reference of both tables, on a clock that it is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LeaseTable {
    leases: BTreeMap<Shard, Stored>,
    /// How each node is present, and until when, in milliseconds of the database's clock.
    nodes: BTreeMap<NodeId, (Presence, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Stored {
    owner: Option<NodeId>,
    epoch: Epoch,
    expires_at_ms: i64,
}

impl LeaseTable {
    /// As migrations leave it: nobody has had any of these shards. There is a row for each; a database has all of them.
    pub fn new(shards: impl IntoIterator<Item = Shard>) -> Self {
        let leases = shards.into_iter().map(|shard| (shard, Stored::default())).collect();
        Self { leases, nodes: BTreeMap::new() }
    }

    /// The node lives; its leases that are not over last `ttl_ms` from now. Answers what is there then.
    pub fn renew(&mut self, asked: &Asked, now_ms: i64) -> Snapshot {
        self.nodes.insert(asked.node, (asked.presence, now_ms + asked.ttl_ms));
        for lease in &asked.leases {
            if let Some(row) = self.held(*lease, asked.node)
                && row.expires_at_ms > now_ms
            {
                row.expires_at_ms = now_ms + asked.ttl_ms;
            }
        }
        self.read(now_ms)
    }

    /// Takes what is over and still in the epoch that it was seen in. Answers what was taken, in its new epoch.
    pub fn acquire(&mut self, asked: &Asked, now_ms: i64) -> Vec<Lease> {
        let mut taken = Vec::new();
        for seen in &asked.leases {
            if let Some(row) = self.leases.get_mut(&seen.shard)
                && row.epoch == seen.epoch
                && row.expires_at_ms <= now_ms
            {
                let epoch = row.epoch.next();
                *row = Stored { owner: Some(asked.node), epoch, expires_at_ms: now_ms + asked.ttl_ms };
                taken.push(Lease { shard: seen.shard, epoch });
            }
        }
        taken
    }

    /// What the node still holds of these is over.
    pub fn release(&mut self, asked: &Asked) {
        for lease in &asked.leases {
            if let Some(row) = self.held(*lease, asked.node) {
                row.expires_at_ms = 0;
            }
        }
    }

    /// What is asked in the transaction of an outcome.
    pub fn fence(&self, lease: Lease) -> Fence {
        let is_current = self.leases.get(&lease.shard).is_some_and(|row| row.epoch == lease.epoch);
        if is_current { Fence::Current } else { Fence::Stale }
    }

    /// A node that has left is forgotten.
    pub fn forget(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Everything.
    pub fn read(&self, now_ms: i64) -> Snapshot {
        let leases = self.leases.iter().map(|(shard, row)| LeaseRow {
            lease: Lease { shard: *shard, epoch: row.epoch },
            owner: row.owner,
            remaining_ms: row.expires_at_ms - now_ms,
        });
        let nodes = self.nodes.iter().map(|(id, (presence, expires_at_ms))| NodeRow {
            id: *id,
            presence: *presence,
            remaining_ms: expires_at_ms - now_ms,
        });
        Snapshot { leases: leases.collect(), nodes: nodes.collect() }
    }

    fn held(&mut self, lease: Lease, node: NodeId) -> Option<&mut Stored> {
        self.leases.get_mut(&lease.shard).filter(|row| row.epoch == lease.epoch && row.owner == Some(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: Shard = Shard::new(7);
    const TTL_MS: i64 = 15_000;
    const ONE: NodeId = NodeId::new(1);
    const TWO: NodeId = NodeId::new(2);

    fn asked(node: NodeId, epoch: i64) -> Asked {
        let leases = vec![lease(epoch)];
        Asked { node, presence: Presence::Staying, leases, ttl_ms: TTL_MS, sent_ms: 0 }
    }

    const fn lease(epoch: i64) -> Lease {
        Lease { shard: SHARD, epoch: Epoch::new(epoch) }
    }

    /// The first node has acquired the shard at 0, in epoch 1.
    fn taken() -> LeaseTable {
        let mut table = LeaseTable::new([SHARD]);
        assert_eq!(table.acquire(&asked(ONE, 0), 0), [lease(1)]);
        table
    }

    fn remaining_ms(table: &LeaseTable, now_ms: i64) -> i64 {
        table.read(now_ms).leases[0].remaining_ms
    }

    #[test]
    fn a_lease_is_taken_only_when_it_is_over_and_as_it_was_seen() {
        let mut table = taken();
        assert_eq!(table.acquire(&asked(TWO, 1), TTL_MS - 1), []);
        assert_eq!(table.acquire(&asked(TWO, 0), TTL_MS), []);
        assert_eq!(table.acquire(&asked(TWO, 1), TTL_MS), [lease(2)]);
        assert_eq!((table.fence(lease(1)), table.fence(lease(2))), (Fence::Stale, Fence::Current));
    }

    #[test]
    fn a_lease_is_renewed_by_its_owner_in_its_epoch_until_it_is_over() {
        let mut table = taken();
        for (by, at_ms) in [(asked(TWO, 1), 1_000), (asked(ONE, 0), 1_000), (asked(ONE, 1), TTL_MS)] {
            table.renew(&by, at_ms);
            assert_eq!(remaining_ms(&table, 0), TTL_MS);
        }
        table.renew(&asked(ONE, 1), TTL_MS - 1);
        assert_eq!(remaining_ms(&table, TTL_MS - 1), TTL_MS);
        table.renew(&asked(ONE, 1), 2 * TTL_MS - 1);
        assert_eq!(remaining_ms(&table, 2 * TTL_MS - 1), 0);
    }

    #[test]
    fn a_released_lease_is_over_and_does_not_come_back_by_a_late_renewal() {
        let mut table = taken();
        table.release(&asked(TWO, 1));
        table.release(&asked(ONE, 0));
        assert_eq!(remaining_ms(&table, 0), TTL_MS);
        table.release(&asked(ONE, 1));
        table.renew(&asked(ONE, 1), 1_000);
        assert_eq!(table.acquire(&asked(TWO, 1), 1_000), [lease(2)]);
        // Nor does a late release end what was taken since.
        table.release(&asked(ONE, 1));
        assert_eq!(remaining_ms(&table, 1_000), TTL_MS);
    }

    #[test]
    fn nodes_live_as_long_as_they_are_heard() {
        let mut table = taken();
        table.renew(&asked(ONE, 1), 1_000);
        assert!(table.read(TTL_MS + 999).nodes[0].is_available());
        assert!(!table.read(TTL_MS + 1_000).nodes[0].is_available());
        table.forget(ONE);
        assert_eq!(table.read(2_000).nodes, []);
    }
}
