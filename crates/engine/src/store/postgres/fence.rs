//! A batch of which some may be another node's to say by now.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::hot::{self, Logged, column};
use super::statement::statement;
use super::{cluster, emit};
use crate::cluster::{Epoch, Fence, Lease, NodeId, Shard};
use crate::store::query::attempts::fenced_number;
use crate::store::query::{Columns as _, notices};
use crate::store::rows::changes;
use crate::store::{After, Batch, Committed, EndpointId, HealthRecord, NoticeRecord, Outcome, StoreError};

/// In the order in which acquisitions take their locks, which get none of these rows before the transaction has ended.
const FENCE: &str = "
    SELECT shard, epoch, owner
    FROM shard_lease
    WHERE shard = ANY($1)
    ORDER BY shard
    FOR KEY SHARE";

/// Wherever they stand: whoever sends this does not know.
const END_DELIVERIES: &str = "
    DELETE FROM pending
    USING UNNEST($1::BIGINT[], $2::BIGINT[]) AS ended (endpoint_id, delivery_id)
    WHERE pending.endpoint_id = ended.endpoint_id AND pending.delivery_id = ended.delivery_id";

/// The leases as the database has them, of the shards that a batch is about.
struct Current {
    rows: BTreeMap<Shard, (Epoch, Option<NodeId>)>,
    /// The batch's own.
    leases: BTreeSet<Lease>,
    node: NodeId,
}

/// Writes a batch within the caller's transaction.
pub(super) async fn commit(
    db: &mut PgConnection,
    batch: &Batch,
    node: NodeId,
) -> Result<Committed, StoreError> {
    if batch.epochs.len() != batch.outcomes.len() {
        return Err(StoreError::Rejected("each outcome needs the epoch in which its attempt began".into()));
    }
    let current = look(db, batch, node).await?;
    let accepted = emit::accept(db, batch).await?;
    let outcomes = batch.outcomes.iter().zip(&batch.epochs).map(|(outcome, epoch)| {
        let shard = Shard::of(outcome.attempt.endpoint_id);
        (outcome, Lease { shard, epoch: *epoch })
    });
    let (stale, ours): (Vec<_>, Vec<_>) =
        outcomes.partition(|(_, lease)| current.fence(*lease) == Fence::Stale);
    finish(db, &stale, &ours).await?;
    hot::set_health(db, batch.health.iter().filter(|one| current.may_set_health(one.0))).await?;
    let counts = |notice: &&NoticeRecord| current.basis(notice.endpoint_id) != Basis::Stale;
    let notices: Vec<NoticeRecord> = batch.notices.iter().filter(counts).cloned().collect();
    notices::insert(db, &notices).await?;
    let stale: BTreeSet<Lease> = stale.into_iter().map(|(_, lease)| lease).collect();
    Ok(Committed { accepted, stale: stale.into_iter().collect() })
}

async fn look(db: &mut PgConnection, batch: &Batch, node: NodeId) -> Result<Current, StoreError> {
    let outcomes = batch.outcomes.iter().map(|outcome| outcome.attempt.endpoint_id);
    let told = batch.health.iter().map(|(endpoint, _): &(EndpointId, HealthRecord)| *endpoint);
    let shards: BTreeSet<Shard> = outcomes.chain(told).map(Shard::of).collect();
    let leases = batch.outcomes.iter().zip(&batch.epochs);
    let leases = leases
        .map(|(outcome, epoch)| Lease { shard: Shard::of(outcome.attempt.endpoint_id), epoch: *epoch })
        .collect();
    let mut current = Current { rows: BTreeMap::new(), leases, node };
    if !shards.is_empty() {
        let shards: Vec<i16> = shards.iter().map(|shard| i16::from(shard.number())).collect();
        for row in hot::fetch(db, statement(db, FENCE).bind(shards)).await? {
            let Lease { shard, epoch } = cluster::lease(&row)?;
            current.rows.insert(shard, (epoch, row.optional_int(2)?.map(NodeId::new)));
        }
    }
    Ok(current)
}

impl Current {
    fn fence(&self, lease: Lease) -> Fence {
        let is_current = self.rows.get(&lease.shard).is_some_and(|(epoch, _)| *epoch == lease.epoch);
        if is_current { Fence::Current } else { Fence::Stale }
    }

    /// Whether what the batch says of an endpoint comes of attempts, and whether of any under the current lease of its shard.
    fn basis(&self, endpoint: EndpointId) -> Basis {
        let shard = Shard::of(endpoint);
        let mut said = self.leases.iter().filter(|lease| lease.shard == shard).peekable();
        if said.peek().is_none() {
            return Basis::None;
        }
        if said.any(|lease| self.fence(*lease) == Fence::Current) { Basis::Current } else { Basis::Stale }
    }

    /// Health replaces what is there: without attempts it is the shard's owner's to say.
    fn may_set_health(&self, endpoint: EndpointId) -> bool {
        let is_owner =
            || self.rows.get(&Shard::of(endpoint)).is_some_and(|(_, owner)| *owner == Some(self.node));
        match self.basis(endpoint) {
            Basis::Current => true,
            Basis::Stale => false,
            Basis::None => is_owner(),
        }
    }
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

type Outcomes<'a> = [(&'a Outcome, Lease)];

async fn finish(db: &mut PgConnection, stale: &Outcomes<'_>, ours: &Outcomes<'_>) -> Result<(), StoreError> {
    let mut attempts: Vec<Logged<'_>> =
        ours.iter().map(|(outcome, _)| Logged::of(&outcome.attempt)).collect();
    attempts.extend(stale.iter().filter_map(|(outcome, lease)| fenced(outcome, *lease)));
    hot::log(db, &attempts).await?;
    // What has succeeded is over, whatever else the batch says of it.
    end(db, stale).await?;
    let (removed, inserted) = changes(ours.iter().map(|(outcome, _)| *outcome));
    hot::move_pending(db, &removed, &inserted).await
}

/// How an attempt is logged whose delivery was another node's by the time it ended. An ending without an attempt is not: it
/// did not come to be.
fn fenced(outcome: &Outcome, lease: Lease) -> Option<Logged<'_>> {
    let attempt = &outcome.attempt;
    let after = if attempt.after == After::Delivered { After::Delivered } else { After::Fenced };
    let number = fenced_number(attempt.number, lease.epoch);
    (attempt.number != 0).then_some(Logged { attempt, number, after })
}

async fn end(db: &mut PgConnection, stale: &Outcomes<'_>) -> Result<(), StoreError> {
    let succeeded = stale.iter().filter(|(outcome, _)| outcome.attempt.after == After::Delivered);
    let succeeded: Vec<_> = succeeded.map(|(outcome, _)| &outcome.attempt).collect();
    if succeeded.is_empty() {
        return Ok(());
    }
    let statement = statement(db, END_DELIVERIES)
        .bind(column(&succeeded, |attempt| attempt.endpoint_id.0))
        .bind(column(&succeeded, |attempt| attempt.delivery_id.number()));
    hot::execute(db, statement).await
}
