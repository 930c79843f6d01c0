//! Several nodes on one database: their leases, the fence, and what one has to learn of what another wrote.

use async_trait::async_trait;
use groundswell_types::{DeliveryId, EventId, ProgramId};

use super::{Accepted, Batch, EndpointId, MoveStep, Moved, SettingsChange, StoreError};
use crate::cluster::{Asked, Lease, NodeId, Snapshot};
use crate::id;

/// How often settings have been changed, by whichever node. Counted in the transactions that change them, so one change
/// follows another without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SettingsVersion(pub i64);

/// What a change of settings was about: what a node reads again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// A program or its webhooks.
    Program(ProgramId),
    /// API keys were made or revoked.
    ApiKeys,
    /// The content of these events was erased: nothing of it may be sent any more.
    Erased(Vec<EventId>),
}

impl SettingsChange {
    /// The program that is changed.
    pub const fn program(&self) -> &ProgramId {
        match self {
            Self::CreateProgram(program) => &program.id,
            Self::UpdateProgram(change) => &change.id,
            Self::Webhooks(change) => &change.program_id,
            Self::OldSecret(change) => &change.program_id,
        }
    }
}

/// What has changed since a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// In order, each once where it follows itself; up to this version.
    Known(SettingsVersion, Vec<Changed>),
    /// It is not known any more: everything is to be read again. Settings are at this version.
    Everything(SettingsVersion),
}

impl Changes {
    /// The version of the settings.
    pub const fn version(&self) -> SettingsVersion {
        match self {
            Self::Known(version, _) | Self::Everything(version) => *version,
        }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Of each accept, in order.
    pub accepted: Vec<Accepted>,
    /// Leases under which outcomes came and which are another node's by now; sorted. Of these outcomes only what is
    /// said at [`crate::cluster::Fence::Stale`] was written.
    pub stale: Vec<Lease>,
    /// Deliveries that were to be tried again and had been ended meanwhile by another node: no row was written for them; sorted.
    pub ended: Vec<(EndpointId, DeliveryId)>,
}

/// A living node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddress {
    pub id: NodeId,
    /// Where other nodes speak to it, like `http://10.0.0.7:3000`.
    pub address: String,
}

/// What is settled: no event with an id up to there is committed any more, by whichever node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub to: EventId,
    /// Nodes whose time is over and that keep all others from being further.
    pub silent: Vec<NodeId>,
}

/// A node whose time is over keeps the others from being further once they are so far ahead, in milliseconds. One that still
/// commits, though its leases could not be renewed, is never so far behind.
const BEHIND_MS: i64 = 1_000;

impl Settled {
    /// From what each node has settled.
    pub(super) fn of(living: &[EventId], silent: &[(NodeId, EventId)]) -> Option<Self> {
        let all = living.iter().chain(silent.iter().map(|(_, settled)| settled));
        let to = *all.min()?;
        let ahead_ms = living.iter().min().map_or(0, |settled| id::made_at_ms(*settled));
        let is_behind = |(_, settled): &&(NodeId, EventId)| {
            ahead_ms.saturating_sub(id::made_at_ms(*settled)) >= BEHIND_MS
        };
        Some(Self { to, silent: silent.iter().filter(is_behind).map(|(node, _)| *node).collect() })
    }
}

/// What the engine asks of a database that several nodes have at once, besides [`super::Store`].
///
/// The first three are what [`crate::cluster::LeaseTable`] says, on the database's clock.
#[async_trait]
pub trait ClusterStore: Send + Sync {
    /// This process.
    fn node(&self) -> NodeId;

    /// Its number, 0 to 63. No other node has it that was heard of in the last hour.
    fn number(&self) -> u8;

    /// Other nodes speak to this one there from now on, like `http://10.0.0.7:3000`. What another process had that was there
    /// before, on the same machine, is over: two cannot listen at one address.
    async fn be_at(&self, address: &str) -> Result<(), StoreError>;

    /// [`crate::cluster::LeaseTable::renew`].
    async fn renew(&self, asked: &Asked) -> Result<Snapshot, StoreError>;

    /// [`crate::cluster::LeaseTable::acquire`].
    async fn acquire(&self, asked: &Asked) -> Result<Vec<Lease>, StoreError>;

    /// [`crate::cluster::LeaseTable::release`].
    async fn release(&self, asked: &Asked) -> Result<(), StoreError>;

    /// [`super::Store::commit`], fenced: each outcome's epoch is looked at in the transaction, and if
    /// [`Batch::settings`] is given, the batch goes by them ([`Batch::goes_by_settings`]) and they have been changed since,
    /// nothing is written and the answer is [`StoreError::Outdated`]; as it is if [`Batch::settled`] is given and an accept's id
    /// is one that others hold for settled. Nor are health and notices written of an endpoint of whose shard the batch has outcomes under
    /// stale leases only, nor the health of one of whose shard it has none and that is another node's.
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError>;

    /// [`super::Store::move_pending`], written only while the endpoint's shard is under this lease, and else answered by
    /// [`StoreError::Fenced`]. Nothing is parked at a webhook that is enabled: that step is the move's last.
    async fn move_pending(&self, step: &MoveStep, lease: Lease) -> Result<Moved, StoreError>;

    /// From now on, what only the node that leads may write ([`super::Store::apply`], [`super::Store::resend`],
    /// [`super::Store::forget`], [`super::Store::erase`](super::ErasureStore::erase)) is written only while this lease
    /// is the current one of its shard, and else answered by [`StoreError::Fenced`]; with `None`, never.
    fn lead_under(&self, lease: Option<Lease>);

    /// What the database's clock says, Unix milliseconds.
    async fn now_ms(&self) -> Result<i64, StoreError>;

    /// The nodes that live, this one among them.
    async fn nodes(&self) -> Result<Vec<NodeAddress>, StoreError>;

    /// The events behind one id, by id, and the endpoints they go to; at most `limit`. Those that this node accepted are among
    /// them: who accepted an event is not kept, and whoever reads on from the last one must get past its own.
    async fn accepted_elsewhere(
        &self,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, Vec<EndpointId>)>, StoreError>;

    /// Begins to accept events, or begins again after [`ClusterStore::retire`]: what this node accepts from now on must have ids
    /// above the one returned.
    async fn enter(&self) -> Result<EventId, StoreError>;

    /// Every event that this node commits from now on has an id above this one. The answer is [`StoreError::Outdated`] if it has to
    /// [`enter`](ClusterStore::enter) again. Called by the writer task alone.
    async fn settle(&self, to: EventId) -> Result<(), StoreError>;

    /// What all nodes have settled; `None` if there is nothing to be known, or this node is none any more. Whatever is read
    /// afterwards has all events up to there. Waits for nobody.
    async fn settled(&self) -> Result<Option<Settled>, StoreError>;

    /// Goes on without nodes whose time is over: until they enter again, their accepts are answered by [`StoreError::Outdated`].
    /// Nothing happens to one that has come back, nor to one that is in the middle of a commit.
    async fn retire(&self, nodes: &[NodeId]) -> Result<(), StoreError>;

    /// The events behind one id and up to another with their programs, by id; at most `limit`.
    async fn accepted_between(
        &self,
        after: EventId,
        to: EventId,
        limit: usize,
    ) -> Result<Vec<(EventId, ProgramId)>, StoreError>;

    /// The highest event up to an id; the lowest id if there is none.
    async fn newest_up_to(&self, id: EventId) -> Result<EventId, StoreError>;

    /// What has been changed since a version.
    async fn changes(&self, since: SettingsVersion) -> Result<Changes, StoreError>;

    /// One program with its live webhooks, oldest first; `None` if there is none.
    async fn program_as_it_is(
        &self,
        program: &ProgramId,
    ) -> Result<Option<(super::ProgramRecord, Vec<super::EndpointRecord>)>, StoreError>;

    /// The health of those of these endpoints that have one.
    async fn health_of(
        &self,
        endpoints: &[EndpointId],
    ) -> Result<Vec<(EndpointId, super::HealthRecord)>, StoreError>;
}
