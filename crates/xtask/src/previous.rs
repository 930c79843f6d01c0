//! The server of the version before this one, which tests run beside it: as it is while servers are replaced one after the
//! other.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::stamps::Stamp;
use crate::workspace::{Profile, Workspace};

/// The version before: the last commit of it. It is moved on with each version that is given to anybody.
const COMMIT: &str = "b50010cc74c88047cc428f16a21bc7f1dd9459e0";

/// Where tests look for it.
fn executable(workspace: &Workspace) -> PathBuf {
    workspace.target.join("previous/groundswell")
}

/// Makes it, unless it is there.
pub fn build(workspace: &Workspace) -> Result<()> {
    let executable = executable(workspace);
    let stamp = Stamp::of(workspace, "previous");
    if executable.is_file() && stamp.read::<String>().as_deref() == Some(COMMIT) {
        println!("previous: {} is that of {COMMIT:.10}", workspace.relative(&executable).display());
        return Ok(());
    }
    stamp.forget();
    let source = workspace.target.join("previous/source");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    fs::create_dir_all(&source)?;
    fetch(workspace)?;
    let archive = source.with_extension("tar");
    let mut git = process::command("git");
    process::stream(
        git.current_dir(&workspace.root).args(["archive", "--output"]).arg(&archive).arg(COMMIT),
    )?;
    process::stream(process::command("tar").arg("-xf").arg(&archive).arg("--directory").arg(&source))?;
    // What it depends on is compiled for this version, too, as long as Cargo settles on the same features: those of tests, which
    // any target of theirs brings about; here the smallest.
    let mut cargo = workspace.cargo();
    cargo.current_dir(&source).arg("build").args(workspace.product());
    process::stream(cargo.args(["--bin", &workspace.site.output_name, "--bench", "log"]))?;
    fs::copy(workspace.server(Profile::Debug), &executable)?;
    fs::remove_dir_all(&source)?;
    fs::remove_file(&archive)?;
    stamp.write(&COMMIT)
}

/// A clone need not have it: some have the newest commit alone.
fn fetch(workspace: &Workspace) -> Result<()> {
    let git = || {
        let mut git = process::command("git");
        git.current_dir(&workspace.root);
        git
    };
    let is_there = || {
        let mut look = git();
        look.args(["cat-file", "-e", &format!("{COMMIT}^{{commit}}")]);
        process::capture(&mut look).is_ok()
    };
    if !is_there() {
        process::stream(git().args(["fetch", "--depth", "1", "origin", COMMIT])).with_context(|| {
            format!("the version before ({COMMIT:.10}) is needed; `git fetch --unshallow` brings it")
        })?;
        if !is_there() {
            bail!("`git fetch` has not brought {COMMIT:.10}");
        }
    }
    Ok(())
}
