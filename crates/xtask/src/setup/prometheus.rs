//! Prometheus' programs for the tests. Of Debian's package they are taken as they are, without installing it: installed, it
//! would start a Prometheus that collects from this machine, and nobody asked for that.

use anyhow::{Context as _, Result, bail};

use super::{Outcome, packages};
use crate::process;
use crate::workspace::Workspace;

/// What the tests start.
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Finds or fetches them.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let directory = workspace.cache().join("prometheus");
    if PROGRAMS.iter().all(|program| directory.join("usr/bin").join(program).is_file()) {
        return Ok(Outcome::Skipped(format!("{} is there", directory.display())));
    }
    if PROGRAMS.iter().all(|program| process::find(program).is_some()) {
        return Ok(Outcome::Skipped("the machine has it".to_owned()));
    }
    if process::find("apt-get").is_none() {
        bail!(
            "the tests start Prometheus: put `prometheus` and `promtool` 2.42 or later where programs are found"
        );
    }
    packages::unpack(workspace, &["prometheus"], &directory).context("cannot fetch Prometheus")?;
    Ok(Outcome::Done(format!("fetched {}", directory.display())))
}
