//! Carries out what the state machine of the leases says: asks the database, begins and gives up shards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{LEAD, Nodes, Word, time};
use crate::clock::Clock;
use crate::cluster::{Action, Asked, Lease, NodeId, Presence, Shard, Snapshot, StopReason, Timing};
use crate::delivery::runtime::Message;
use crate::delivery::writer::WriterHandle;
use crate::directory::Directory;
use crate::store::{EndpointId, Move, Store, StoreError};

/// How often it is looked whether nothing is under way any more in a shard that is given up.
const QUIET_LOOK: Duration = Duration::from_millis(5);

/// So many shards at once are given by nodes that live, and not left by one that is gone.
const FEW: usize = 4;

/// After what the database did not answer.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Endpoints of one question to the database.
const ENDPOINTS_AT_ONCE: usize = 1_000;

/// Rests until the next look are no longer than this, since a sleep may be too long by what the machine slept.
const LONGEST_REST_MS: i64 = 1_000;

/// What happens to the leases.
#[derive(Debug)]
pub(crate) enum Input {
    Renewed(Asked, Option<Snapshot>),
    Acquired(Asked, Option<Vec<Lease>>),
    Released(Asked, Option<()>),
    Drained(Lease),
    Fenced(Vec<Lease>),
    Hinted,
}

/// What the driver works with.
pub(crate) struct DriverParts {
    pub nodes: Arc<Nodes>,
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub writer: WriterHandle,
    pub runtime: mpsc::Sender<Message>,
    pub timing: Timing,
    pub clock: Clock,
    pub inputs: mpsc::Receiver<Input>,
    /// Cancelled when everything is to be given up.
    pub stop: CancellationToken,
}

/// See the module.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    inputs: mpsc::Receiver<Input>,
    tasks: TaskTracker,
    /// How many shards the log was told of.
    said: AtomicUsize,
    stop: CancellationToken,
}

/// What its tasks work with.
struct Shared {
    nodes: Arc<Nodes>,
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    writer: WriterHandle,
    runtime: mpsc::Sender<Message>,
    clock: Clock,
    leaving: Leaving,
    /// The database has so long to answer.
    patience: Duration,
}

/// Shards that are being left, and how often: it takes as long as the database does for what is being written.
#[derive(Default)]
struct Leaving {
    shards: Mutex<BTreeMap<Shard, usize>>,
    /// Those who wait are woken in the order they came, which a watch channel does not do.
    are_left: Notify,
}

impl Leaving {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Shard, usize>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, shard: Shard) {
        *self.lock().entry(shard).or_default() += 1;
    }

    fn end(&self, shards: &[Shard]) {
        let mut leaving = self.lock();
        for shard in shards {
            if let Some(count) = leaving.get_mut(shard) {
                *count -= 1;
            }
        }
        leaving.retain(|_, count| *count > 0);
        drop(leaving);
        self.are_left.notify_waiters();
    }

    /// Waits until none of these is being left.
    async fn until_left(&self, leases: &[Lease]) {
        loop {
            let left = self.are_left.notified();
            let are_left = {
                let leaving = self.lock();
                leases.iter().all(|lease| !leaving.contains_key(&lease.shard))
            };
            if are_left {
                return;
            }
            left.await;
        }
    }
}

impl Driver {
    pub(crate) fn new(parts: DriverParts) -> Self {
        let DriverParts { nodes, store, directory, writer, runtime, timing, clock, inputs, stop } = parts;
        let patience = Duration::from_millis((timing.ttl_ms / 6).unsigned_abs());
        let leaving = Leaving::default();
        let shared = Shared { nodes, store, directory, writer, runtime, clock, leaving, patience };
        Self { shared: Arc::new(shared), inputs, tasks: TaskTracker::new(), said: AtomicUsize::new(0), stop }
    }

    /// Keeps leases until told to stop, and then until everything is given up.
    pub(crate) async fn run(mut self) {
        let stop_hints = CancellationToken::new();
        let hints = tokio::spawn(super::hints::run(Arc::clone(&self.shared.nodes), stop_hints.clone()));
        let mut is_leaving = false;
        while let Some(rest) = self.poll() {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !is_leaving => {
                    is_leaving = true;
                    if let Some((mut leases, now_ms)) = self.shared.nodes.served.leases() {
                        leases.leave(now_ms);
                    }
                }
                Some(input) = self.inputs.recv() => self.hear(input),
                () = tokio::time::sleep(rest) => {}
            }
        }
        stop_hints.cancel();
        let _ = hints.await;
        self.shared.nodes.tasks.close();
        self.shared.nodes.tasks.wait().await;
    }

    /// Does what is to be done now; how long to rest then, or none at the end.
    fn poll(&self) -> Option<Duration> {
        let (actions, rest_ms) = {
            let (mut leases, now_ms) = self.shared.nodes.served.leases()?;
            let actions = leases.poll(now_ms);
            let wake_ms = leases.next_wake_ms().unwrap_or(i64::MAX);
            (actions, wake_ms.saturating_sub(now_ms).clamp(0, LONGEST_REST_MS))
        };
        let (mut begun, mut drained, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_left = false;
        for action in actions {
            match action {
                Action::Renew(asked) => {
                    self.say_how_many();
                    self.ask(asked, renew);
                }
                Action::Acquire(asked) => self.ask(asked, acquire),
                Action::Release(asked) => self.ask(asked, release),
                Action::Begin(lease) => begun.push(lease),
                Action::Drain(lease) => drained.push(lease),
                Action::Stop(lease, reason) => {
                    tracing::warn!(shard = %lease.shard, epoch = lease.epoch.number(), "a shard was lost to this node: {}", why(reason));
                    if lease.shard == LEAD && reason != StopReason::Deadline {
                        self.shared.lead(None);
                    }
                    stopped.push(lease.shard);
                }
                Action::Hint(node) => self.hint(node),
                Action::Left => has_left = true,
            }
        }
        self.carry_out(begun, drained, stopped);
        (!has_left).then(|| Duration::from_millis(rest_ms.unsigned_abs()))
    }

    /// Now and then, when it has changed.
    fn say_how_many(&self) {
        let shards = self.shared.nodes.served.shards();
        if self.said.swap(shards, Ordering::Relaxed) != shards {
            tracing::info!(shards, of = Shard::COUNT, "this server delivers to its shards");
        }
    }

    fn carry_out(&self, begun: Vec<Lease>, drained: Vec<Lease>, stopped: Vec<Shard>) {
        let served = &self.shared.nodes.served;
        for shard in drained.iter().map(|lease| lease.shard).chain(stopped.iter().copied()) {
            served.serve(shard, false);
            self.shared.leaving.begin(shard);
        }
        if drained.iter().any(|lease| lease.shard == LEAD) {
            self.shared.lead(None);
        }
        for lease in &begun {
            served.serve(lease.shard, true);
            if lease.shard == LEAD {
                self.shared.lead(Some(*lease));
            }
        }
        let shared = || Arc::clone(&self.shared);
        if !stopped.is_empty() {
            let shared = shared();
            self.tasks.spawn(async move { shared.leave(stopped).await });
        }
        if !drained.is_empty() {
            let shared = shared();
            self.tasks.spawn(async move { shared.drain(drained).await });
        }
        if !begun.is_empty() {
            let shared = shared();
            self.tasks.spawn(async move { shared.take_over(begun).await });
        }
    }

    fn ask<F: Future<Output = Input> + Send + 'static>(
        &self,
        asked: Asked,
        question: impl FnOnce(Arc<Shared>, Asked) -> F,
    ) {
        let nodes = Arc::clone(&self.shared.nodes);
        let question = question(Arc::clone(&self.shared), asked);
        self.tasks.spawn(async move {
            let answer = question.await;
            nodes.report(answer).await;
        });
    }

    fn hint(&self, node: NodeId) {
        let nodes = Arc::clone(&self.shared.nodes);
        self.tasks.spawn(async move {
            if let Err(error) = nodes.say(Some(node), &Word::Look).await {
                tracing::debug!(%error, %node, "a node was not told to look");
            }
        });
    }

    fn hear(&self, input: Input) {
        let Some((mut leases, now_ms)) = self.shared.nodes.served.leases() else { return };
        match input {
            Input::Renewed(asked, snapshot) => leases.renewed(&asked, snapshot.as_ref(), now_ms),
            Input::Acquired(asked, taken) => leases.acquired(&asked, taken.as_deref(), now_ms),
            Input::Released(asked, done) => leases.released(&asked, done, now_ms),
            Input::Drained(lease) => leases.drained(lease),
            Input::Fenced(stale) => stale.into_iter().for_each(|lease| leases.fenced(lease, now_ms)),
            Input::Hinted => leases.hinted(now_ms),
        }
    }
}

const fn why(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Deadline => "it could not be renewed in time",
        StopReason::Fenced => "an outcome found it taken",
        StopReason::Lost => "the database says so",
    }
}

async fn renew(shared: Arc<Shared>, asked: Asked) -> Input {
    let Some(cluster) = shared.store.cluster() else { return Input::Renewed(asked, None) };
    let snapshot = shared.answer(cluster.renew(&asked)).await;
    let nodes = snapshot.iter().flat_map(|snapshot| &snapshot.nodes);
    let silent = nodes.filter(|node| node.presence == Presence::Staying && node.remaining_ms <= 0);
    shared.nodes.note_vanished(silent.map(|node| node.id));
    if let Some(snapshot) = &snapshot
        && let Some(nodes) = shared.answer(cluster.nodes()).await
    {
        let leads = snapshot.leases.iter().find(|row| row.lease.shard == LEAD && !row.is_over());
        let leader = leads.and_then(|row| row.owner);
        // Whose time is over goes on to lead until another one does: while the database is away nobody would, and what is
        // answered from memory, like how the server is, would be answered by nobody. What it wrote would be fenced.
        if leader.is_some_and(|leader| leader != asked.node) && shared.nodes.lead.borrow().is_some() {
            shared.lead(None);
        }
        shared.nodes.know(asked.node, nodes, leader);
    }
    if snapshot.is_some() {
        // Where it cannot be told now, it is by the next renewal.
        let _ = shared.answer(time::keep(&shared.clock, cluster)).await;
    }
    Input::Renewed(asked, snapshot)
}

async fn acquire(shared: Arc<Shared>, asked: Asked) -> Input {
    let Some(cluster) = shared.store.cluster() else { return Input::Acquired(asked, None) };
    let taken = shared.answer(cluster.acquire(&asked)).await;
    // Whoever has given it looks for that before it gives the next.
    if taken.as_ref().is_some_and(|taken| (1..=FEW).contains(&taken.len())) {
        shared.nodes.say_to_others(&Word::Look);
    }
    Input::Acquired(asked, taken)
}

async fn release(shared: Arc<Shared>, asked: Asked) -> Input {
    let Some(cluster) = shared.store.cluster() else { return Input::Released(asked, None) };
    let done = shared.answer(cluster.release(&asked)).await;
    Input::Released(asked, done)
}

impl Shared {
    /// What the database answers in time.
    async fn answer<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        match timeout(self.patience, answer).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database did not answer about leases");
                None
            }
            Err(_) => {
                tracing::warn!("the database did not answer about leases in time");
                None
            }
        }
    }

    fn lead(&self, lease: Option<Lease>) {
        if let Some(cluster) = self.store.cluster() {
            cluster.lead_under(lease);
        }
        self.nodes.lead.send_replace(lease);
    }

    /// Nothing of these shards is begun here any more.
    async fn leave(&self, shards: Vec<Shard>) {
        // First, since the writer may be in the middle of a commit that hangs. When the runtime is gone the engine is stopping,
        // and sends nothing.
        let _ = self.runtime.send(Message::Left(shards.clone())).await;
        self.writer.forsake(shards.clone()).await;
        self.leaving.end(&shards);
    }

    async fn drain(&self, leases: Vec<Lease>) {
        self.leave(leases.iter().map(|lease| lease.shard).collect()).await;
        let mut left = leases;
        while !left.is_empty() {
            let quiet: Vec<Lease> = left.extract_if(.., |lease| self.is_quiet(lease.shard)).collect();
            for lease in quiet {
                self.nodes.report(Input::Drained(lease)).await;
            }
            if !left.is_empty() {
                tokio::time::sleep(QUIET_LOOK).await;
            }
        }
    }

    fn is_quiet(&self, shard: Shard) -> bool {
        self.nodes.served.is_quiet(shard) && (shard != LEAD || *self.nodes.is_lead_quiet.borrow())
    }

    /// Reads what waits in these shards, and has it delivered. Tries until it works or they are lost.
    async fn take_over(&self, mut leases: Vec<Lease>) {
        // What is read afterwards is not forgotten again.
        self.leaving.until_left(&leases).await;
        loop {
            leases.retain(|lease| self.nodes.served.holds(*lease));
            if leases.is_empty() {
                return;
            }
            match self.read(&leases).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "what waits in new shards cannot be read yet");
                    tokio::time::sleep(RETRY_WAIT).await;
                }
            }
        }
    }

    async fn read(&self, leases: &[Lease]) -> Result<(), StoreError> {
        let Some(cluster) = self.store.cluster() else { return Ok(()) };
        // What was changed before is known before anything is sent.
        self.writer.catch_up().await.map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
        let is_new = |id: &EndpointId| leases.iter().any(|lease| lease.shard == Shard::of(*id));
        let mut enabled = self.directory.enabled_endpoints();
        enabled.retain(is_new);
        let mut disabled = self.directory.disabled_endpoints();
        disabled.retain(is_new);
        for part in enabled.chunks(ENDPOINTS_AT_ONCE).chain(disabled.chunks(ENDPOINTS_AT_ONCE)) {
            self.directory.set_health(&cluster.health_of(part).await?);
        }
        let mut gone = self.store.pending_without_webhook().await?;
        gone.retain(is_new);
        let unparked = earliest_due(self.store.as_ref(), &disabled).await?;
        let moves = gone.into_iter().map(|id| (id, Move::Delete));
        self.writer.resume(moves.chain(unparked.into_iter().map(|(id, _)| (id, Move::Park))).collect()).await;
        let due = earliest_due(self.store.as_ref(), &enabled).await?;
        let _ = self.runtime.send(Message::Began(due)).await;
        Ok(())
    }
}

/// [`Store::earliest_due`] of however many.
pub(super) async fn earliest_due(
    store: &dyn Store,
    endpoints: &[EndpointId],
) -> Result<Vec<(EndpointId, i64)>, StoreError> {
    let mut due = Vec::new();
    for part in endpoints.chunks(ENDPOINTS_AT_ONCE) {
        due.extend(store.earliest_due(part).await?);
    }
    Ok(due)
}
