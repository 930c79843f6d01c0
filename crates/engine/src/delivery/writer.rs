//! Group commit: one task owns all writes to the hot tables.
//!
//! While a commit's fsync runs, the next batch gathers; there is no timer. Accepts, outcomes and changes of settings
//! pass through here in one order, so which webhooks an event goes to is decided against the settings that are live
//! at that very commit. What nobody waits for comes last: upkeep, and the moves of an endpoint's rows, in small steps. Last is
//! not never: while there is always something else, each has its turn after some commits.

mod batch;
mod catch_up;
mod commit;
mod counts;
mod gathering;
mod handing_on;
mod moves;
mod settings;
mod settling;
mod telling;
mod unwritten;
mod upkeep;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, ProgramId};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::gathering::{MAX_BATCH_ITEMS, Rest};
use self::moves::{Moves, Pace};
pub use self::settings::ParkedMove;
use self::settings::{MAX_HELD, SettingsJob};
use self::unwritten::Unwritten;
use self::upkeep::Upkeep;
pub use self::upkeep::{Forgotten, NewResends};
use super::erased::Erased;
use super::runtime::Message;
use super::scheduler::Item;
use crate::activity::Tally;
use crate::api_keys::ApiKeys;
use crate::changes::Changes;
use crate::clock::Stopwatch;
use crate::cluster::Epoch;
use crate::config::BreakerPolicy;
use crate::directory::{Directory, Endpoint};
use crate::error::EngineError;
use crate::feeds::Feeds;
use crate::id::IdGenerator;
use crate::meters::Meters;
use crate::nodes::Nodes;
use crate::store::{
    AttemptRecord, EmittedId, EndpointId, Idempotency, Move, SettingsVersion, Standing, Store, StoreError,
};
use crate::traces::{self, TraceContext, Traces};

/// Bodies that wait to be committed, over all producers; beyond it they are told to come back.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

const MAX_WAITING_JOBS: usize = 4096;

/// After a step of a move that failed, the next try when there is nothing else to do.
const MOVE_RETRY_WAIT: Duration = Duration::from_millis(500);

/// A checked and rendered event on its way into the store.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub program_id: ProgramId,
    pub kind: EventKind,
    pub occurred_at_ms: i64,
    pub accepted_at_ms: i64,
    pub expires_at_ms: i64,
    pub body: Bytes,
    pub idempotency: Option<Idempotency>,
    /// What it was emitted as in SQL, if it was.
    pub emitted: Option<EmittedId>,
}

/// The answer to an accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub id: EventId,
    /// How many webhooks it goes to.
    pub deliveries: i64,
    /// Whether it repeats an earlier one with the same idempotency key.
    pub is_duplicate: bool,
}

/// The outcome of an attempt on its way into the store.
#[derive(Debug)]
pub struct FinishedAttempt {
    pub item: Item,
    pub attempt: AttemptRecord,
    /// Of its endpoint's shard, when it was begun.
    pub epoch: Epoch,
    /// The receiver said when to come again (`Retry-After`), Unix milliseconds.
    pub asked_until_ms: Option<i64>,
    /// The attempt's span, if it is traced.
    pub trace: Option<TraceContext>,
    /// The webhook as it was when the attempt was made, if one was.
    pub webhook: Option<Arc<Endpoint>>,
}

impl FinishedAttempt {
    /// An ending, or an attempt whose receiver asked for nothing.
    pub const fn ending(item: Item, epoch: Epoch, attempt: AttemptRecord) -> Self {
        Self { item, attempt, epoch, asked_until_ms: None, trace: None, webhook: None }
    }
}

struct AcceptJob {
    events: Vec<NewEvent>,
    reply: oneshot::Sender<Vec<Result<Receipt, EngineError>>>,
    /// The span of the request that brought them, if it is traced.
    trace: Option<TraceContext>,
    _bytes: OwnedSemaphorePermit,
}

/// The way to the writer for use cases and send tasks. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    accepts: mpsc::Sender<AcceptJob>,
    outcomes: mpsc::Sender<FinishedAttempt>,
    settings: mpsc::Sender<SettingsJob>,
    upkeep: mpsc::Sender<Upkeep>,
    waiting_bytes: Arc<Semaphore>,
    store: Arc<dyn Store>,
}

impl WriterHandle {
    /// Commits events and returns, once they are on disk, what became of each. Fails as a whole only before anything
    /// was written: when too much is waiting, or the engine stops.
    pub async fn accept(
        &self,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Result<Receipt, EngineError>>, EngineError> {
        // Else producers would wait for as long as the database is away.
        if self.store.standing() != Standing::Sure {
            return Err(EngineError::Away);
        }
        let bytes: usize = events.iter().map(|event| event.body.len()).sum();
        let permits = u32::try_from(bytes.clamp(1, MAX_WAITING_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.waiting_bytes)
            .try_acquire_many_owned(permits)
            .map_err(|_| EngineError::Overloaded)?;
        let (reply, answer) = oneshot::channel();
        self.accepts
            .try_send(AcceptJob { events, reply, trace: traces::current(), _bytes: permit })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => EngineError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => EngineError::Stopping,
            })?;
        answer.await.map_err(|_| EngineError::Stopping)
    }

    /// Room for the outcome of an attempt; waits while the writer is behind. First this, then the outcome: a future that waits with it
    /// would be as large as several of it for as long as each attempt takes. None when the writer is gone: then the engine has
    /// stopped, the row stands, and the attempt repeats after the start.
    pub async fn room(&self) -> Option<mpsc::Permit<'_, FinishedAttempt>> {
        self.outcomes.reserve().await.ok()
    }
}

/// Whether a writer that has ended leaves anything unwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Everything,
    /// Outcomes are lost; their attempts repeat after the next start.
    NotAll,
}

/// The task's side.
pub struct Writer {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    breaker: BreakerPolicy,
    runtime: mpsc::Sender<Message>,
    changes: Arc<Changes>,
    feeds: Arc<Feeds>,
    tally: Arc<Tally>,
    meters: Arc<Meters>,
    traces: Arc<Traces>,
    erased: Arc<Erased>,
    nodes: Arc<Nodes>,
    api_keys: Arc<ApiKeys>,
    /// The settings that the directory is of.
    version: SettingsVersion,
    accepts: mpsc::Receiver<AcceptJob>,
    outcomes: mpsc::Receiver<FinishedAttempt>,
    settings: mpsc::Receiver<SettingsJob>,
    upkeep: mpsc::Receiver<Upkeep>,
    /// Jobs of producers in the last batch that was gathered.
    answered_jobs: usize,
    /// Since the last commit with outcomes.
    rest: Rest,
    /// Turns of everything since upkeep had its own.
    turns_since_upkeep: u32,
    unwritten: Unwritten,
    /// Whether the last commit found the disk full: said once, not with every commit.
    is_full: AtomicBool,
    /// Endpoints whose pending rows were moved, or began to be, since the start.
    moved: HashSet<EndpointId>,
    /// What is still to be moved.
    moves: Moves,
    /// What waits, in order, until a webhook that it enables has been parked, and what was asked for after it.
    held: Vec<SettingsJob>,
    /// Since `held` was looked at, while something is held.
    looked_at_held: Stopwatch,
    /// A parking has ended since `held` was looked at.
    has_parked: bool,
    /// Cancelled when the store can no longer be trusted.
    fatal: CancellationToken,
    /// Cancelled when no attempt is begun any more.
    is_winding_down: CancellationToken,
    /// Cancelled when everything that has been handed over is to be written and nothing new taken.
    stop: CancellationToken,
}

/// What the writer works with.
pub struct WriterParts {
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub ids: Arc<IdGenerator>,
    pub breaker: BreakerPolicy,
    pub runtime: mpsc::Sender<Message>,
    pub changes: Arc<Changes>,
    pub feeds: Arc<Feeds>,
    pub tally: Arc<Tally>,
    pub meters: Arc<Meters>,
    pub traces: Arc<Traces>,
    /// Nothing of these is sent again.
    pub erased: Arc<Erased>,
    pub nodes: Arc<Nodes>,
    pub api_keys: Arc<ApiKeys>,
    /// The settings that the directory is of.
    pub version: SettingsVersion,
    /// Moves that had not come to their end when the process ended.
    pub unfinished: Vec<(EndpointId, Move)>,
    pub fatal: CancellationToken,
    pub is_winding_down: CancellationToken,
    pub stop: CancellationToken,
}

/// Makes a writer and the way to it.
pub fn writer(parts: WriterParts) -> (WriterHandle, Writer) {
    let (accepts_in, accepts) = mpsc::channel(MAX_WAITING_JOBS);
    let (outcomes_in, outcomes) = mpsc::channel(MAX_WAITING_JOBS);
    let (settings_in, settings) = mpsc::channel(64);
    let (upkeep_in, upkeep) = mpsc::channel(4);
    let handle = WriterHandle {
        accepts: accepts_in,
        outcomes: outcomes_in,
        settings: settings_in,
        upkeep: upkeep_in,
        waiting_bytes: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
        store: Arc::clone(&parts.store),
    };
    let WriterParts {
        store,
        directory,
        ids,
        breaker,
        runtime,
        changes,
        feeds,
        tally,
        meters,
        traces,
        erased,
        nodes,
        api_keys,
        version,
        unfinished,
        fatal,
        is_winding_down,
        stop,
    } = parts;
    let mut writer = Writer {
        store,
        directory,
        ids,
        breaker,
        runtime,
        changes,
        feeds,
        tally,
        meters,
        traces,
        erased,
        nodes,
        api_keys,
        version,
        accepts,
        outcomes,
        settings,
        upkeep,
        answered_jobs: 0,
        rest: Rest::default(),
        turns_since_upkeep: 0,
        unwritten: Unwritten::default(),
        is_full: AtomicBool::new(false),
        moved: HashSet::new(),
        moves: Moves::default(),
        held: Vec::new(),
        looked_at_held: Stopwatch::start(),
        has_parked: false,
        fatal,
        is_winding_down,
        stop,
    };
    for (endpoint, kind) in unfinished {
        writer.begin(endpoint, kind);
    }
    (handle, writer)
}

impl Writer {
    /// Runs, on a thread of its own if commits keep theirs. A runtime with one thread is a test's, and nothing else runs there
    /// then; were it another thread's turn, time that stands still there would have to wait for it.
    pub fn start(self) -> JoinHandle<Written> {
        let runtime = Handle::current();
        if !self.store.commits_in_place() || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return tokio::spawn(self.run());
        }
        tokio::task::spawn_blocking(move || runtime.block_on(self.run()))
    }

    /// Runs until stopped and everything handed over is written, or until the store fails for good.
    pub async fn run(mut self) -> Written {
        let mut accept_jobs = Vec::new();
        let mut finished = Vec::new();
        let mut is_closing = false;
        let (stop, store) = (self.stop.clone(), Arc::clone(&self.store));
        let mut settling = settling::ticks();
        let failed = store.failed();
        tokio::pin!(failed);
        loop {
            if self.fatal.is_cancelled() {
                return Written::NotAll;
            }
            let retry_wait = self.unwritten.wait().filter(|_| !is_closing);
            let takes_outcomes = self.takes_outcomes();
            let rest = self.rest.left().filter(|_| !is_closing);
            let pace = if is_closing { Pace::Idle } else { self.moves.pace() };
            // What is held when it is to stop is not done.
            let held_wait = self.held_wait().filter(|_| !is_closing);
            let is_waited_for = self.others_wait_for_ids();
            let mut has_turn = false;
            tokio::select! {
                biased;
                // What fails while closing is found by the commit that it fails.
                () = &mut failed, if !is_closing => {
                    if !self.fatal.is_cancelled() {
                        tracing::error!("a write failed so that the disk can no longer be trusted; stopping");
                        self.fatal.cancel();
                    }
                    continue;
                }
                () = stop.cancelled(), if !is_closing => {
                    is_closing = true;
                    self.accepts.close();
                    self.outcomes.close();
                    self.settings.close();
                    self.upkeep.close();
                }
                Some(job) = self.settings.recv(), if self.held.len() < MAX_HELD => self.take_up(job).await,
                Some(job) = self.accepts.recv() => accept_jobs.push(job),
                Some(one) = self.outcomes.recv(), if takes_outcomes && rest.is_none() => finished.push(one),
                Some(work) = self.upkeep.recv() => self.keep_up(work).await,
                () = tokio::time::sleep(rest.unwrap_or_default()), if rest.is_some() => {}
                () = tokio::time::sleep(retry_wait.unwrap_or_default()), if retry_wait.is_some() => {}
                () = tokio::time::sleep(held_wait.unwrap_or_default()), if held_wait.is_some() => {}
                _ = settling.tick(), if is_waited_for && !is_closing => self.settle_ids().await,
                // Whoever is about to ask for something gets to it first.
                () = tokio::task::yield_now(), if pace == Pace::Ready => has_turn = true,
                () = tokio::time::sleep(MOVE_RETRY_WAIT), if pace == Pace::Resting => has_turn = true,
                else => break,
            }
            self.gather(&mut accept_jobs, &mut finished);
            if !accept_jobs.is_empty() || !finished.is_empty() {
                self.cycle(std::mem::take(&mut accept_jobs), std::mem::take(&mut finished)).await;
            }
            self.keep_up_now_and_then().await;
            has_turn |= self.moves.is_due_after_cycle(!self.held.is_empty());
            if has_turn && !is_closing {
                self.step().await;
            }
            // By time alone: there may never be a quiet moment.
            self.has_parked |= !is_closing && self.held_wait() == Some(Duration::ZERO);
            while std::mem::take(&mut self.has_parked) {
                self.take_up_held().await;
            }
        }
        // One last try; what cannot be written now is a pending row still and is sent again after the start.
        let mut last = self.unwritten.take(MAX_BATCH_ITEMS);
        while !last.is_empty() {
            self.cycle(Vec::new(), last).await;
            last = if self.unwritten.is_due() { self.unwritten.take(MAX_BATCH_ITEMS) } else { Vec::new() };
        }
        while !self.fatal.is_cancelled() && matches!(self.write_counts().await, Ok(true)) {}
        let is_complete = self.unwritten.wait().is_none() && !self.fatal.is_cancelled();
        if is_complete { Written::Everything } else { Written::NotAll }
    }

    /// Not while too many wait to be written: then those who made the attempts wait, and with them their slots, so that
    /// nothing more is sent than can be remembered. Once nothing new is begun, what is still under way is taken, so that
    /// it need not be waited for.
    fn takes_outcomes(&self) -> bool {
        self.unwritten.has_room() || self.is_winding_down.is_cancelled()
    }

    /// Begins to move rows of an endpoint.
    fn begin(&mut self, endpoint: EndpointId, kind: Move) {
        self.moved.insert(endpoint);
        self.moves.add(endpoint, kind);
    }

    /// Everything that waits for a retry at an endpoint is to be due: it works again.
    fn advance(&mut self, endpoint: EndpointId, now_ms: i64) {
        if self.directory.endpoint(endpoint).is_some_and(|endpoint| endpoint.record.is_enabled) {
            self.begin(endpoint, moves::advance(now_ms));
        }
    }

    /// Makes the next step of a move.
    async fn step(&mut self) {
        let Some(step) = self.moves.next() else { return };
        match self.move_pending(&step).await {
            Ok(moved) => {
                if moved.rows > 0 {
                    self.tell_of_moved([step.endpoint_id]);
                }
                let followed = self.moves.made(moved);
                self.has_parked |= followed.is_parked;
                if let Some(endpoint) = followed.opens {
                    self.send(Message::Opened(endpoint)).await;
                }
            }
            // Whoever has it makes its moves.
            Err(StoreError::Fenced) => self.moves.forsake(|id| id == step.endpoint_id),
            Err(error) => {
                self.failed(error);
                self.moves.failed();
            }
        }
    }

    /// Passes a committed fact to the runtime. When the runtime is gone the engine is stopping, and the store has it.
    async fn send(&self, message: Message) {
        let _ = self.runtime.send(message).await;
    }
}

#[cfg(test)]
mod tests;
