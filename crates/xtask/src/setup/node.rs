//! Node packages. Those of `end2end/`: Playwright for the tests, and for the build `wasm-opt` (binaryen) and the CSS
//! bundler (lightningcss). The last two exist as Rust crates or Debian packages as well, but the crate adds a minute to
//! the first `cargo xtask` and Debian's wasm-opt is years too old. And those of `examples/`, for its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Outcome;
use crate::process;
use crate::stamps::content_hash;
use crate::workspace::Workspace;

const INSTALL_LIMIT: Duration = Duration::from_mins(10);
const OLDEST_NODE: u32 = 20;

/// Installs what the lock file in `package` names, unless that was done already.
pub fn prepare(workspace: &Workspace, package: &Path) -> Result<Outcome> {
    let lock = package.join("package-lock.json");
    let contents = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let wanted = content_hash(&contents);
    let modules = package.join("node_modules");
    let shown = workspace.relative(&modules).display();
    // Inside node_modules rather than under the target directory: whatever deletes the packages then
    // deletes this as well, and two target directories share one installation.
    let stamp: PathBuf = modules.join(".installed-lock-hash");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Outcome::Skipped(format!("{shown} is as package-lock.json says")));
    }
    check_version()?;
    let mut npm = process::command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(package);
    process::quietly(&mut npm, &workspace.cache().join("npm.log"), INSTALL_LIMIT)?;
    fs::write(&stamp, wanted)?;
    Ok(Outcome::Done(format!("installed {shown} with npm ci")))
}

fn check_version() -> Result<()> {
    let version = process::capture(process::command("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < OLDEST_NODE) {
        bail!("Node {OLDEST_NODE} or newer is needed, this is {version}");
    }
    Ok(())
}
