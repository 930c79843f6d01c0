//! Python packages, in virtual environments under the target directory. One has the hosted product's official client:
//! what it calls must keep working, so the tests call it. Beside it is Schemathesis, which holds the server against the
//! description of its API. The other has what the examples import.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Outcome, examples, packages};
use crate::process;
use crate::stamps::{Stamp, content_hash};
use crate::workspace::Workspace;

const CLIENT: &str = "growsurf-python==1.16.0";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const INSTALL_LIMIT: Duration = Duration::from_mins(10);

/// A virtual environment.
struct Environment {
    directory: PathBuf,
    /// Remembers `wanted` once it is installed.
    stamp: Stamp,
    /// What is in it, for people.
    contents: String,
    /// What pip is told to install.
    arguments: Vec<OsString>,
    /// Changes when `arguments` mean something else.
    wanted: String,
}

/// The interpreter that has the official client and Schemathesis.
pub fn with_client(workspace: &Workspace) -> PathBuf {
    of_client(workspace).interpreter()
}

/// The interpreter that has what the examples import.
pub fn with_examples(workspace: &Workspace) -> PathBuf {
    interpreter_in(&examples_directory(workspace))
}

/// Creates the client's environment, unless that was done already.
pub fn prepare_client(workspace: &Workspace) -> Result<Outcome> {
    of_client(workspace).prepare(workspace)
}

/// Creates the examples' environment, with all that any `requirements.txt` of theirs names, unless that was done already.
pub fn prepare_examples(workspace: &Workspace) -> Result<Outcome> {
    of_examples(workspace)?.prepare(workspace)
}

fn of_client(workspace: &Workspace) -> Environment {
    Environment {
        directory: workspace.cache().join("python"),
        stamp: Stamp::of(workspace, "setup-python"),
        contents: format!("{CLIENT} with {SCHEMATHESIS}"),
        arguments: vec![CLIENT.into(), SCHEMATHESIS.into()],
        wanted: format!("{CLIENT} {SCHEMATHESIS}"),
    }
}

fn examples_directory(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("python-examples")
}

fn of_examples(workspace: &Workspace) -> Result<Environment> {
    let mut arguments = Vec::new();
    let mut texts = Vec::new();
    for file in examples::requirements(workspace)? {
        texts.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        arguments.extend(["--requirement".into(), file.into()]);
    }
    Ok(Environment {
        directory: examples_directory(workspace),
        stamp: Stamp::of(workspace, "setup-python-examples"),
        contents: "what the examples require".to_owned(),
        arguments,
        wanted: content_hash(&texts),
    })
}

impl Environment {
    fn interpreter(&self) -> PathBuf {
        interpreter_in(&self.directory)
    }

    fn prepare(&self, workspace: &Workspace) -> Result<Outcome> {
        let Self { contents, wanted, .. } = self;
        let installed: Option<String> = self.stamp.read();
        if installed.as_ref() == Some(wanted) && self.interpreter().exists() {
            return Ok(Outcome::Skipped(format!("{contents} is installed")));
        }
        if self.create(workspace).is_err() {
            // Debian splits the module that puts pip into an environment off into a package of its own.
            packages::install(workspace, &["python3", "python3-venv"])?;
            self.create(workspace)?;
        }
        let mut pip = process::command(self.interpreter());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(&self.arguments);
        process::quietly(&mut pip, &log(workspace), INSTALL_LIMIT)
            .with_context(|| format!("cannot install {contents} into {}", self.directory.display()))?;
        self.stamp.write(wanted)?;
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

fn interpreter_in(directory: &Path) -> PathBuf {
    directory.join("bin/python")
}

fn log(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("python.log")
}
