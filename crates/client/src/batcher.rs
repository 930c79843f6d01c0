//! Many events, sent together: the queue, what bounds it, and the task that empties it.
//!
//! An event holds its room from [`Batcher::enqueue`] until it has a result, wherever it is meanwhile, so the bounds
//! hold for queue, requests and waits together. Each request under way has a copy of its lines beside that, at most a
//! batch's bytes.

mod flight;

#[cfg(fuzzing)]
pub(crate) use flight::missing_in;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use groundswell_types::ProgramId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout_at};

use crate::client::{Accepted, Client};
use crate::error::SubmitError;
use crate::event::{IdempotencyKey, MAX_EVENT_BYTES, NewEvent};

/// The most events the server takes in a batch.
pub const MAX_BATCH_EVENTS: usize = 1_000;

/// The largest batch the server takes, in bytes as sent: 8 MiB.
pub const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Groups events of one program into batches, in a task of its own.
///
/// Events are sent in about the order they come, several batches at the same time; receivers get no order promised in
/// any case. Close it with [`Batcher::close`]: dropping it abandons what has no result yet, whose [`Pending`]s then say
/// so.
#[derive(Debug)]
pub struct Batcher {
    room: Room,
    /// Bounded by `room`.
    queue: UnboundedSender<Message>,
    task: Mutex<JoinHandle<Report>>,
    report: OnceCell<Report>,
}

/// What a [`Batcher`] can be set to.
#[derive(Debug)]
#[must_use]
pub struct BatcherBuilder {
    client: Client,
    program: ProgramId,
    max_events: usize,
    max_bytes: usize,
    linger: Duration,
    queue_events: usize,
    queue_bytes: usize,
    batches_in_flight: usize,
}

/// What became of all events of a [`Batcher`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Events the server has, duplicates included.
    pub accepted: u64,
    /// Events it had before, under the same key.
    pub duplicates: u64,
    /// Events it refused, or that were given up; their results say why.
    pub failed: u64,
}

/// The result of an event in a batch, to be awaited. Dropping it does not take the event back; should that fail, a
/// warning is logged instead.
#[derive(Debug)]
#[must_use = "await it to learn whether the event was accepted"]
pub struct Pending {
    key: IdempotencyKey,
    result: oneshot::Receiver<Result<Accepted, SubmitError>>,
}

/// For how many events and bytes there is room.
#[derive(Debug, Clone)]
struct Room {
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    capacity: usize,
}

/// The room an event takes up; free again when this is dropped.
#[derive(Debug)]
struct Place {
    _event: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// An event that has no result yet.
#[derive(Debug)]
struct Queued {
    key: IdempotencyKey,
    line: String,
    result: oneshot::Sender<Result<Accepted, SubmitError>>,
    _place: Place,
}

#[derive(Debug)]
enum Message {
    Event(Queued),
    Close,
}

impl Batcher {
    /// Starts one with default settings, on the current tokio runtime.
    pub fn start(client: &Client, program: &ProgramId) -> Self {
        Self::builder(client, program).start()
    }

    /// One with other settings than the default ones.
    pub fn builder(client: &Client, program: &ProgramId) -> BatcherBuilder {
        BatcherBuilder {
            client: client.clone(),
            program: program.clone(),
            max_events: MAX_BATCH_EVENTS,
            max_bytes: MAX_BATCH_BYTES,
            linger: Duration::from_millis(5),
            queue_events: 10_000,
            queue_bytes: 64 * 1024 * 1024,
            batches_in_flight: 4,
        }
    }

    /// Puts an event into the queue, waiting while that is full. The result is awaited apart.
    ///
    /// Dropping this future leaves the event out, unless it has returned.
    pub async fn enqueue(&self, event: impl Into<NewEvent>) -> Result<Pending, SubmitError> {
        let (key, line) = event.into().into_line();
        if line.len() > MAX_EVENT_BYTES {
            return Err(SubmitError::TooLarge { key, bytes: line.len() });
        }
        let Some(place) = self.room.take(line.len()).await else { return Err(SubmitError::Closed { key }) };
        let (sender, result) = oneshot::channel();
        let queued = Queued { key: key.clone(), line, result: sender, _place: place };
        match self.queue.send(Message::Event(queued)) {
            Ok(()) => Ok(Pending { key, result }),
            Err(_) => Err(SubmitError::Closed { key }),
        }
    }

    /// Puts an event into the queue and waits for its result.
    pub async fn submit(&self, event: impl Into<NewEvent>) -> Result<Accepted, SubmitError> {
        self.enqueue(event).await?.await
    }

    /// How many events have no result yet.
    pub fn unresolved(&self) -> usize {
        self.room.taken()
    }

    /// Takes no further events, waits until all that were taken have their results, and says what these were. Those who
    /// wait for room in the queue get [`SubmitError::Closed`].
    pub async fn close(&self) -> Report {
        let report = self.report.get_or_init(|| async {
            self.room.close();
            // There is nobody to tell when the task has ended before.
            let _ = self.queue.send(Message::Close);
            let outcome = (&mut *self.task.lock().await).await;
            outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "the task that sends batches of events has failed");
                Report::default()
            })
        });
        *report.await
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.task.get_mut().abort();
        let unresolved = self.unresolved();
        if unresolved > 0 {
            tracing::warn!(
                unresolved,
                "a batcher was dropped without being closed; its events may not be sent"
            );
        }
    }
}

impl BatcherBuilder {
    /// The most events of a batch, up to [`MAX_BATCH_EVENTS`], which is the default.
    pub fn max_events(mut self, events: usize) -> Self {
        self.max_events = events.clamp(1, MAX_BATCH_EVENTS);
        self
    }

    /// The most bytes of a batch, up to [`MAX_BATCH_BYTES`], which is the default. A larger event is sent alone.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.min(MAX_BATCH_BYTES);
        self
    }

    /// How long a batch that is not full waits for more events. 5 ms by default.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many events may be without a result, at least 1. Further ones wait before they are taken. 10,000 by default.
    pub fn queue_events(mut self, events: usize) -> Self {
        self.queue_events = events.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// How many bytes of events may be without a result, at least [`MAX_EVENT_BYTES`]. 64 MiB by default.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes.clamp(MAX_EVENT_BYTES, Semaphore::MAX_PERMITS);
        self
    }

    /// How many batches are under way at the same time, repeats included, at least 1. 4 by default. The client's
    /// [`in_flight`](crate::ClientBuilder::in_flight) bounds them as well.
    pub fn batches_in_flight(mut self, batches: usize) -> Self {
        self.batches_in_flight = batches.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Starts it on the current tokio runtime.
    pub fn start(self) -> Batcher {
        let room = Room {
            events: Arc::new(Semaphore::new(self.queue_events)),
            bytes: Arc::new(Semaphore::new(self.queue_bytes)),
            capacity: self.queue_events,
        };
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(run(self, receiver));
        Batcher { room, queue: sender, task: Mutex::new(task), report: OnceCell::new() }
    }
}

impl Pending {
    /// The key the event is sent with.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }
}

impl Future for Pending {
    type Output = Result<Accepted, SubmitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = std::task::ready!(Pin::new(&mut self.result).poll(context));
        Poll::Ready(result.unwrap_or_else(|_| Err(SubmitError::Abandoned { key: self.key.clone() })))
    }
}

impl Room {
    /// Waits until there is room; none after [`Room::close`].
    async fn take(&self, bytes: usize) -> Option<Place> {
        // No event has 4 GiB.
        let bytes = u32::try_from(bytes).ok()?;
        Some(Place {
            _event: Arc::clone(&self.events).acquire_owned().await.ok()?,
            _bytes: Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok()?,
        })
    }

    fn close(&self) {
        self.events.close();
        self.bytes.close();
    }

    fn taken(&self) -> usize {
        self.capacity - self.events.available_permits()
    }
}

/// Makes batches and sends them, until there is nothing more to come.
async fn run(settings: BatcherBuilder, mut queue: UnboundedReceiver<Message>) -> Report {
    let slots = Arc::new(Semaphore::new(settings.batches_in_flight));
    let mut flights: JoinSet<Report> = JoinSet::new();
    let mut report = Report::default();
    let mut next = None;
    loop {
        // A batch goes on growing while it waits for its turn, for its events stay in the queue.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let first = match next.take() {
            Some(first) => first,
            None => match receive(&mut queue).await {
                Some(first) => first,
                None => break,
            },
        };
        let batch;
        (batch, next) = collect(&settings, &mut queue, first).await;
        let (client, program) = (settings.client.clone(), settings.program.clone());
        flights.spawn(async move {
            let report = flight::send(&client, &program, batch).await;
            drop(slot);
            report
        });
        while let Some(landed) = flights.try_join_next() {
            report.add(landed);
        }
    }
    while let Some(landed) = flights.join_next().await {
        report.add(landed);
    }
    report
}

/// The next event; none when it is closed and empty.
async fn receive(queue: &mut UnboundedReceiver<Message>) -> Option<Queued> {
    loop {
        match queue.recv().await? {
            Message::Event(queued) => return Some(queued),
            // What was sent before it, or at the same time, is still received.
            Message::Close => queue.close(),
        }
    }
}

/// A batch, and an event that did not fit.
async fn collect(
    settings: &BatcherBuilder,
    queue: &mut UnboundedReceiver<Message>,
    first: Queued,
) -> (Vec<Queued>, Option<Queued>) {
    let full = sleep(settings.linger).deadline();
    let mut bytes = first.line.len() + 1;
    let mut batch = vec![first];
    while batch.len() < settings.max_events {
        // Nothing is lost when the time is over: receiving from a channel takes an event or does not.
        let Ok(Some(queued)) = timeout_at(full, receive(queue)).await else { break };
        bytes += queued.line.len() + 1;
        if bytes > settings.max_bytes {
            return (batch, Some(queued));
        }
        batch.push(queued);
    }
    (batch, None)
}

impl Report {
    fn add(&mut self, landed: Result<Self, JoinError>) {
        match landed {
            Ok(other) => {
                self.accepted += other.accepted;
                self.duplicates += other.duplicates;
                self.failed += other.failed;
            }
            // Its events have been told with its end.
            Err(error) => tracing::error!(%error, "sending a batch of events has failed"),
        }
    }
}
