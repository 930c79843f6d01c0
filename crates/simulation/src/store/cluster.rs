//! What several nodes ask of the database that they share. Statements about leases may be executed though the node was told
//! nothing, or long after it gave up; of all else the store says what became of it, as a database's driver here does.

use std::time::Duration;

use async_trait::async_trait;
use groundswell_engine::cluster::{Asked, Lease, NodeId, Presence, Snapshot};
use groundswell_engine::store::{
    Batch, Changes, ClusterStore, Committed, EndpointId, EndpointRecord, HealthRecord, MoveStep, Moved,
    NodeAddress, ProgramRecord, SettingsVersion, Settled, StoreError,
};
use groundswell_types::{EventId, ProgramId};
use rand::Rng;

use super::line::{Answer, Statement};
use super::{Disk, cause, note_accepts, note_moved};
use crate::plan::Sabotage;
use crate::trace::{Fact, NodeFact};
use crate::world::locked;

/// What becomes of a statement about leases.
enum Lot {
    Usual,
    /// It is not executed, and there is no answer.
    Lost,
    /// It is executed, but there is no answer.
    Unanswered,
    /// It is executed after so long, Unix milliseconds of the world; there is no answer.
    Late(i64),
}

impl Disk {
    fn lot(&self) -> Lot {
        let world = &self.world;
        let is_cut = self.line.as_ref().is_some_and(|line| !line.is_whole());
        if !is_cut && (world.is_calm() || !world.happens(world.plan.store.lost)) {
            return Lot::Usual;
        }
        let now_ms = world.now_ms();
        world.draw(|rng| match rng.random_range(0..3) {
            0 => Lot::Late(now_ms + rng.random_range(500..15_000)),
            1 if !is_cut => Lot::Unanswered,
            _ => Lot::Lost,
        })
    }

    /// A statement about leases. Whoever asks gives up waiting.
    async fn ask(&self, statement: Statement) -> Result<Answer, StoreError> {
        self.world.power().point().await;
        self.world.pause(0..=self.world.plan.store.commit_ms.min(200)).await;
        let lot = self.lot();
        if let (Lot::Late(at_ms), Some(line)) = (&lot, &self.line) {
            line.execute_later(&self.memory, (*at_ms, statement));
            return std::future::pending().await;
        }
        if matches!(lot, Lot::Lost) {
            return std::future::pending().await;
        }
        self.tick();
        let (answer, fact) = statement.execute(&self.memory).await?;
        self.world.note(Fact::OfNodes(fact));
        if matches!(lot, Lot::Unanswered) {
            return std::future::pending().await;
        }
        self.after_write().await?;
        Ok(answer)
    }

    /// What is asked when nothing is: how the leases stand, for those that break the rules.
    async fn leases(&self) -> Result<Snapshot, StoreError> {
        let nothing = Asked {
            node: self.memory.node(),
            presence: Presence::Staying,
            leases: Vec::new(),
            ttl_ms: self.world.plan.config.lease_ms,
            sent_ms: 0,
        };
        self.memory.renew(&nothing).await
    }

    /// The batch as it is written if what it has to be checked by is broken.
    async fn unchecked(&self, batch: &Batch) -> Result<Batch, StoreError> {
        let mut batch = batch.clone();
        match self.world.plan.sabotage {
            Some(Sabotage::FencesNothing) => {
                let leases = self.leases().await?.leases;
                for (outcome, epoch) in batch.outcomes.iter().zip(&mut batch.epochs) {
                    let shard = groundswell_engine::cluster::Shard::of(outcome.attempt.endpoint_id);
                    let row = leases.iter().find(|row| row.lease.shard == shard);
                    *epoch = row.map_or(*epoch, |row| row.lease.epoch);
                }
            }
            Some(Sabotage::AcceptsByOldSettings) => batch.settings = None,
            Some(Sabotage::LosesOutcomes) => {
                let is_lost: Vec<bool> = batch.outcomes.iter().map(|_| self.world.happens(0.05)).collect();
                let mut lost = is_lost.iter();
                batch.outcomes.retain(|_| lost.next() != Some(&true));
                let mut lost = is_lost.iter();
                batch.epochs.retain(|_| lost.next() != Some(&true));
            }
            _ => {}
        }
        Ok(batch)
    }

    /// Before what only the node that leads may write.
    pub(super) async fn be_leader(&self) {
        if self.world.plan.sabotage == Some(Sabotage::LeadsForEver)
            && let Ok(snapshot) = self.leases().await
        {
            self.memory.lead_under(snapshot.leases.first().map(|row| row.lease));
        }
    }
}

#[async_trait]
impl ClusterStore for Disk {
    fn node(&self) -> NodeId {
        self.memory.node()
    }

    fn number(&self) -> u8 {
        self.memory.number()
    }

    async fn be_at(&self, address: &str) -> Result<(), StoreError> {
        self.write(self.memory.be_at(address), |()| ()).await
    }

    async fn renew(&self, asked: &Asked) -> Result<Snapshot, StoreError> {
        if self.world.plan.sabotage == Some(Sabotage::RenewsByItself) {
            // What the node saw last, as if it had been renewed.
            let patience = Duration::from_millis(asked.ttl_ms.unsigned_abs() / 10);
            let answer = tokio::time::timeout(patience, self.ask(Statement::Renew(asked.clone()))).await;
            let mut seen = locked(&self.seen);
            match answer {
                Ok(Ok(Answer::Renewed(snapshot))) => *seen = snapshot,
                _ if seen.nodes.is_empty() => return Err(StoreError::Unavailable(cause("nothing was seen"))),
                _ => {}
            }
            return Ok(seen.clone());
        }
        match self.ask(Statement::Renew(asked.clone())).await? {
            Answer::Renewed(snapshot) => Ok(snapshot),
            other => Err(unexpected(&other)),
        }
    }

    async fn acquire(&self, asked: &Asked) -> Result<Vec<Lease>, StoreError> {
        match self.ask(Statement::Acquire(asked.clone())).await? {
            Answer::Acquired(taken) => {
                self.took_at_ms.store(self.world.now_ms(), std::sync::atomic::Ordering::Relaxed);
                Ok(taken)
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn release(&self, asked: &Asked) -> Result<(), StoreError> {
        match self.ask(Statement::Release(asked.clone())).await? {
            Answer::Released => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        if self.is_unstorable(batch) {
            self.world.power().point().await;
            return Err(StoreError::Rejected(cause("an unstorable event")));
        }
        let effect = async {
            match self.world.plan.sabotage {
                None => ClusterStore::commit(self.memory.as_ref(), batch).await,
                Some(_) => ClusterStore::commit(self.memory.as_ref(), &self.unchecked(batch).await?).await,
            }
        };
        let note = |committed: &Committed| {
            note_accepts(&self.world, batch, &committed.accepted);
            for (outcome, epoch) in batch.outcomes.iter().zip(&batch.epochs) {
                let fact = NodeFact::Outcome(Box::new(outcome.into()), *epoch);
                self.world.note(Fact::OfNodes(fact));
            }
        };
        self.write(effect, note).await
    }

    async fn move_pending(&self, step: &MoveStep, lease: Lease) -> Result<Moved, StoreError> {
        let effect = ClusterStore::move_pending(self.memory.as_ref(), step, lease);
        self.write(effect, |moved| note_moved(&self.world, step, moved)).await
    }

    fn lead_under(&self, lease: Option<Lease>) {
        self.memory.lead_under(lease);
    }

    async fn now_ms(&self) -> Result<i64, StoreError> {
        self.read(async {
            self.tick();
            self.memory.now_ms().await
        })
        .await
    }

    async fn nodes(&self) -> Result<Vec<NodeAddress>, StoreError> {
        self.read(self.memory.nodes()).await
    }

    async fn accepted_elsewhere(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, Vec<EndpointId>)>, StoreError> {
        if matches!(self.world.plan.sabotage, Some(Sabotage::LooksAtNothing | Sabotage::LooksOnceAMinute)) {
            return Ok(Vec::new());
        }
        self.read(self.memory.accepted_elsewhere(after, limit)).await
    }

    async fn enter(&self) -> Result<EventId, StoreError> {
        self.write(self.memory.enter(), |_| ()).await
    }

    async fn settle(&self, to: EventId) -> Result<(), StoreError> {
        self.write(self.memory.settle(to), |()| ()).await
    }

    async fn settled(&self) -> Result<Option<Settled>, StoreError> {
        self.read(self.memory.settled()).await
    }

    async fn retire(&self, nodes: &[NodeId]) -> Result<(), StoreError> {
        self.write(self.memory.retire(nodes), |()| ()).await
    }

    async fn accepted_between(
        &self,
        after: EventId,
        to: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, ProgramId)>, StoreError> {
        self.read(self.memory.accepted_between(after, to, limit)).await
    }

    async fn newest_up_to(&self, id: EventId) -> Result<EventId, StoreError> {
        self.read(self.memory.newest_up_to(id)).await
    }

    async fn changes(&self, since: SettingsVersion) -> Result<Changes, StoreError> {
        self.read(self.memory.changes(since)).await
    }

    async fn program_as_it_is(
        &self,
        program: &ProgramId,
    ) -> Result<Option<(ProgramRecord, Vec<EndpointRecord>)>, StoreError> {
        self.read(self.memory.program_as_it_is(program)).await
    }

    async fn health_of(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        self.read(self.memory.health_of(endpoints)).await
    }
}

fn unexpected(answer: &Answer) -> StoreError {
    StoreError::Damaged(format!("an answer to another statement: {answer:?}"))
}
