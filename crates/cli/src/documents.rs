//! Completions for shells, and the manual.

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man as Page;

use crate::Surroundings;
use crate::failure::Failure;

/// Prints completions for a shell.
///
/// Where they belong differs; for bash it is `~/.local/share/bash-completion/completions/groundswell`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

/// Prints the manual's page, or writes one for every command.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// A directory to write the pages of all commands to, for example /usr/local/share/man/man1.
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        let mut command = (surroundings.whole)();
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        print(&script)
    }
}

impl Man {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        let command = (surroundings.whole)();
        match &self.dir {
            None => {
                let mut page = Vec::new();
                Page::new(command).render(&mut page)?;
                print(&page)
            }
            Some(directory) => write_all(command, directory).map_err(|error| {
                Failure::new(
                    format!("The manual cannot be written to {}: {error}.", directory.display()),
                    "Give --dir a directory that you may write to.",
                )
            }),
        }
    }
}

fn write_all(command: clap::Command, directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(command, directory)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
