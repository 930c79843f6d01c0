//! Python packages, in virtual environments under the target directory. One has the hosted product's official client:
//! what it calls must keep working, so the tests call it. Beside it is Schemathesis, which holds the server against the
//! description of its API. Another has what the examples import, and a third what the files of `deploy/` are tried with. All are
//! installed from a lock file, by hash, and nothing of it runs while it is installed: wheels only.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Outcome, packages};
use crate::process;
use crate::stamps::{Stamp, content_hash};
use crate::workspace::Workspace;

const INSTALL_LIMIT: Duration = Duration::from_mins(10);

/// A virtual environment.
struct Environment {
    directory: PathBuf,
    /// Remembers `wanted` once it is installed.
    stamp: Stamp,
    /// What is in it, for people.
    contents: &'static str,
    /// Names all of it, with versions and hashes.
    lock: PathBuf,
}

/// The interpreter that has the official client and Schemathesis.
pub fn with_client(workspace: &Workspace) -> PathBuf {
    of_client(workspace).interpreter()
}

/// The interpreter that has what the examples import.
pub fn with_examples(workspace: &Workspace) -> PathBuf {
    of_examples(workspace).interpreter()
}

/// The interpreter that has what the files of `deploy/` are tried with.
pub fn with_packaging(workspace: &Workspace) -> PathBuf {
    of_packaging(workspace).interpreter()
}

/// Creates the client's environment, unless that was done already.
pub fn prepare_client(workspace: &Workspace) -> Result<Outcome> {
    of_client(workspace).prepare(workspace)
}

/// Creates the examples' environment, with all that any `requirements.txt` of theirs names, unless that was done already.
pub fn prepare_examples(workspace: &Workspace) -> Result<Outcome> {
    of_examples(workspace).prepare(workspace)
}

/// Creates the environment with what the files of `deploy/` are tried with, unless that was done already.
pub fn prepare_packaging(workspace: &Workspace) -> Result<Outcome> {
    of_packaging(workspace).prepare(workspace)
}

fn of_client(workspace: &Workspace) -> Environment {
    Environment {
        directory: workspace.cache().join("python"),
        stamp: Stamp::of(workspace, "setup-python"),
        contents: "what the Python tests import",
        lock: workspace.node_package().join("python/requirements.lock"),
    }
}

fn of_examples(workspace: &Workspace) -> Environment {
    Environment {
        directory: workspace.cache().join("python-examples"),
        stamp: Stamp::of(workspace, "setup-python-examples"),
        contents: "what the examples require",
        lock: workspace.examples().join("tests/requirements.lock"),
    }
}

fn of_packaging(workspace: &Workspace) -> Environment {
    Environment {
        directory: workspace.cache().join("python-packaging"),
        stamp: Stamp::of(workspace, "setup-python-packaging"),
        contents: "what deploy/ is tried with",
        lock: workspace.deploy().join("tests/requirements.lock"),
    }
}

impl Environment {
    fn interpreter(&self) -> PathBuf {
        self.directory.join("bin/python")
    }

    fn prepare(&self, workspace: &Workspace) -> Result<Outcome> {
        let Self { contents, lock, .. } = self;
        let wanted =
            content_hash(&fs::read(lock).with_context(|| format!("cannot read {}", lock.display()))?);
        let installed: Option<String> = self.stamp.read();
        if installed.as_ref() == Some(&wanted) && self.interpreter().exists() {
            return Ok(Outcome::Skipped(format!("{contents} is installed")));
        }
        if self.create(workspace).is_err() {
            // Debian splits the module that puts pip into an environment off into a package of its own.
            packages::install(workspace, &["python3", "python3-venv"])?;
            self.create(workspace)?;
        }
        let mut pip = process::command(self.interpreter());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(lock);
        process::quietly(&mut pip, &log(workspace), INSTALL_LIMIT)
            .with_context(|| format!("cannot install {contents} into {}", self.directory.display()))?;
        self.stamp.write(&wanted)?;
        Ok(Outcome::Done(format!("installed {contents} in a virtual environment")))
    }

    fn create(&self, workspace: &Workspace) -> Result<()> {
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        let mut python = process::command("python3");
        python.args(["-m", "venv"]).arg(&self.directory);
        process::quietly(&mut python, &log(workspace), INSTALL_LIMIT)
    }
}

fn log(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("python.log")
}
