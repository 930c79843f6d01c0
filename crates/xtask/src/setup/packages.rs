//! Debian packages, where there is apt-get.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// Installing the largest of our packages takes a minute on a slow mirror, and another apt-get may hold
/// the lock meanwhile.
const INSTALL_LIMIT: Duration = Duration::from_mins(15);

/// For programs that change a setting.
const ROOT_LIMIT: Duration = Duration::from_mins(1);

/// Installs those of `packages` that are missing, and returns which they were.
pub fn install<'a>(workspace: &Workspace, packages: &[&'a str]) -> Result<Vec<&'a str>> {
    if process::find("apt-get").is_none() {
        bail!("this machine has no apt-get to install {} with", packages.join(" "));
    }
    let missing: Vec<_> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    let log = workspace.cache().join("apt-get.log");
    let mut install = apt_get(&missing)?;
    install.args(["install", "-y", "--no-install-recommends"]).args(&missing);
    if process::quietly(&mut install, &log, INSTALL_LIMIT).is_err() {
        // A fresh machine knows no packages yet, an old one only versions that are no longer served.
        let mut update = apt_get(&missing)?;
        update.arg("update");
        process::quietly(&mut update, &log, INSTALL_LIMIT).context("cannot read the package lists")?;
        process::quietly(&mut install, &log, INSTALL_LIMIT)?;
    }
    Ok(missing)
}

/// Puts the files of packages into a directory, and installs nothing: their servers are not started, then or when the machine
/// is, and no file of the system's is another one.
pub fn unpack(workspace: &Workspace, packages: &[&str], into: &Path) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("this machine has no apt-get to get {} with", packages.join(" "));
    }
    let archives = into.join("archives");
    fs::create_dir_all(&archives)?;
    let log = workspace.cache().join("apt-get.log");
    let mut download = process::command("apt-get");
    download.arg("download").args(packages).current_dir(&archives);
    if process::quietly(&mut download, &log, INSTALL_LIMIT).is_err() {
        process::quietly(apt_get(packages)?.arg("update"), &log, INSTALL_LIMIT)
            .context("cannot read the package lists")?;
        process::quietly(&mut download, &log, INSTALL_LIMIT)?;
    }
    for entry in fs::read_dir(&archives)? {
        let mut extract = process::command("dpkg-deb");
        extract.arg("--extract").arg(entry?.path()).arg(into);
        process::quietly(&mut extract, &log, INSTALL_LIMIT)?;
    }
    fs::remove_dir_all(&archives).context("the archives cannot be removed")
}

/// Whether [`install`] has a chance: there is apt-get, and a way to run it as root.
pub fn can_install() -> bool {
    process::find("apt-get").is_some() && (is_root() || process::find("sudo").is_some())
}

fn is_installed(package: &str) -> bool {
    let mut query = process::command("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]).stderr(std::process::Stdio::null());
    process::capture(&mut query).is_ok_and(|status| status == "installed")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn apt_get(missing: &[&str]) -> Result<Command> {
    // sudo cleans the environment, so that the variable has to be set behind it.
    let Some(mut command) = root() else {
        bail!("run `apt-get install -y --no-install-recommends {}` as root first", missing.join(" "));
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=600"]);
    Ok(command)
}

/// Runs a program as root.
pub fn as_root(workspace: &Workspace, words: &[&str]) -> Result<()> {
    as_root_within(workspace, words, ROOT_LIMIT)
}

/// The same, for one that may take longer.
pub fn as_root_within(workspace: &Workspace, words: &[&str], limit: Duration) -> Result<()> {
    let Some(mut command) = root() else { bail!("run `{}` as root first", words.join(" ")) };
    process::quietly(command.args(words), &workspace.cache().join("root.log"), limit)
}

/// `env` as root, to be followed by a program and its arguments.
fn root() -> Option<Command> {
    if is_root() {
        return Some(process::command("env"));
    }
    let sudo = process::find("sudo")?;
    let mut command = process::command(sudo);
    command.arg("env");
    Some(command)
}
