//! The shells that the command line writes completions for, so that tests can have them read: bash is wherever Debian is,
//! zsh and fish are Debian's packages.

use anyhow::{Result, bail};

use super::{Outcome, packages};
use crate::process;
use crate::workspace::Workspace;

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Installs those that are missing.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let missing: Vec<&str> = SHELLS.into_iter().filter(|shell| process::find(shell).is_none()).collect();
    if missing.is_empty() {
        return Ok(Outcome::Skipped(format!("{} are there", SHELLS.join(", "))));
    }
    if !packages::can_install() {
        bail!(
            "the tests of completions need {}: install them (Debian's packages have these names)",
            missing.join(", ")
        );
    }
    packages::install(workspace, &missing)?;
    Ok(Outcome::Done(format!("installed {}", missing.join(", "))))
}
