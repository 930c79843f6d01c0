//! A batch of which some may be another node's to say by now.

use std::collections::BTreeMap;

use groundswell_types::{DeliveryId, EventId};
use sqlx::PgConnection;

use super::hot::{self, column};
use super::statement::statement;
use super::{cluster, emit};
use crate::cluster::NodeId;
use crate::store::fencing::{Fenced, Fencing, Logged, shards_of};
use crate::store::query::{Columns as _, erasure, notices, resends};
use crate::store::rows::changes;
use crate::store::{Batch, Committed, EndpointId, StoreError};

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

/// Writes a batch within the caller's transaction.
pub(super) async fn commit(
    db: &mut PgConnection,
    batch: &Batch,
    node: NodeId,
) -> Result<Committed, StoreError> {
    let fencing = look(db, batch, node).await?;
    let accepted = emit::accept(db, batch).await?;
    let Fenced { current, ended, attempts, stale } = fencing.outcomes(batch);
    hot::log(db, &attempts).await?;
    if !stale.is_empty() {
        erase_late(db, &attempts).await?;
    }
    // What has succeeded is over, whatever else the batch says of it.
    end(db, &ended).await?;
    let (removed, inserted) = changes(current);
    let lost = hot::move_pending(db, &removed, &inserted).await?;
    hot::set_health(db, fencing.health(batch)).await?;
    notices::insert(db, &fencing.notices(batch)).await?;
    Ok(Committed { accepted, stale, ended: lost })
}

/// Locks the leases that decide about the batch.
async fn look(db: &mut PgConnection, batch: &Batch, node: NodeId) -> Result<Fencing, StoreError> {
    let shards: Vec<i16> = shards_of(batch)?.iter().map(|shard| i16::from(shard.number())).collect();
    let mut current = Vec::with_capacity(shards.len());
    if !shards.is_empty() {
        let fence = statement(db, FENCE).bind(shards);
        for row in hot::fetch(db, fence).await? {
            current.push((cluster::lease(&row)?, row.optional_int(2)?.map(NodeId::new)));
        }
    }
    Ok(Fencing::of(batch, node, current))
}

/// Who has lost a shard may not have heard either what was erased since.
async fn erase_late(db: &mut PgConnection, attempts: &[Logged<'_>]) -> Result<(), StoreError> {
    let late = attempts.iter().filter(|one| one.is_late()).map(|one| one.attempt.delivery_id);
    let late: Vec<DeliveryId> = late.collect();
    let mut events: BTreeMap<DeliveryId, EventId> =
        late.iter().filter(|id| !id.is_resend()).map(|id| (*id, id.event())).collect();
    let resends: Vec<DeliveryId> = late.into_iter().filter(|id| id.is_resend()).collect();
    for resend in resends::by_id(db, &resends).await? {
        events.insert(resend.id, resend.event_id);
    }
    let erased = erasure::erased(db, &events.values().copied().collect::<Vec<_>>()).await?;
    events.retain(|_, event| erased.contains(event));
    erasure::erase_answers(db, &events.into_keys().collect::<Vec<_>>()).await.map(drop)
}

async fn end(db: &mut PgConnection, ended: &[(EndpointId, DeliveryId)]) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let end = statement(db, END_DELIVERIES)
        .bind(column(ended, |(endpoint, _)| endpoint.0))
        .bind(column(ended, |(_, delivery)| delivery.number()));
    hot::execute(db, end).await
}
