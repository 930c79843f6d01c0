//! The measurements, one function each. Every one starts with what it needs new and leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use groundswell_types::Secret;
use serde::Serialize;
use tempfile::TempDir;

use crate::busy::{Busy, Spent};
use crate::hyper_loop;
use crate::ledger::{Audit, Fate, Ledger};
use crate::load::{Broken, Schedule, Target, Until, closed_loop, open_loop};
use crate::numbers::{percentile, rate, whole};
use crate::receiver::{Book, Receiver};
use crate::storage::{self, Rows};
use crate::subject::{self, Subject, Webhook};
use crate::trials::Sizes;

/// Posted before the clock starts, so that connections, caches and statements are there.
const WARM_UP: u64 = 1_000;

/// More than any of this can post in a second.
const EVENTS_PER_SECOND: u64 = 300_000;

const BATCH_EVENTS: usize = 100;

/// Of the open loop.
pub const OPEN_LOOP_PER_SECOND: u32 = 200;

/// A drain in which nothing arrives for so long will not go on.
const DRAIN_PATIENCE: Duration = Duration::from_secs(15);

/// How the measurements are made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The server's executable.
    #[serde(skip)]
    pub server: PathBuf,
    /// Where databases are put, on the disk that is measured.
    #[serde(skip)]
    pub directory: PathBuf,
    /// Of each measurement.
    pub seconds: f64,
    /// Keep-alive connections of the generator.
    pub connections: usize,
    /// How often everything is measured.
    pub rounds: usize,
    /// How much the trials pile up.
    pub sizes: Sizes,
}

/// What is measured with a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    Bare,
    Generator,
    Proxy,
    PlainProxy,
    Null,
    RawSqlite,
    Store,
    StoreWithOutcomes,
    Ingest,
    EndToEnd,
    EndToEndBatches,
}

impl Step {
    /// All, in the order in which they are made and shown.
    pub const ALL: [Self; 11] = [
        Self::Generator,
        Self::Bare,
        Self::Proxy,
        Self::PlainProxy,
        Self::EndToEnd,
        Self::EndToEndBatches,
        Self::Null,
        Self::RawSqlite,
        Self::Store,
        Self::StoreWithOutcomes,
        Self::Ingest,
    ];

    /// What people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Generator => "this program's generator to its receiver",
            Self::Bare => "bare keep-alive POST loop, hyper to hyper",
            Self::Proxy => "storage-free proxy on the server's own client",
            Self::PlainProxy => "storage-free proxy on hyper-util's client",
            Self::Null => "null server, 202 at once",
            Self::RawSqlite => "raw SQLite loop, event + pending, 500 a commit",
            Self::Store => "store alone, event + pending, 500 a commit",
            Self::StoreWithOutcomes => "store alone, with outcomes, 500 a commit",
            Self::Ingest => "durable ingest, webhook disabled",
            Self::EndToEnd => "end to end, one event a request",
            Self::EndToEndBatches => "end to end, 100 events a request",
        }
    }
}

/// One measurement of a rate.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    pub per_second: f64,
    pub events: u64,
    pub spent: Option<Spent>,
    pub audit: Option<Audit>,
}

/// One measurement of latencies, in microseconds.
#[derive(Debug, Clone)]
pub struct Latencies {
    pub ack: Vec<u64>,
    pub delivery: Vec<u64>,
    pub audit: Audit,
}

impl Settings {
    /// Makes one measurement.
    pub fn measure(&self, step: Step) -> Result<Sample> {
        let directory = self.scratch()?;
        let place = directory.path();
        match step {
            Step::Generator => self.generator(),
            Step::Bare => self.bare(),
            Step::Proxy => self.proxy("serve-proxy", place),
            Step::PlainProxy => self.proxy("serve-plain-proxy", place),
            Step::Null => self.null(place),
            Step::RawSqlite => self.unposted(storage::raw_loop(place, self.time() / 2)?),
            Step::Store => self.unposted(storage::store_loop(place, self.time() / 2, Rows::Accepts)?),
            Step::StoreWithOutcomes => {
                self.unposted(storage::store_loop(place, self.time() / 2, Rows::AcceptsAndOutcomes)?)
            }
            Step::Ingest => self.ingest(place),
            Step::EndToEnd => self.end_to_end(place, 1),
            Step::EndToEndBatches => self.end_to_end(place, BATCH_EVENTS),
        }
        .with_context(|| step.title())
    }

    /// The median time that 4 KiB take to the disk, in microseconds.
    pub fn fsync(&self) -> Result<u64> {
        let directory = self.scratch()?;
        let all = storage::fsyncs(directory.path(), (self.time() / 4).max(Duration::from_millis(200)))?;
        Ok(percentile(&all, 50).unwrap_or(0) / 1000)
    }

    /// Ack and delivery latency at a fixed rate.
    pub fn latencies(&self) -> Result<Latencies> {
        const CONNECTIONS: usize = 32;
        let directory = self.scratch()?;
        let ledger = self.ledger();
        let receiver = Receiver::start(&signed(&ledger)?)?;
        let server = Subject::server(&self.server, directory.path())?;
        let target = server.program(&receiver.url(), Webhook::Enabled)?;
        closed_loop(&target, &ledger, 4, Until::Posted(WARM_UP / 5))?;
        drain(&ledger);
        let first = ledger.posted_count();
        let schedule =
            Schedule { per_second: OPEN_LOOP_PER_SECOND, time: self.time(), broken: Broken::Fails };
        open_loop(&target, &ledger, CONNECTIONS, schedule)?;
        drain(&ledger);
        server.kill()?;
        let audit = ledger.audit(Fate::Arrives);
        Ok(Latencies { ack: ledger.ack_latencies(first), delivery: ledger.delivery_latencies(first), audit })
    }

    /// The bare loop.
    pub fn bare(&self) -> Result<Sample> {
        let ledger = self.ledger();
        hyper_loop::run(&ledger, self.connections, Until::Posted(WARM_UP))?;
        let (first, began, busy) = (ledger.posted_count(), ledger.elapsed(), Busy::now(None));
        hyper_loop::run(&ledger, self.connections, Until::Elapsed(began + self.time()))?;
        let (ended, events) = (ledger.elapsed(), ledger.accepted_from(first));
        Ok(Sample {
            per_second: rate(events, ended.saturating_sub(began)),
            events,
            spent: Some(busy.since(None)),
            audit: Some(ledger.audit(Fate::Arrives)),
        })
    }

    fn generator(&self) -> Result<Sample> {
        let ledger = self.ledger();
        let receiver = Receiver::start(&Book { ledger: Arc::clone(&ledger), secret: None })?;
        let target = Target {
            address: receiver.address(),
            path: "/hook".to_owned(),
            key: None,
            events_per_request: 1,
            is_delivered: true,
        };
        self.post(&target, &ledger, None)
    }

    /// Answers 202 after the receiver's answer.
    fn proxy(&self, baseline: &str, directory: &Path) -> Result<Sample> {
        let ledger = self.ledger();
        let receiver = Receiver::start(&Book { ledger: Arc::clone(&ledger), secret: None })?;
        let proxy = Subject::baseline(&[baseline, &receiver.url()], directory)?;
        let sample = self.post(&proxy.target(true), &ledger, Some(&proxy))?;
        proxy.kill()?;
        Ok(sample)
    }

    fn null(&self, directory: &Path) -> Result<Sample> {
        let null = Subject::baseline(&["serve-null"], directory)?;
        let sample = self.post(&null.target(false), &self.ledger(), Some(&null))?;
        null.kill()?;
        Ok(sample)
    }

    /// After it the server is killed, and what it has said to be on disk is looked for there.
    fn ingest(&self, directory: &Path) -> Result<Sample> {
        let ledger = self.ledger();
        let receiver = Receiver::start(&signed(&ledger)?)?;
        let server = Subject::server(&self.server, directory)?;
        let target = server.program(&receiver.url(), Webhook::Disabled)?;
        let mut sample = self.post(&target, &ledger, Some(&server))?;
        server.kill()?;
        let (events, parked) = storage::stored(&subject::database(directory))?;
        if let Some(audit) = &mut sample.audit {
            audit.lost += audit.accepted.abs_diff(events).max(audit.accepted.abs_diff(parked));
        }
        Ok(sample)
    }

    fn end_to_end(&self, directory: &Path, events_per_request: usize) -> Result<Sample> {
        let ledger = self.ledger();
        let receiver = Receiver::start(&signed(&ledger)?)?;
        let server = Subject::server(&self.server, directory)?;
        let mut target = server.program(&receiver.url(), Webhook::Enabled)?;
        if events_per_request > 1 {
            target = Target { path: format!("{}/batch", target.path), events_per_request, ..target };
        }
        let sample = self.post(&target, &ledger, Some(&server))?;
        server.kill()?;
        Ok(sample)
    }

    /// Warms up, posts for the time of a measurement, waits until everything has arrived. The rate is that of the
    /// accepted events from the first post to the last arrival, or to the last answer where nothing is to arrive.
    fn post(&self, target: &Target, ledger: &Arc<Ledger>, subject: Option<&Subject>) -> Result<Sample> {
        // A request with many events keeps the server as busy as many requests do.
        let connections =
            if target.events_per_request > 1 { self.connections.div_ceil(8) } else { self.connections };
        closed_loop(target, ledger, connections, Until::Posted(WARM_UP))?;
        if target.is_delivered {
            drain(ledger);
        }
        let id = subject.map(Subject::id);
        let (first, began, busy) = (ledger.posted_count(), ledger.elapsed(), Busy::now(id));
        closed_loop(target, ledger, connections, Until::Elapsed(began + self.time()))?;
        let mut ended = ledger.elapsed();
        let fate = if target.is_delivered { Fate::Arrives } else { Fate::Stays };
        if target.is_delivered {
            drain(ledger);
            ended = ledger.last_arrival();
        }
        let events = ledger.accepted_from(first);
        ensure!(events > 0, "nothing was accepted");
        Ok(Sample {
            per_second: rate(events, ended.saturating_sub(began)),
            events,
            spent: Some(busy.since(id)),
            audit: Some(ledger.audit(fate)),
        })
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "an arm like the others")]
    fn unposted(&self, per_second: f64) -> Result<Sample> {
        Ok(Sample { per_second, ..Sample::default() })
    }

    /// Of a measurement.
    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn ledger(&self) -> Arc<Ledger> {
        let seconds = self.time().as_secs() + 1;
        Arc::new(Ledger::new(seconds * EVENTS_PER_SECOND + WARM_UP * 2))
    }

    /// A directory for a database; it goes when the value goes.
    pub fn scratch(&self) -> Result<TempDir> {
        let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&self.directory);
        directory.with_context(|| format!("cannot create a directory in {}", self.directory.display()))
    }
}

/// Arrivals go into the ledger; requests are signed as the server's are.
pub fn signed(ledger: &Arc<Ledger>) -> Result<Book> {
    let secret = Secret::parse(subject::SECRET).context("the secret is a valid one")?;
    Ok(Book { ledger: Arc::clone(ledger), secret: Some(secret) })
}

/// Waits until every accepted event has arrived, or nothing arrives any more.
pub fn drain(ledger: &Ledger) {
    let accepted = ledger.accepted_from(0);
    let (mut seen, mut since) = (ledger.arrived_count(), ledger.elapsed());
    while seen < accepted && ledger.elapsed().saturating_sub(since) < DRAIN_PATIENCE {
        thread::sleep(Duration::from_millis(5));
        let now = ledger.arrived_count();
        if now > seen {
            (seen, since) = (now, ledger.elapsed());
        }
    }
}

/// The number of processors.
pub fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| whole(cores.get()))
}
