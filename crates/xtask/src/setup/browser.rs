//! A Chromium for the browser tests: one that is there, else Debian's package, else Playwright's download.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::{Outcome, packages};
use crate::process;
use crate::stamps::Stamp;
use crate::workspace::Workspace;

const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
const NAMES: [&str; 3] = ["chromium", "google-chrome-stable", "google-chrome"];

#[derive(Serialize, Deserialize)]
struct Fact {
    executable: PathBuf,
}

fn stamp(workspace: &Workspace) -> Stamp {
    Stamp::of(workspace, "setup-browser")
}

/// `CHROMIUM_PATH` if that is set, else what [`prepare`] found, if it is still there.
pub fn known(workspace: &Workspace) -> Option<PathBuf> {
    let told = process::variable("CHROMIUM_PATH").map(PathBuf::from);
    let executable = told.or_else(|| stamp(workspace).read::<Fact>().map(|fact| fact.executable))?;
    executable.is_file().then_some(executable)
}

/// Finds or installs a Chromium.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    if let Some(executable) = known(workspace) {
        return Ok(Outcome::Skipped(format!("{} is there", executable.display())));
    }
    let (executable, how) = match present(workspace) {
        Some(executable) => (executable, "found"),
        None if is_debian() && packages::can_install() => {
            packages::install(workspace, &["chromium"])?;
            (process::find("chromium").context("Debian's chromium has no executable")?, "installed")
        }
        None => (download(workspace)?, "downloaded"),
    };
    let what = format!("{how} {}", executable.display());
    stamp(workspace).write(&Fact { executable })?;
    Ok(Outcome::Done(what))
}

fn present(workspace: &Workspace) -> Option<PathBuf> {
    NAMES.iter().find_map(|name| process::find(name)).or_else(|| of_playwright(workspace))
}

/// The executable that Playwright has downloaded or would download, if it is there.
fn of_playwright(workspace: &Workspace) -> Option<PathBuf> {
    let mut node = process::command("node");
    node.args(["-p", "require('playwright-core').chromium.executablePath()"]);
    node.current_dir(workspace.node_package());
    process::capture(&mut node).ok().map(PathBuf::from).filter(|executable| executable.is_file())
}

fn download(workspace: &Workspace) -> Result<PathBuf> {
    let mut install = process::command("npx");
    install.args(["playwright", "install", "chromium"]).current_dir(workspace.node_package());
    if packages::can_install() {
        // Its shared libraries come from the distribution.
        install.arg("--with-deps");
    }
    process::quietly(&mut install, &workspace.cache().join("playwright.log"), DOWNLOAD_LIMIT).map_err(
        |error| {
            anyhow!("no Chromium: install the package `chromium` or set CHROMIUM_PATH to one ({error:#})")
        },
    )?;
    of_playwright(workspace).context("Playwright installed no Chromium")
}

/// Ubuntu's package `chromium` is only a pointer to a snap, which tests cannot start in a container.
fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}
