//! The figures, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Look, Options};
use crate::ledger::Audit;
use crate::numbers::float;

/// What came of one kind of abuse.
#[derive(Debug)]
pub struct Row {
    pub title: String,
    /// Alone, and during the abuse.
    pub looks: [Look; 2],
    /// Before the abuse, and the most during it.
    pub resident_kib: [u64; 2],
    pub attacked: Duration,
    /// How often the attacker was answered what; 0 is a connection that ended without an answer.
    pub answers: BTreeMap<u16, u64>,
    pub audit: Audit,
}

impl Row {
    /// In a line.
    pub fn line(&self) -> String {
        let [alone, during] = self.looks;
        format!(
            "accept p99 {} to {} ms, delivery p99 {} to {} ms, memory {} to {} MB; attacker: {}",
            ms(alone.ack_p99),
            ms(during.ack_p99),
            ms(alone.delivery_p99),
            ms(during.delivery_p99),
            mb(self.resident_kib[0]),
            mb(self.resident_kib[1]),
            self.told(),
        )
    }

    /// Why the row is no row.
    pub fn problem(&self) -> Option<String> {
        let audit = (!self.audit.is_clean()).then(|| format!("{}: {:?}", self.title, self.audit));
        let missed = self.answers.keys().all(|status| *status == 404) && !self.answers.is_empty();
        audit.or_else(|| missed.then(|| format!("{}: the attacker met nothing but 404", self.title)))
    }

    /// What the attacker got.
    fn told(&self) -> String {
        let all: u64 = self.answers.values().sum();
        let mut text = format!("{all} answers in {} s", self.attacked.as_secs());
        for (status, count) in &self.answers {
            let what = if *status == 0 { "closed".to_owned() } else { status.to_string() };
            let _ = write!(text, ", {count} × {what}");
        }
        text
    }
}

/// For BENCHMARKS.md.
pub fn markdown(rows: &[Row], options: &Options) -> String {
    let mut text = format!(
        "A healthy program at {} events a second, {} s alone and {} s while somebody does harm, on one server; p50 / p99 in \
         milliseconds, from when an event was due.\n\n\
         | abuse | accept alone | accept during | delivery alone | delivery during | MB before | MB at most | attacker |\n\
         |---|---|---|---|---|---|---|---|\n",
        options.per_second, options.seconds, options.seconds
    );
    for row in rows {
        let [alone, during] = row.looks;
        let pair = |p50, p99| format!("{} / {}", ms(p50), ms(p99));
        let cells = [
            row.title.clone(),
            pair(alone.ack_p50, alone.ack_p99),
            pair(during.ack_p50, during.ack_p99),
            pair(alone.delivery_p50, alone.delivery_p99),
            pair(during.delivery_p50, during.delivery_p99),
            mb(row.resident_kib[0]),
            mb(row.resident_kib[1]),
            row.told(),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn ms(us: u64) -> String {
    format!("{:.1}", float(us) / 1000.0)
}

fn mb(kib: u64) -> String {
    format!("{:.0}", float(kib) * 1024.0 / 1e6)
}
