//! `groundswell check-config`: what `serve` would be started with.

use anyhow::Context as _;
use clap::CommandFactory as _;
use groundswell_cli::{Output, Terminal};

use crate::Cli;
use crate::config::{Config, ServeArgs, reference};
use crate::log;

/// Checks the settings and prints those that count.
///
/// Reads flags, environment and file exactly as `serve` does; the answer is in the words of the file, secrets masked. Exit
/// code 1 means that `serve` would not start with them.
#[derive(Debug, clap::Args)]
pub struct CheckConfig {
    /// Print a TOML file with every setting there is, explained and at its default, and check nothing.
    #[arg(long)]
    example: bool,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    output: Output,
}

impl CheckConfig {
    /// Loads, checks, prints.
    pub fn run(self) -> anyhow::Result<()> {
        if self.example {
            let example = reference::example(&reference::all(&Cli::command())?)?;
            return Ok(Terminal::new(&self.output).line(example.trim_end())?);
        }
        let config = Config::load(self.serve)?;
        log::filter(&config.log_filter)?;
        config.secrets.check()?;
        let shown = config.shown();
        let mut terminal = Terminal::new(&self.output);
        if terminal.is_json() {
            return Ok(terminal.json(&shown)?);
        }
        let text = toml::to_string(&shown).context("the settings cannot be printed")?;
        Ok(terminal.line(text.trim_end())?)
    }
}
