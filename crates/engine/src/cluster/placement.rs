//! Which living node ought to have which shard.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use super::shard::Shard;
use super::table::NodeId;

/// The shards over some nodes by rendezvous hashing with a bounded load. Every node that sees the same nodes living
/// computes the same placement, without asking anybody.
///
/// Each pair of shard and node has a weight, its hash. From the greatest weight down, a shard is given to the node
/// unless it has one already or the node has its fill: a quarter above its share. Without that bound one of 50 nodes
/// would have twice its share. A node that goes leaves its shards to others, and one that comes takes its share from
/// them; apart from that only shards move that a full node has to turn away or can now take.
#[derive(Debug, Clone)]
pub struct Placement {
    /// In order, each once.
    nodes: Vec<NodeId>,
    /// By shard; empty without nodes.
    owners: Vec<NodeId>,
}

impl Placement {
    /// The shards over these nodes.
    pub fn over(nodes: &BTreeSet<NodeId>) -> Self {
        let nodes: Vec<NodeId> = nodes.iter().copied().collect();
        let most = most_of(nodes.len());
        let owners = unbounded(&nodes, most).unwrap_or_else(|| bounded(&nodes, most));
        Self { nodes, owners }
    }

    /// Who ought to have a shard; nobody where no node lives.
    pub fn owner(&self, shard: Shard) -> Option<NodeId> {
        self.owners.get(usize::from(shard.number())).copied()
    }

    /// The nodes it is over, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().copied()
    }

    /// Whether it is over these nodes.
    pub fn is_over(&self, nodes: &BTreeSet<NodeId>) -> bool {
        self.nodes.iter().eq(nodes)
    }
}

/// The nodes decide everything else.
impl PartialEq for Placement {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Eq for Placement {}

impl Hash for Placement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nodes.hash(state);
    }
}

/// So many shards a node has at most: its share and a quarter of that, rounded up, so together there is always room.
const fn most_of(nodes: usize) -> usize {
    if nodes == 0 { 0 } else { (Shard::COUNT * 5).div_ceil(nodes * 4) }
}

/// Each shard with the node of its greatest weight, which is what comes of it unless that is too much for one of them.
fn unbounded(nodes: &[NodeId], most: usize) -> Option<Vec<NodeId>> {
    let mut owners = Vec::with_capacity(Shard::COUNT);
    let mut loads = vec![0; nodes.len()];
    for shard in Shard::all() {
        let (_, index) = (0..nodes.len()).map(|index| (weight(shard, nodes[index]), index)).max()?;
        owners.push(nodes[index]);
        loads[index] += 1;
    }
    loads.iter().all(|load| *load <= most).then_some(owners)
}

/// From the greatest weight of all down, to nodes that have room.
fn bounded(nodes: &[NodeId], most: usize) -> Vec<NodeId> {
    let of_node = |node: &NodeId| {
        let node = *node;
        Shard::all().map(move |shard| (weight(shard, node), shard, node))
    };
    let mut pairs: Vec<(u64, Shard, NodeId)> = nodes.iter().flat_map(of_node).collect();
    // Of equal weights, should there be any, the order of shard and node decides.
    pairs.sort_unstable();
    let mut owners: Vec<Option<NodeId>> = vec![None; Shard::COUNT];
    let mut loads: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (_, shard, node) in pairs.into_iter().rev() {
        let owner = &mut owners[usize::from(shard.number())];
        let load = loads.entry(node).or_default();
        if owner.is_none() && *load < most {
            *owner = Some(node);
            *load += 1;
        }
    }
    // With nodes, there is room for every shard.
    owners.into_iter().flatten().collect()
}

fn weight(shard: Shard, node: NodeId) -> u64 {
    mix(mix(node.number().cast_unsigned()) ^ mix(u64::from(shard.number())))
}

/// The first output of SplitMix64 for a seed: a bijection, each bit of whose output depends on every bit of the seed.
/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014; constants of its variant 13.
pub(super) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
