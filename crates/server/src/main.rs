//! The binary `groundswell`.

mod audit_export;
mod backend;
mod backup;
mod check_config;
mod client_address;
mod config;
mod cookies;
mod copy;
mod crash;
mod docs;
mod doctor;
mod embed;
mod export;
mod front;
mod headers;
#[cfg(test)]
mod house;
mod http;
mod http_meters;
mod inbox;
mod listener;
mod live;
mod log;
mod mail;
mod metrics;
mod migrate;
mod negotiation;
mod nodes;
mod oidc;
mod origin;
mod pages;
mod public_file;
mod request;
mod rest;
mod restore;
mod rotate_key;
mod routes;
mod secrets;
mod serve;
mod site;
mod statuspage;
mod stop_signals;
mod stream_room;
mod traces;
mod unread;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use groundswell_cli::{Failure, Surroundings};

/// Most of what is allocated here is freed by another thread: the database's, or the one that took over the task. The
/// system's allocator takes a lock then, which two busy processors wait for at every second event.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Webhooks for referral and affiliate programs that always arrive.
#[derive(clap::Parser)]
#[command(name = "groundswell", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Accepts and delivers events, and serves the Program Editor.
    Serve(Box<config::ServeArgs>),
    Migrate(Box<migrate::Migrate>),
    CheckConfig(Box<check_config::CheckConfig>),
    Doctor(Box<doctor::Doctor>),
    RotateKey(Box<rotate_key::RotateKey>),
    Backup(Box<backup::Backup>),
    Restore(Box<restore::Restore>),
    Copy(Box<copy::CopyDatabase>),
    #[command(flatten)]
    Api(Box<groundswell_cli::Command>),
}

fn main() -> ExitCode {
    let surroundings = Surroundings {
        now_ms: || groundswell_engine::clock::Clock::system().now_ms(),
        random_bytes: groundswell_engine::id::random_bytes,
        whole: Cli::command,
    };
    let command = read_command_line();
    if !matches!(command, Command::Serve(_)) {
        // All of them have keys or what those are for in memory; a server has its settings to go by, and its log.
        crash::tell_panics();
        crash::forbid_core_dumps();
    }
    let result = match command {
        Command::Serve(args) => config::Config::load(*args).and_then(serve::run),
        Command::Migrate(migrate) => migrate.run(),
        Command::CheckConfig(check) => check.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::RotateKey(rotate) => rotate.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Copy(copy) => copy.run(),
        Command::Api(command) => return groundswell_cli::run(*command, &surroundings),
    };
    match result.map_err(anyhow::Error::downcast::<Failure>) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ok(failure)) => groundswell_cli::finish(Err(failure)),
        Err(Err(error)) => {
            groundswell_cli::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What was asked for; ends the process when it cannot be understood, or was the help.
fn read_command_line() -> Command {
    let mut whole = config::without_empty(Cli::command());
    let read = Cli::from_arg_matches(&whole.get_matches_mut());
    read.unwrap_or_else(|error| error.format(&mut whole).exit()).command
}
