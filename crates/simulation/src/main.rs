//! `cargo xtask simulate`: many seeds, and what of the delivery contract they broke.
#![expect(clippy::print_stdout, reason = "this is a command line program: stdout is its interface")]

use std::process::ExitCode;

use clap::Parser;
use groundswell_simulation::plan::Plan;
use groundswell_simulation::{auditor, check, run};

#[derive(Parser)]
#[command(name = "cargo xtask simulate", about = "Runs the engine under many seeds")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let Arguments { seeds, first, trace } = Arguments::parse();
    let mut failed = 0_u64;
    for seed in first..first.saturating_add(seeds) {
        let plan = Plan::of(seed);
        if trace {
            let run = run(plan.clone());
            println!("{plan:#?}");
            for entry in &run.trace {
                println!("{entry}");
            }
            for violation in auditor::audit(&plan, &run.trace) {
                println!("{violation}");
            }
        }
        if let Err(violations) = check(&plan) {
            failed += 1;
            println!("seed {seed} broke the contract {} times:", violations.len());
            for violation in violations.iter().take(3) {
                println!("  {violation}");
            }
            println!(
                "  again, with everything that happens: cargo xtask simulate --seeds 1 --first {seed} --trace"
            );
        }
        if (seed + 1 - first) % 100 == 0 {
            println!("{} seeds, {failed} failed", seed + 1 - first);
        }
    }
    println!("{seeds} seeds, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
