//! `cargo xtask bench`: what Groundswell does a second, and how much of what its parts can do that is.
//!
//! Everything is measured in one run, in turns, on loopback and on a real disk, because rates of two different days
//! or machines say nothing about each other; their ratios within one run do. Generator and receiver are in this
//! process and share the machine with the server, which is a child process, as are the baselines that are servers.
//! Each measurement ends with an audit: what was acknowledged has to have arrived, once and unaltered.
#![expect(clippy::print_stdout, reason = "this is a command line program: stdout is its interface")]

mod abuse;
mod baseline;
mod busy;
mod filler;
mod healthy;
mod hyper_loop;
mod ledger;
mod load;
mod measure;
mod memory;
mod numbers;
mod parts;
mod payload;
mod receiver;
mod report;
mod soak;
mod storage;
mod subject;
mod trials;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use groundswell_engine::clock::Stopwatch;

use crate::measure::{Settings, Step};
use crate::parts::Part;
use crate::report::{Report, Round};
use crate::trials::{Findings, Sizes, Trial};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures the server against what its parts can do")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The length of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often everything is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keep-alive connections of the generator.
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Only these, for example `bare,end-to-end` or `drain,neighbours`.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    #[command(flatten)]
    sizes: Sizes,
    /// The server's executable; by default the one beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Where the results go as JSON, by default bench/latest.json in the target directory. Databases are put beside it
    /// while they are needed.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(flatten)]
    Baseline(baseline::Baseline),
    /// Measures what a healthy program notices of somebody who means harm.
    Abuse(abuse::Options),
    /// Keeps the server busy for a long time, with failures, and looks whether anything grows.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    match execute(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Some(Command::Baseline(baseline)) => return baseline::serve(baseline).map(|()| ExitCode::SUCCESS),
        Some(Command::Abuse(options)) => return abuse(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Soak(options)) => return soak(&options).map(|()| ExitCode::SUCCESS),
        None => {}
    }
    ensure!(
        arguments.seconds > 0.0 && arguments.rounds > 0 && arguments.connections > 0,
        "nothing to measure"
    );
    let output = output(&arguments)?;
    let settings = settings(&arguments, &output)?;
    let watch = Stopwatch::start();
    let mut rounds = Vec::with_capacity(arguments.rounds);
    for number in 1..=arguments.rounds {
        rounds.push(round(&settings, &arguments, number)?);
    }
    let trials = trials(&settings, &arguments)?;
    let report = Report { settings: &settings, rounds: &rounds, trials: &trials };
    println!("{}", report.table());
    println!("took {} s", watch.elapsed().as_secs());
    fs::write(&output, serde_json::to_vec_pretty(&report.json())?)
        .with_context(|| format!("cannot write {}", output.display()))?;
    println!("written to {}", output.display());
    let problems = report.problems();
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nINVALID, these numbers say nothing:");
    for problem in problems {
        println!("  - {problem}");
    }
    Ok(ExitCode::FAILURE)
}

fn abuse(options: &abuse::Options) -> Result<()> {
    let mut arguments = Arguments::parse_from(["bench"]);
    arguments.seconds = options.seconds;
    arguments.server.clone_from(&options.server);
    let output = match &options.output {
        Some(output) => output.clone(),
        None => output(&arguments)?.with_file_name("abuse.md"),
    };
    abuse::run(options, &settings(&arguments, &output)?, &output)
}

fn soak(options: &soak::Options) -> Result<()> {
    let mut arguments = Arguments::parse_from(["bench"]);
    arguments.server.clone_from(&options.server);
    let output = match &options.output {
        Some(output) => output.clone(),
        None => output(&arguments)?.with_file_name("soak.csv"),
    };
    soak::run(options, &settings(&arguments, &output)?, &output)
}

fn output(arguments: &Arguments) -> Result<PathBuf> {
    if let Some(output) = &arguments.output {
        return Ok(output.clone());
    }
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("this program lies in a target directory")?;
    Ok(target.join("bench/latest.json"))
}

fn settings(arguments: &Arguments, output: &Path) -> Result<Settings> {
    let beside = std::env::current_exe()?.with_file_name("groundswell");
    let server = arguments.server.clone().unwrap_or(beside);
    let server = server.canonicalize().with_context(|| format!("no server at {}", server.display()))?;
    let directory = output.parent().context("the results need a directory")?;
    fs::create_dir_all(directory)?;
    let directory = directory.canonicalize()?;
    refuse_memory(&directory)?;
    Ok(Settings {
        server,
        directory,
        seconds: arguments.seconds,
        connections: arguments.connections,
        rounds: arguments.rounds,
        sizes: arguments.sizes.settled(),
    })
}

/// In memory, fsync costs nothing and promises nothing.
fn refuse_memory(directory: &Path) -> Result<()> {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    let kind = rustix::fs::statfs(directory)?.f_type;
    let is_memory = kind == TMPFS || kind == RAMFS;
    ensure!(!is_memory, "{} is in memory; put the results on a disk with --output", directory.display());
    Ok(())
}

fn is_wanted(arguments: &Arguments, part: Part) -> bool {
    arguments.only.is_empty() || arguments.only.contains(&part)
}

fn round(settings: &Settings, arguments: &Arguments, number: usize) -> Result<Round> {
    let mut round = Round { fsync_us: settings.fsync()?, ..Round::default() };
    println!("round {number} of {}: fsync {} µs", arguments.rounds, round.fsync_us);
    for step in Step::ALL.into_iter().filter(|step| is_wanted(arguments, Part::Step(*step))) {
        let sample = settings.measure(step)?;
        println!("    {:<52} {:>9.0}/s", step.title(), sample.per_second);
        round.samples.insert(step, sample);
    }
    if is_wanted(arguments, Part::Latencies) {
        round.latencies = Some(settings.latencies()?);
    }
    Ok(round)
}

/// Each has rounds of its own.
fn trials(settings: &Settings, arguments: &Arguments) -> Result<Vec<Findings>> {
    let mut all = Vec::new();
    for trial in Trial::ALL.into_iter().filter(|trial| is_wanted(arguments, Part::Trial(*trial))) {
        println!("trial: {}", trial.title());
        let findings = trial.run(settings)?;
        for line in findings.lines() {
            println!("    {line}");
        }
        all.push(findings);
    }
    Ok(all)
}
