//! Looking by oneself for what other nodes have accepted and changed: what makes hints a convenience.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use groundswell_types::EventId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Nodes;
use super::driver::earliest_due;
use crate::clock::{Clock, Stopwatch};
use crate::delivery::runtime::Message;
use crate::delivery::writer::WriterHandle;
use crate::directory::Directory;
use crate::id;
use crate::store::{EndpointId, Move, Store, StoreError};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);

/// How often everything is looked at that is this node's: what was committed later than its id says, by a node whose clock
/// is behind for example, is found then.
const RECONCILE: Duration = Duration::from_mins(1);

/// An event is looked for this long after its id was made: by then it is committed, and mostly it was told of.
const LAG_MS: i64 = 1_000;

/// What was told of so long after the id of an event was made, was told after its commit.
const COMMITTED_MS: i64 = 500;

/// What is committed within this time of its id's making is found by those that look.
pub(crate) const FOUND_MS: i64 = COMMITTED_MS;

/// A node is known of within this time, in milliseconds: the longest time between two looks at who is there.
const UNKNOWN_MS: i64 = 300_000;

/// Events of one question.
const EVENTS_AT_ONCE: usize = 1_000;

/// What another node says was committed.
#[derive(Debug)]
pub(crate) enum Told {
    /// For these endpoints, just now.
    Waiting(Vec<EndpointId>),
    /// For these, due since then, Unix milliseconds.
    Late(Vec<(EndpointId, i64)>),
}

/// What it works with.
pub(crate) struct LookParts {
    pub nodes: Arc<Nodes>,
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub writer: WriterHandle,
    pub runtime: mpsc::Sender<Message>,
    pub clock: Clock,
    /// What other nodes say was committed.
    pub told: mpsc::Receiver<Told>,
    pub stop: CancellationToken,
}

/// Looks, and listens to what is said, until stopped.
pub(crate) async fn look(parts: LookParts) {
    let stop = parts.stop.clone();
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = Look::new(parts).run() => {}
    }
}

struct Look {
    parts: LookParts,
    /// Behind this everything is still to be looked at.
    cursor: EventId,
    /// When something was last told of an endpoint, Unix milliseconds.
    told_at_ms: HashMap<EndpointId, i64>,
}

impl Look {
    fn new(parts: LookParts) -> Self {
        let cursor = id::first_at(parts.clock.now_ms() - LAG_MS);
        Self { parts, cursor, told_at_ms: HashMap::new() }
    }

    async fn run(mut self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reconciled = Stopwatch::start();
        loop {
            tokio::select! {
                biased;
                told = self.parts.told.recv() => match told {
                    Some(Told::Waiting(endpoints)) => self.hear(endpoints).await,
                    Some(Told::Late(due)) => self.hear_late(due).await,
                    None => return,
                },
                _ = ticks.tick() => {
                    if let Err(error) = self.look().await {
                        tracing::debug!(%error, "what other nodes accepted cannot be read; the next look follows");
                    }
                    if reconciled.elapsed() >= RECONCILE {
                        match self.reconcile().await {
                            Ok(()) => reconciled = Stopwatch::start(),
                            Err(error) => tracing::warn!(%error, "what waits here was not looked through"),
                        }
                    }
                }
            }
        }
    }

    /// Other nodes have committed something for these.
    async fn hear(&mut self, endpoints: Vec<EndpointId>) {
        let now_ms = self.parts.clock.now_ms();
        let mut ours = endpoints;
        ours.retain(|id| self.parts.nodes.served.has(*id));
        self.told_at_ms.extend(ours.iter().map(|id| (*id, now_ms)));
        self.tell(ours).await;
    }

    /// They have committed something for these that was due long before.
    async fn hear_late(&self, mut due: Vec<(EndpointId, i64)>) {
        due.retain(|(id, _)| self.parts.nodes.served.has(*id));
        if !due.is_empty() {
            // When the runtime is gone the engine is stopping.
            let _ = self.parts.runtime.send(Message::Began(due)).await;
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        // A failure is noted by the writer; settings are looked at with the next commit, too.
        let _ = self.parts.writer.catch_up().await;
        let store = Arc::clone(&self.parts.store);
        let Some(cluster) = store.cluster() else { return Ok(()) };
        let now_ms = self.parts.clock.now_ms();
        if !self.parts.nodes.has_others() {
            // One that has just begun is known of a little later.
            self.cursor = id::first_at(now_ms - UNKNOWN_MS);
            return Ok(());
        }
        let until = id::first_at(now_ms - LAG_MS);
        loop {
            let events = cluster.accepted_elsewhere(self.cursor, EVENTS_AT_ONCE).await?;
            let is_all = events.len() < EVENTS_AT_ONCE;
            let mut untold = BTreeSet::new();
            let mut is_too_new = false;
            for (event, endpoints) in events {
                is_too_new = event >= until;
                if is_too_new {
                    break;
                }
                self.cursor = event;
                if id::is_of_node(event, cluster.number()) {
                    continue;
                }
                let committed_ms = id::made_at_ms(event) + COMMITTED_MS;
                untold.extend(endpoints.into_iter().filter(|id| {
                    self.parts.nodes.served.has(*id)
                        && self.told_at_ms.get(id).is_none_or(|told_ms| *told_ms < committed_ms)
                }));
            }
            self.tell(untold.into_iter().collect()).await;
            if is_all || is_too_new {
                break;
            }
        }
        self.told_at_ms.retain(|_, told_ms| *told_ms > now_ms - 10 * LAG_MS);
        Ok(())
    }

    /// Everything of this node's that is due is looked at again, and what is to be moved is moved.
    async fn reconcile(&self) -> Result<(), StoreError> {
        let LookParts { nodes, store, directory, writer, clock, .. } = &self.parts;
        let of_ours = |mut ids: Vec<EndpointId>| {
            ids.retain(|id| nodes.served.has(*id));
            ids
        };
        let unparked = earliest_due(store.as_ref(), &of_ours(directory.disabled_endpoints())).await?;
        let gone = of_ours(store.pending_without_webhook().await?);
        let moves = gone.into_iter().map(|id| (id, Move::Delete));
        writer.resume(moves.chain(unparked.into_iter().map(|(id, _)| (id, Move::Park))).collect()).await;
        let due = earliest_due(store.as_ref(), &of_ours(directory.enabled_endpoints())).await?;
        let now_ms = clock.now_ms();
        let due = due.into_iter().filter(|(_, due_ms)| *due_ms <= now_ms);
        let _ = self.parts.runtime.send(Message::Began(due.collect())).await;
        Ok(())
    }

    async fn tell(&self, endpoints: Vec<EndpointId>) {
        if !endpoints.is_empty() {
            // When the runtime is gone the engine is stopping.
            let _ = self.parts.runtime.send(Message::Found(endpoints)).await;
        }
    }
}
