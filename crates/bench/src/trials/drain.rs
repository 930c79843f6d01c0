//! A backlog at ten endpoints that come back after an outage: their breakers are open, the next probes succeed, and
//! everything goes out.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use groundswell_engine::clock::Clock;

use super::{Aim, Findings, middle};
use crate::busy::Busy;
use crate::filler::{Events, Filler, Waiting};
use crate::ledger::{Fate, Ledger};
use crate::measure::{Settings, drain, signed};
use crate::memory::Memory;
use crate::numbers::{float, whole};
use crate::receiver::Receiver;
use crate::subject::{Subject, Webhook};

const OF_BARE_AT_LEAST: f64 = 0.6;

const ENDPOINTS: u64 = 10;

/// How long ago it was accepted; before its deadline.
const AGE_MS: i64 = 3_600_000;

/// From the start of the server to the probes.
const HELD_FOR: Duration = Duration::from_secs(4);

pub(super) fn run(settings: &Settings, findings: &mut Findings) -> Result<()> {
    let directory = settings.scratch()?;
    let events = settings.sizes.backlog / ENDPOINTS;
    let ledger = Arc::new(Ledger::new(events * ENDPOINTS));
    let receiver = Receiver::start(&signed(&ledger)?)?;
    let server = Subject::server(&settings.server, directory.path())?;
    let mut programs = Vec::new();
    for _ in 0..ENDPOINTS {
        programs.push(server.create(&[receiver.url()], Webhook::Enabled)?);
    }
    server.kill()?;

    let mut filler = Filler::open(directory.path())?;
    let accepted_at_ms = Clock::system().now_ms() - AGE_MS;
    for program in &programs {
        let Some(first_number) = ledger.take(events) else { continue };
        for number in first_number..first_number + events {
            ledger.posted(number, ledger.elapsed());
            ledger.answered(number, 202);
        }
        let accepted = Events { program, count: events, first_number, accepted_at_ms };
        filler.waiting(accepted, Waiting { due_at_ms: accepted_at_ms, attempts: 0 })?;
    }
    // The loop has the disk to itself, as the server will.
    filler.close()?;
    let mut bare = vec![settings.bare()?.per_second];
    let mut filler = Filler::open(directory.path())?;
    let probe_at_ms = Clock::system().now_ms() + i64::try_from(HELD_FOR.as_millis())?;
    for program in &programs {
        filler.hold(program, accepted_at_ms, probe_at_ms)?;
    }
    filler.close()?;

    let server = Subject::server(&settings.server, directory.path())?;
    let held = Memory::of_process(server.id())?;
    let busy = Busy::now(Some(server.id()));
    let most = thread::scope(|scope| {
        let draining = scope.spawn(|| drain(&ledger));
        let mut most = held;
        while !draining.is_finished() {
            thread::sleep(Duration::from_millis(100));
            let now = Memory::of_process(server.id()).unwrap_or(most);
            most = if now.resident_kib > most.resident_kib { now } else { most };
        }
        most
    });
    let spent = busy.since(Some(server.id()));
    server.kill()?;
    bare.push(settings.bare()?.per_second);
    findings.audited("drain", ledger.audit(Fate::Arrives));

    let arrivals = ledger.arrival_times();
    ensure!(arrivals.len() > 1_000, "too few arrivals to tell a rate; raise --backlog");
    let Pace { per_second, in_the_middle, ramp_seconds, ramp_share } = Pace::of(&arrivals);
    let bare = middle(&bare)?;
    let title = format!("{} waiting at 10 endpoints, first arrival to last", whole(arrivals.len()));
    findings.told(title, per_second, "/s");
    findings.told("bare POST loop, before and after", bare, "/s");
    findings.aimed("drain / bare loop", (per_second / bare, ""), Aim::AtLeast(OF_BARE_AT_LEAST));
    findings.told("in the middle 80 %, where every cap is wide open", in_the_middle, "/s");
    findings.told("lost to the caps that begin at one and double", ramp_seconds * 1000.0, "ms");
    findings.told("of the whole drain", ramp_share * 100.0, "%");
    findings.told(
        "processor time of the server per delivery",
        spent.subject.as_secs_f64() * 1e6 / float(whole(arrivals.len())),
        "µs",
    );
    findings.memory("while held", held, None);
    findings.memory("at most during the drain", most, None);
    Ok(())
}

/// How fast events arrived.
struct Pace {
    per_second: f64,
    in_the_middle: f64,
    /// What the first tenth took longer than a tenth does later.
    ramp_seconds: f64,
    ramp_share: f64,
}

impl Pace {
    /// Of at least ten arrivals, in order, in seconds.
    fn of(arrivals: &[f64]) -> Self {
        let count = arrivals.len();
        let (first, last) = (arrivals[0], arrivals[count - 1]);
        let (tenth, ninth_tenth) = (count / 10, count / 10 * 9);
        let per_second = |events: usize, seconds: f64| float(whole(events)) / seconds.max(1e-9);
        let in_the_middle = per_second(ninth_tenth - tenth, arrivals[ninth_tenth] - arrivals[tenth]);
        let expected = float(whole(tenth)) / in_the_middle;
        let ramp_seconds = (arrivals[tenth] - first - expected).max(0.0);
        Self {
            per_second: per_second(count - 1, last - first),
            in_the_middle,
            ramp_seconds,
            ramp_share: ramp_seconds / (last - first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_beginning_took_longer_is_the_ramp() {
        // A hundred a second, but the first ten took a second more.
        let arrivals: Vec<f64> = (0..1_000_u32)
            .map(|number| f64::from(number) / 100.0 + if number < 10 { 0.0 } else { 1.0 })
            .collect();
        let pace = Pace::of(&arrivals);
        assert!((pace.in_the_middle - 100.0).abs() < 0.1, "{}", pace.in_the_middle);
        assert!((pace.ramp_seconds - 1.0).abs() < 0.01, "{}", pace.ramp_seconds);
        assert!((pace.ramp_share - 1.0 / 10.99).abs() < 0.01, "{}", pace.ramp_share);
    }
}
