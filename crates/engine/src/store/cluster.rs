//! Several nodes on one database: their leases, the fence, and what one has to learn of what another wrote.

use async_trait::async_trait;
use groundswell_types::{DeliveryId, EventId, ProgramId};

use super::{Accepted, Batch, EndpointId, MoveStep, Moved, SettingsChange, StoreError};
use crate::cluster::{Asked, Lease, NodeId, Snapshot};

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
    /// nothing is written and the answer is [`StoreError::Outdated`]. Nor are health and notices written of an endpoint of whose shard the batch has outcomes under
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
