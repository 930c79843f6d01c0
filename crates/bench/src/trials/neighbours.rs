//! A healthy program beside hundreds of endpoints that hang and a dead one with a backlog, compared with the same
//! program alone.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_types::MAX_WEBHOOKS;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Aim, Findings, middle};
use crate::filler::{Events, Filler, Waiting};
use crate::healthy::Healthy;
use crate::measure::Settings;
use crate::memory::Memory;
use crate::numbers::{float, whole};
use crate::receiver::{Manner, Receiver};
use crate::subject::{self, Subject, Webhook};

const SLOWER_AT_MOST: f64 = 1.5;

/// Below this nobody notices.
const OR_LATER_MS: f64 = 5.0;

/// More than an endpoint that hangs gets rid of during the trial.
const WAITING_FOR_HANGING: u64 = 20;

/// An attempt that hangs ends after 15 seconds: a look has to be longer.
const LOOKS_LONGER: u32 = 2;

/// How long the neighbours get to begin hanging.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let time = settings.sizes.time() * LOOKS_LONGER;
    let healthy = Healthy::start(settings.sizes.time())?;
    let open = Arc::new(AtomicU64::new(0));
    let hanging = Receiver::behaving(&Manner::Hangs(Arc::clone(&open)))?;
    let quiet = Neighbourhood::new(settings, &healthy)?;
    let noisy = Neighbourhood::new(settings, &healthy)?;
    noisy.add_neighbours(settings, &hanging)?;

    let (mut alone, mut beside, mut hung) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = Memory::default();
    for _ in 0..settings.rounds {
        let server = quiet.server(settings)?;
        alone.push(healthy.delivery_p99_ms(&server.events_of(&quiet.program), time)?);
        server.kill()?;

        let server = noisy.server(settings)?;
        let watch = Stopwatch::start();
        while open.load(Ordering::Relaxed) < settings.sizes.hanging && watch.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
        hung.push(float(open.load(Ordering::Relaxed)));
        beside.push(healthy.delivery_p99_ms(&server.events_of(&noisy.program), time)?);
        memory = Memory::of_process(server.id())?;
        server.kill()?;
    }
    if noisy.held()? == 0 {
        findings.violated("the dead endpoint was not tried, so it disturbed nobody".to_owned());
    }
    let (alone, beside) = (middle(&alone)?, middle(&beside)?);
    let most = (alone * SLOWER_AT_MOST).max(alone + OR_LATER_MS);
    findings.told("endpoints that hung at the beginning of a look", middle(&hung)?, "");
    findings.told("delivery p99 at 200/s, alone", alone, "ms");
    let title = format!("delivery p99 at 200/s, beside them and {} at a dead one", settings.sizes.backlog);
    findings.aimed(title, (beside, "ms"), Aim::AtMost(most));
    findings.memory("beside them", memory, None);
    findings.audited("neighbours", healthy.audit());
    Ok(())
}

/// A database with a healthy program.
struct Neighbourhood {
    directory: TempDir,
    program: String,
    /// The program whose endpoint is dead.
    dead: String,
}

impl Neighbourhood {
    fn new(settings: &Settings, healthy: &Healthy) -> Result<Self> {
        let directory = settings.scratch()?;
        let server = Subject::server(&settings.server, directory.path())?;
        let program = server.create(&[healthy.url()], Webhook::Enabled)?;
        let dead = server.create(&[dead_url()?], Webhook::Enabled)?;
        server.kill()?;
        Ok(Self { directory, program, dead })
    }

    fn add_neighbours(&self, settings: &Settings, hanging: &Receiver) -> Result<()> {
        let server = self.server(settings)?;
        let slow = server.create(&vec![hanging.url(); MAX_WEBHOOKS], Webhook::Enabled)?;
        server.kill()?;
        let mut filler = Filler::open(self.place())?;
        let now_ms = Clock::system().now_ms();
        let waiting = Waiting { due_at_ms: now_ms, attempts: 0 };
        let of = |program, count| Events { program, count, first_number: 0, accepted_at_ms: now_ms };
        filler.waiting(of(&self.dead, settings.sizes.backlog), waiting)?;
        let copies = settings.sizes.hanging.div_ceil(whole(MAX_WEBHOOKS)).saturating_sub(1);
        let mut programs = filler.copies(&slow, copies)?;
        programs.push(slow);
        for program in &programs {
            filler.waiting(of(program, WAITING_FOR_HANGING), waiting)?;
        }
        filler.close()
    }

    fn server(&self, settings: &Settings) -> Result<Subject> {
        Subject::server(&settings.server, self.place())
    }

    fn place(&self) -> &Path {
        self.directory.path()
    }

    /// Endpoints whose breaker is open.
    fn held(&self) -> Result<i64> {
        let db = Connection::open(subject::database(self.place()))?;
        let sql = "SELECT COUNT(*) FROM endpoint_state WHERE opened_at_ms IS NOT NULL";
        Ok(db.query_row(sql, [], |row| row.get(0))?)
    }
}

/// A URL where nobody listens: connections are refused at once.
pub(super) fn dead_url() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(format!("http://{}/hook", listener.local_addr()?))
}
