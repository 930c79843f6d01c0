//! Throughput and memory of the server as more and more waits: deliveries that wait at dead endpoints, and endpoints
//! that have work.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_types::MAX_WEBHOOKS;
use rusqlite::Connection;
use tempfile::TempDir;

use super::neighbours::dead_url;
use super::{Aim, Findings, middle, middle_ratio};
use crate::filler::{Events, Filler, Waiting};
use crate::healthy::Healthy;
use crate::measure::Settings;
use crate::memory::Memory;
use crate::numbers::{float, whole};
use crate::receiver::{Manner, Receiver};
use crate::subject::{self, Subject, Webhook};

const THROUGHPUT_AT_LEAST: f64 = 0.85;
const MEMORY_AT_MOST: f64 = 1.2;
const BACKLOG_MB_AT_MOST: f64 = 8.0;
const ENDPOINTS_MB_AT_MOST: f64 = 200.0;
const READY_SECONDS_AT_MOST: f64 = 3.0;

/// Events of the small backlog; with five webhooks 10,000 deliveries wait.
const FEW_EVENTS: u64 = 2_000;

/// Dead endpoints are found to be dead within this, and what start-up needed is given back.
const SETTLED: Duration = Duration::from_secs(6);

const HOUR_MS: i64 = 3_600_000;

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    pending(settings, findings)?;
    ten_endpoints(settings, findings)?;
    many_endpoints(settings, findings)
}

/// A database with a healthy program, if any, and programs that have five webhooks each.
struct Database {
    directory: TempDir,
    healthy: Option<String>,
    others: Vec<String>,
}

impl Database {
    fn new(settings: &Settings, healthy: Option<&Healthy>, (programs, url): (u64, &str)) -> Result<Self> {
        let directory = settings.scratch()?;
        let server = Subject::server(&settings.server, directory.path())?;
        let healthy = healthy.map(|healthy| server.create(&[healthy.url()], Webhook::Enabled)).transpose()?;
        let other = server.create(&vec![url.to_owned(); MAX_WEBHOOKS], Webhook::Enabled)?;
        server.kill()?;
        let mut filler = Filler::open(directory.path())?;
        let mut others = filler.copies(&other, programs.saturating_sub(1))?;
        filler.close()?;
        others.push(other);
        Ok(Self { directory, healthy, others })
    }

    /// So many events for each of the other programs.
    fn fill(&self, events: u64, due_in_ms: i64) -> Result<()> {
        let mut filler = Filler::open(self.place())?;
        let now_ms = Clock::system().now_ms();
        let waiting = Waiting { due_at_ms: now_ms + due_in_ms, attempts: i64::from(due_in_ms > 0) };
        for program in &self.others {
            let events = Events { program, count: events, first_number: 0, accepted_at_ms: now_ms };
            filler.waiting(events, waiting)?;
        }
        filler.close()
    }

    fn place(&self) -> &Path {
        self.directory.path()
    }

    fn count(&self, sql: &str) -> Result<u64> {
        let db = Connection::open(subject::database(self.place()))?;
        let count: i64 = db.query_row(sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

/// What one look at a server found.
#[derive(Default)]
struct Looks {
    per_second: Vec<f64>,
    at_rest_kib: Vec<f64>,
    after_kib: Vec<f64>,
}

impl Looks {
    fn add(&mut self, settings: &Settings, database: &Database, healthy: &Healthy) -> Result<()> {
        let server = Subject::server(&settings.server, database.place())?;
        thread::sleep(SETTLED);
        self.at_rest_kib.push(float(Memory::of_process(server.id())?.resident_kib));
        let target = server.events_of(database.healthy.as_deref().unwrap_or_default());
        self.per_second.push(healthy.throughput(&target, settings.connections, settings.sizes.time())?);
        self.after_kib.push(float(Memory::of_process(server.id())?.resident_kib));
        server.kill()
    }
}

/// From 10,000 pending deliveries to many.
fn pending(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let rounds = u32::try_from(settings.rounds)?;
    let healthy = Healthy::start(settings.sizes.time() * rounds * 2)?;
    let few = Database::new(settings, Some(&healthy), (1, &dead_url()?))?;
    few.fill(FEW_EVENTS, 0)?;
    let many = Database::new(settings, Some(&healthy), (1, &dead_url()?))?;
    many.fill(settings.sizes.events, 0)?;
    let (mut of_few, mut of_many) = (Looks::default(), Looks::default());
    for _ in 0..rounds {
        of_few.add(settings, &few, &healthy)?;
        of_many.add(settings, &many, &healthy)?;
    }
    let waiting = many.count("SELECT COUNT(*) FROM pending")?;
    ensure!(waiting >= settings.sizes.events * whole(MAX_WEBHOOKS), "the backlog did not stay");
    findings.told("a healthy program, 10,000 pending elsewhere", middle(&of_few.per_second)?, "/s");
    let title = format!("a healthy program, {waiting} pending elsewhere");
    findings.told(title, middle(&of_many.per_second)?, "/s");
    let ratio = middle_ratio(&of_many.per_second, &of_few.per_second)?;
    findings.aimed("its throughput / with 10,000", (ratio, ""), Aim::AtLeast(THROUGHPUT_AT_LEAST));
    for (title, few, many) in [
        ("resident at rest", &of_few.at_rest_kib, &of_many.at_rest_kib),
        ("resident after that", &of_few.after_kib, &of_many.after_kib),
    ] {
        findings.told(format!("{title}, 10,000 pending"), middle(few)? / 1024.0, "MB");
        findings.told(format!("{title}, {waiting} pending"), middle(many)? / 1024.0, "MB");
        findings.aimed(
            format!("{title} / with 10,000"),
            (middle_ratio(many, few)?, ""),
            Aim::AtMost(MEMORY_AT_MOST),
        );
    }
    findings.audited("growth", healthy.audit());
    Ok(())
}

/// What a backlog at ten dead endpoints adds to the memory.
fn ten_endpoints(settings: &Settings, findings: &mut Findings) -> Result<()> {
    const PROGRAMS: u64 = 2;
    /// A breaker opens after ten failures.
    const ENOUGH_TO_FAIL: u64 = 20;
    let events = settings.sizes.backlog / (PROGRAMS * whole(MAX_WEBHOOKS));
    let new = || Database::new(settings, None, (PROGRAMS, &dead_url()?));
    let (none, few, many) = (new()?, new()?, new()?);
    few.fill(ENOUGH_TO_FAIL, 0)?;
    many.fill(events, 0)?;
    let (mut than_none, mut than_few) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        let mut resident = Vec::new();
        for database in [&none, &few, &many] {
            let server = Subject::server(&settings.server, database.place())?;
            thread::sleep(SETTLED);
            resident.push(float(Memory::of_process(server.id())?.resident_kib) / 1024.0);
            server.kill()?;
        }
        than_none.push(resident[2] - resident[0]);
        than_few.push(resident[2] - resident[1]);
    }
    let held = many.count("SELECT COUNT(*) FROM endpoint_state WHERE opened_at_ms IS NOT NULL")?;
    if held != PROGRAMS * whole(MAX_WEBHOOKS) {
        findings.violated(format!("of 10 dead endpoints with a backlog {held} were found to be dead"));
    }
    let (waiting, aim) = (settings.sizes.backlog, Aim::AtMost(BACKLOG_MB_AT_MOST));
    let title = format!("{waiting} pending at 10 dead endpoints: more than with none");
    findings.aimed(title, (middle(&than_none)?, "MB"), aim);
    findings.aimed("more than with 20 each, which fail as well", (middle(&than_few)?, "MB"), aim);
    Ok(())
}

/// Start-up and memory with many endpoints that have work: a retry later, and one that has just failed.
fn many_endpoints(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let requests = Arc::new(AtomicU64::new(0));
    let failing = Receiver::behaving(&Manner::Fails(Arc::clone(&requests)))?;
    let programs = settings.sizes.endpoints / whole(MAX_WEBHOOKS);
    let endpoints = programs * whole(MAX_WEBHOOKS);

    let later = Database::new(settings, None, (programs, &failing.url()))?;
    later.fill(1, HOUR_MS)?;
    let (server, seconds) = ready(settings, &later, &[])?;
    findings.aimed(
        format!("{endpoints} endpoints with a retry due later: ready after"),
        (seconds, "s"),
        Aim::AtMost(READY_SECONDS_AT_MOST),
    );
    thread::sleep(SETTLED);
    let title = format!("{endpoints} endpoints with a retry due later");
    let aim = Some(Aim::AtMost(ENDPOINTS_MB_AT_MOST));
    findings.memory(&title, Memory::of_process(server.id())?, aim);
    server.kill()?;
    drop(later);

    let now = Database::new(settings, None, (programs, &failing.url()))?;
    now.fill(1, 0)?;
    let retry_later = [("GROUNDSWELL_RETRY_BASE_MS", HOUR_MS.to_string())];
    let (server, seconds) = ready(settings, &now, &retry_later)?;
    findings.aimed(
        format!("{endpoints} endpoints with a delivery due at once: ready after"),
        (seconds, "s"),
        Aim::AtMost(READY_SECONDS_AT_MOST),
    );
    await_requests(&requests, endpoints);
    thread::sleep(SETTLED);
    let title = format!("{endpoints} endpoints that have just failed");
    findings.memory(&title, Memory::of_process(server.id())?, aim);
    server.kill()?;
    let attempts = now.count("SELECT COUNT(DISTINCT delivery_id) FROM attempt")?;
    if attempts != endpoints || requests.load(Ordering::Relaxed) != endpoints {
        findings.violated(format!(
            "of {endpoints} deliveries {attempts} were tried, with {} requests",
            requests.load(Ordering::Relaxed)
        ));
    }
    Ok(())
}

/// Starts a server; returns the seconds until it said that it is ready.
fn ready(settings: &Settings, database: &Database, with: &[(&str, String)]) -> Result<(Subject, f64)> {
    let watch = Stopwatch::start();
    let server = Subject::server_with(&settings.server, database.place(), with)?;
    while !server.is_ready() {
        thread::sleep(Duration::from_millis(5));
    }
    Ok((server, watch.elapsed().as_secs_f64()))
}

/// Until all have come, or none has for a while.
fn await_requests(requests: &AtomicU64, wanted: u64) {
    const PATIENCE: Duration = Duration::from_secs(15);
    let (mut seen, mut since) = (0, Stopwatch::start());
    while seen < wanted && since.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
        let now = requests.load(Ordering::Relaxed);
        if now > seen {
            (seen, since) = (now, Stopwatch::start());
        }
    }
}
