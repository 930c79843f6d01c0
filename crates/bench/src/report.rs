//! What the measurements say: medians, ratios of one and the same round, and whether any of it may be believed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ledger::Audit;
use crate::measure::{Latencies, OPEN_LOOP_PER_SECOND, Sample, Settings, Step, cores};
use crate::numbers::{float, median, percentile};
use crate::trials::Findings;

/// A bare loop slower than this measures the generator, not the machine, and flatters what is compared with it.
const BARE_AT_LEAST: f64 = 40_000.0;

/// A disk that syncs faster than this, in microseconds, does not.
const FSYNC_AT_LEAST_US: u64 = 10;

/// All measurements, made one after the other.
#[derive(Debug, Default)]
pub struct Round {
    pub fsync_us: u64,
    pub samples: BTreeMap<Step, Sample>,
    pub latencies: Option<Latencies>,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Report<'a> {
    pub settings: &'a Settings,
    pub rounds: &'a [Round],
    pub trials: &'a [Findings],
}

/// A rate as a part of another one.
struct Ratio {
    key: &'static str,
    title: &'static str,
    of: Step,
    /// The smaller of these.
    to: &'static [Step],
    /// What later work aims at.
    aim: f64,
}

const RATIOS: [Ratio; 7] = [
    Ratio {
        key: "endToEndOfProxy",
        title: "end to end / proxy on the server's own client",
        of: Step::EndToEnd,
        to: &[Step::Proxy],
        aim: 0.7,
    },
    Ratio {
        key: "endToEndOfPlainProxy",
        title: "end to end / proxy on hyper-util's client",
        of: Step::EndToEnd,
        to: &[Step::PlainProxy],
        aim: 0.7,
    },
    Ratio {
        key: "endToEndOfBare",
        title: "end to end / bare loop",
        of: Step::EndToEnd,
        to: &[Step::Bare],
        aim: 0.25,
    },
    Ratio {
        key: "batchesOfBare",
        title: "end to end in batches / bare loop",
        of: Step::EndToEndBatches,
        to: &[Step::Bare],
        aim: 0.5,
    },
    Ratio {
        key: "ingestOfPossible",
        title: "durable ingest / min(null server, raw SQLite)",
        of: Step::Ingest,
        to: &[Step::Null, Step::RawSqlite],
        aim: 0.6,
    },
    Ratio {
        key: "proxyOfBare",
        title: "proxy on the server's own client / bare loop",
        of: Step::Proxy,
        to: &[Step::Bare],
        aim: 0.35,
    },
    Ratio {
        key: "plainProxyOfBare",
        title: "proxy on hyper-util's client / bare loop",
        of: Step::PlainProxy,
        to: &[Step::Bare],
        aim: 0.35,
    },
];

impl Report<'_> {
    /// Why the run gives no numbers; none when it does.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(bare) = self.rate(Step::Bare).filter(|bare| *bare < BARE_AT_LEAST) {
            problems.push(format!(
                "the bare loop did {bare:.0} requests a second and must do {BARE_AT_LEAST:.0}: a slow baseline \
                 flatters; repeat on a quiet machine"
            ));
        }
        if self.fsync_us() < FSYNC_AT_LEAST_US {
            problems.push("fsync costs nothing here, so this is no disk".to_owned());
        }
        for (name, audit) in self.audits().iter().filter(|(_, audit)| !audit.is_clean()) {
            problems.push(format!(
                "{name}: of {} accepted events {} were lost, {} arrived twice, {} strangers arrived, {} signatures \
                 were wrong",
                audit.accepted, audit.lost, audit.repeated, audit.strangers, audit.forged
            ));
        }
        problems.extend(self.trials.iter().flat_map(Findings::violations).cloned());
        problems
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut lines = vec![
            String::new(),
            format!(
                "{} processors, {} connections, {} s a measurement, median of {} rounds, 1 KiB a payload, fsync {} µs",
                cores(),
                self.settings.connections,
                self.settings.seconds,
                self.rounds.len(),
                self.fsync_us()
            ),
            String::new(),
            format!(
                "{:<52} {:>10} {:>21} {:>9} {:>9} {:>7}",
                "", "events/s", "lowest … highest", "µs server", "µs bench", "others"
            ),
        ];
        for step in Step::ALL {
            lines.extend(self.line(step));
        }
        lines.push(String::new());
        for ratio in &RATIOS {
            if let Some(value) = self.ratio(ratio) {
                lines.push(format!("{:<52} {value:>10.2}   (aim {:.2})", ratio.title, ratio.aim));
            }
        }
        lines.push(String::new());
        lines.extend(self.latency_lines());
        lines.extend(self.trials.iter().flat_map(Findings::lines));
        lines.push(String::new());
        let accepted: u64 = self.audits().iter().map(|(_, audit)| audit.accepted).sum();
        let refused: u64 = self.audits().iter().map(|(_, audit)| audit.refused).sum();
        lines.push(format!("audit: {accepted} events accepted, {refused} refused"));
        lines.join("\n")
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let steps: serde_json::Map<String, Value> = Step::ALL
            .into_iter()
            .filter_map(|step| {
                let name = serde_json::to_value(step).ok()?.as_str()?.to_owned();
                Some((name, self.step_json(step)?))
            })
            .collect();
        let ratios: serde_json::Map<String, Value> = RATIOS
            .iter()
            .filter_map(|ratio| {
                Some((ratio.key.to_owned(), json!({ "value": self.ratio(ratio)?, "aim": ratio.aim })))
            })
            .collect();
        let problems = self.problems();
        json!({
            "valid": problems.is_empty(),
            "problems": problems,
            "processors": cores(),
            "settings": self.settings,
            "rounds": self.rounds.len(),
            "fsyncMicroseconds": self.fsync_us(),
            "steps": steps,
            "ratios": ratios,
            "latencyMicroseconds": {
                "perSecond": OPEN_LOOP_PER_SECOND,
                "ack": quantiles(&self.all_latencies(|latencies| &latencies.ack)),
                "delivery": quantiles(&self.all_latencies(|latencies| &latencies.delivery)),
            },
            "trials": self.trials.iter().map(Findings::json).collect::<Vec<_>>(),
            "audits": self.audits().into_iter().map(|(name, audit)| json!({ "of": name, "found": audit }))
                .collect::<Vec<_>>(),
        })
    }

    fn line(&self, step: Step) -> Option<String> {
        let rates = self.rates(step);
        let lowest = rates.iter().copied().reduce(f64::min)?;
        let highest = rates.iter().copied().reduce(f64::max)?;
        let range = format!("{lowest:.0} … {highest:.0}");
        let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
        let others = self.others(step).map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
        Some(format!(
            "{:<52} {:>10.0} {range:>21} {:>9} {:>9} {others:>7}",
            step.title(),
            median(&rates)?,
            number(self.subject_us(step)),
            number(self.own_us(step)),
        ))
    }

    fn latency_lines(&self) -> Vec<String> {
        let fsync_ms = float(self.fsync_us()) / 1000.0;
        let limits = [2.0 * fsync_ms + 2.0, 5.0 * fsync_ms + 10.0];
        let mut lines = Vec::new();
        for (name, all) in [
            ("ack", self.all_latencies(|latencies| &latencies.ack)),
            ("delivery", self.all_latencies(|latencies| &latencies.delivery)),
        ] {
            let ms = |hundredths| percentile(&all, hundredths).map(|micros| float(micros) / 1000.0);
            if let (Some(p50), Some(p99)) = (ms(50), ms(99)) {
                lines.push(format!(
                    "{name:<8} latency at {OPEN_LOOP_PER_SECOND}/s, open loop:  p50 {p50:.2} ms (aim {:.1}),  p99 {p99:.2} ms (aim \
                     {:.1})",
                    limits[0], limits[1]
                ));
            }
        }
        lines
    }

    fn step_json(&self, step: Step) -> Option<Value> {
        let rates = self.rates(step);
        Some(json!({
            "title": step.title(),
            "perSecond": median(&rates)?,
            "perSecondOfRounds": rates,
            "serverMicrosecondsPerEvent": self.subject_us(step),
            "benchMicrosecondsPerEvent": self.own_us(step),
            "shareOfOthers": self.others(step),
        }))
    }

    fn samples(&self, step: Step) -> impl Iterator<Item = &Sample> {
        self.rounds.iter().filter_map(move |round| round.samples.get(&step))
    }

    fn rates(&self, step: Step) -> Vec<f64> {
        self.samples(step).map(|sample| sample.per_second).collect()
    }

    fn rate(&self, step: Step) -> Option<f64> {
        median(&self.rates(step))
    }

    /// Processor time of the measured process per event.
    fn subject_us(&self, step: Step) -> Option<f64> {
        self.per_event(step, |sample| Some(sample.spent?.subject.as_secs_f64()))
    }

    /// Processor time of generator and receiver per event.
    fn own_us(&self, step: Step) -> Option<f64> {
        self.per_event(step, |sample| Some(sample.spent?.own.as_secs_f64()))
    }

    fn per_event(&self, step: Step, seconds: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let per_event = self.samples(step).filter(|sample| sample.events > 0);
        let all: Vec<f64> =
            per_event.filter_map(|sample| Some(seconds(sample)? * 1e6 / float(sample.events))).collect();
        median(&all).filter(|micros| *micros > 0.0)
    }

    fn others(&self, step: Step) -> Option<f64> {
        let shares: Vec<f64> =
            self.samples(step).filter_map(|sample| Some(sample.spent?.others_share)).collect();
        median(&shares)
    }

    /// The median of the rounds' ratios: what disturbs one round disturbs both sides of its ratio.
    fn ratio(&self, ratio: &Ratio) -> Option<f64> {
        let of_round = |round: &Round| {
            let rate = |step: &Step| round.samples.get(step).map(|sample| sample.per_second);
            let to = ratio.to.iter().map(rate).collect::<Option<Vec<f64>>>()?;
            Some(rate(&ratio.of)? / to.into_iter().reduce(f64::min)?)
        };
        median(&self.rounds.iter().filter_map(of_round).collect::<Vec<f64>>())
    }

    fn fsync_us(&self) -> u64 {
        let all: Vec<u64> = self.rounds.iter().map(|round| round.fsync_us).collect();
        percentile(&all, 50).unwrap_or(0)
    }

    fn all_latencies(&self, of: impl Fn(&Latencies) -> &Vec<u64>) -> Vec<u64> {
        self.rounds.iter().filter_map(|round| round.latencies.as_ref()).flat_map(of).copied().collect()
    }

    fn audits(&self) -> Vec<(&'static str, Audit)> {
        let mut all = Vec::new();
        for round in self.rounds {
            let audited =
                round.samples.iter().filter_map(|(step, sample)| Some((step.title(), sample.audit?)));
            all.extend(audited);
            all.extend(round.latencies.as_ref().map(|latencies| ("open loop", latencies.audit)));
        }
        all.extend(self.trials.iter().flat_map(Findings::audits).copied());
        all
    }
}

fn quantiles(values: &[u64]) -> Value {
    json!({ "p50": percentile(values, 50), "p99": percentile(values, 99), "events": values.len() })
}
