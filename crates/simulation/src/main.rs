//! `cargo xtask simulate`: many seeds, and what of the delivery contract they broke.
#![expect(clippy::print_stdout, reason = "this is a command line program: stdout is its interface")]

use std::process::ExitCode;

use clap::Parser;
use groundswell_simulation::auditor::{self, Violation};
use groundswell_simulation::plan::{Plan, Sabotage};
use groundswell_simulation::several::plan::Several;
use groundswell_simulation::{Run, check, run, several};

#[derive(Parser)]
#[command(name = "cargo xtask simulate", about = "Runs the engine under many seeds")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Several nodes on one database, instead of one with its own.
    #[arg(long)]
    nodes: bool,
    /// Break something on purpose, which must be noticed.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
}

fn print(run: &Run, violations: &[Violation]) {
    for entry in &run.trace {
        println!("{entry}");
    }
    for violation in violations {
        println!("{violation}");
    }
}

/// Runs a seed; what it broke.
fn try_seed(seed: u64, arguments: &Arguments) -> Vec<Violation> {
    if arguments.nodes {
        let mut plan = Several::of(seed);
        plan.plan.sabotage = arguments.sabotage;
        if arguments.trace {
            println!("{plan:#?}");
            let run = several::run(plan.clone());
            print(&run, &several::auditor::audit(&plan, &run.trace));
        }
        return several::check(&plan).err().unwrap_or_default();
    }
    let plan = Plan { sabotage: arguments.sabotage, ..Plan::of(seed) };
    if arguments.trace {
        println!("{plan:#?}");
        let run = run(plan.clone());
        print(&run, &auditor::audit(&plan, &run.trace));
    }
    check(&plan).err().unwrap_or_default()
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { seeds, first, nodes, .. } = arguments;
    let mut failed = 0_u64;
    for seed in first..first.saturating_add(seeds) {
        let violations = try_seed(seed, &arguments);
        if !violations.is_empty() {
            failed += 1;
            println!("seed {seed} broke the contract {} times:", violations.len());
            for violation in violations.iter().take(3) {
                println!("  {violation}");
            }
            let which = if nodes { " --nodes" } else { "" };
            println!(
                "  again, with everything that happens: cargo xtask simulate --seeds 1 --first {seed}{which} --trace"
            );
        }
        if (seed + 1 - first) % 100 == 0 {
            println!("{} seeds, {failed} failed", seed + 1 - first);
        }
    }
    println!("{seeds} seeds, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
