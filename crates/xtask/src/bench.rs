//! `cargo xtask bench`, `cargo xtask soak` and `cargo xtask abuse`: the release server, and the program that measures it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{self, Step};
use crate::workspace::{Profile, Workspace};
use crate::{process, server, site};

/// What all of them accept.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to the benchmark, for example `--seconds 5 --rounds 5`; `--help` says what there is.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    passed_on: Vec<String>,
}

/// Builds both, the server by the same call as for deployment, and runs the benchmark. Pages play no part in it, so
/// the site is not built.
pub fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut benchmark = build(workspace)?;
    process::stream(benchmark.args(&options.passed_on))
}

/// As [`fn@bench`], for what becomes of a server in a long time.
pub fn soak(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut benchmark = build(workspace)?;
    process::stream(benchmark.arg("soak").args(&options.passed_on))
}

/// As [`fn@bench`], for what abuse does to the server. Signing in is a page, so the site is built.
pub fn abuse(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(workspace, &[Step::Wasm, Step::Node])?;
    let mut benchmark = build(workspace)?;
    site::build(workspace, Profile::Release)?;
    process::stream(benchmark.arg("abuse").args(&options.passed_on))
}

fn build(workspace: &Workspace) -> Result<Command> {
    const PACKAGE: &str = "groundswell-bench";
    server::build(workspace, Profile::Release)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", PACKAGE]);
    process::stream(&mut cargo).context("the benchmark does not compile")?;
    let mut benchmark = process::command(workspace.target.join(Profile::Release.directory()).join(PACKAGE));
    benchmark.current_dir(&workspace.root);
    Ok(benchmark)
}
