//! `cargo xtask soak`: the kill -9 test for longer than CI has time for.

use anyhow::Result;

use crate::process;
use crate::setup::{self, Step};
use crate::workspace::{Profile, Workspace};

/// What `cargo xtask soak` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// How often the server is killed.
    #[arg(long, default_value_t = 500)]
    rounds: u64,
}

/// Builds what the test starts, and runs it; its report says what was lost and what came twice.
pub fn soak(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(workspace, &[Step::Wasm, Step::Node])?;
    crate::site::build(workspace, Profile::Debug)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", "groundswell-server", "--test", "it", "no_accepted_event_is_lost"]);
    cargo.args(["--", "--nocapture"]);
    cargo.env("GROUNDSWELL_KILL_ROUNDS", options.rounds.to_string());
    process::stream(&mut cargo)
}
