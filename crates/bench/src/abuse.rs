//! `cargo xtask abuse`: what a healthy program notices of somebody who means harm.
//!
//! Each kind of abuse gets a server of its own. A steady, low rate of events is posted and delivered twice: alone, and while
//! the abuse goes on; memory is looked at all the time. The two looks are on one server, one after the other, so what
//! differs is the abuse, and what it takes from the machine: attacker, producer and receiver share it with the server.

mod attack;
mod report;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use groundswell_engine::clock::Stopwatch;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::attack::{Attack, Score, Victim};
use self::report::Row;
use crate::ledger::{Fate, Ledger};
use crate::load::{Broken, Schedule, Target, Until, closed_loop, open_loop};
use crate::measure::{Settings, drain, signed};
use crate::memory::Memory;
use crate::numbers::percentile;
use crate::receiver::Receiver;
use crate::subject::{Subject, Webhook};

/// What `cargo xtask abuse` accepts.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How long each look at the healthy program takes.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Events a second of the healthy program.
    #[arg(long, default_value_t = 100)]
    pub per_second: u32,
    /// Idle connections, and half as many slow ones.
    #[arg(long, default_value_t = 10_000)]
    pub connections: u64,
    /// Wrong sign-ins.
    #[arg(long, default_value_t = 100_000)]
    pub sign_ins: u64,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Attack>,
    /// The server's executable; by default the one beside this program.
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Where the results go as Markdown, by default bench/abuse.md in the target directory.
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// Microseconds of the healthy program.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    ack_p50: u64,
    ack_p99: u64,
    delivery_p50: u64,
    delivery_p99: u64,
}

/// Runs all of it, prints a table, writes it down.
pub fn run(options: &Options, settings: &Settings, output: &PathBuf) -> Result<()> {
    raise_descriptors(options.connections)?;
    let mut rows = Vec::new();
    for attack in Attack::ALL.into_iter().filter(|it| options.only.is_empty() || options.only.contains(it)) {
        println!("abuse: {}", attack.title(options));
        let row = look_at(attack, options, settings).with_context(|| attack.title(options))?;
        println!("    {}", row.line());
        rows.push(row);
    }
    let text = report::markdown(&rows, options);
    println!("\n{text}");
    fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))?;
    println!("written to {}", output.display());
    let wrong: Vec<String> = rows.iter().filter_map(Row::problem).collect();
    ensure!(wrong.is_empty(), "these figures say nothing: {}", wrong.join("; "));
    Ok(())
}

fn look_at(attack: Attack, options: &Options, settings: &Settings) -> Result<Row> {
    let directory = settings.scratch()?;
    let seconds = settings.time().as_secs() + 2;
    let ledger = Arc::new(Ledger::new(4 * seconds * u64::from(options.per_second) + 2_000));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let server = Subject::server(&settings.server, directory.path())?;
    let target = server.program(&receiver.url(), Webhook::Enabled)?;
    let victim = Victim {
        address: server.address(),
        events: server.events_of(&server.create(&[], Webhook::Enabled)?),
    };
    closed_loop(&target, &ledger, 4, Until::Posted(500))?;
    drain(&ledger);

    let schedule = Schedule { per_second: options.per_second, time: settings.time(), broken: Broken::Fails };
    let alone = look(&target, &ledger, schedule)?;
    let before = Memory::of_process(server.id())?;
    let score = Arc::new(Score::default());
    let is_measured = AtomicBool::new(false);
    let watch = Stopwatch::start();
    let (during, most, attacked) = thread::scope(|scope| -> Result<_> {
        let most = scope.spawn(|| most_memory(server.id(), &is_measured));
        let attacker = scope.spawn(|| attack.run(options, &victim, &score));
        let during = score.wait_until_ready().and_then(|()| look(&target, &ledger, schedule));
        // Some have a number to get through, and are looked at until then.
        score.stop();
        let outcome = attacker.join().ok().context("the attacker panicked")?;
        is_measured.store(true, Ordering::Relaxed);
        let most = most.join().ok().context("looking at the memory panicked")?;
        outcome?;
        Ok((during?, most, watch.elapsed()))
    })?;
    ensure!(server.is_ready(), "the server is not ready after it");
    drain(&ledger);
    thread::sleep(Duration::from_secs(1));
    server.kill()?;
    Ok(Row {
        title: attack.title(options),
        looks: [alone, during],
        resident_kib: [before.resident_kib, most],
        attacked,
        answers: score.answers(),
        audit: ledger.audit(Fate::Arrives),
    })
}

fn look(target: &Target, ledger: &Arc<Ledger>, schedule: Schedule) -> Result<Look> {
    let first = ledger.posted_count();
    open_loop(target, ledger, 16, schedule)?;
    drain(ledger);
    let (acks, deliveries) = (ledger.ack_latencies(first), ledger.delivery_latencies(first));
    let of = |values: &[u64], hundredths| percentile(values, hundredths).context("nothing was accepted");
    Ok(Look {
        ack_p50: of(&acks, 50)?,
        ack_p99: of(&acks, 99)?,
        delivery_p50: of(&deliveries, 50)?,
        delivery_p99: of(&deliveries, 99)?,
    })
}

/// The most that is resident at any look, in KiB.
fn most_memory(process: u32, is_over: &AtomicBool) -> u64 {
    let most = AtomicU64::new(0);
    while !is_over.load(Ordering::Relaxed) {
        if let Ok(memory) = Memory::of_process(process) {
            most.fetch_max(memory.resident_kib, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(50));
    }
    most.into_inner()
}

/// This program needs a file descriptor for each connection, too.
fn raise_descriptors(connections: u64) -> Result<()> {
    let wanted = connections + 2_000;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        raised.with_context(|| format!("{wanted} file descriptors are needed; raise the hard limit"))?;
    }
    Ok(())
}
