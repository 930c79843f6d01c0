//! The compiler for the browser half.
//!
//! Two sources are tried in this order. The developer's own toolchain, to which rustup adds the target
//! where it can download. Debian's `rustc-web`, a current compiler that comes with the sources of `std`
//! and lives in `/usr/bin` beside a rustup toolchain, for machines that reach only package mirrors:
//! there `std` is compiled as a part of the build, and the rest of the workspace stays with the
//! ordinary toolchain. Naming the target in a `rust-toolchain.toml` instead would make rustup try a
//! download at every call on such a machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Outcome, packages};
use crate::process;
use crate::stamps::Stamp;
use crate::workspace::Workspace;

/// The target that browsers run.
pub const fn rust_target() -> &'static str {
    "wasm32-unknown-unknown"
}

const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld"];
/// What must be there for [`WasmSource::Debian`] to work; apt puts nothing of it anywhere else.
const DEBIAN_FILES: [&str; 6] = [
    "/usr/bin/cargo",
    "/usr/bin/rustc",
    "/usr/bin/cargo-clippy",
    "/usr/bin/clippy-driver",
    "/usr/bin/wasm-ld",
    "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
];
/// The download has 25 MB. Where it is blocked, rustup gives up within seconds as a rule.
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(3);

/// Where the compiler for the browser half comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WasmSource {
    /// The toolchain that builds the rest of the workspace, with the wasm32 target added to it.
    Toolchain,
    /// Debian's rustc-web package, which compiles std itself.
    Debian,
}

#[derive(Serialize, Deserialize)]
struct Fact {
    source: WasmSource,
    cargo: PathBuf,
    evidence: Vec<PathBuf>,
}

fn stamp(workspace: &Workspace) -> Stamp {
    Stamp::of(workspace, "setup-wasm")
}

/// Makes the next [`prepare`] decide anew.
pub fn forget(workspace: &Workspace) {
    stamp(workspace).forget();
}

/// What an earlier run decided, if it still holds.
pub fn known(workspace: &Workspace) -> Option<WasmSource> {
    let fact: Fact = stamp(workspace).read()?;
    let holds = fact.cargo == process::cargo() && fact.evidence.iter().all(|file| file.exists());
    holds.then_some(fact.source)
}

/// Finds or installs a compiler; from `wanted` only, if that is given.
pub fn prepare(workspace: &Workspace, wanted: Option<WasmSource>) -> Result<Outcome> {
    match known(workspace) {
        Some(WasmSource::Toolchain) => {
            return Ok(Outcome::Skipped(format!("the Rust toolchain has {}", rust_target())));
        }
        Some(WasmSource::Debian) => {
            return Ok(Outcome::Skipped("Debian's rustc-web is installed".to_owned()));
        }
        None => {}
    }
    let own = if wanted == Some(WasmSource::Debian) {
        Err("as asked for".to_owned())
    } else {
        from_toolchain(workspace)
    };
    let reason = match own {
        Ok((evidence, what)) => return remember(workspace, WasmSource::Toolchain, vec![evidence], what),
        Err(reason) => reason,
    };
    if wanted == Some(WasmSource::Toolchain) {
        bail!("the Rust toolchain has no {} and cannot get it: {reason}", rust_target());
    }
    match from_debian(workspace, &reason) {
        Ok(what) => {
            let evidence = DEBIAN_FILES.iter().map(PathBuf::from).collect();
            remember(workspace, WasmSource::Debian, evidence, what)
        }
        Err(error) => bail!(
            "no compiler for {}: `rustup target add {0}` would be the usual way ({reason}), \
             Debian's rustc-web the other ({error:#})",
            rust_target()
        ),
    }
}

fn remember(
    workspace: &Workspace,
    source: WasmSource,
    evidence: Vec<PathBuf>,
    what: String,
) -> Result<Outcome> {
    stamp(workspace).write(&Fact { source, cargo: process::cargo(), evidence })?;
    Ok(Outcome::Done(what))
}

/// The directory of the target's libraries and what was done to get it, or why there is none.
fn from_toolchain(workspace: &Workspace) -> Result<(PathBuf, String), String> {
    if let Some(directory) = installed_target() {
        return Ok((directory, format!("the Rust toolchain has {}", rust_target())));
    }
    if process::find("rustup").is_none() {
        return Err("there is no rustup".to_owned());
    }
    let mut rustup = process::command("rustup");
    rustup.args(["target", "add", rust_target()]);
    let log = workspace.cache().join("rustup.log");
    if process::quietly(&mut rustup, &log, DOWNLOAD_LIMIT).is_err() {
        return Err("rustup could not download it".to_owned());
    }
    let directory = installed_target().ok_or("rustup added it to another toolchain")?;
    Ok((directory, format!("rustup added {} to the toolchain", rust_target())))
}

fn installed_target() -> Option<PathBuf> {
    let beside_cargo = process::cargo().with_file_name("rustc");
    let rustc = if beside_cargo.is_file() { beside_cargo } else { PathBuf::from("rustc") };
    let mut ask = process::command(rustc);
    ask.args(["--print", "target-libdir", "--target", rust_target()]);
    let directory = PathBuf::from(process::capture(&mut ask).ok()?);
    directory.is_dir().then_some(directory)
}

fn from_debian(workspace: &Workspace, reason: &str) -> Result<String> {
    let installed = packages::install(workspace, &DEBIAN_PACKAGES)?;
    if let Some(missing) = DEBIAN_FILES.iter().find(|file| !Path::new(file).exists()) {
        bail!("{missing} is missing although {} are installed", DEBIAN_PACKAGES.join(", "));
    }
    // `rustc 1.96.0 (…)`
    let version = process::capture(process::command("/usr/bin/rustc").arg("--version"))?;
    let version = version.split(' ').nth(1).unwrap_or_default();
    let needed = env!("CARGO_PKG_RUST_VERSION");
    if minor(version) < minor(needed) {
        bail!("rustc-web is {version}, but {needed} is needed: run `apt-get update && apt-get upgrade`");
    }
    let how = if installed.is_empty() { "found" } else { "installed" };
    Ok(format!("{how} Debian's rustc-web {version}, which builds {} itself ({reason})", rust_target()))
}

/// The 96 of `1.96.0`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}
