//! `cargo xtask fuzz`: feeds every parser with what nobody would write, guided by which code it reaches (libFuzzer).
//!
//! The fuzzers are in `fuzz/`, a workspace of its own in the layout of cargo-fuzz. They are built here with the project's
//! own compiler, whose options for coverage are stable, so that neither cargo-fuzz nor a nightly compiler is needed.
//! Without AddressSanitizer: the crates forbid unsafe code, so what there is to find are panics, overflows, and answers
//! that differ from what they should be.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::setup::{self, Step};
use crate::workspace::Workspace;
use crate::{idle, process};

/// As cargo-fuzz has them, and what the workspace's `.cargo/config.toml` has, which these replace.
const RUSTFLAGS: [&str; 10] = [
    "--cfg",
    "fuzzing",
    "--cfg",
    "erase_components",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// An input that takes longer, in seconds, is a find: all of them are short.
const SLOWEST_S: u32 = 10;

/// So much longer may it take when the processors are only had while nobody else wants them.
const BESIDE: u32 = 12;

/// More memory, in MiB, is a find as well.
const MOST_MIB: u32 = 2_048;

/// What `cargo xtask fuzz` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// Run only these fuzzers.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How much processor time each gets.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many are run at the same time; by default as many as there are processors.
    #[arg(long)]
    jobs: Option<usize>,
    /// What chance starts from; by default each run is another, which it prints.
    #[arg(long)]
    seed: Option<u32>,
}

impl Options {
    /// What CI has time for. Each run is another, so that all of them together look further than one.
    pub const USUAL: Self = Self { targets: Vec::new(), seconds: 60, jobs: None, seed: None };

    /// What this run starts from. libFuzzer takes 0 for none.
    fn first(&self) -> Result<u32> {
        match self.seed {
            Some(seed) => Ok(seed),
            None => Ok(getrandom::u32().context("the machine gives no random numbers")?.max(1)),
        }
    }
}

/// Builds the fuzzers and runs them; fails when one has found something.
pub fn fuzz(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(workspace, &[Step::Cxx])?;
    let fuzzers = Fuzzers::new(workspace, false)?;
    fuzzers.build()?;
    fuzzers.run_all(options)
}

/// The same beside something else that has to be done, in the time that leaves. They are run when the other end of
/// `start` is gone: until then it is quiet, but for what compiles.
pub fn beside(workspace: &Workspace, options: &Options, start: &Receiver<()>) -> Result<()> {
    let fuzzers = Fuzzers::new(workspace, true)?;
    fuzzers.build()?;
    // Nothing is ever sent.
    let _ = start.recv();
    fuzzers.run_all(options)
}

/// The fuzzers, built.
struct Fuzzers<'a> {
    workspace: &'a Workspace,
    /// Where they are built, and what they find is kept.
    target: PathBuf,
    /// What rustc calls this machine.
    host: String,
    /// Whether they get the processors only while nobody else wants them.
    idle: bool,
}

impl<'a> Fuzzers<'a> {
    fn new(workspace: &'a Workspace, idle: bool) -> Result<Self> {
        let mut rustc = process::command("rustc");
        let version = process::capture(rustc.current_dir(&workspace.root).arg("-vV"))?;
        let host =
            version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc has no host")?;
        Ok(Self { workspace, target: workspace.target.join("fuzz"), host: host.to_owned(), idle })
    }

    fn build(&self) -> Result<()> {
        let mut cargo = self.workspace.cargo();
        cargo.args(["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
        // With a target of its own, what runs while it is built is not instrumented.
        cargo.args(["--target", &self.host]);
        cargo.env("CARGO_TARGET_DIR", &self.target).env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"));
        cargo.env_remove("RUSTFLAGS");
        if !self.idle {
            return process::stream(&mut cargo).context("the fuzzers do not compile");
        }
        let log = self.target.join("logs/build.txt");
        println!("fuzz: compiles beside the rest, as {} says", self.workspace.relative(&log).display());
        process::quietly(&mut idle::on_idle_time(&cargo), &log, Duration::MAX)
            .context("the fuzzers do not compile")
    }

    fn names(&self) -> Result<Vec<String>> {
        let directory = self.workspace.root.join("fuzz/fuzz_targets");
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory).with_context(|| format!("no {}", directory.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        names.sort();
        Ok(names)
    }

    fn run_all(&self, options: &Options) -> Result<()> {
        let all = self.names()?;
        if let Some(unknown) = options.targets.iter().find(|target| !all.contains(target)) {
            bail!("there is no fuzzer `{unknown}`; there are {}", all.join(", "));
        }
        let seed = options.first()?;
        println!("fuzz: seed {seed}");
        let wanted = if options.targets.is_empty() { &all } else { &options.targets };
        let jobs = options.jobs.or_else(|| thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
        let queue = Mutex::new(wanted.iter().collect::<VecDeque<_>>());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let finds = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, wanted.len()) {
                scope.spawn(|| {
                    while let Some(name) = next() {
                        if let Err(error) = self.run(name, (options.seconds, seed)) {
                            println!("fuzz: {name:<12}{error:#}");
                            finds.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
                        }
                    }
                });
            }
        });
        let finds = finds.into_inner().unwrap_or_else(PoisonError::into_inner);
        if finds.is_empty() {
            return Ok(());
        }
        let finds = finds.join(" ");
        Err(anyhow!("something was found; again: cargo xtask fuzz --seed {seed} {finds}"))
    }

    fn run(&self, name: &str, (seconds, seed): (u64, u32)) -> Result<()> {
        let corpus = self.target.join("corpus").join(name);
        let found = self.target.join("found").join(name);
        for directory in [&corpus, &found] {
            fs::create_dir_all(directory)?;
        }
        let log = self.target.join("logs").join(format!("{name}.txt"));
        let mut fuzzer = self.fuzzer(name);
        // What is new goes to the first; the seeds are only read.
        fuzzer.arg(&corpus).arg(self.seeds(name));
        fuzzer.arg(format!("-artifact_prefix={}/", found.display()));
        fuzzer.arg(format!("-seed={seed}"));
        let began = Instant::now();
        if self.idle {
            fuzzer = idle::on_idle_time(&fuzzer);
        }
        process::logged(&mut fuzzer, &log, |child| stop_after(child, Duration::from_secs(seconds)))
            .with_context(|| self.advice(name, &found))?;
        let text = fs::read_to_string(&log).unwrap_or_default();
        let took = process::seconds(began.elapsed());
        println!(
            "fuzz: {name:<12}{:>12} inputs, {:>6} edges  {took}",
            said(&text, "stat::number_of_executed_units: "),
            said(&text, " cov: ")
        );
        Ok(())
    }

    fn fuzzer(&self, name: &str) -> Command {
        let executable = self.target.join(&self.host).join("release").join(name);
        let mut fuzzer = process::command(executable);
        fuzzer.current_dir(&self.workspace.root);
        let slowest = if self.idle { SLOWEST_S * BESIDE } else { SLOWEST_S };
        fuzzer.arg(format!("-timeout={slowest}")).arg(format!("-rss_limit_mb={MOST_MIB}"));
        fuzzer.args(["-print_final_stats=1"]);
        fuzzer
    }

    fn seeds(&self, name: &str) -> PathBuf {
        self.workspace.root.join("fuzz/seeds").join(name)
    }

    fn advice(&self, name: &str, found: &Path) -> String {
        format!(
            "an input for it is in {}; when what it found is repaired, put it into {}",
            self.workspace.relative(found).display(),
            self.workspace.relative(&self.seeds(name)).display()
        )
    }
}

/// Lets a fuzzer end once it has had so much processor time. One that is stuck in an input ends by its own limit.
fn stop_after(child: &mut Child, processor_time: Duration) -> Result<ExitStatus> {
    loop {
        if let Some(status) = process::wait(child, Duration::from_millis(500))? {
            return Ok(status);
        }
        if process::processor_time(child)? >= processor_time {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("not a process id")?;
            // What libFuzzer ends at after the input that it is at, with its figures.
            kill_process(pid, Signal::USR1)?;
            return Ok(child.wait()?);
        }
    }
}

/// The word behind the last occurrence of what libFuzzer writes before it.
fn said(log: &str, before: &str) -> String {
    let rest = log.rsplit_once(before).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().unwrap_or("?").to_owned()
}
