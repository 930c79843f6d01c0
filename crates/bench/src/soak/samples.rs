//! What is looked at now and then while the server runs, as a table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::numbers::{float, median, percentile, rate, whole};
use crate::subject::{self, Subject};

/// One look.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Since the load began.
    pub at: Duration,
    pub resident_mb: f64,
    pub anonymous_mb: f64,
    /// The database's file, and what is written ahead beside it.
    pub database_mb: f64,
    pub ahead_mb: f64,
    pub descriptors: u64,
    /// Of the healthy program since the look before.
    pub arrived_per_second: f64,
    /// Posted and not arrived.
    pub waiting: u64,
    /// Milliseconds, from when an event was due: to the answer, and to its arrival; median and 99th percentile.
    pub ack: [f64; 2],
    pub delivery: [f64; 2],
}

/// A column: what it is called, and its value.
pub type Column = (&'static str, fn(&Sample) -> f64);

/// All, in the order of the table.
pub const COLUMNS: [Column; 12] = [
    ("seconds", |one| one.at.as_secs_f64()),
    ("resident MB", |one| one.resident_mb),
    ("anonymous MB", |one| one.anonymous_mb),
    ("database MB", |one| one.database_mb),
    ("write-ahead MB", |one| one.ahead_mb),
    ("file descriptors", |one| float(one.descriptors)),
    ("arrived/s", |one| one.arrived_per_second),
    ("waiting", |one| float(one.waiting)),
    ("ack p50 ms", |one| one.ack[0]),
    ("ack p99 ms", |one| one.ack[1]),
    ("delivery p50 ms", |one| one.delivery[0]),
    ("delivery p99 ms", |one| one.delivery[1]),
];

/// Who looks, and what the look before has seen.
#[derive(Debug)]
pub struct Looked<'a> {
    directory: &'a Path,
    ledger: &'a Ledger,
    at: Duration,
    arrived: u64,
    /// Events up to this number were posted by then. What is said of latencies is of those between the two looks before, so
    /// that they have had time to arrive.
    posted: [u64; 2],
}

impl<'a> Looked<'a> {
    /// Looks at the database in `directory`, and at what the healthy program's receiver has got.
    pub const fn new(directory: &'a Path, ledger: &'a Ledger) -> Self {
        Self { directory, ledger, at: Duration::ZERO, arrived: 0, posted: [0; 2] }
    }

    /// Looks at the server, `at` a time since the load began.
    pub fn look(&mut self, server: &Subject, at: Duration) -> Result<Sample> {
        let Self { directory, ledger, .. } = *self;
        let memory = Memory::of_process(server.id())?;
        let descriptors = fs::read_dir(format!("/proc/{}/fd", server.id()))?.count();
        let database = subject::database(directory);
        let (posted, arrived) = (ledger.posted_count(), ledger.arrived_count());
        let [ack, delivery] = ledger
            .latencies_of(self.posted[0]..self.posted[1])
            .map(|all| [50, 99].map(|hundredths| float(percentile(&all, hundredths).unwrap_or(0)) / 1_000.0));
        let sample = Sample {
            at,
            resident_mb: mb(memory.resident_kib * 1024),
            anonymous_mb: mb(memory.anonymous_kib * 1024),
            database_mb: mb(fs::metadata(&database).context("the database is there")?.len()),
            ahead_mb: mb(fs::metadata(database.with_extension("db-wal")).map_or(0, |ahead| ahead.len())),
            descriptors: whole(descriptors),
            arrived_per_second: rate(arrived - self.arrived, at.saturating_sub(self.at)),
            waiting: posted.saturating_sub(arrived),
            ack,
            delivery,
        };
        (self.at, self.arrived, self.posted) = (at, arrived, [self.posted[1], posted]);
        Ok(sample)
    }
}

/// As comma-separated values.
pub fn table(samples: &[Sample]) -> String {
    let mut text = COLUMNS.map(|(name, _)| name).join(",");
    text.push('\n');
    for sample in samples {
        let _ = writeln!(text, "{}", COLUMNS.map(|(_, value)| format!("{:.2}", value(sample))).join(","));
    }
    text
}

/// A curve's median in the first third of the samples and in the last.
pub fn ends(samples: &[Sample], value: fn(&Sample) -> f64) -> Option<[f64; 2]> {
    let third = samples.len() / 3;
    let of = |part: &[Sample]| median(&part.iter().map(value).collect::<Vec<_>>());
    Some([of(samples.get(..third)?)?, of(samples.get(samples.len() - third..)?)?])
}

fn mb(bytes: u64) -> f64 {
    float(bytes) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_that_rises_has_other_ends() {
        let sample = |resident_mb: f64| Sample { resident_mb, ..Sample::default() };
        let samples: Vec<Sample> = (0..9).map(|number| sample(f64::from(number))).collect();
        assert_eq!(ends(&samples, |one| one.resident_mb), Some([1.0, 7.0]));
        assert_eq!(ends(&samples[..2], |one| one.resident_mb), None);
        assert_eq!(table(&samples).lines().count(), 10);
        assert!(table(&samples).starts_with("seconds,resident MB,"));
    }
}
