//! What is asked of the server beyond its rates: that backlogs, neighbours and deletions do not slow the others down,
//! and what it takes up. One file each; this one says how results look.

mod bloat;
mod drain;
mod growth;
mod idle;
mod neighbours;
mod nodes;
mod operations;
mod pages;
mod retention;
mod scale;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::ledger::Audit;
use crate::measure::Settings;
use crate::memory::Memory;
use crate::numbers::{float, median};

/// How much the trials pile up.
#[derive(Debug, Clone, Copy, Serialize, clap::Args)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    /// Deliveries that wait: to be drained, at a dead endpoint, at ten endpoints; also events that are to be deleted.
    #[arg(long, default_value_t = 100_000)]
    pub backlog: u64,
    /// Events that wait at five webhooks each, where the growth of a backlog is looked at.
    #[arg(long, default_value_t = 100_000)]
    pub events: u64,
    /// Endpoints that have work at the same time.
    #[arg(long, default_value_t = 10_000)]
    pub endpoints: u64,
    /// Endpoints that hang.
    #[arg(long, default_value_t = 500)]
    pub hanging: u64,
    /// How long each look at latency or throughput takes, in seconds.
    #[arg(long, default_value_t = 10)]
    pub trial_seconds: u64,
    /// How long events are delivered from PostgreSQL where its bloat is looked at, in seconds.
    #[arg(long, default_value_t = 150)]
    pub bloat_seconds: u64,
    /// For how many of them somebody holds a snapshot.
    #[arg(long, default_value_t = 30)]
    pub held_seconds: u64,
    /// How many events a second are posted then.
    #[arg(long, default_value_t = 2_000)]
    pub bloat_rate: u32,
    /// The sizes the aims are stated for: a million waiting, two million events, 100,000 endpoints, an hour of deliveries from
    /// PostgreSQL with a snapshot that is held for ten minutes. Takes two hours.
    #[arg(long)]
    pub full: bool,
}

impl Sizes {
    /// With everything as large as the aims say, if that was asked for.
    pub fn settled(self) -> Self {
        if self.full {
            let (bloat_seconds, held_seconds) = (3_600, 600);
            let sizes =
                Self { backlog: 1_000_000, events: 2_000_000, endpoints: 100_000, hanging: 500, ..self };
            Self { bloat_seconds, held_seconds, ..sizes }
        } else {
            self
        }
    }

    /// Of each look.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.trial_seconds)
    }
}

/// What is tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum Trial {
    /// What the server takes up when nothing happens, and after it was busy.
    Idle,
    /// What open pages take up when nothing happens.
    Pages,
    /// Row operations and commits per delivered event.
    Operations,
    /// How fast a backlog goes out.
    Drain,
    /// Delivery while retention deletes.
    Retention,
    /// Delivery while other endpoints hang or are dead.
    Neighbours,
    /// Throughput and memory as more and more waits.
    Growth,
    /// Throughput and the hot table's size while somebody holds a snapshot of PostgreSQL.
    Bloat,
    /// Delivery by one server of what another has accepted.
    Nodes,
    /// What one, two and four servers take of one PostgreSQL for an event.
    Scale,
}

impl Trial {
    /// All, in the order in which they are made and shown.
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::Pages,
        Self::Operations,
        Self::Drain,
        Self::Retention,
        Self::Neighbours,
        Self::Growth,
        Self::Bloat,
        Self::Nodes,
        Self::Scale,
    ];

    /// What people read.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pages => "pages",
            Self::Operations => "operations",
            Self::Drain => "drain",
            Self::Retention => "retention",
            Self::Neighbours => "neighbours",
            Self::Growth => "growth",
            Self::Bloat => "bloat",
            Self::Nodes => "nodes",
            Self::Scale => "scale",
        }
    }

    /// Tries it out.
    pub fn run(self, settings: &Settings) -> Result<Findings> {
        let mut findings = Findings::new(self);
        match self {
            Self::Idle => idle::run(settings, &mut findings),
            Self::Pages => pages::run(settings, &mut findings),
            Self::Operations => operations::run(settings, &mut findings),
            Self::Drain => drain::run(settings, &mut findings),
            Self::Retention => retention::run(settings, &mut findings),
            Self::Neighbours => neighbours::run(settings, &mut findings),
            Self::Growth => growth::run(settings, &mut findings),
            Self::Bloat => bloat::run(settings, &mut findings),
            Self::Nodes => nodes::run(settings, &mut findings),
            Self::Scale => scale::run(settings, &mut findings),
        }
        .with_context(|| self.title())?;
        Ok(findings)
    }
}

/// What a value is to be.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub struct Finding {
    pub title: String,
    pub value: f64,
    pub unit: &'static str,
    pub aim: Option<Aim>,
}

/// Everything a trial found.
#[derive(Debug, Clone)]
pub struct Findings {
    trial: Trial,
    rows: Vec<Finding>,
    audits: Vec<(&'static str, Audit)>,
    /// What was found that must not be, besides what the audits say.
    violations: Vec<String>,
}

impl Findings {
    fn new(trial: Trial) -> Self {
        Self { trial, rows: Vec::new(), audits: Vec::new(), violations: Vec::new() }
    }

    /// A value that is to be something.
    pub fn aimed(&mut self, title: impl Into<String>, (value, unit): (f64, &'static str), aim: Aim) {
        self.rows.push(Finding { title: title.into(), value, unit, aim: Some(aim) });
    }

    /// A value that explains others.
    pub fn told(&mut self, title: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Finding { title: title.into(), value, unit, aim: None });
    }

    /// Resident memory, and what of it is the process's own.
    pub fn memory(&mut self, title: &str, memory: Memory, aim: Option<Aim>) {
        let resident = mib(memory.resident_kib);
        self.rows.push(Finding { title: format!("{title}: resident"), value: resident, unit: "MB", aim });
        self.told(
            format!("{title}: of that its own (the rest are file pages)"),
            mib(memory.anonymous_kib),
            "MB",
        );
    }

    /// What an auditor found.
    pub fn audited(&mut self, name: &'static str, audit: Audit) {
        self.audits.push((name, audit));
    }

    /// Something that must not be.
    pub fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    /// What the auditors found.
    pub fn audits(&self) -> &[(&'static str, Audit)] {
        &self.audits
    }

    /// What was found that must not be, besides what the audits say.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// For people; no numbers when an auditor found a violation.
    pub fn lines(&self) -> Vec<String> {
        if !self.is_valid() {
            return vec![format!("{:<10} INVALID, no numbers", self.trial.title())];
        }
        self.rows.iter().map(|row| format!("{:<10} {}", self.trial.title(), row.line())).collect()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Finding::json).collect();
        let is_valid = self.is_valid();
        json!({ "trial": self.trial, "valid": is_valid, "findings": if is_valid { rows } else { vec![] } })
    }

    fn is_valid(&self) -> bool {
        self.violations.is_empty() && self.audits.iter().all(|(_, audit)| audit.is_clean())
    }
}

impl Finding {
    fn line(&self) -> String {
        let mut line = format!("{:<66} {:>12} {:<5}", self.title, number(self.value), self.unit);
        if let Some(aim) = self.aim {
            let (sign, bound) = match aim {
                Aim::AtLeast(bound) => ('≥', bound),
                Aim::AtMost(bound) => ('≤', bound),
            };
            let verdict = if aim.is_reached(self.value) { "reached" } else { "MISSED" };
            // Writing to a text cannot fail.
            let _ = write!(line, " aim {sign} {} {verdict}", number(bound));
        }
        line.trim_end().to_owned()
    }

    fn json(&self) -> Value {
        let (at_least, at_most) = match self.aim {
            Some(Aim::AtLeast(bound)) => (Some(bound), None),
            Some(Aim::AtMost(bound)) => (None, Some(bound)),
            None => (None, None),
        };
        json!({
            "title": self.title,
            "value": self.value,
            "unit": self.unit,
            "atLeast": at_least,
            "atMost": at_most,
            "isReached": self.aim.map(|aim| aim.is_reached(self.value)),
        })
    }
}

/// Large numbers whole, small ones with two decimals.
fn number(value: f64) -> String {
    if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn mib(kib: u64) -> f64 {
    float(kib) / 1024.0
}

/// The median of values that were measured in turns; each of a pair under the same circumstances as the other.
fn middle(values: &[f64]) -> Result<f64> {
    median(values).context("nothing was measured")
}

/// The median of the pairs' ratios: what disturbs one turn disturbs both sides of its ratio.
fn middle_ratio(of: &[f64], to: &[f64]) -> Result<f64> {
    middle(&of.iter().zip(to).map(|(of, to)| of / to).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_aim_is_reached() {
        let mut findings = Findings::new(Trial::Drain);
        findings.aimed("a ratio", (0.5, ""), Aim::AtLeast(0.6));
        findings.aimed("memory", (1_234.4, "MB"), Aim::AtMost(2_000.0));
        let lines = findings.lines();
        assert!(lines[0].ends_with("0.50       aim ≥ 0.60 MISSED"), "{lines:?}");
        assert!(lines[1].ends_with("1234 MB    aim ≤ 2000 reached"), "{lines:?}");
    }

    #[test]
    fn a_violation_gives_no_numbers() {
        let mut findings = Findings::new(Trial::Growth);
        findings.told("something", 1.0, "");
        findings.audited("an audit", Audit { lost: 1, ..Audit::default() });
        assert_eq!(findings.lines(), ["growth     INVALID, no numbers"]);
        assert_eq!(findings.json()["findings"], json!([]));
    }
}
