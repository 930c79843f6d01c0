//! A server that has nothing to do, before and after it was busy.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Aim, Findings};
use crate::busy::Busy;
use crate::healthy::Healthy;
use crate::measure::Settings;
use crate::memory::Memory;
use crate::subject::{Subject, Webhook};

/// Start-up is over.
const SETTLED: Duration = Duration::from_secs(3);

/// How long the server is watched.
const WATCHED: Duration = Duration::from_secs(10);

const RESIDENT_MB: f64 = 40.0;
const BUSY_PERCENT: f64 = 1.0;

/// What it is kept busy with.
const BUSY_EVENTS: u64 = 200_000;

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let directory = settings.scratch()?;
    let healthy = Healthy::start(Duration::from_secs(10))?;
    let server = Subject::server(&settings.server, directory.path())?;
    let target = server.program(&healthy.url(), Webhook::Enabled)?;
    thread::sleep(SETTLED);
    let share = busy_percent(&server);
    let memory = Memory::of_process(server.id())?;
    findings.memory("at rest", memory, Some(Aim::AtMost(RESIDENT_MB)));
    findings.aimed("at rest: of a core over 10 s", (share, "%"), Aim::AtMost(BUSY_PERCENT));

    healthy.post_events(&target, settings.connections, BUSY_EVENTS)?;
    findings.memory("right after 200,000 events", Memory::of_process(server.id())?, None);
    let share = busy_percent(&server);
    findings.memory("10 s later", Memory::of_process(server.id())?, None);
    findings.told("10 s later: of a core", share, "%");
    server.kill()?;
    findings.audited("idle", healthy.audit());
    Ok(())
}

fn busy_percent(server: &Subject) -> f64 {
    let busy = Busy::now(Some(server.id()));
    thread::sleep(WATCHED);
    busy.since(Some(server.id())).subject.as_secs_f64() / WATCHED.as_secs_f64() * 100.0
}
