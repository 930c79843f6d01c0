//! Group commit: one task owns all writes to the hot tables.
//!
//! While a commit's fsync runs, the next batch gathers; there is no timer. Accepts, outcomes and changes of settings
//! pass through here in one order, so which webhooks an event goes to is decided against the settings that are live
//! at that very commit.

mod batch;
mod commit;
mod unwritten;
mod upkeep;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, NoticeKind, ProgramId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::unwritten::Unwritten;
pub use self::upkeep::NewResends;
use self::upkeep::Upkeep;
use super::runtime::Message;
use super::scheduler::Item;
use crate::config::BreakerPolicy;
use crate::directory::{Directory, Endpoint};
use crate::error::EngineError;
use crate::id::IdGenerator;
use crate::store::{
    AttemptRecord, Batch, EndpointId, EndpointRecord, Idempotency, NoticeRecord, SettingsChange, Standing,
    Store, WebhooksChange,
};

/// Accepts and outcomes of one transaction, each at most this many.
const MAX_BATCH_ITEMS: usize = 1_000;

/// Bodies of one transaction together; a larger one commits alone.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Bodies that wait to be committed, over all producers; beyond it they are told to come back.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

const MAX_WAITING_JOBS: usize = 4096;

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
    /// The receiver asked the whole endpoint to pause until then, Unix milliseconds.
    pub pause_until_ms: Option<i64>,
}

impl FinishedAttempt {
    /// An ending, or an attempt whose receiver asked for nothing.
    pub const fn ending(item: Item, attempt: AttemptRecord) -> Self {
        Self { item, attempt, pause_until_ms: None }
    }
}

struct AcceptJob {
    events: Vec<NewEvent>,
    reply: oneshot::Sender<Vec<Result<Receipt, EngineError>>>,
    _bytes: OwnedSemaphorePermit,
}

type DecideChange = Box<dyn FnOnce(&Directory) -> Result<SettingsChange, EngineError> + Send>;

struct SettingsJob {
    decide: DecideChange,
    reply: oneshot::Sender<Result<SettingsChange, EngineError>>,
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
        self.accepts.try_send(AcceptJob { events, reply, _bytes: permit }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => EngineError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => EngineError::Stopping,
        })?;
        answer.await.map_err(|_| EngineError::Stopping)
    }

    /// Hands over the outcome of an attempt; waits while the writer is behind.
    pub async fn finish(&self, finished: FinishedAttempt) {
        // When the writer is gone the engine has stopped: the row stands, and the attempt repeats after the start.
        let _ = self.outcomes.send(finished).await;
    }

    /// Changes settings: `decide` sees them as they are at that moment and says what to change. Returns the change
    /// once it is committed and live.
    pub async fn change(
        &self,
        decide: impl FnOnce(&Directory) -> Result<SettingsChange, EngineError> + Send + 'static,
    ) -> Result<SettingsChange, EngineError> {
        let (reply, answer) = oneshot::channel();
        let job = SettingsJob { decide: Box::new(decide), reply };
        self.settings.send(job).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
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
    accepts: mpsc::Receiver<AcceptJob>,
    outcomes: mpsc::Receiver<FinishedAttempt>,
    settings: mpsc::Receiver<SettingsJob>,
    upkeep: mpsc::Receiver<Upkeep>,
    unwritten: Unwritten,
    /// Whether the last commit found the disk full: said once, not with every commit.
    is_full: AtomicBool,
    /// Endpoints whose pending rows were moved by parking or releasing since the start.
    moved: HashSet<EndpointId>,
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
    let WriterParts { store, directory, ids, breaker, runtime, fatal, is_winding_down, stop } = parts;
    let writer = Writer {
        store,
        directory,
        ids,
        breaker,
        runtime,
        accepts,
        outcomes,
        settings,
        upkeep,
        unwritten: Unwritten::default(),
        is_full: AtomicBool::new(false),
        moved: HashSet::new(),
        fatal,
        is_winding_down,
        stop,
    };
    (handle, writer)
}

impl Writer {
    /// Runs until stopped and everything handed over is written, or until the store fails for good.
    pub async fn run(mut self) -> Written {
        let mut accept_jobs = Vec::new();
        let mut finished = Vec::new();
        let mut is_closing = false;
        let (stop, store) = (self.stop.clone(), Arc::clone(&self.store));
        let failed = store.failed();
        tokio::pin!(failed);
        loop {
            if self.fatal.is_cancelled() {
                return Written::NotAll;
            }
            let retry_wait = self.unwritten.wait().filter(|_| !is_closing);
            let takes_outcomes = self.takes_outcomes();
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
                Some(job) = self.settings.recv() => self.apply(job).await,
                Some(job) = self.accepts.recv() => accept_jobs.push(job),
                Some(one) = self.outcomes.recv(), if takes_outcomes => finished.push(one),
                Some(work) = self.upkeep.recv() => self.keep_up(work).await,
                () = tokio::time::sleep(retry_wait.unwrap_or_default()), if retry_wait.is_some() => {}
                else => break,
            }
            self.gather(&mut accept_jobs, &mut finished);
            if !accept_jobs.is_empty() || !finished.is_empty() {
                self.cycle(std::mem::take(&mut accept_jobs), std::mem::take(&mut finished)).await;
            }
        }
        // One last try; what cannot be written now is a pending row still and is sent again after the start.
        let mut last = self.unwritten.take(MAX_BATCH_ITEMS);
        while !last.is_empty() {
            self.cycle(Vec::new(), last).await;
            last = if self.unwritten.is_due() { self.unwritten.take(MAX_BATCH_ITEMS) } else { Vec::new() };
        }
        let is_complete = self.unwritten.wait().is_none() && !self.fatal.is_cancelled();
        if is_complete { Written::Everything } else { Written::NotAll }
    }

    /// Not while too many wait to be written: then those who made the attempts wait, and with them their slots, so that
    /// nothing more is sent than can be remembered. Once nothing new is begun, what is still under way is taken, so that
    /// it need not be waited for.
    fn takes_outcomes(&self) -> bool {
        self.unwritten.has_room() || self.is_winding_down.is_cancelled()
    }

    /// Takes what has queued up, without waiting, within the bounds of a transaction.
    fn gather(&mut self, accept_jobs: &mut Vec<AcceptJob>, finished: &mut Vec<FinishedAttempt>) {
        let size = |job: &AcceptJob| -> usize { job.events.iter().map(|event| event.body.len()).sum() };
        let mut items: usize = accept_jobs.iter().map(|job| job.events.len()).sum();
        let mut bytes: usize = accept_jobs.iter().map(size).sum();
        while items < MAX_BATCH_ITEMS
            && bytes < MAX_BATCH_BYTES
            && let Ok(job) = self.accepts.try_recv()
        {
            items += job.events.len();
            bytes += size(&job);
            accept_jobs.push(job);
        }
        // By time alone: were it left to a quiet moment, producers could keep outcomes from ever being written.
        if self.unwritten.is_due() {
            finished.extend(self.unwritten.take(MAX_BATCH_ITEMS - finished.len()));
        }
        while finished.len() < MAX_BATCH_ITEMS
            && self.takes_outcomes()
            && let Ok(one) = self.outcomes.try_recv()
        {
            finished.push(one);
        }
    }

    async fn apply(&mut self, job: SettingsJob) {
        let result = match (job.decide)(&self.directory) {
            Ok(change) => self.commit_change(change).await,
            Err(error) => Err(error),
        };
        // Whoever asked may be gone; the change is made all the same.
        let _ = job.reply.send(result);
    }

    /// Commits a change, makes it live, tells the runtime.
    async fn commit_change(&mut self, change: SettingsChange) -> Result<SettingsChange, EngineError> {
        self.store.apply(&change).await.map_err(|error| self.note(error))?;
        let renewed = self.renewed(&change);
        self.directory.take_over(&change);
        self.reset_health(&renewed).await;
        self.tell_runtime(&change).await;
        for endpoint in renewed {
            self.send(Message::Renewed(endpoint)).await;
        }
        Ok(change)
    }

    /// Disables a webhook that cannot be delivered to; what waits for it is parked.
    async fn disable(&mut self, endpoint: EndpointId, kind: NoticeKind, now_ms: i64) {
        let Some(endpoint) = self.directory.endpoint(endpoint).filter(|one| one.record.is_enabled) else {
            return;
        };
        let Some(entry) = self.directory.program(&endpoint.record.program_id) else { return };
        let record = EndpointRecord { is_enabled: false, auto_disabled: true, ..endpoint.record.clone() };
        tracing::info!(webhook.id = %record.public_id, program.id = %record.program_id, kind = kind.as_str(), "disabled");
        let since_ms = self.directory.health(record.id).failing_since_ms.unwrap_or(now_ms);
        let notice = self.notice(&endpoint, kind, (since_ms, now_ms));
        let change = crate::webhooks::change(&entry, now_ms, |change| {
            change.park.push(record.id);
            change.upserts.push(record);
            change.notices.push(notice);
        });
        // A failure is noted; the next attempt that ends so tries again.
        let _ = self.commit_change(change).await;
    }

    /// Makes everything that waits for a retry at an endpoint due: it works again.
    async fn advance(&mut self, endpoint: EndpointId, now_ms: i64) {
        let Some(endpoint) = self.directory.endpoint(endpoint) else { return };
        let Some(entry) = self.directory.program(&endpoint.record.program_id) else { return };
        let change = crate::webhooks::change(&entry, now_ms, |change| {
            change.version = entry.record.webhooks_version;
            change.advance.push((endpoint.record.id, now_ms));
        });
        // A failure is noted; the retries go out when they are due.
        let _ = self.commit_change(change).await;
    }

    fn notice(&self, endpoint: &Endpoint, kind: NoticeKind, (since_ms, at_ms): (i64, i64)) -> NoticeRecord {
        NoticeRecord {
            id: self.ids.notice(),
            program_id: endpoint.record.program_id.clone(),
            endpoint_id: endpoint.record.id,
            kind,
            at_ms,
            since_ms,
        }
    }

    /// Webhooks that will be enabled and have a new URL or secret, or were disabled, when the change is not yet taken
    /// over.
    fn renewed(&self, change: &SettingsChange) -> Vec<EndpointId> {
        let SettingsChange::Webhooks(WebhooksChange { upserts, .. }) = change else { return Vec::new() };
        let is_renewed = |record: &EndpointRecord| {
            self.directory.endpoint(record.id).is_some_and(|before| {
                let before = &before.record;
                !before.is_enabled || before.url != record.url || before.secret != record.secret
            })
        };
        upserts.iter().filter(|one| one.is_enabled && is_renewed(one)).map(|record| record.id).collect()
    }

    /// With new settings, failing starts anew: also when the store cannot be told now, it will be with the next outcome.
    async fn reset_health(&self, endpoints: &[EndpointId]) {
        let health: Vec<_> = endpoints.iter().map(|id| (*id, self.directory.health(*id).renewed())).collect();
        if health.is_empty() {
            return;
        }
        let batch = Batch { health, ..Batch::default() };
        if let Err(error) = self.store.commit(&batch).await {
            self.note(error);
        }
        self.directory.set_health(&batch.health);
    }

    async fn tell_runtime(&mut self, change: &SettingsChange) {
        let SettingsChange::Webhooks(change) = change else { return };
        for endpoint in change.deletes.iter().chain(&change.park) {
            self.send(Message::Closed(*endpoint)).await;
        }
        self.moved.extend(change.park.iter().copied());
        for release in &change.release {
            self.moved.insert(release.endpoint_id);
            self.send(Message::Opened(release.endpoint_id)).await;
        }
        for (endpoint, _) in &change.advance {
            self.moved.insert(*endpoint);
            self.send(Message::Opened(*endpoint)).await;
        }
    }

    /// Passes a committed fact to the runtime. When the runtime is gone the engine is stopping, and the store has it.
    async fn send(&self, message: Message) {
        let _ = self.runtime.send(message).await;
    }
}

#[cfg(test)]
mod tests;
