//! `cargo xtask test`: every test there is, in stages. A stage that fails stops only those that need it, and the fuzzers
//! compile and run beside the others, in the time that those leave. Output streams through, and the end says how long each took, how many tests passed, and once more what failed and why, in short
//! as the very last.

mod count;
mod failures;
pub mod runner;
mod stages;

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;

use self::count::Count;
use self::failures::Failures;
use self::stages::Stage;
use crate::workspace::Workspace;
use crate::{fuzz, idle, process, setup};

/// So many lines about what failed are the last that is said.
const MOST_IN_SHORT: usize = 20;

/// What `cargo xtask test` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// Run only these stages, and what they cannot do without.
    #[arg(long, value_enum, num_args = 1.., value_name = "STAGE")]
    only: Vec<Stage>,
    /// Name the stages and run none.
    #[arg(long)]
    list: bool,
}

/// What a stage's output says of its tests.
#[derive(Default)]
pub struct Seen {
    count: Count,
    failures: Failures,
}

impl Seen {
    /// Takes in one line of output.
    fn line(&mut self, line: &str) {
        self.count.see(line);
        self.failures.see(line);
    }
}

/// How one stage went.
struct Report {
    stage: Stage,
    took: Duration,
    seen: Seen,
    error: Option<String>,
}

/// Runs the stages and fails if any test did.
pub fn test(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.list {
        for stage in Stage::value_variants() {
            println!("{:<14}{}", stage.name(), stage.summary());
        }
        return Ok(());
    }
    let selected = select(&options.only);
    let mut steps: Vec<_> = selected.iter().flat_map(|stage| stage.steps()).copied().collect();
    steps.sort_unstable();
    steps.dedup();
    setup::ensure(workspace, &steps)?;
    let began = Instant::now();
    let reports = thread::scope(|scope| {
        let (quiet, start) = mpsc::channel();
        // Browsers and servers leave half of the processors' time to others.
        let aside = selected.len() > 1 && selected.contains(&Stage::Fuzz) && idle::possible();
        let fuzz = move |_: &mut Seen| fuzz::beside(workspace, &fuzz::Options::USUAL, &start);
        let beside = aside.then(|| scope.spawn(move || report(Stage::Fuzz, fuzz)));
        let mut until_quiet = Some(quiet);
        let mut reports: Vec<Report> = Vec::new();
        for stage in selected.into_iter().filter(|stage| !aside || *stage != Stage::Fuzz) {
            println!("\ntest: {} ({} so far)", stage.name(), process::seconds(began.elapsed()));
            if !stage.computes() {
                until_quiet = None;
            }
            let failed =
                |report: &&Report| report.seen.count.failed > 0 && stage.needs().contains(&report.stage);
            let lacks = reports.iter().find(failed).map(|report| report.stage);
            reports.push(run(workspace, stage, lacks));
        }
        drop(until_quiet);
        reports.extend(beside.map(|beside| beside.join().unwrap_or_else(|panic| resume_unwind(panic))));
        reports
    });
    summarise(&reports, began.elapsed())
}

/// All stages in order, or the wanted ones and those they need.
fn select(only: &[Stage]) -> Vec<Stage> {
    let wanted = |stage: &Stage| {
        only.is_empty() || only.contains(stage) || only.iter().any(|other| other.needs().contains(stage))
    };
    Stage::value_variants().iter().copied().filter(wanted).collect()
}

fn run(workspace: &Workspace, stage: Stage, lacks: Option<Stage>) -> Report {
    report(stage, |seen| match lacks {
        // What an earlier build left would be tested, and its passing would mean nothing.
        Some(needed) => Err(anyhow!("not run, because {} failed", needed.name())),
        None => stage.run(workspace, seen),
    })
}

/// Does what a stage is about, and says how it went.
fn report(stage: Stage, work: impl FnOnce(&mut Seen) -> Result<()>) -> Report {
    let began = Instant::now();
    let mut seen = Seen::default();
    let error = work(&mut seen).err().map(|error| format!("{error:#}"));
    if let Some(error) = &error {
        println!("test: {}: {error}", stage.name());
    }
    seen.count.close(error.is_none());
    Report { stage, took: began.elapsed(), seen, error }
}

fn summarise(reports: &[Report], took: Duration) -> Result<()> {
    for Report { stage, seen, error, .. } in reports.iter().filter(|report| report.seen.count.failed > 0) {
        println!("\ntest: what failed in {}:", stage.name());
        for line in seen.failures.lines().iter().chain(error) {
            println!("{line}");
        }
    }
    println!();
    for Report { stage, took, seen: Seen { count, .. }, .. } in reports {
        let outcome = if count.failed > 0 { "FAILED" } else { "ok" };
        let (took, passed, failed) = (process::seconds(*took), count.passed, count.failed);
        println!("{:<14}{took:>12}  {passed:>5} passed {failed:>3} failed  {outcome}", stage.name());
    }
    println!("{:<14}{:>12}", "all", process::seconds(took));
    let passed: u64 = reports.iter().map(|report| report.seen.count.passed).sum();
    let failed: u64 = reports.iter().map(|report| report.seen.count.failed).sum();
    println!("\n{passed} passed, {failed} failed");
    if failed > 0 {
        // Of a long output often only the last lines are shown.
        let in_short = reports.iter().flat_map(|report| report.seen.failures.in_short());
        for line in in_short.take(MOST_IN_SHORT) {
            println!("{line}");
        }
        bail!("tests failed");
    }
    Ok(())
}
