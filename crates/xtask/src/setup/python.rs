//! The hosted product's official Python client, in a virtual environment under the target directory:
//! what it calls must keep working, so the tests call it. Beside it Schemathesis, which holds the server against the
//! description of its API.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Outcome, packages};
use crate::process;
use crate::stamps::Stamp;
use crate::workspace::Workspace;

const PACKAGES: [&str; 2] = ["growsurf-python==1.16.0", "schemathesis==4.32.5"];
const INSTALL_LIMIT: Duration = Duration::from_mins(10);

fn environment(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("python")
}

/// The interpreter of the virtual environment.
pub fn interpreter(workspace: &Workspace) -> PathBuf {
    environment(workspace).join("bin/python")
}

/// Creates the environment and installs both, unless that was done already.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    let stamp = Stamp::of(workspace, "setup-python");
    let names = PACKAGES.join(" and ");
    let installed: Option<String> = stamp.read();
    if installed.as_deref() == Some(&names) && interpreter(workspace).exists() {
        return Ok(Outcome::Skipped(format!("{names} are installed")));
    }
    let directory = environment(workspace);
    let log = workspace.cache().join("python.log");
    if create(workspace).is_err() {
        // Debian splits the module that puts pip into an environment off into a package of its own.
        packages::install(workspace, &["python3", "python3-venv"])?;
        create(workspace)?;
    }
    let mut pip = process::command(interpreter(workspace));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    process::quietly(&mut pip, &log, INSTALL_LIMIT)
        .with_context(|| format!("cannot install {names} into {}", directory.display()))?;
    stamp.write(&names)?;
    Ok(Outcome::Done(format!("installed {names} in a virtual environment")))
}

fn create(workspace: &Workspace) -> Result<()> {
    let directory = environment(workspace);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    let mut python = process::command("python3");
    python.args(["-m", "venv"]).arg(&directory);
    process::quietly(&mut python, &workspace.cache().join("python.log"), INSTALL_LIMIT)
}
