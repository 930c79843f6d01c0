//! `cargo xtask kills`: the kill -9 test for longer than CI has time for.

use anyhow::Result;

use crate::process;
use crate::setup::{self, Step};
use crate::workspace::{Profile, Workspace};

/// What `cargo xtask kills` accepts.
#[derive(clap::Args)]
pub struct Options {
    /// How often the server is killed.
    #[arg(long, default_value_t = 500)]
    rounds: u64,
    /// What the server stores in.
    #[arg(long, value_enum, default_value_t = Database::Sqlite)]
    database: Database,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    fn steps(self) -> &'static [Step] {
        match self {
            Self::Sqlite => &[Step::Wasm, Step::Node],
            Self::Postgres => &[Step::Wasm, Step::Node, Step::Postgres],
        }
    }

    fn test(self) -> &'static str {
        match self {
            Self::Sqlite => "no_accepted_event_is_lost_however",
            Self::Postgres => "no_accepted_event_is_lost_on_postgresql",
        }
    }
}

/// Builds what the test starts, and runs it; its report says what was lost and what came twice.
pub fn kills(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::ensure(workspace, options.database.steps())?;
    crate::site::build(workspace, Profile::Debug)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", "groundswell-server", "--test", "it", options.database.test()]);
    cargo.args(["--", "--nocapture"]);
    cargo.env("GROUNDSWELL_KILL_ROUNDS", options.rounds.to_string());
    process::stream(&mut cargo)
}
