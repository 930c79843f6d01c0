//! Who has which shard, by what was executed in the database. Times are milliseconds since the world began, by which the
//! database's clock goes.

use std::collections::{BTreeMap, BTreeSet};

use groundswell_engine::cluster::{Epoch, Lease, Shard};

use super::super::run::TURN_MS;
use super::Broken;
use crate::auditor::Rule;

/// A shard's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) epoch: Epoch,
    /// A node's number.
    pub(super) owner: u32,
    pub(super) expires_at_ms: i64,
}

#[derive(Debug, Default)]
pub(super) struct Leases(BTreeMap<Shard, Row>);

impl Leases {
    pub(super) fn of(&self, shard: Shard) -> Option<&Row> {
        self.0.get(&shard)
    }

    /// Whether a shard is in that epoch.
    pub(super) fn is_current(&self, lease: Lease) -> bool {
        self.of(lease.shard).is_some_and(|row| row.epoch == lease.epoch)
    }

    /// Whether nobody has taken it from this node, be its time over or not.
    pub(super) fn is_of(&self, shard: Shard, node: u32) -> bool {
        self.of(shard).is_some_and(|row| row.owner == node)
    }

    pub(super) fn took(&mut self, node: u32, taken: &[Lease], (now_ms, ttl_ms): (i64, i64)) -> Broken {
        let mut early = Ok(());
        for lease in taken {
            let row = Row { epoch: lease.epoch, owner: node, expires_at_ms: now_ms + ttl_ms };
            let before = self.0.insert(lease.shard, row);
            if let Some(before) = before
                && (before.expires_at_ms > now_ms + TURN_MS || before.epoch >= lease.epoch)
            {
                early =
                    Err((Rule::OneOwner, format!("node {node} took {lease:?} while it was so: {before:?}")));
            }
        }
        early
    }

    pub(super) fn renewed(&mut self, node: u32, renewed: &[Lease], until_ms: i64) {
        for lease in renewed {
            if let Some(row) = self.held(node, *lease) {
                row.expires_at_ms = until_ms;
            }
        }
    }

    pub(super) fn released(&mut self, node: u32, released: &[Lease]) {
        for lease in released {
            if let Some(row) = self.held(node, *lease) {
                row.expires_at_ms = 0;
            }
        }
    }

    fn held(&mut self, node: u32, lease: Lease) -> Option<&mut Row> {
        self.0.get_mut(&lease.shard).filter(|row| row.owner == node && row.epoch == lease.epoch)
    }

    /// What nobody has taken from this node.
    pub(super) fn all_of(&self, node: u32) -> BTreeSet<Shard> {
        self.0.iter().filter(|(_, row)| row.owner == node).map(|(shard, _)| *shard).collect()
    }
}
