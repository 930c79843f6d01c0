//! What other nodes have changed: read here, between two commits, so that it never goes back behind a change of this
//! node's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use groundswell_types::{Change, NoticeKind, ProgramId};

use super::Writer;
use crate::cluster::{Lease, Shard};
use crate::delivery::runtime::Message;
use crate::directory::ProgramEntry;
use crate::error::EngineError;
use crate::nodes::Word;
use crate::store::{
    Changed, Changes, EndpointId, EndpointRecord, Move, MoveStep, Moved, ProgramRecord, SettingsChange,
    SettingsVersion, StoreError, WebhooksChange,
};

impl Writer {
    /// Brings the settings in memory up to those of the database.
    pub(super) async fn catch_up(&mut self) -> Result<(), EngineError> {
        let store = Arc::clone(&self.store);
        let Some(cluster) = store.cluster() else { return Ok(()) };
        let since = cluster.changes(self.version).await.map_err(|error| self.note(error))?;
        let result = match since {
            Changes::Known(version, changed) => {
                let mut programs = BTreeSet::new();
                let mut has_keys = false;
                for one in changed {
                    match one {
                        Changed::Program(id) => _ = programs.insert(id),
                        Changed::ApiKeys => has_keys = true,
                        Changed::Erased(events) => self.erased.add(events),
                    }
                }
                self.read_again(version, programs, has_keys).await
            }
            Changes::Everything(version) => {
                let programs = store.programs().await.map_err(|error| self.note(error))?;
                let programs = programs.into_iter().map(|record| record.id).collect();
                self.read_again(version, programs, true).await
            }
        };
        result.map_err(|error| self.note(error))
    }

    async fn read_again(
        &mut self,
        version: SettingsVersion,
        programs: BTreeSet<ProgramId>,
        has_keys: bool,
    ) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        let Some(cluster) = store.cluster() else { return Ok(()) };
        for id in programs {
            if let Some((record, endpoints)) = cluster.program_as_it_is(&id).await? {
                self.replace(record, endpoints).await;
            }
        }
        if has_keys {
            self.api_keys.read_again(store.as_ref()).await?;
        }
        self.version = version;
        Ok(())
    }

    /// A program is so now. What follows from it for rows is done by the node that delivers to their endpoint.
    async fn replace(&mut self, record: ProgramRecord, endpoints: Vec<EndpointRecord>) {
        let before = self.directory.program(&record.id);
        if before.as_ref().is_some_and(|entry| is_as_before(entry, &record, &endpoints)) {
            return;
        }
        let is_new = before.is_none();
        let kept: BTreeSet<EndpointId> = endpoints.iter().map(|one| one.id).collect();
        let gone = before.iter().flat_map(|entry| &entry.endpoints).map(|one| one.record.id);
        let deletes: Vec<EndpointId> = gone.filter(|id| !kept.contains(id)).collect();
        let is_ours = |id: &EndpointId| self.nodes.served.has(*id);
        let mut renewed = self.renewed(&endpoints);
        renewed.retain(is_ours);
        let mut moves = self.moves_of(&deletes, &endpoints);
        moves.retain(|(id, _)| is_ours(id));
        let created = is_new.then(|| SettingsChange::CreateProgram(record.clone()));
        let flow = self.directory.replace(record, endpoints);
        if let Some(created) = created {
            self.tell_of_settings(&created);
        }
        self.changes.tell([(flow, Change::Program), (flow, Change::Webhooks)]);
        self.reset_health(&renewed).await;
        self.follow_settings(moves, renewed).await;
    }

    /// The runtime is told, and rows begin to move.
    pub(super) async fn follow_settings(&mut self, moves: Vec<(EndpointId, Move)>, renewed: Vec<EndpointId>) {
        for (endpoint, kind) in moves {
            self.send(Message::Closed(endpoint)).await;
            self.begin(endpoint, kind);
        }
        for endpoint in renewed {
            self.send(Message::Renewed(endpoint)).await;
        }
    }

    /// A step of a move, as long as the endpoint is this node's.
    pub(super) async fn move_pending(&self, step: &MoveStep) -> Result<Moved, StoreError> {
        let Some(cluster) = self.store.cluster() else { return self.store.move_pending(step).await };
        let endpoint = step.endpoint_id;
        let Some(epoch) = self.nodes.served.begin(endpoint) else { return Err(StoreError::Fenced) };
        let lease = Lease { shard: Shard::of(endpoint), epoch };
        let result = cluster.move_pending(step, lease).await;
        self.nodes.served.ended(endpoint);
        if matches!(result, Err(StoreError::Fenced)) {
            self.nodes.fenced(&[lease]);
        }
        result
    }

    /// Whether a change enables a webhook of which another node has still to park what was there when it was disabled.
    pub(super) async fn enables_what_others_park(&self, change: &SettingsChange) -> bool {
        let SettingsChange::Webhooks(WebhooksChange { upserts, .. }) = change else { return false };
        let was_disabled = |id| self.directory.endpoint(id).is_some_and(|before| !before.record.is_enabled);
        let enabled = upserts.iter().filter(|one| one.is_enabled && was_disabled(one.id));
        let elsewhere: Vec<_> = enabled.map(|one| one.id).filter(|id| !self.nodes.served.has(*id)).collect();
        if elsewhere.is_empty() {
            return false;
        }
        match self.store.earliest_due(&elsewhere).await {
            Ok(due) => !due.is_empty(),
            Err(error) => {
                self.note(error);
                true
            }
        }
    }

    /// Settings are changed by the node that leads. One that is not told now is with the next attempt that ends so.
    pub(super) fn ask_to_disable(&self, endpoint: EndpointId, kind: NoticeKind, at_ms: i64) {
        let nodes = Arc::clone(&self.nodes);
        self.nodes.spawn(async move {
            if let Err(error) = nodes.say_to_leader(&Word::Disable(endpoint, kind, at_ms)).await {
                tracing::warn!(%error, "the node that leads was not told to disable a webhook; the next attempt tells it");
            }
        });
    }
}

fn is_as_before(entry: &ProgramEntry, record: &ProgramRecord, endpoints: &[EndpointRecord]) -> bool {
    entry.record == *record && entry.endpoints.iter().map(|one| &one.record).eq(endpoints)
}
