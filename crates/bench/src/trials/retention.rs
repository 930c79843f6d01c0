//! Delivery while retention deletes, compared with delivery from the same database while nothing is old enough.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use groundswell_engine::clock::{Clock, Stopwatch};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::{Aim, Findings, middle, middle_ratio};
use crate::busy::Busy;
use crate::filler::{Events, Exceptions, Filler};
use crate::healthy::Healthy;
use crate::measure::Settings;
use crate::numbers::rate;
use crate::subject::{self, Subject, Webhook};

const SLOWER_AT_MOST: f64 = 1.5;

/// One old event of so many still waits and must outlive all deletions.
const WAITS_EVERY: i64 = 1_000;

const DAY_MS: i64 = 86_400_000;

/// Older than the kept time of [`DELETES`], younger than that of [`KEEPS`].
const AGE_MS: i64 = 40 * DAY_MS;

/// The shorter what is kept, the sooner the first sweep begins.
const DELETES: &str = "20000";
const KEEPS: &str = "315360000000";

/// A sweep begins within a minute at the latest.
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let directory = settings.scratch()?;
    let place = directory.path();
    let time = settings.sizes.time();
    let healthy = Healthy::start(time)?;
    let server = Subject::server(&settings.server, place)?;
    let program = server.create(&[healthy.url()], Webhook::Enabled)?;
    let old = server.create(&["http://127.0.0.1:2/hook".to_owned()], Webhook::Enabled)?;
    server.kill()?;

    let (mut alone, mut deleting, mut speeds, mut shares) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        fill(place, &old, settings.sizes.backlog)?;
        let keeps = [("GROUNDSWELL_RETENTION_MS", KEEPS.to_owned())];
        let server = Subject::server_with(&settings.server, place, &keeps)?;
        alone.push(healthy.delivery_p99_ms(&server.events_of(&program), time)?);
        server.kill()?;

        let deletes = [("GROUNDSWELL_RETENTION_MS", DELETES.to_owned())];
        let server = Subject::server_with(&settings.server, place, &deletes)?;
        let before = begun(place)?;
        let (watch, busy) = (Stopwatch::start(), Busy::now(Some(server.id())));
        deleting.push(healthy.delivery_p99_ms(&server.events_of(&program), time)?);
        let (took, spent) = (watch.elapsed(), busy.since(Some(server.id())));
        let after =
            oldest(place)?.context("the deletions were over before the measurement; raise --backlog")?;
        speeds.push(rate((after - before).unsigned_abs(), took));
        shares.push(spent.subject.as_secs_f64() / took.as_secs_f64() * 100.0);
        server.kill()?;
        check(place, findings)?;
    }
    let speed = middle(&speeds)?;
    ensure!(speed > 0.0, "nothing was deleted");
    findings.told("delivery p99 at 200/s, nothing to delete", middle(&alone)?, "ms");
    findings.told("delivery p99 at 200/s, while it deletes", middle(&deleting)?, "ms");
    let title = format!("while it deletes, of {} old events / alone", settings.sizes.backlog);
    findings.aimed(title, (middle_ratio(&deleting, &alone)?, ""), Aim::AtMost(SLOWER_AT_MOST));
    findings.told("events deleted, each with its attempt", speed, "/s");
    findings.told("a million events would take", 1e6 / speed / 60.0, "min");
    findings.told("of a core, for deletions and 200 events/s", middle(&shares)?, "%");
    findings.audited("retention", healthy.audit());
    Ok(())
}

/// Makes up for what was deleted.
fn fill(directory: &Path, program: &str, events: u64) -> Result<()> {
    let old: i64 = reader(directory)?.query_row(
        "SELECT COUNT(*) FROM event WHERE program_id = ? AND targets <> ''",
        [program],
        |row| row.get(0),
    )?;
    let now_ms = Clock::system().now_ms();
    let mut filler = Filler::open(directory)?;
    let count = events.saturating_sub(old.unsigned_abs());
    let events = Events { program, count, first_number: 0, accepted_at_ms: now_ms - AGE_MS };
    filler.ended(events, Exceptions { every: WAITS_EVERY, due_at_ms: now_ms + DAY_MS })?;
    filler.close()
}

/// Waits until something has been deleted; returns the oldest event that can still be.
fn begun(directory: &Path) -> Result<i64> {
    let watch = Stopwatch::start();
    let first = oldest(directory)?.context("there is nothing to delete")?;
    while watch.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
        if let Some(now) = oldest(directory)?
            && now > first
        {
            return Ok(now);
        }
    }
    anyhow::bail!("nothing was deleted in {} s", PATIENCE.as_secs())
}

/// The oldest of the old events that does not wait.
fn oldest(directory: &Path) -> Result<Option<i64>> {
    let sql = "SELECT id FROM event WHERE id < (1 << 40) AND id % ? <> 1 ORDER BY id LIMIT 1";
    Ok(reader(directory)?.query_row(sql, [WAITS_EVERY], |row| row.get(0)).optional()?)
}

/// What waits is there still, and what went left nothing behind.
fn check(directory: &Path, findings: &mut Findings) -> Result<()> {
    let db = reader(directory)?;
    let Some(oldest) = oldest(directory)? else { return Ok(()) };
    let count = |sql: &str| db.query_row(sql, params![oldest], |row| row.get::<_, i64>(0));
    let waiting = count("SELECT COUNT(*) FROM event WHERE id < ?")?;
    // Number 1 is the first that waits.
    let expected = (oldest - 2).div_euclid(WAITS_EVERY) + 1;
    if waiting != expected {
        findings.violated(format!("of {expected} old events that wait {waiting} are there"));
    }
    let left = count("SELECT COUNT(*) FROM attempt WHERE delivery_id < ? * 8 AND after <> 'retry'")?;
    if left > 0 {
        findings.violated(format!("{left} attempts of deleted events are there"));
    }
    Ok(())
}

fn reader(directory: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(subject::database(directory), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(db)
}
