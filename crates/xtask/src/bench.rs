//! `cargo xtask bench`: the release server, and the benchmark that measures it.

use anyhow::{Context, Result};

use crate::workspace::{Profile, Workspace};
use crate::{process, server};

/// What `cargo xtask bench` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to the benchmark, for example `--seconds 5 --rounds 5`; `--help` says what there is.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    passed_on: Vec<String>,
}

/// Builds both, the server by the same call as for deployment, and runs the benchmark. Pages play no part in it, so
/// the site is not built.
pub fn bench(workspace: &Workspace, options: &Options) -> Result<()> {
    const PACKAGE: &str = "groundswell-bench";
    server::build(workspace, Profile::Release)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", PACKAGE]);
    process::stream(&mut cargo).context("the benchmark does not compile")?;
    let program = workspace.target.join(Profile::Release.directory()).join(PACKAGE);
    process::stream(process::command(program).current_dir(&workspace.root).args(&options.passed_on))
}
