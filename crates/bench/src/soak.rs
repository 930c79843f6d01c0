//! `cargo xtask soak`: a long time in a short one. The server runs at half of what it can do, with short retention, quick
//! retries and receivers that fail in every way, is killed once and stopped once, and is looked at all the time: memory,
//! files and latencies have to stay what they are.
//!
//! Times are a 24th of usual ones where they decide how much is kept: what piles up in a day does so in an hour.

mod chart;
mod samples;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, Result, anyhow, ensure};

use self::chart::{Curve, Mark, Panel, Scale};
use self::samples::{Looked, Sample};
use crate::ledger::{Audit, Fate, Ledger};
use crate::load::{Broken, Schedule, Target, Until, closed_loop, open_loop};
use crate::measure::{Settings, drain, signed};
use crate::numbers::{float, rate};
use crate::receiver::{Manner, Receiver};
use crate::subject::{Subject, Webhook};

/// What `cargo xtask soak` accepts.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How long the server is kept busy.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Events a second, failing webhooks' included; by default half of what the server takes end to end with retention.
    #[arg(long)]
    per_second: Option<u32>,
    /// The server's executable; by default the one beside this program.
    #[arg(long)]
    pub server: Option<PathBuf>,
    /// Where the table of all looks goes, by default bench/soak.csv in the target directory; the picture goes beside it.
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// Events are kept for so long.
const RETENTION: &str = "120000";

/// The same while it is found out what the server takes.
const KEPT_WHILE_MEASURED: &str = "5000";

const SETTINGS: [(&str, &str); 9] = [
    ("GROUNDSWELL_RETENTION_MS", RETENTION),
    ("GROUNDSWELL_RETRY_BASE_MS", "200"),
    ("GROUNDSWELL_RETRY_FACTOR", "2"),
    ("GROUNDSWELL_RETRY_CAP_MS", "5000"),
    ("GROUNDSWELL_RETRY_DEADLINE_MS", "60000"),
    ("GROUNDSWELL_PROBE_BASE_MS", "500"),
    ("GROUNDSWELL_PROBE_CAP_MS", "5000"),
    ("GROUNDSWELL_TOTAL_TIMEOUT_MS", "2000"),
    // Failing webhooks are to fail for the whole time.
    ("GROUNDSWELL_AUTODISABLE_MS", "604800000"),
];

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);

/// A webhook that fails now and then does so for so long, and works for as long.
const FLAP: Duration = Duration::from_secs(20);

/// Of all events each failing webhook gets one of so many.
const FAILING_SHARE: u32 = 50;

/// Of the time: when the server is killed, when it is stopped, and from when on curves have to be flat.
const KILLED_AT: f64 = 1.0 / 8.0;
const STOPPED_AT: f64 = 1.0 / 4.0;
const FLAT_FROM: f64 = 1.0 / 3.0;

/// The last third of a curve may be so much higher than the first.
const FLAT: f64 = 1.10;

/// The same of latencies, which others on the machine move.
const FLAT_LATENCY: f64 = 1.5;

/// Connections of the producers.
const CONNECTIONS: usize = 64;

/// Runs it, says what came of it, and fails if something grows or was lost.
pub fn run(options: &Options, settings: &Settings, output: &Path) -> Result<()> {
    let half = match options.per_second {
        Some(per_second) => per_second,
        None => half_of_all(settings)?,
    };
    let time = Duration::from_secs_f64(options.minutes * 60.0);
    ensure!(time >= 6 * LOOK, "a soak of less than a minute says nothing");
    println!("soak: {half} events/s for {} min", options.minutes);
    let stage = Stage::set(settings, half, time)?;
    let Outcome { samples, marks, audits } = stage.play()?;
    fs::write(output, samples::table(&samples))
        .with_context(|| format!("cannot write {}", output.display()))?;
    let picture = output.with_extension("svg");
    fs::write(&picture, chart::svg(&panels(), &samples, &marks))?;
    println!("written to {} and {}", output.display(), picture.display());
    let steady_from = time.mul_f64(FLAT_FROM);
    let steady: Vec<Sample> = samples.into_iter().filter(|one| one.at >= steady_from).collect();
    verdict(&steady, &audits)
}

/// Half of what the server takes end to end while as much goes as comes: on a new database, once retention has caught up.
fn half_of_all(settings: &Settings) -> Result<u32> {
    let [warming, time] = [15, 20].map(Duration::from_secs);
    let directory = settings.scratch()?;
    let ledger = Arc::new(Ledger::new(100_000 * (warming + time).as_secs()));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let kept = [("GROUNDSWELL_RETENTION_MS", KEPT_WHILE_MEASURED.to_owned())];
    let server = Subject::server_with(&settings.server, directory.path(), &kept)?;
    let target = server.program(&receiver.url(), Webhook::Enabled)?;
    closed_loop(&target, &ledger, settings.connections, Until::Elapsed(ledger.elapsed() + warming))?;
    let (first, began) = (ledger.posted_count(), ledger.elapsed());
    closed_loop(&target, &ledger, settings.connections, Until::Elapsed(began + time))?;
    drain(&ledger);
    server.kill()?;
    let all = rate(ledger.accepted_from(first), ledger.last_arrival().saturating_sub(began));
    println!("soak: the server takes {all:.0} events/s end to end while as many are forgotten");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "far below two to the 32nd")]
    let half = (all / 2.0) as u32;
    Ok(half.max(1))
}

/// The server's directory and address, its programs and their receivers.
struct Stage<'a> {
    settings: &'a Settings,
    directory: tempfile::TempDir,
    address: SocketAddr,
    server: Option<Subject>,
    time: Duration,
    healthy: Flow,
    flapping: Flow,
    failing: Vec<Flow>,
    fails: Arc<AtomicBool>,
    _receivers: Vec<Receiver>,
}

/// Events that go to one webhook.
struct Flow {
    target: Target,
    ledger: Arc<Ledger>,
    per_second: u32,
}

impl Flow {
    fn new(server: &Subject, url: &str, (ledger, per_second): (Arc<Ledger>, u32)) -> Result<Self> {
        Ok(Self { target: server.program(url, Webhook::Enabled)?, ledger, per_second })
    }

    fn post(&self, time: Duration, address: SocketAddr) -> Result<()> {
        let schedule = Schedule { per_second: self.per_second, time, broken: Broken::IsOpenedAgain(address) };
        open_loop(&self.target, &self.ledger, CONNECTIONS.min(self.per_second as usize), schedule)
    }
}

impl<'a> Stage<'a> {
    fn set(settings: &'a Settings, per_second: u32, time: Duration) -> Result<Self> {
        let directory = settings.scratch()?;
        let address = free_address()?;
        let server = start(settings, directory.path(), address)?;
        let ledger = |per_second: u32| {
            let events = time.as_secs_f64() * f64::from(per_second);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number of events"
            )]
            Arc::new(Ledger::new(events as u64 + 1_000))
        };
        let fails = Arc::new(AtomicBool::new(false));
        let share = (per_second / FAILING_SHARE).max(1);
        let most = per_second.saturating_sub(4 * share).max(1);
        let (of_healthy, of_flapping) = (ledger(most), ledger(share));
        let receivers = vec![
            Receiver::start(&signed(&of_healthy)?)?,
            Receiver::behaving(&Manner::Flaps(signed(&of_flapping)?, Arc::clone(&fails)))?,
            Receiver::behaving(&Manner::Fails(Arc::new(AtomicU64::new(0))))?,
            Receiver::behaving(&Manner::Hangs(Arc::new(AtomicU64::new(0))))?,
        ];
        let [to_healthy, to_flapping, to_failing, to_hanging] =
            [0, 1, 2, 3].map(|at: usize| receivers[at].url());
        let mut failing = Vec::new();
        for url in [to_failing, to_hanging, format!("http://{}/hook", free_address()?)] {
            failing.push(Flow::new(&server, &url, (ledger(share), share))?);
        }
        Ok(Self {
            healthy: Flow::new(&server, &to_healthy, (of_healthy, most))?,
            flapping: Flow::new(&server, &to_flapping, (of_flapping, share))?,
            failing,
            settings,
            directory,
            address,
            server: Some(server),
            time,
            fails,
            _receivers: receivers,
        })
    }

    /// Posts, disturbs, looks; then waits for everything that has to arrive.
    fn play(mut self) -> Result<Outcome> {
        let Self { settings, directory, address, server, time, healthy, flapping, failing, fails, .. } =
            &mut self;
        let (time, address, directory) = (*time, *address, directory.path());
        let flows: Vec<&Flow> = [&*healthy, &*flapping].into_iter().chain(&*failing).collect();
        let (mut samples, mut marks, mut looked) =
            (Vec::new(), Vec::new(), Looked::new(directory, &healthy.ledger));
        thread::scope(|scope| -> Result<()> {
            let posting: Vec<_> =
                flows.iter().map(|flow| scope.spawn(move || flow.post(time, address))).collect();
            let began = healthy.ledger.elapsed();
            let mut next = LOOK;
            while next <= time {
                thread::sleep((began + next).saturating_sub(healthy.ledger.elapsed()));
                fails.store((next.as_secs() / FLAP.as_secs()) % 2 == 1, Ordering::Relaxed);
                let sample = looked.look(running(server.as_ref())?, next)?;
                println!("soak: {}", line(&sample));
                samples.push(sample);
                for (share, name) in [(KILLED_AT, KILL), (STOPPED_AT, RESTART)] {
                    let at = time.mul_f64(share);
                    if next >= at && next < at + LOOK {
                        let ending = server.take().context("it runs")?;
                        if name == KILL {
                            ending.kill()?;
                        } else {
                            ending.terminate()?;
                        }
                        *server = Some(start(settings, directory, address)?);
                        marks.push(Mark { at_seconds: next.as_secs_f64(), name });
                    }
                }
                next += LOOK;
            }
            for flow in posting {
                flow.join().map_err(|_| anyhow!("a producer panicked"))??;
            }
            Ok(())
        })?;
        fails.store(false, Ordering::Relaxed);
        for flow in [&*healthy, &*flapping] {
            drain(&flow.ledger);
        }
        ensure!(running(server.as_ref())?.is_ready(), "the server is not ready after it");
        let audit = |flow: &Flow| flow.ledger.audit(Fate::Arrives);
        let audits = [("always answers", audit(healthy)), ("answers now and then", audit(flapping))];
        Ok(Outcome { samples, marks, audits })
    }
}

const KILL: &str = "kill -9";
const RESTART: &str = "restart";

/// What was seen.
struct Outcome {
    samples: Vec<Sample>,
    marks: Vec<Mark>,
    audits: [(&'static str, Audit); 2],
}

fn running(server: Option<&Subject>) -> Result<&Subject> {
    server.context("it runs")
}

fn start(settings: &Settings, directory: &Path, address: SocketAddr) -> Result<Subject> {
    let listen = ("GROUNDSWELL_LISTEN", address.to_string());
    let all: Vec<_> =
        SETTINGS.map(|(name, value)| (name, value.to_owned())).into_iter().chain([listen]).collect();
    Subject::server_with(&settings.server, directory, &all)
}

/// An address at which nobody listens now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn line(sample: &Sample) -> String {
    format!(
        "{:>5.0} s  {:>5.1} MB resident, {:>7.1} MB of files, {:>6.0} arrived/s, {} wait; p50/p99 ms: answer {:.2}/{:.2}, arrival {:.2}/{:.2}",
        sample.at.as_secs_f64(),
        sample.resident_mb,
        sample.database_mb + sample.ahead_mb,
        sample.arrived_per_second,
        sample.waiting,
        sample.ack[0],
        sample.ack[1],
        sample.delivery[0],
        sample.delivery[1],
    )
}

fn panels() -> [Panel; 4] {
    let curve = |name, value| Curve { name, value };
    [
        Panel {
            title: "Memory, MB",
            scale: Scale::Linear,
            curves: vec![
                curve("resident", |one| one.resident_mb),
                curve("of it anonymous", |one| one.anonymous_mb),
            ],
        },
        Panel {
            title: "Files, MB",
            scale: Scale::Linear,
            curves: vec![
                curve("database", |one| one.database_mb),
                curve("write-ahead log", |one| one.ahead_mb),
            ],
        },
        Panel {
            title: "From when an event was due, ms",
            scale: Scale::Logarithmic,
            curves: vec![
                curve("answer p50", |one| one.ack[0]),
                curve("answer p99", |one| one.ack[1]),
                curve("arrival p50", |one| one.delivery[0]),
                curve("arrival p99", |one| one.delivery[1]),
            ],
        },
        Panel {
            title: "Events a second at the receiver that always answers",
            scale: Scale::Linear,
            curves: vec![curve("arrived", |one| one.arrived_per_second)],
        },
    ]
}

/// A curve that has to be flat, and how flat.
type Flatness = (&'static str, fn(&Sample) -> f64, f64);

const FLATNESS: [Flatness; 5] = [
    ("resident memory, MB", |one| one.resident_mb, FLAT),
    ("database and write-ahead log, MB", |one| one.database_mb + one.ahead_mb, FLAT),
    ("file descriptors", |one| float(one.descriptors), FLAT),
    ("answer p99, ms", |one| one.ack[1], FLAT_LATENCY),
    ("arrival p99, ms", |one| one.delivery[1], FLAT_LATENCY),
];

/// What the curves and the auditor say, and whether that is as it has to be.
fn verdict(steady: &[Sample], audits: &[(&'static str, Audit)]) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, value, most) in FLATNESS {
        let [first, last] = samples::ends(steady, value).context("too few looks")?;
        let ratio = last / first.max(0.001);
        println!("soak: {name}: first third {first:.1}, last third {last:.1}, {ratio:.2} of at most {most}");
        if ratio > most {
            wrong.push(format!("{name} grew {ratio:.2} times"));
        }
    }
    for (name, audit) in audits {
        println!("soak: receiver that {name}: {audit:?}");
        // What was under way when the server was killed may come once more; nothing may be missing or altered.
        if audit.lost + audit.strangers + audit.forged > 0 {
            wrong.push(format!("receiver that {name}: {audit:?}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}
