//! The load generator: keep-alive connections on a few threads, closed loop (each connection posts again as soon as it
//! has its answer) or open loop (posts at fixed times, whatever the answers do).

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::numbers::whole;
use crate::payload::Template;
use crate::wire::Connection;

/// Events that were posted and have not arrived; at this number the generator waits, so that a run ends.
const MAX_UNDELIVERED: u64 = 50_000;

/// No answer takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Threads for generator or receiver: half of the machine each.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get() / 2).max(1)
}

/// Of so many connections those that the thread number `at` has: the first ones take one more when they do not divide
/// evenly.
pub fn own_share(connections: usize, at: usize) -> usize {
    connections / threads() + usize::from(at < connections % threads())
}

/// Where and how events are posted.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub path: String,
    pub key: Option<String>,
    /// Events in one request; more than one go as lines.
    pub events_per_request: usize,
    /// Whether events are to arrive somewhere, so that the generator may wait for them.
    pub is_delivered: bool,
}

/// How long a closed loop goes on.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// At least this many events have been posted since the ledger was opened.
    Posted(u64),
    /// This much time has passed since the ledger was opened.
    Elapsed(Duration),
}

impl Until {
    /// Whether no more is to be posted.
    pub fn is_over(self, ledger: &Ledger) -> bool {
        match self {
            Self::Posted(events) => ledger.posted_count() >= events,
            Self::Elapsed(time) => ledger.elapsed() >= time,
        }
    }
}

/// Posts on `connections` connections until it is over; returns once every answer is there.
pub fn closed_loop(target: &Target, ledger: &Arc<Ledger>, connections: usize, until: Until) -> Result<()> {
    let work = |at: usize| {
        let own = own_share(connections, at);
        let (target, ledger) = (target.clone(), Arc::clone(ledger));
        async move {
            let mut posting = JoinSet::new();
            for _ in 0..own {
                let poster = Poster::connect(&target).await?;
                posting.spawn(poster.post_until(target.clone(), Arc::clone(&ledger), until));
            }
            all(posting).await
        }
    };
    on_threads(threads(), work)
}

/// Posts single events at `per_second` for `time`, spread over `connections`.
pub fn open_loop(
    target: &Target,
    ledger: &Arc<Ledger>,
    connections: usize,
    schedule: Schedule,
) -> Result<()> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let mut lanes = Vec::new();
    let mut queues = Vec::new();
    for _ in 0..connections {
        let (lane, queue) = mpsc::unbounded_channel::<u64>();
        lanes.push(lane);
        queues.push(queue);
    }
    let clock = Arc::clone(ledger);
    let pacer = thread::spawn(move || {
        let Ok(()) = is_ready.recv() else { return };
        let began = clock.elapsed();
        for turn in 0..schedule.events() {
            let due = began + schedule.interval() * turn;
            thread::sleep(due.saturating_sub(clock.elapsed()));
            let Some(number) = clock.take(1) else { return };
            // From the time it was due, not from when somebody got round to it: waiting counts.
            clock.posted(number, due);
            let lane = usize::try_from(turn).unwrap_or(0) % lanes.len();
            if lanes[lane].send(number).is_err() {
                return;
            }
        }
    });
    let queues = std::sync::Mutex::new(Some((queues, ready)));
    let result = on_threads(1, |_| {
        let queues = queues.lock().ok().and_then(|mut queues| queues.take());
        async {
            let (queues, ready) = queues.context("the queues are taken once")?;
            let mut posting = JoinSet::new();
            for queue in queues {
                let poster = Poster::connect(target).await?;
                posting.spawn(poster.post_each(queue, Arc::clone(ledger), schedule.broken));
            }
            let _ = ready.send(());
            all(posting).await
        }
    });
    pacer.join().map_err(|_| anyhow!("the pacing thread panicked"))?;
    result
}

/// When an open loop posts.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub per_second: u32,
    pub time: Duration,
    pub broken: Broken,
}

/// What becomes of a broken connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The measurement ends with it.
    Fails,
    /// It is opened again, as often as it takes: the server is being restarted. What became of the event is not known.
    IsOpenedAgain(SocketAddr),
}

impl Schedule {
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second
    }

    fn events(self) -> u32 {
        u32::try_from(self.time.as_nanos() / self.interval().as_nanos()).unwrap_or(u32::MAX)
    }
}

/// Waits for all of them; the first failure counts.
pub async fn all(mut posting: JoinSet<Result<()>>) -> Result<()> {
    while let Some(result) = posting.join_next().await {
        result.context("a poster panicked")??;
    }
    Ok(())
}

/// Runs one future on each of several threads, each a runtime of its own: nothing is passed between them.
pub fn on_threads<F: Future<Output = Result<()>>>(
    threads: usize,
    work: impl Fn(usize) -> F + Sync,
) -> Result<()> {
    thread::scope(|scope| {
        let run = |at| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(work(at))
        };
        let handles: Vec<_> = (0..threads).map(|at| scope.spawn(move || run(at))).collect();
        for handle in handles {
            handle.join().map_err(|_| anyhow!("a thread of the generator panicked"))??;
        }
        Ok(())
    })
}

/// A connection to a server that may not be there yet.
async fn connected(address: SocketAddr) -> Result<Connection> {
    const PAUSE: Duration = Duration::from_millis(20);
    let trying = async {
        loop {
            match Connection::open(address).await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.context("the server did not come back in 20 seconds")
}

/// One connection with the request it sends again and again.
struct Poster {
    connection: Connection,
    request: Vec<u8>,
    /// Where each event begins in the request.
    events: Vec<usize>,
}

impl Poster {
    async fn connect(target: &Target) -> Result<Self> {
        let connection = Connection::open(target.address).await?;
        let template = Template::new();
        let separator: &[u8] = if target.events_per_request > 1 { b"\n" } else { b"" };
        let length = (template.text().len() + separator.len()) * target.events_per_request;
        let kind = if target.events_per_request > 1 { "application/x-ndjson" } else { "application/json" };
        let key = target.key.as_ref().map_or(String::new(), |key| format!("authorization: Bearer {key}\r\n"));
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\n{key}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n",
            target.path, target.address
        )
        .into_bytes();
        let mut events = Vec::with_capacity(target.events_per_request);
        for _ in 0..target.events_per_request {
            events.push(request.len());
            request.extend_from_slice(template.text());
            request.extend_from_slice(separator);
        }
        Ok(Self { connection, request, events })
    }

    async fn post_until(mut self, target: Target, ledger: Arc<Ledger>, until: Until) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(2);
        while !until.is_over(&ledger) {
            let undelivered = ledger.posted_count().saturating_sub(ledger.arrived_count());
            if target.is_delivered && undelivered > MAX_UNDELIVERED {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let Some(first) = ledger.take(whole(self.events.len())) else {
                bail!("more events were posted than the ledger has room for");
            };
            let now = ledger.elapsed();
            for (number, at) in (first..).zip(&self.events) {
                ledger.posted(number, now);
                Template::stamp(&mut self.request[*at..], number);
            }
            let status = self.post().await?;
            for (number, _) in (first..).zip(&self.events) {
                ledger.answered(number, status);
            }
            if status == 429 || status == 503 {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn post_each(
        mut self,
        mut queue: mpsc::UnboundedReceiver<u64>,
        ledger: Arc<Ledger>,
        broken: Broken,
    ) -> Result<()> {
        while let Some(number) = queue.recv().await {
            Template::stamp(&mut self.request[self.events[0]..], number);
            match (self.post().await, broken) {
                (Ok(status), _) => ledger.answered(number, status),
                (Err(error), Broken::Fails) => return Err(error),
                (Err(_), Broken::IsOpenedAgain(address)) => self.connection = connected(address).await?,
            }
        }
        Ok(())
    }

    /// Sends the request and waits for its answer. Overload is an answer; other refusals are mistakes.
    async fn post(&mut self) -> Result<u16> {
        self.connection.send(&self.request).await?;
        let answer = tokio::time::timeout(PATIENCE, self.connection.answer());
        let answer = answer.await.context("there was no answer in 20 seconds")??;
        let is_expected = matches!(answer.status, 200..=206 | 429 | 503);
        ensure!(is_expected, "answered {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        Ok(answer.status)
    }
}
