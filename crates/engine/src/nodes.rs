//! This process among others on one database: what it serves, whether it leads, what it says to the others.
//!
//! [`crate::cluster`] decides; `driver` carries out what it says. Where only one process can have the database it serves
//! everything, leads, and has nobody to talk to.
//!
//! **Who does what.** Events are accepted by every node, and delivered by the one whose shard the endpoint is in. What
//! concerns a whole program or the whole server (settings, resends, retention, erasures, letters, incidents) is done by the
//! node that has the lease of [`LEAD`]: so it is the same code, in one process, as with one node, and a node that is asked for it passes the
//! request on.
//!
//! **Nothing depends on what nodes say to each other.** Each looks by itself for what the others accepted, and for what they changed,
//! and once a minute at everything that is its own.

mod driver;
mod hints;
mod look;
mod peers;
mod served;
pub(crate) mod time;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use groundswell_types::{Change, DeliveryId, ProgramId};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use self::driver::Input;
pub(crate) use self::driver::{Driver, DriverParts};
use self::hints::Hints;
pub(crate) use self::look::{FOUND_MS, LookParts, Told, look};
pub use self::peers::{KeyUse, NotHeard, Peers, Word};
pub use self::served::Served;
use crate::clock::{Stopwatch, Uptime};
use crate::cluster::{Lease, Leases, NodeId, Shard, Timing};
use crate::error::EngineError;
use crate::store::{EndpointId, NodeAddress, Store};

/// Whoever has this shard leads.
pub const LEAD: Shard = Shard::new(0);

/// What every node must hear is said so often, and no longer than this: a node that is gone is no longer counted by then.
const EACH_WAIT: Duration = Duration::from_millis(100);
const EACH_LIMIT: Duration = Duration::from_mins(2);

/// So many things that have happened to leases wait for the driver.
const INPUTS: usize = 1_024;

/// What happens to leases, on its way to what drives them.
pub(crate) type Inputs = mpsc::Receiver<Input>;

/// See the module.
pub struct Nodes {
    pub(crate) served: Served,
    /// The lease under which this node leads.
    lead: watch::Sender<Option<Lease>>,
    /// Whether nothing of what only the node that leads does is under way.
    is_lead_quiet: watch::Sender<bool>,
    peers: OnceLock<Arc<dyn Peers>>,
    known: RwLock<Known>,
    /// The one that leads, as far as is known; `None` while there is none, or this is it.
    leader: watch::Sender<Option<NodeAddress>>,
    hints: Hints,
    /// Nodes that were not heard of any more without having left.
    vanished: Mutex<HashSet<NodeId>>,
    /// How many of these there were so far.
    vanished_count: watch::Sender<usize>,
    inputs: mpsc::Sender<Input>,
    tasks: TaskTracker,
}

/// The others, as they were seen last.
#[derive(Debug, Default)]
struct Known {
    addresses: BTreeMap<NodeId, String>,
    leader: Option<NodeId>,
}

impl Nodes {
    /// The only one.
    pub fn alone() -> Self {
        Self::new(Served::alone(), mpsc::channel(1).0)
    }

    /// One of those at this store; alone if it is not for several. With what drives it.
    pub(crate) fn at(
        store: &Arc<dyn Store>,
        uptime: Uptime,
        timing: Timing,
    ) -> (Self, Option<mpsc::Receiver<Input>>) {
        let Some(cluster) = store.cluster() else { return (Self::alone(), None) };
        let leases = Leases::new(cluster.node(), timing, uptime.now_ms());
        let (inputs, received) = mpsc::channel(INPUTS);
        (Self::new(Served::under(leases, uptime), inputs), Some(received))
    }

    fn new(served: Served, inputs: mpsc::Sender<Input>) -> Self {
        Self {
            served,
            lead: watch::Sender::new(None),
            is_lead_quiet: watch::Sender::new(true),
            peers: OnceLock::new(),
            known: RwLock::default(),
            leader: watch::Sender::default(),
            hints: Hints::default(),
            vanished: Mutex::default(),
            vanished_count: watch::Sender::default(),
            inputs,
            tasks: TaskTracker::new(),
        }
    }

    /// Whether this node does what concerns the whole server.
    pub fn leads(&self) -> bool {
        !self.served.is_shared() || self.lead.borrow().is_some()
    }

    /// Changes when this node begins to lead, or does not any more.
    pub(crate) fn lead(&self) -> watch::Receiver<Option<Lease>> {
        self.lead.subscribe()
    }

    /// What only the node that leads does has begun, or is over.
    pub(crate) fn set_lead_quiet(&self, is_quiet: bool) {
        self.is_lead_quiet.send_replace(is_quiet);
    }

    /// The node that leads, as far as is known; `None` while there is none, or this is it.
    pub fn leader(&self) -> watch::Receiver<Option<NodeAddress>> {
        self.leader.subscribe()
    }

    /// Whether a node lives. Of one that has just begun the database tells.
    pub(crate) async fn lives(&self, store: &Arc<dyn Store>, node: NodeId) -> Result<bool, EngineError> {
        if self.known.read().unwrap_or_else(PoisonError::into_inner).addresses.contains_key(&node) {
            return Ok(true);
        }
        let Some(cluster) = store.cluster() else { return Ok(false) };
        Ok(cluster.nodes().await?.iter().any(|living| living.id == node))
    }

    /// Whether other nodes are known of.
    pub(crate) fn has_others(&self) -> bool {
        !self.known.read().unwrap_or_else(PoisonError::into_inner).addresses.is_empty()
    }

    /// The way to other nodes, once there is one.
    pub fn set_peers(&self, peers: Arc<dyn Peers>) {
        let _ = self.peers.set(peers);
    }

    /// Looks soon at who has what.
    pub fn look_again(&self) {
        self.input(Input::Hinted);
    }

    /// Something was committed for endpoints that are not this node's.
    pub(crate) fn waiting_elsewhere(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        let Some((leases, _)) = self.served.leases() else { return };
        let of_owners =
            endpoints.into_iter().filter_map(|id| Some((leases.expected_owner(Shard::of(id))?, id)));
        self.hints.add(of_owners);
    }

    /// Something was committed for endpoints that are not this node's, so long after it was due that it is not found by looking.
    /// Whose they are may have changed since this node last heard of it, so all are told. Mostly nothing is.
    pub(crate) fn late(&self, due: BTreeMap<EndpointId, i64>) {
        let due: Vec<(EndpointId, i64)> = due.into_iter().collect();
        for part in due.chunks(hints::AT_ONCE) {
            self.say_to_others(&Word::Late(part.to_vec()));
        }
    }

    /// Something about programs has changed that people may be looking at, at the node that leads.
    pub(crate) fn news<'a>(&self, news: impl Iterator<Item = (&'a ProgramId, Change)>) {
        if !self.leads() {
            self.hints.add_news(news);
        }
    }

    /// Outcomes found these leases taken.
    pub(crate) fn fenced(&self, stale: &[Lease]) {
        self.input(Input::Fenced(stale.to_vec()));
    }

    /// Says something to the node that an endpoint is expected to be at.
    pub(crate) async fn say_to_owner(&self, endpoint: EndpointId, word: &Word) -> Result<(), NotHeard> {
        let owner = self.served.leases().and_then(|(leases, _)| leases.expected_owner(Shard::of(endpoint)));
        self.say(owner, word).await
    }

    /// Says something to the node that leads.
    pub(crate) async fn say_to_leader(&self, word: &Word) -> Result<(), NotHeard> {
        let leader = self.known.read().unwrap_or_else(PoisonError::into_inner).leader;
        self.say(leader, word).await
    }

    /// The others are to read settings again.
    pub(crate) fn settings_changed(&self) {
        self.say_to_others(&Word::Settings);
    }

    /// The others are to know how much of keys' limits was used here.
    pub(crate) fn say_used(&self, used: Vec<KeyUse>) {
        if let Some((leases, _)) = self.served.leases() {
            let own = leases.node();
            drop(leases);
            self.say_to_others(&Word::Used(own, used));
        }
    }

    /// Says something to all others, once.
    fn say_to_others(&self, word: &Word) {
        let others: Vec<NodeAddress> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known
                .addresses
                .iter()
                .map(|(id, address)| NodeAddress { id: *id, address: address.clone() })
                .collect()
        };
        let Some(peers) = self.peers.get() else { return };
        for node in others {
            let (peers, word) = (Arc::clone(peers), word.clone());
            self.spawn(async move {
                if let Err(error) = peers.say(&node, &word).await {
                    tracing::debug!(%error, node = %node.id, "a node was not told");
                }
            });
        }
    }

    /// Says something to every other node that lives, until each has heard it; those that are gone need not. Fails after a while.
    pub(crate) async fn say_to_each(&self, store: &Arc<dyn Store>, word: &Word) -> Result<(), EngineError> {
        let (Some(cluster), Some(peers)) = (store.cluster(), self.peers.get()) else { return Ok(()) };
        let waited = Stopwatch::start();
        let mut have_heard = HashSet::from([cluster.node()]);
        loop {
            let mut left = cluster.nodes().await?;
            left.retain(|node| !have_heard.contains(&node.id));
            if left.is_empty() {
                return Ok(());
            }
            if waited.elapsed() > EACH_LIMIT {
                return Err(EngineError::Away);
            }
            for node in left {
                match peers.say(&node, word).await {
                    Ok(()) => _ = have_heard.insert(node.id),
                    Err(error) => {
                        tracing::debug!(%error, "a node has not heard yet what every one must hear");
                    }
                }
            }
            tokio::time::sleep(EACH_WAIT).await;
        }
    }

    /// Which of these deliveries have an attempt under way at the nodes that have their endpoints, and after how many others. For
    /// people who look: what is not heard in time is left out.
    pub(crate) async fn under_way_elsewhere(
        &self,
        deliveries: Vec<(EndpointId, DeliveryId)>,
    ) -> Vec<(DeliveryId, i64)> {
        let Some(peers) = self.peers.get() else { return Vec::new() };
        let mut by_owner: BTreeMap<NodeId, Vec<DeliveryId>> = BTreeMap::new();
        for (endpoint, delivery) in deliveries {
            if !self.served.has(endpoint)
                && let Some((leases, _)) = self.served.leases()
                && let Some(owner) = leases.expected_owner(Shard::of(endpoint))
            {
                by_owner.entry(owner).or_default().push(delivery);
            }
        }
        let asked = by_owner.into_iter().filter_map(|(owner, deliveries)| {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            Some((NodeAddress { id: owner, address: known.addresses.get(&owner)?.clone() }, deliveries))
        });
        let asked = asked.map(async |(node, deliveries)| {
            peers.under_way(&node, deliveries).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "a node did not say what is under way there");
                Vec::new()
            })
        });
        futures::future::join_all(asked).await.concat()
    }

    async fn say(&self, to: Option<NodeId>, word: &Word) -> Result<(), NotHeard> {
        let node = to.and_then(|id| {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            Some(NodeAddress { id, address: known.addresses.get(&id)?.clone() })
        });
        match (self.peers.get(), node) {
            (Some(peers), Some(node)) => peers.say(&node, word).await,
            _ => Err(NotHeard("it is not known which node to ask".to_owned())),
        }
    }

    /// What may be lost: there is enough that says the same, or it is found again. Alone there is nobody who listens, and
    /// once the driver has ended nothing is to be done.
    fn input(&self, input: Input) {
        let _ = self.inputs.try_send(input);
    }

    /// What may not be lost.
    async fn report(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    /// Has something done beside everything else, which takes no longer than it takes to say something. The driver's end waits
    /// for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Changes when another node has vanished.
    pub(crate) fn vanished(&self) -> watch::Receiver<usize> {
        self.vanished_count.subscribe()
    }

    /// These are not heard of any more.
    fn note_vanished(&self, silent: impl Iterator<Item = NodeId>) {
        let mut vanished = self.vanished.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_news = false;
        for node in silent {
            is_news |= vanished.insert(node);
        }
        let count = vanished.len();
        drop(vanished);
        if is_news {
            self.vanished_count.send_replace(count);
        }
    }

    fn know(&self, me: NodeId, nodes: Vec<NodeAddress>, leader: Option<NodeId>) {
        let others = nodes.into_iter().filter(|node| node.id != me);
        let others: Vec<NodeAddress> = others.collect();
        let leads = others.iter().find(|node| leader == Some(node.id)).cloned();
        let addresses = others.into_iter().map(|node| (node.id, node.address)).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { addresses, leader };
        self.leader.send_if_modified(|known| {
            let is_other = *known != leads;
            *known = leads;
            is_other
        });
    }
}
