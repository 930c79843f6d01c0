//! The one task that joins scheduler, sender and writer.
//!
//! It owns the scheduler and does nothing slow itself: each attempt, each read of bodies, each refill is a task of
//! its own that reports back by message.

mod attempt;
mod reads;

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{DeliveryId, EventId};
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use attempt::AttemptContext;

use self::reads::Reads;
use super::breaker::Gate;
use super::scheduler::{Action, Body, Contender, Ended, FlowId, Item, Refill, Scheduler};
use crate::clock::Clock;
use crate::cluster::Shard;
use crate::store::{EndpointId, Expired, Pending, PendingKey, Standing, Store, StoreError};

/// What the runtime is told.
#[derive(Debug)]
pub enum Message {
    /// Deliveries were committed.
    Committed(Vec<(Item, FlowId)>),
    /// Outcomes were committed.
    Settled(Vec<Settled>),
    /// An attempt is over.
    Finished(PendingKey, Ended),
    /// An attempt was not made: its webhook is disabled or gone.
    Dropped(PendingKey),
    /// Attempts could not be begun because their bodies could not be read.
    Returned(Vec<Item>),
    /// A refill was read, or could not be.
    Refilled(Refill, Option<Vec<Item>>),
    /// What expired while it was held was read, or could not be.
    Expired(Expired, Option<Vec<Pending>>),
    /// An endpoint has rows in the store that are new to the scheduler, because they were moved.
    Opened(EndpointId),
    /// Endpoints have rows in the store that are new to the scheduler, because another node put them there.
    Found(Vec<EndpointId>),
    /// This node delivers what waits at these endpoints from now on, the first of it due then.
    Began(Vec<(EndpointId, i64)>),
    /// It does not deliver to the endpoints of these shards any more.
    Left(Vec<Shard>),
    /// An endpoint's breaker opened or closed, a probe failed, or its receiver asked for a pause.
    Gate(EndpointId, Gate),
    /// An endpoint has a new URL, secret or headers, or was enabled.
    Renewed(EndpointId),
    /// An endpoint is not to be sent to.
    Closed(EndpointId),
}

/// A committed outcome.
#[derive(Debug, Clone, Copy)]
pub struct Settled {
    /// The row that is gone.
    pub old: PendingKey,
    /// The row in its place.
    pub retry: Option<Pending>,
}

/// Large bodies that are in memory at once to be sent have so many KiB together: the room of 32 of the largest. Until one is read
/// it has room for the largest; then it keeps what it takes, so that receivers that hang do not keep others' from being sent.
const LARGE_BODIES_KIB: usize = 32 * LARGEST_BODY_KIB as usize;

/// A body has at most 4 MiB as it was sent, and a little more as it goes out.
const LARGEST_BODY_KIB: u32 = 4 * 1024 + 1;

/// How many bodies are read at once.
const BODIES_PER_READ: usize = 64;

/// How soon it is asked again whether the database is still ours.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How often it is looked for the oldest delivery that is due: that takes a look at every endpoint with work.
const LOOK_AT_DUE_MS: i64 = 1_000;

/// The task's state.
pub struct Runtime {
    scheduler: Scheduler,
    clock: Clock,
    store: Arc<dyn Store>,
    context: Arc<AttemptContext>,
    inbox: mpsc::Receiver<Message>,
    outbox: mpsc::Sender<Message>,
    tasks: TaskTracker,
    /// When it was last looked for what is due, Unix milliseconds.
    looked_at_ms: i64,
    refills: Reads<Refill>,
    /// Bodies that do not count as small, in memory at once.
    large: Arc<Semaphore>,
    stop: CancellationToken,
}

/// What the runtime works with.
pub struct RuntimeParts {
    pub scheduler: Scheduler,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub context: AttemptContext,
    pub inbox: mpsc::Receiver<Message>,
    pub outbox: mpsc::Sender<Message>,
    pub stop: CancellationToken,
}

impl Runtime {
    /// Puts the parts together.
    pub fn new(parts: RuntimeParts) -> Self {
        let RuntimeParts { scheduler, clock, store, context, inbox, outbox, stop } = parts;
        Self {
            scheduler,
            clock,
            store,
            context: Arc::new(context),
            inbox,
            outbox,
            tasks: TaskTracker::new(),
            looked_at_ms: i64::MIN,
            refills: Reads::default(),
            large: Arc::new(Semaphore::new(LARGE_BODIES_KIB)),
            stop,
        }
    }

    /// Schedules what the store has, then runs until stopped; returns once no attempt is under way.
    pub async fn run(mut self, due: Vec<(EndpointId, i64)>) {
        self.begin(due, self.clock.now_ms());
        let mut messages = Vec::with_capacity(256);
        while !self.stop.is_cancelled() {
            // Another process may be delivering by now, and what is sent could not be noted.
            let is_ours = self.store.standing() != Standing::Doubtful;
            if is_ours {
                self.act();
            }
            self.measure();
            let stop = self.stop.clone();
            let wait = if is_ours { self.wait() } else { LOOK_AGAIN };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = self.inbox.recv_many(&mut messages, 256) => {}
                () = tokio::time::sleep(wait) => {}
            }
            let now_ms = self.clock.now_ms();
            for message in messages.drain(..) {
                self.handle(message, now_ms);
            }
        }
        self.drain().await;
    }

    /// What waits at these endpoints is delivered from now on.
    fn begin(&mut self, due: Vec<(EndpointId, i64)>, now_ms: i64) {
        for (endpoint, gate) in self.context.directory.gates() {
            self.of_enabled(endpoint, |scheduler, contender| scheduler.gate(contender, gate, now_ms));
        }
        for (endpoint, due_at_ms) in due {
            self.of_enabled(endpoint, |scheduler, contender| scheduler.open(contender, due_at_ms, now_ms));
        }
    }

    /// Nothing new is begun; what is under way reports its outcome to the writer. The inbox is read on, because the
    /// writer waits until it has told us of each commit.
    async fn drain(mut self) {
        self.tasks.close();
        let tasks = self.tasks.clone();
        let finished = tasks.wait();
        tokio::pin!(finished);
        loop {
            tokio::select! {
                biased;
                () = &mut finished => break,
                _ = self.inbox.recv() => {}
            }
        }
        // The writer may still have commits to tell of; they are in the store.
        self.inbox.close();
    }

    fn wait(&self) -> Duration {
        const LONGEST_MS: i64 = 15_000;
        // What has not gone out is looked at again, or else it would seem not to go out for as long as nothing happens.
        let has_overdue = self.context.meters.oldest_due_at_ms.get() > 0;
        let longest_ms = if has_overdue { LOOK_AT_DUE_MS } else { LONGEST_MS };
        let wait_ms = self.scheduler.next_wake_ms().map_or(longest_ms, |at_ms| at_ms - self.clock.now_ms());
        Duration::from_millis(wait_ms.clamp(0, longest_ms).unsigned_abs())
    }

    /// Says how far behind delivering is.
    fn measure(&mut self) {
        let (meters, now_ms) = (&self.context.meters, self.clock.now_ms());
        meters.delivering_at_ms.set(now_ms);
        meters.slots_in_use.set(i64::try_from(self.scheduler.slots_in_use()).unwrap_or(i64::MAX));
        // The clock may have been set back.
        if now_ms.abs_diff(self.looked_at_ms) >= LOOK_AT_DUE_MS.unsigned_abs() {
            self.looked_at_ms = now_ms;
            meters.oldest_due_at_ms.set(self.scheduler.oldest_due_ms(now_ms).unwrap_or(0));
            meters.oldest_retry_due_at_ms.set(self.scheduler.oldest_retry_due_ms(now_ms).unwrap_or(0));
        }
    }

    fn handle(&mut self, message: Message, now_ms: i64) {
        match message {
            Message::Committed(items) => {
                for (item, flow) in items {
                    self.scheduler.accepted(item, flow, now_ms);
                }
            }
            Message::Settled(all) => {
                self.context.under_way.end(all.iter().map(|settled| settled.old.delivery_id));
                for Settled { old, retry } in all {
                    let retry = retry.filter(|_| self.context.nodes.served.has(old.endpoint_id));
                    self.scheduler.settled(old, retry, now_ms);
                }
            }
            Message::Finished(key, ended) => self.scheduler.finished(key, ended, now_ms),
            Message::Dropped(key) => self.scheduler.dropped(key, now_ms),
            Message::Returned(items) => {
                for item in items {
                    self.scheduler.returned(item, now_ms);
                }
            }
            Message::Refilled(refill, rows) => {
                if let Some(next) = self.refills.ended() {
                    self.refill(next);
                }
                self.scheduler.refilled(refill, rows, now_ms);
            }
            Message::Expired(asked, rows) => self.scheduler.expired(asked, rows, now_ms),
            Message::Opened(endpoint) => {
                self.of_enabled(endpoint, |scheduler, contender| {
                    scheduler.open(contender, now_ms, now_ms);
                    scheduler.excuse(contender.endpoint, now_ms);
                });
            }
            Message::Found(endpoints) => {
                for endpoint in endpoints {
                    self.of_enabled(endpoint, |scheduler, contender| scheduler.found(contender, now_ms));
                }
            }
            Message::Began(due) => self.begin(due, now_ms),
            Message::Left(shards) => {
                // Those that were taken again since as well: what waits in them is read after this.
                self.scheduler.leave(|id| shards.contains(&Shard::of(id)), now_ms);
            }
            Message::Gate(endpoint, gate) => {
                self.of_enabled(endpoint, |scheduler, contender| scheduler.gate(contender, gate, now_ms));
            }
            Message::Renewed(endpoint) => {
                self.of_enabled(endpoint, |scheduler, contender| scheduler.rescue(contender, now_ms));
            }
            Message::Closed(endpoint) => self.scheduler.close(endpoint, now_ms),
        }
    }

    /// Nothing is to be done about an endpoint that is disabled or gone, or another node's.
    fn of_enabled(&mut self, id: EndpointId, act: impl FnOnce(&mut Scheduler, Contender)) {
        if let Some(endpoint) = self.context.directory.endpoint(id)
            && endpoint.record.is_enabled
            && self.context.nodes.served.has(id)
        {
            act(&mut self.scheduler, Contender { endpoint: id, flow: endpoint.flow });
        }
    }

    fn act(&mut self) {
        let mut without_body = Vec::new();
        for action in self.scheduler.poll(self.clock.now_ms()) {
            match action {
                Action::Send(item) if item.body.is_some() => self.send(item),
                Action::Send(item) => {
                    without_body.push(item);
                    if without_body.len() == BODIES_PER_READ {
                        self.read_and_send(std::mem::take(&mut without_body));
                    }
                }
                Action::Refill(refill) => {
                    if let Some(refill) = self.refills.ask(refill) {
                        self.refill(refill);
                    }
                }
                Action::FindExpired(wanted) => self.find_expired(wanted),
                Action::End(expired) => {
                    let (context, outbox) = (Arc::clone(&self.context), self.outbox.clone());
                    self.tasks.spawn(async move { attempt::end_expired(&context, expired, &outbox).await });
                }
            }
        }
        if !without_body.is_empty() {
            self.read_and_send(without_body);
        }
    }

    fn send(&self, item: Item) {
        let context = Arc::clone(&self.context);
        let outbox = self.outbox.clone();
        self.tasks.spawn(async move { attempt::make(&context, item, &outbox).await });
    }

    /// Reads the small bodies of several deliveries at once, then sends each. What is not among them is large, or gone.
    fn read_and_send(&self, items: Vec<Item>) {
        let (context, large) = (Arc::clone(&self.context), Arc::clone(&self.large));
        let (store, outbox, tasks) = (Arc::clone(&self.store), self.outbox.clone(), self.tasks.clone());
        self.tasks.spawn(async move {
            let ids: Vec<DeliveryId> = items.iter().map(|item| item.pending.key.delivery_id).collect();
            let found = match bodies(store.as_ref(), &ids, Size::Small).await {
                Ok(found) => found,
                Err(error) => return give_back(items, &error, &outbox).await,
            };
            for item in items {
                let body = found.get(&item.pending.key.delivery_id).cloned();
                let (context, outbox) = (Arc::clone(&context), outbox.clone());
                let (store, large) = (Arc::clone(&store), Arc::clone(&large));
                tasks.spawn(async move {
                    if body.is_some() {
                        return attempt::make(&context, Item { body, ..item }, &outbox).await;
                    }
                    // Closed it never is.
                    let mut room = large.acquire_many(LARGEST_BODY_KIB).await.ok();
                    match bodies(store.as_ref(), &[item.pending.key.delivery_id], Size::Any).await {
                        Ok(mut found) => {
                            let body = found.remove(&item.pending.key.delivery_id);
                            let kept = body.as_ref().map_or(0, |body| body.bytes.len().div_ceil(1024));
                            let spare = (LARGEST_BODY_KIB as usize).saturating_sub(kept);
                            drop(room.as_mut().and_then(|room| room.split(spare)));
                            attempt::make(&context, Item { body, ..item }, &outbox).await;
                        }
                        Err(error) => give_back(vec![item], &error, &outbox).await,
                    }
                });
            }
        });
    }

    fn find_expired(&self, wanted: Expired) {
        let (store, outbox) = (Arc::clone(&self.store), self.outbox.clone());
        self.tasks.spawn(async move {
            let rows = store.expired(wanted).await;
            let rows =
                rows.inspect_err(|error| tracing::warn!(%error, "expired deliveries cannot be read")).ok();
            let _ = outbox.send(Message::Expired(wanted, rows)).await;
        });
    }

    fn refill(&self, refill: Refill) {
        let (store, outbox, now_ms) = (Arc::clone(&self.store), self.outbox.clone(), self.clock.now_ms());
        self.tasks.spawn(async move {
            let items = read_queue(store.as_ref(), refill, now_ms).await;
            let items =
                items.inspect_err(|error| tracing::warn!(%error, "pending deliveries cannot be read")).ok();
            let _ = outbox.send(Message::Refilled(refill, items)).await;
        });
    }
}

/// Attempts that cannot be begun wait.
async fn give_back(items: Vec<Item>, error: &StoreError, outbox: &mpsc::Sender<Message>) {
    const STORE_RETRY: Duration = Duration::from_secs(1);
    tracing::warn!(%error, "bodies cannot be read; their deliveries wait");
    tokio::time::sleep(STORE_RETRY).await;
    // When the runtime is gone the engine is stopping, and the rows stand.
    let _ = outbox.send(Message::Returned(items)).await;
}

/// The next rows of a queue, the first that are due with their bodies: one statement for all, where each would need one of
/// its own when its turn comes.
async fn read_queue(store: &dyn Store, refill: Refill, now_ms: i64) -> Result<Vec<Item>, StoreError> {
    let rows = store.pending(refill.endpoint, refill.after, refill.limit).await?;
    let mut found = FxHashMap::default();
    if refill.bodies > 0 {
        let due = rows.iter().take_while(|row| row.key.due_at_ms <= now_ms).take(refill.bodies);
        let due: Vec<DeliveryId> = due.map(|row| row.key.delivery_id).collect();
        found = bodies(store, &due, Size::Small).await?;
    }
    let mut item = |row: Pending| Item { body: found.remove(&row.key.delivery_id), ..Item::stored(row) };
    Ok(rows.into_iter().map(&mut item).collect())
}

/// Which bodies are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Any,
    Small,
}

/// What these deliveries send, for those whose event is there.
async fn bodies(
    store: &dyn Store,
    ids: &[DeliveryId],
    size: Size,
) -> Result<FxHashMap<DeliveryId, Body>, StoreError> {
    let resends: Vec<DeliveryId> = ids.iter().copied().filter(|id| id.is_resend()).collect();
    let mut event_of: FxHashMap<DeliveryId, EventId> =
        ids.iter().filter(|id| !id.is_resend()).map(|id| (*id, id.event())).collect();
    if !resends.is_empty() {
        let records = store.resends_by_id(&resends).await?;
        event_of.extend(records.into_iter().map(|resend| (resend.id, resend.event_id)));
    }
    let mut events: Vec<EventId> = event_of.values().copied().collect();
    events.sort_unstable();
    events.dedup();
    let found = match size {
        Size::Any => store.bodies(&events).await?,
        Size::Small => store.small_bodies(&events).await?,
    };
    let bytes: FxHashMap<EventId, bytes::Bytes> = found.into_iter().collect();
    let body =
        |(id, event): (DeliveryId, EventId)| Some((id, Body { event, bytes: bytes.get(&event)?.clone() }));
    Ok(event_of.into_iter().filter_map(body).collect())
}
