//! What of a batch is written where several nodes have the database: the same for each store.

use std::collections::{BTreeMap, BTreeSet};

use super::{After, AttemptRecord, Batch, EndpointId, HealthRecord, NoticeRecord, Outcome, StoreError};
use crate::cluster::{Epoch, Fence, Lease, NodeId, Shard};

/// So many attempts a delivery never has.
const ATTEMPTS: i64 = 1_000_000;

/// What an attempt's number is stored as that was made in an epoch that is over: the delivery's new owner may make one of the
/// same number.
const fn fenced_number(number: i64, epoch: Epoch) -> i64 {
    -(epoch.number() * ATTEMPTS + number)
}

/// The number of an attempt from what it is stored as.
pub(super) const fn number_of(stored: i64) -> i64 {
    if stored < 0 { -stored % ATTEMPTS } else { stored }
}

/// An attempt as it is logged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged<'a> {
    pub(super) attempt: &'a AttemptRecord,
    /// As it is stored.
    pub(super) number: i64,
    pub(super) after: After,
}

impl<'a> Logged<'a> {
    /// As it says itself.
    pub(super) const fn of(attempt: &'a AttemptRecord) -> Self {
        Self { attempt, number: attempt.number, after: attempt.after }
    }

    /// Whether it was another node's delivery by the time it ended.
    pub(super) const fn is_late(&self) -> bool {
        self.number < 0
    }

    /// Of a node that had lost the delivery by the time it ended. An ending without an attempt is not logged: it did not come
    /// to be.
    fn late(attempt: &'a AttemptRecord, lease: Lease) -> Option<Self> {
        let after = if attempt.after == After::Delivered { After::Delivered } else { After::Fenced };
        let number = fenced_number(attempt.number, lease.epoch);
        (attempt.number != 0).then_some(Self { attempt, number, after })
    }
}

/// The leases as the database has them, of the shards that a batch is about, beside the batch's own.
#[derive(Debug)]
pub(super) struct Fencing {
    current: BTreeMap<Shard, (Epoch, Option<NodeId>)>,
    own: BTreeSet<Lease>,
    node: NodeId,
}

/// What becomes of a batch's outcomes.
#[derive(Debug)]
pub(super) struct Fenced<'a> {
    /// These change what waits, as far as it waits.
    pub(super) current: Vec<&'a Outcome>,
    /// These deliveries are over, wherever they stand.
    pub(super) ended: Vec<(EndpointId, groundswell_types::DeliveryId)>,
    /// All attempts.
    pub(super) attempts: Vec<Logged<'a>>,
    /// Leases that are another node's by now; sorted.
    pub(super) stale: Vec<Lease>,
}

/// What is said of an endpoint comes of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// Attempts under the current lease, perhaps besides others.
    Current,
    /// Attempts under leases that are others' by now.
    Stale,
    /// No attempts.
    None,
}

/// The lease of each outcome.
fn leased(batch: &Batch) -> impl Iterator<Item = (&Outcome, Lease)> {
    batch.outcomes.iter().zip(&batch.epochs).map(|(outcome, epoch)| {
        let shard = Shard::of(outcome.attempt.endpoint_id);
        (outcome, Lease { shard, epoch: *epoch })
    })
}

/// The shards whose leases decide about a batch.
pub(super) fn shards_of(batch: &Batch) -> Result<BTreeSet<Shard>, StoreError> {
    if batch.epochs.len() != batch.outcomes.len() {
        return Err(StoreError::Rejected("each outcome needs the epoch in which its attempt began".into()));
    }
    let outcomes = batch.outcomes.iter().map(|outcome| outcome.attempt.endpoint_id);
    Ok(outcomes.chain(batch.health.iter().map(|(endpoint, _)| *endpoint)).map(Shard::of).collect())
}

impl Fencing {
    /// Of a batch that a node brings, with the epochs and owners that there are.
    pub(super) fn of(
        batch: &Batch,
        node: NodeId,
        current: impl IntoIterator<Item = (Lease, Option<NodeId>)>,
    ) -> Self {
        let current = current.into_iter().map(|(lease, owner)| (lease.shard, (lease.epoch, owner)));
        Self { current: current.collect(), own: leased(batch).map(|(_, lease)| lease).collect(), node }
    }

    fn fence(&self, lease: Lease) -> Fence {
        let is_current = self.current.get(&lease.shard).is_some_and(|(epoch, _)| *epoch == lease.epoch);
        if is_current { Fence::Current } else { Fence::Stale }
    }

    pub(super) fn outcomes<'a>(&self, batch: &'a Batch) -> Fenced<'a> {
        let (stale, current): (Vec<_>, Vec<_>) =
            leased(batch).partition(|(_, lease)| self.fence(*lease) == Fence::Stale);
        let current: Vec<&Outcome> = current.into_iter().map(|(outcome, _)| outcome).collect();
        let mut attempts: Vec<Logged<'_>> =
            current.iter().map(|outcome| Logged::of(&outcome.attempt)).collect();
        attempts.extend(stale.iter().filter_map(|(outcome, lease)| Logged::late(&outcome.attempt, *lease)));
        let succeeded = stale.iter().map(|(outcome, _)| &outcome.attempt);
        let succeeded = succeeded.filter(|attempt| attempt.after == After::Delivered);
        let ended = succeeded.map(|attempt| (attempt.endpoint_id, attempt.delivery_id)).collect();
        let stale: BTreeSet<Lease> = stale.iter().map(|(_, lease)| *lease).collect();
        Fenced { current, ended, attempts, stale: stale.into_iter().collect() }
    }

    /// Health replaces what is there: without attempts it is the shard's owner's to say.
    pub(super) fn health<'a>(
        &self,
        batch: &'a Batch,
    ) -> impl Iterator<Item = &'a (EndpointId, HealthRecord)> {
        batch.health.iter().filter(|(endpoint, _)| match self.basis(*endpoint) {
            Basis::Current => true,
            Basis::Stale => false,
            Basis::None => {
                let row = self.current.get(&Shard::of(*endpoint));
                row.is_some_and(|(_, owner)| *owner == Some(self.node))
            }
        })
    }

    pub(super) fn notices(&self, batch: &Batch) -> Vec<NoticeRecord> {
        let counts = |notice: &&NoticeRecord| self.basis(notice.endpoint_id) != Basis::Stale;
        batch.notices.iter().filter(counts).cloned().collect()
    }

    fn basis(&self, endpoint: EndpointId) -> Basis {
        let shard = Shard::of(endpoint);
        let mut said = self.own.iter().filter(|lease| lease.shard == shard).peekable();
        if said.peek().is_none() {
            return Basis::None;
        }
        if said.any(|lease| self.fence(*lease) == Fence::Current) { Basis::Current } else { Basis::Stale }
    }
}
