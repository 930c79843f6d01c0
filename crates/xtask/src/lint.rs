//! `cargo xtask lint`: formatting, clippy for both halves, documentation, dependencies. Warnings are errors.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::setup::{self, Step};
use crate::workspace::Workspace;
use crate::{dependencies, process, wasm};

const DENY: [&str; 3] = ["--", "-D", "warnings"];

/// How one check went.
struct Report {
    name: &'static str,
    took: Duration,
    passed: bool,
}

/// Runs all checks, says how long each took, and fails if any did.
pub fn lint(workspace: &Workspace) -> Result<()> {
    setup::ensure(workspace, &[Step::Wasm, Step::Deny])?;
    let mut reports = Vec::new();
    let mut checks = checks(workspace)?;
    let fetched = dependencies::fetch_advisories(workspace, None);
    if fetched.is_ok() {
        checks.push(("advisories", dependencies::check_advisories(workspace)?));
        checks.push(("advisories-fuzz", dependencies::check_advisories_of_fuzzers(workspace)?));
    }
    for (name, mut command) in checks {
        println!("\nlint: {name}");
        let began = Instant::now();
        let outcome = process::stream(&mut command);
        if let Err(error) = &outcome {
            println!("lint: {name}: {error:#}");
        }
        reports.push(Report { name, took: began.elapsed(), passed: outcome.is_ok() });
    }
    println!();
    if let Err(error) = fetched {
        println!(
            "advisories    NOT CHECKED: {error}; run `cargo xtask advisories` where it can be, or with --from"
        );
    }
    summarise(&reports)
}

fn checks(workspace: &Workspace) -> Result<Vec<(&'static str, Command)>> {
    let cargo = |subcommand: &str, packages: &[&str], options: &[&str]| {
        let mut cargo = workspace.cargo();
        cargo.arg(subcommand).args(packages).args(options).env("RUSTDOCFLAGS", "-D warnings");
        cargo
    };
    let product = workspace.product();
    let xtask = ["--package", "xtask"];
    let documentation = ["--no-deps", "--document-private-items"];
    // The app comes along as a dependency of the browser half, with the features that the browser gets.
    let mut clippy_wasm = wasm::cargo(workspace, "clippy")?;
    clippy_wasm.args(["--package", &workspace.site.lib_package, "--profile", "wasm-dev"]).args(DENY);
    Ok(vec![
        ("format", cargo("fmt", &["--all"], &["--", "--check"])),
        // A workspace of its own.
        ("format-fuzz", cargo("fmt", &["--manifest-path", "fuzz/Cargo.toml"], &["--", "--check"])),
        ("clippy", cargo("clippy", &product, &[&["--all-targets"], &DENY[..]].concat())),
        ("clippy-wasm", clippy_wasm),
        ("clippy-xtask", cargo("clippy", &xtask, &[&["--all-targets"], &DENY[..]].concat())),
        ("docs", cargo("doc", &product, &documentation)),
        ("docs-xtask", cargo("doc", &xtask, &documentation)),
        ("dependencies", dependencies::check(workspace)?),
        ("deps-fuzz", dependencies::check_fuzzers(workspace)?),
    ])
}

fn summarise(reports: &[Report]) -> Result<()> {
    for report in reports {
        let outcome = if report.passed { "ok" } else { "FAILED" };
        println!("{:<14}{:>12}  {outcome}", report.name, process::seconds(report.took));
    }
    let failed = reports.iter().filter(|report| !report.passed).count();
    println!("\n{} passed, {failed} failed", reports.len() - failed);
    if failed > 0 {
        bail!("lint found something");
    }
    Ok(())
}
