//! The commands of `groundswell` that call a running server over its API, or need none: they send a sample event, bring a
//! program's events to a developer's machine, show and repeat deliveries, check signatures, ask whether a server is ready, and
//! print completions and the manual. What opens the database or starts the server is in the crate `groundswell-server`, and so is `main`.
//!
//! Time and randomness are given; the environment is read by clap alone, in `connection` and `terminal`.

mod api;
mod connection;
mod deliveries;
mod documents;
mod failure;
mod followed;
#[cfg(fuzzing)]
pub mod fuzzing;
mod health;
mod listen;
mod overrides;
mod program;
mod spelling;
mod table;
mod terminal;
mod times;
mod trigger;
mod verify;

use std::process::ExitCode;

pub use api::{Probe, probe};
pub use connection::Connection;
pub use failure::Failure;
pub use terminal::{Output, Progress, Terminal, Tone, complain};

/// What the commands do not decide themselves.
pub struct Surroundings {
    /// Unix milliseconds.
    pub now_ms: fn() -> i64,
    /// For a secret.
    pub random_bytes: fn() -> [u8; 32],
    /// The whole command line, for completions and the manual.
    pub whole: fn() -> clap::Command,
}

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Trigger(trigger::Trigger),
    Listen(listen::Listen),
    Deliveries(deliveries::Deliveries),
    Verify(verify::Verify),
    Health(health::Health),
    Completions(documents::Completions),
    Man(documents::Man),
}

/// Runs a command; what goes wrong is on standard error when it returns.
pub fn run(command: Command, surroundings: &Surroundings) -> ExitCode {
    let result = match command {
        Command::Trigger(trigger) => trigger.run(surroundings),
        Command::Listen(listen) => listen.run(surroundings),
        Command::Deliveries(deliveries) => deliveries.run(surroundings),
        Command::Verify(verify) => verify.run(surroundings),
        Command::Health(health) => health.run(),
        Command::Completions(completions) => completions.run(surroundings),
        Command::Man(man) => man.run(surroundings),
    };
    finish(result)
}

/// How a process ends after a command; says what went wrong.
pub fn finish(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has enough, as `head` does.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                complain(&text);
            }
            ExitCode::FAILURE
        }
    }
}
