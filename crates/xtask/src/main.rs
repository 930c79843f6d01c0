//! The project's own commands. `cargo xtask run` and `cargo xtask test` are the two a newcomer needs;
//! the others are their parts, and what CI calls is what a developer can call.
//!
//! Architecture invariant: everything here works with Rust, Node and a package manager alone, honours
//! `CARGO_TARGET_DIR`, and writes nothing outside the target directory except `node_modules`,
//! `.groundswell/` and what set-up installs.
#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool has no config.rs and needs no manual clock"
)]
#![expect(clippy::print_stdout, reason = "this is a command line program: stdout is its interface")]

mod bench;
mod dependencies;
mod fuzz;
mod idle;
mod kills;
mod lint;
mod previous;
mod process;
mod run;
mod server;
mod setup;
mod simulate;
mod site;
mod speed;
mod stamps;
mod test;
mod wasm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setup::WasmSource;
use crate::workspace::{Profile, Workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Groundswell's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install whatever building and testing needs; what is there already is skipped.
    Setup {
        /// Where the compiler for the browser half comes from; by default the first that works.
        #[arg(long, value_enum)]
        wasm_from: Option<WasmSource>,
    },
    /// Build the server, and beside it the site it serves.
    Build {
        /// Build without optimisation: faster to compile, readable hydration errors.
        #[arg(long)]
        debug: bool,
    },
    /// Start Groundswell here, with its data in .groundswell/, and say how to sign in.
    Run(run::Options),
    /// Run every test there is.
    Test(test::Options),
    /// Run one test program as `test` has Cargo run each.
    #[command(hide = true)]
    RunTests {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<OsString>,
    },
    /// Check formatting, lints, documentation and dependencies.
    Lint,
    /// Fetch the advisories of RustSec, and look for those that are about a dependency.
    Advisories {
        /// A clone of the database, as a URL that git takes, where GitHub cannot be reached.
        #[arg(long)]
        from: Option<String>,
    },
    /// Kill the server again and again under load, and look for lost events.
    Kills(kills::Options),
    /// Keep the release server busy for an hour at half of what it can do, with failures, and see that nothing grows
    Soak(bench::Options),
    /// Run the whole engine under many seeds, with everything going wrong, and audit what happened.
    Simulate(simulate::Options),
    /// Feed every parser with what nobody would write, and see that nothing breaks.
    Fuzz(fuzz::Options),
    /// Measure the release server against what its parts can do, with fsync on.
    Bench(bench::Options),
    /// Measure what a healthy program notices while somebody does harm: slow clients, idle connections, bombs.
    Abuse(bench::Options),
    /// Measure how soon the release build's pages are there, in Chromium on a slowed-down processor.
    Speed,
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    let workspace = Workspace::locate;
    match command {
        Command::Setup { wasm_from } => setup::everything(&workspace()?, wasm_from),
        Command::Build { debug } => {
            let profile = if debug { Profile::Debug } else { Profile::Release };
            let workspace = workspace()?;
            setup::ensure(&workspace, &[setup::Step::Wasm, setup::Step::Node])?;
            server::build(&workspace, profile)?;
            site::build(&workspace, profile)
        }
        Command::Run(options) => run::run(&workspace()?, &options),
        Command::Test(options) => test::test(&workspace()?, &options),
        Command::Kills(options) => kills::kills(&workspace()?, &options),
        Command::Soak(options) => bench::soak(&workspace()?, &options),
        Command::Simulate(options) => simulate::simulate(&workspace()?, &options),
        Command::Fuzz(options) => fuzz::fuzz(&workspace()?, &options),
        Command::RunTests { program } => test::runner::run(&program),
        Command::Lint => lint::lint(&workspace()?),
        Command::Advisories { from } => dependencies::advisories(&workspace()?, from.as_deref()),
        Command::Bench(options) => bench::bench(&workspace()?, &options),
        Command::Abuse(options) => bench::abuse(&workspace()?, &options),
        Command::Speed => speed::speed(&workspace()?),
    }
}
