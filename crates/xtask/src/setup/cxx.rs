//! A C++ compiler: libFuzzer, which the fuzzers are linked with, is written in it.

use anyhow::{Result, bail};

use super::{Outcome, packages};
use crate::process;
use crate::workspace::Workspace;

const PACKAGE: &str = "g++";

/// Installs one if there is none.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let known = process::variable("CXX").or_else(|| Some("c++".to_owned()));
    if let Some(compiler) = known.filter(|compiler| process::find(compiler).is_some()) {
        return Ok(Outcome::Skipped(format!("{compiler} is there")));
    }
    if !packages::can_install() {
        bail!("the fuzzers need a C++ compiler as `c++`: install one (Debian's package is {PACKAGE})");
    }
    packages::install(workspace, &[PACKAGE])?;
    Ok(Outcome::Done(format!("installed {PACKAGE}")))
}
