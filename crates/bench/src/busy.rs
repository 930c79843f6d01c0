//! How much processor time a measurement took, and who took it. From `/proc`; elsewhere nothing is known.

use std::fs;
use std::time::Duration;

use crate::numbers::float;

/// Processor time since some start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Busy {
    /// The measured process.
    subject: Duration,
    /// This process: generator and receiver.
    own: Duration,
    /// Everybody on this machine.
    all: Duration,
}

/// Processor time during a measurement.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub subject: Duration,
    pub own: Duration,
    /// What others took of the processor time that was spent, from 0 to 1.
    pub others_share: f64,
}

impl Busy {
    /// As of now, with the process whose id is `subject` as the one that is measured.
    pub fn now(subject: Option<u32>) -> Self {
        Self {
            subject: subject.and_then(of_process).unwrap_or_default(),
            own: of_process(std::process::id()).unwrap_or_default(),
            all: of_machine().unwrap_or_default(),
        }
    }

    /// What was spent since.
    pub fn since(self, subject: Option<u32>) -> Spent {
        let now = Self::now(subject);
        let (subject, own) = (now.subject.saturating_sub(self.subject), now.own.saturating_sub(self.own));
        let all = now.all.saturating_sub(self.all);
        let others = all.saturating_sub(subject + own).as_secs_f64();
        let others_share = if all.is_zero() { 0.0 } else { others / all.as_secs_f64() };
        Spent { subject, own, others_share }
    }
}

/// Of a process, and of those that it has started, those that have ended included.
pub fn of_family(id: u32) -> Duration {
    let own = stat(id).map(|own| own.ticks + own.ticks_of_ended).unwrap_or_default();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let others = entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?));
    of_ticks(
        own + others.filter(|one| one.parent == id).map(|one| one.ticks + one.ticks_of_ended).sum::<u64>(),
    )
}

/// What started a process.
pub fn parent(id: u32) -> Option<u32> {
    stat(id).map(|one| one.parent)
}

/// Of the process alone.
pub fn of_process(id: u32) -> Option<Duration> {
    stat(id).map(|one| of_ticks(one.ticks))
}

/// Of a line of `/proc/…/stat`.
struct Stat {
    parent: u32,
    /// User and system time.
    ticks: u64,
    /// The same of its children that have ended.
    ticks_of_ended: u64,
}

/// Fields 4 and 14 to 17, counted from behind the name in parentheses.
fn stat(id: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = fields.get(1)?.parse().ok()?;
    Some(Stat { parent, ticks: ticks(11)? + ticks(12)?, ticks_of_ended: ticks(13)? + ticks(14)? })
}

/// Everything of the first line but idle and waiting for disks (fields 4 and 5); guests are counted in user time.
fn of_machine() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6].into_iter().filter_map(|at| fields.get(at)).sum();
    Some(of_ticks(busy))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(float(ticks) / float(rustix::param::clock_ticks_per_second()))
}
