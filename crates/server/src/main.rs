//! The binary `groundswell`.

mod backend;
mod config;
mod docs;
mod export;
mod front;
mod http;
mod inbox;
mod live;
mod origin;
mod pages;
mod rest;
mod serve;
mod site;
mod unread;

use clap::Parser as _;

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
    Serve(config::ServeArgs),
}

fn main() -> std::process::ExitCode {
    let Command::Serve(args) = Cli::parse().command;
    let result = config::Config::load(args).and_then(serve::run);
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            serve::say(&format!("groundswell: {error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}
