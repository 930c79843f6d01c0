//! Several nodes on one state, each by a handle of its own, on a clock that is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use groundswell_types::{EventId, ProgramId};

use super::Memory;
use super::state::State;
use crate::clock::Clock;
use crate::cluster::{Asked, Fence, Lease, LeaseTable, NodeId, NodeRow, Presence, Shard, Snapshot};
use crate::store::fencing::{Fencing, shards_of};
use crate::store::{
    Batch, Changed, Changes, ClusterStore, Committed, EndpointId, EndpointRecord, HealthRecord, Move,
    MoveStep, Moved, NodeAddress, ProgramRecord, SettingsVersion, Settled, StoreError,
};

/// How long it is known what was changed.
const KEPT_MS: i64 = 86_400_000;

/// What all nodes share besides what is stored.
#[derive(Debug)]
pub(super) struct Several {
    leases: LeaseTable,
    /// The database's.
    clock: Clock,
    addresses: BTreeMap<NodeId, String>,
    /// Of each node, as it is in the table `node`.
    settled: BTreeMap<NodeId, Option<EventId>>,
    version: i64,
    /// By version, with the time.
    changes: BTreeMap<i64, (i64, Changed)>,
}

/// A node, by its handle.
#[derive(Debug)]
pub(super) struct Member {
    node: NodeId,
    /// See [`ClusterStore::lead_under`].
    lead: Mutex<Option<Lease>>,
}

impl Memory {
    /// A node's handle on the same state. Leases run by the clock that the first one brings.
    ///
    /// What [`Memory::stand`] says it says of its own handle.
    #[must_use]
    pub fn joined(&self, node: NodeId, address: &str, clock: &Clock) -> Self {
        let mut state = self.state();
        let several = state.several.get_or_insert_with(|| Several {
            leases: LeaseTable::new(Shard::all()),
            clock: clock.clone(),
            addresses: BTreeMap::new(),
            settled: BTreeMap::new(),
            version: 0,
            changes: BTreeMap::new(),
        });
        several.addresses.insert(node, address.to_owned());
        several.settled.insert(node, None);
        let member = Member { node, lead: Mutex::new(None) };
        Self { state: Arc::clone(&self.state), standing: Mutex::default(), member: Some(member) }
    }

    /// Refuses what only the node that leads may write, as far as this is a node's handle.
    pub(super) fn check_lead(&self, state: &State) -> Result<(), StoreError> {
        let Some(member) = &self.member else { return Ok(()) };
        let lead = *member.lead.lock().unwrap_or_else(PoisonError::into_inner);
        let leads = state.several.as_ref().zip(lead);
        match leads.map(|(several, lead)| several.leases.fence(lead)) {
            Some(Fence::Current) => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    }

    /// Takes leave.
    pub(super) fn leave(&self) {
        if let Some(member) = &self.member
            && let Some(several) = &mut self.state().several
        {
            several.leases.forget(member.node);
            several.addresses.remove(&member.node);
            several.settled.remove(&member.node);
        }
    }

    /// Does something to what all nodes share.
    fn share<T>(&self, work: impl FnOnce(&mut Several, i64) -> T) -> Result<T, StoreError> {
        let mut state = self.state();
        let several = state.several.as_mut().ok_or_else(|| {
            StoreError::Unusable("only handles that have joined are nodes of a cluster".to_owned())
        })?;
        let now_ms = several.clock.now_ms();
        Ok(work(several, now_ms))
    }
}

impl Several {
    /// Whether the node is counted in.
    fn settle(&mut self, node: NodeId, to: EventId) -> bool {
        let Some(Some(settled)) = self.settled.get_mut(&node) else { return false };
        *settled = (*settled).max(to);
        true
    }
}

impl State {
    /// Has other nodes know of a change.
    pub(super) fn note_change(&mut self, change: impl FnOnce() -> Changed) {
        if let Some(several) = &mut self.several {
            let now_ms = several.clock.now_ms();
            several.changes.retain(|_, (at_ms, _)| *at_ms >= now_ms - KEPT_MS);
            several.version += 1;
            several.changes.insert(several.version, (now_ms, change()));
        }
    }
}

#[async_trait]
impl ClusterStore for Memory {
    fn node(&self) -> NodeId {
        self.member.as_ref().map_or(NodeId::new(0), |member| member.node)
    }

    fn number(&self) -> u8 {
        // As long as tests number nodes from 1.
        u8::try_from(self.node().number() % 64).unwrap_or_default()
    }

    async fn be_at(&self, address: &str) -> Result<(), StoreError> {
        let node = self.node();
        self.share(|several, now_ms| {
            let is_before = |(id, at): &(&NodeId, &String)| **id != node && *at == address;
            let before: Vec<NodeId> = several.addresses.iter().filter(is_before).map(|(id, _)| *id).collect();
            for id in before {
                several.addresses.remove(&id);
                several.settled.remove(&id);
                several.leases.forget(id);
                let rows = several.leases.read(now_ms).leases.into_iter();
                let leases = rows.filter(|row| row.owner == Some(id)).map(|row| row.lease).collect();
                let presence = Presence::Leaving;
                several.leases.release(&Asked { node: id, presence, leases, ttl_ms: 0, sent_ms: 0 });
            }
            several.addresses.insert(node, address.to_owned());
        })
    }

    async fn move_pending(&self, step: &MoveStep, lease: Lease) -> Result<Moved, StoreError> {
        let mut state = self.state();
        match state.several.as_ref().map(|several| several.leases.fence(lease)) {
            Some(Fence::Current) => {
                let endpoint = state.endpoints.get(&step.endpoint_id);
                if step.kind == Move::Park && endpoint.is_some_and(|one| one.is_enabled) {
                    return Ok(Moved { rows: 0, next: None });
                }
                Ok(state.move_pending(step))
            }
            _ => Err(StoreError::Fenced),
        }
    }

    async fn renew(&self, asked: &Asked) -> Result<Snapshot, StoreError> {
        self.share(|several, now_ms| several.leases.renew(asked, now_ms))
    }

    async fn acquire(&self, asked: &Asked) -> Result<Vec<Lease>, StoreError> {
        self.share(|several, now_ms| several.leases.acquire(asked, now_ms))
    }

    async fn release(&self, asked: &Asked) -> Result<(), StoreError> {
        self.share(|several, _| several.leases.release(asked))
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let mut state = self.state();
        let several = state.several.as_ref().ok_or(StoreError::Fenced)?;
        let is_outdated = batch.settings.is_some_and(|settings| settings.0 != several.version);
        if is_outdated && batch.goes_by_settings() {
            return Err(StoreError::Outdated);
        }
        let lowest = batch.accepts.iter().map(|accept| accept.event_id).min();
        let own = several.settled.get(&self.node()).copied().flatten();
        if batch.settled.is_some() && lowest.is_some_and(|lowest| own.is_none_or(|own| own >= lowest)) {
            return Err(StoreError::Outdated);
        }
        let shards = shards_of(batch)?;
        let rows = several.leases.read(0).leases.into_iter();
        let current = rows.filter(|row| shards.contains(&row.lease.shard)).map(|row| (row.lease, row.owner));
        let fencing = Fencing::of(batch, self.node(), current);
        let committed = state.commit_fenced(batch, &fencing)?;
        if let (Some(several), Some(settled)) = (&mut state.several, batch.settled) {
            several.settle(self.node(), settled);
        }
        Ok(committed)
    }

    fn lead_under(&self, lease: Option<Lease>) {
        if let Some(member) = &self.member {
            *member.lead.lock().unwrap_or_else(PoisonError::into_inner) = lease;
        }
    }

    async fn now_ms(&self) -> Result<i64, StoreError> {
        self.share(|_, now_ms| now_ms)
    }

    async fn nodes(&self) -> Result<Vec<NodeAddress>, StoreError> {
        self.share(|several, now_ms| {
            let rows = several.leases.read(now_ms).nodes;
            let lives = |node: NodeId| {
                node == self.node() || rows.iter().any(|row: &NodeRow| row.id == node && row.remaining_ms > 0)
            };
            let living = several.addresses.iter().filter(|(node, _)| lives(**node));
            living.map(|(node, address)| NodeAddress { id: *node, address: address.clone() }).collect()
        })
    }

    async fn accepted_elsewhere(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, Vec<EndpointId>)>, StoreError> {
        let state = self.state();
        let later = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let events = state.events.range(later).take(limit);
        Ok(events.map(|(id, event)| (*id, event.record.targets.clone())).collect())
    }

    async fn enter(&self) -> Result<EventId, StoreError> {
        let newest = self.newest_up_to(EventId::from_number(i64::MAX)).await?;
        self.share(|several, _| {
            let highest = several.settled.values().flatten().max().copied().unwrap_or(newest).max(newest);
            if let Some(own) = several.settled.get_mut(&self.node()) {
                own.get_or_insert(highest);
            }
            highest
        })
    }

    async fn settle(&self, to: EventId) -> Result<(), StoreError> {
        let is_counted_in = self.share(|several, _| several.settle(self.node(), to))?;
        if is_counted_in { Ok(()) } else { Err(StoreError::Outdated) }
    }

    async fn settled(&self) -> Result<Option<Settled>, StoreError> {
        self.share(|several, now_ms| {
            let rows = several.leases.read(now_ms).nodes;
            let is_over = |node: NodeId| {
                node != self.node() && rows.iter().any(|row| row.id == node && row.remaining_ms <= 0)
            };
            let known = several.settled.iter().filter_map(|(node, settled)| Some((*node, (*settled)?)));
            let (silent, living): (Vec<_>, Vec<_>) = known.partition(|(node, _)| is_over(*node));
            let living: Vec<EventId> = living.into_iter().map(|(_, settled)| settled).collect();
            Settled::of(&living, &silent).filter(|_| several.settled.contains_key(&self.node()))
        })
    }

    async fn retire(&self, nodes: &[NodeId]) -> Result<(), StoreError> {
        self.share(|several, now_ms| {
            let rows = several.leases.read(now_ms).nodes;
            for row in rows.iter().filter(|row| row.remaining_ms <= 0 && nodes.contains(&row.id)) {
                several.settled.entry(row.id).and_modify(|settled| *settled = None);
            }
        })
    }

    async fn accepted_between(
        &self,
        after: EventId,
        to: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, ProgramId)>, StoreError> {
        let state = self.state();
        let events = state.events.iter().filter(|(id, _)| (after..=to).contains(id) && **id != after);
        Ok(events.take(limit).map(|(id, event)| (*id, event.record.program_id.clone())).collect())
    }

    async fn newest_up_to(&self, id: EventId) -> Result<EventId, StoreError> {
        let state = self.state();
        let newest = state.events.range(..=id).next_back().map(|(id, _)| *id);
        Ok(newest.unwrap_or(EventId::from_number(0)))
    }

    async fn changes(&self, since: SettingsVersion) -> Result<Changes, StoreError> {
        self.share(|several, _| {
            let version = SettingsVersion(several.version);
            let known = several.changes.range(since.0.saturating_add(1)..);
            let is_whole =
                known.clone().map(|(version, _)| *version).eq(since.0.saturating_add(1)..=version.0);
            if since > version || !is_whole {
                return Changes::Everything(version);
            }
            let mut changes: Vec<Changed> = known.map(|(_, (_, change))| change.clone()).collect();
            changes.dedup();
            Changes::Known(version, changes)
        })
    }

    async fn program_as_it_is(
        &self,
        program: &ProgramId,
    ) -> Result<Option<(ProgramRecord, Vec<EndpointRecord>)>, StoreError> {
        let state = self.state();
        let Some(record) = state.programs.get(program) else { return Ok(None) };
        let live = state.endpoints.values().filter(|endpoint| endpoint.program_id == *program);
        let mut live: Vec<EndpointRecord> = live.cloned().collect();
        live.sort_by_key(|endpoint| (endpoint.created_at_ms, endpoint.id));
        Ok(Some((record.clone(), live)))
    }

    async fn health_of(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        let state = self.state();
        let known = state.health.iter().filter(|(endpoint, _)| endpoints.contains(endpoint));
        Ok(known.map(|(endpoint, health)| (*endpoint, *health)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Presence;
    use crate::store::Store as _;

    #[tokio::test]
    async fn leases_and_what_is_known_of_changes_run_by_the_clock_that_is_given() {
        let (store, clock) = (Memory::new(), Clock::manual(0));
        assert!(store.cluster().is_none(), "one process has it until a node joins");
        let [one, two] = [1, 2].map(|number| store.joined(NodeId::new(number), "", &clock));
        let asked = |node: &Memory, epoch: i64| Asked {
            node: node.node(),
            presence: Presence::Staying,
            leases: vec![Lease { shard: Shard::new(9), epoch: crate::cluster::Epoch::new(epoch) }],
            ttl_ms: 15_000,
            sent_ms: 0,
        };
        assert_eq!(one.acquire(&asked(&one, 0)).await.expect("acquires").len(), 1);
        clock.set(14_999);
        assert_eq!(two.acquire(&asked(&two, 1)).await.expect("acquires"), []);
        clock.set(15_000);
        assert_eq!(two.acquire(&asked(&two, 1)).await.expect("acquires").len(), 1);

        one.state().note_change(|| Changed::ApiKeys);
        clock.set(15_000 + KEPT_MS + 1);
        two.state().note_change(|| Changed::ApiKeys);
        let since = async |version| one.changes(SettingsVersion(version)).await.expect("answers");
        assert_eq!(since(0).await, Changes::Everything(SettingsVersion(2)));
        assert_eq!(since(1).await, Changes::Known(SettingsVersion(2), vec![Changed::ApiKeys]));
    }
}
