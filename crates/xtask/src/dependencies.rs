//! What is linked in: licences, duplicates and sources against `deny.toml`, known vulnerabilities against the RustSec
//! database. The first need Cargo.lock alone; the database comes from GitHub, which not every machine reaches.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;
use crate::setup::{self, Step};
use crate::workspace::Workspace;

/// As `deny.toml` leaves it, cargo-deny's own.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";
const FETCH_LIMIT: Duration = Duration::from_mins(2);

/// Has cargo-deny look at the fuzzers.
const FUZZERS: [&str; 4] = ["--manifest-path", "fuzz/Cargo.toml", "--config", "deny.toml"];

/// Checks everything but advisories.
pub fn check(workspace: &Workspace) -> Result<Command> {
    let mut deny = deny(workspace)?;
    deny.args(["check", "--allow", "license-exception-not-encountered", "licenses", "bans", "sources"]);
    Ok(deny)
}

/// The same of the fuzzers, which have a lock file of their own. What is skipped or allowed for others is not there.
pub fn check_fuzzers(workspace: &Workspace) -> Result<Command> {
    let mut deny = deny(workspace)?;
    deny.args(FUZZERS).arg("check");
    for absent in ["unmatched-skip", "unnecessary-skip", "license-exception-not-encountered"] {
        deny.args(["--allow", absent]);
    }
    deny.args(["licenses", "bans", "sources"]);
    Ok(deny)
}

/// Checks the advisories that were fetched last.
pub fn check_advisories(workspace: &Workspace) -> Result<Command> {
    let mut deny = deny(workspace)?;
    deny.args(["--offline", "check", "advisories"]);
    Ok(deny)
}

/// The same of the fuzzers.
pub fn check_advisories_of_fuzzers(workspace: &Workspace) -> Result<Command> {
    let mut deny = deny(workspace)?;
    deny.args(FUZZERS).args(["--offline", "check", "--allow", "advisory-not-detected", "advisories"]);
    Ok(deny)
}

/// Fetches the advisories, from another copy of the database if one is named.
pub fn fetch_advisories(workspace: &Workspace, from: Option<&str>) -> Result<()> {
    let mut deny = deny(workspace)?;
    deny.args(["fetch", "db"]);
    // Nobody is there to be asked for a password.
    deny.env("GIT_TERMINAL_PROMPT", "0");
    if let Some(from) = from {
        deny.env("GIT_CONFIG_COUNT", "1");
        deny.env("GIT_CONFIG_KEY_0", format!("url.{from}.insteadOf")).env("GIT_CONFIG_VALUE_0", DATABASE);
    }
    process::quietly(&mut deny, &workspace.cache().join("advisories.log"), FETCH_LIMIT)
        .context("the RustSec database could not be fetched")
}

/// `cargo xtask advisories`
pub fn advisories(workspace: &Workspace, from: Option<&str>) -> Result<()> {
    setup::ensure(workspace, &[Step::Deny])?;
    fetch_advisories(workspace, from)?;
    process::stream(&mut check_advisories(workspace)?)?;
    process::stream(&mut check_advisories_of_fuzzers(workspace)?)
}

fn deny(workspace: &Workspace) -> Result<Command> {
    let mut deny = process::command(setup::cargo_deny(workspace)?);
    deny.arg("--locked").current_dir(&workspace.root);
    Ok(deny)
}
