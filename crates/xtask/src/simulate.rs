//! `cargo xtask simulate`: the simulation under more seeds than CI has time for.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// What `cargo xtask simulate` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// How many seeds; each is run twice.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Several nodes on one database, instead of one with its own.
    #[arg(long)]
    nodes: bool,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Build with optimisation: worth it from some hundred seeds on.
    #[arg(long)]
    release: bool,
}

/// Builds and runs it; it prints each seed that broke something, and how to see it again.
pub fn simulate(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", "groundswell-simulation"]);
    if options.release {
        cargo.arg("--release");
    }
    cargo.arg("--").arg("--seeds").arg(options.seeds.to_string());
    cargo.arg("--first").arg(options.first.to_string());
    if options.nodes {
        cargo.arg("--nodes");
    }
    if options.trace {
        cargo.arg("--trace");
    }
    process::stream(&mut cargo)
}
