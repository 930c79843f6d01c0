//! What nodes say to each other. All of it may be lost: what depends on it happens a little later then, because each node
//! looks by itself.

use async_trait::async_trait;
use groundswell_types::{Change, DeliveryId, EventId, NoticeKind, ProgramId};
use serde::{Deserialize, Serialize};

use crate::cluster::NodeId;
use crate::store::{EndpointId, Move, NodeAddress};

/// Said by one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// There are shards for it to take, now or soon.
    Look,
    /// Something was committed for these endpoints of its.
    Waiting(Vec<EndpointId>),
    /// The same, but so long after it was due, Unix milliseconds, that it is not to be found by looking; said to all.
    Late(Vec<(EndpointId, i64)>),
    /// Settings were changed.
    Settings,
    /// Said to the node that leads: something about these programs has changed that people may be looking at.
    News(Vec<(ProgramId, Change)>),
    /// Said to the node that leads: a webhook is to be disabled, since then, Unix milliseconds.
    Disable(EndpointId, NoticeKind, i64),
    /// Nothing of these events is to be sent any more, and of these deliveries of theirs nothing is under way once it is heard.
    Erasing(Vec<EventId>, Vec<DeliveryId>),
    /// Rows of an endpoint of its are to be moved.
    Move(EndpointId, Move),
    /// What this node has counted of keys that have limits.
    Used(NodeId, Vec<KeyUse>),
    /// Which of these deliveries have an attempt under way: the one word that is answered.
    UnderWay(Vec<DeliveryId>),
}

/// How much of an API key's limits a node has used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// The key's id.
    pub key: String,
    /// How often a second it was asked there of late, refused requests included.
    pub asked: u32,
    /// Of the windows of a minute and an hour: which one it is, in Unix time, and how many requests it has had there.
    pub windows: [(i64, u32); 2],
}

/// Why a word was not heard.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotHeard(pub String);

/// The way to other nodes.
#[async_trait]
pub trait Peers: Send + Sync {
    /// Says something to a node; returns once it has heard it. Whoever else is at its address by now must not take it for
    /// themselves.
    async fn say(&self, to: &NodeAddress, word: &Word) -> Result<(), NotHeard>;

    /// Asks a node which of these deliveries have an attempt under way there, and after how many others.
    async fn under_way(
        &self,
        of: &NodeAddress,
        deliveries: Vec<DeliveryId>,
    ) -> Result<Vec<(DeliveryId, i64)>, NotHeard>;
}
