//! Set-up: what building, running and testing need on this machine. Every step first looks whether its
//! result is there, does only what is missing, and says in one line which of the two it was.
//!
//! The steps: the browser half's compiler (`wasm`), the Node tools (`node`), a browser for the tests
//! (`browser`), the official Python client (`python`), PostgreSQL's programs and PgBouncer (`postgres`), Prometheus'
//! (`prometheus`), the shells that completions are for (`shells`), a C++ compiler (`cxx`), the languages of the examples
//! (`languages`), what they import (`examples`), what the files of `deploy/` are tried with (`packaging`) and what checks the
//! dependencies (`deny`). Commands ask for the steps they need, so that nobody waits for a browser to be installed in
//! order to start the server.

mod browser;
mod cxx;
mod deny;
mod examples;
mod languages;
mod node;
mod packages;
mod packaging;
mod postgres;
mod prometheus;
mod python;
mod shells;
mod wasm;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

pub use self::wasm::{WasmSource, rust_target};
use crate::process;
use crate::workspace::Workspace;

/// One thing a machine needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A compiler for wasm32.
    Wasm,
    /// The packages of `end2end/package-lock.json`.
    Node,
    /// A Chromium that the browser tests can start.
    Browser,
    /// A virtual environment with the official Python client.
    Python,
    /// PostgreSQL's programs and PgBouncer, for tests that start servers of their own.
    Postgres,
    /// Prometheus' programs, for tests of what is collected.
    Prometheus,
    /// The shells that completions are tested with.
    Shells,
    /// A C++ compiler, for the fuzzers.
    Cxx,
    /// The languages of the examples that nothing else here is written in.
    Languages,
    /// What the examples take from npm, and a virtual environment with what they take from PyPI.
    Examples,
    /// Tools that read the files of `deploy/`, proxies, and a Debian to boot.
    Packaging,
    /// cargo-deny.
    Deny,
}

/// How a step went.
enum Outcome {
    /// It was there already.
    Skipped(String),
    /// It had to be fetched, installed or chosen.
    Done(String),
}

/// Every step, as `cargo xtask setup` does it.
pub fn everything(workspace: &Workspace, wasm_from: Option<WasmSource>) -> Result<()> {
    if let Some(source) = wasm_from {
        wasm::forget(workspace);
        report("wasm", || wasm::prepare(workspace, Some(source)))?;
    }
    ensure(
        workspace,
        &[
            Step::Wasm,
            Step::Node,
            Step::Browser,
            Step::Python,
            Step::Postgres,
            Step::Prometheus,
            Step::Shells,
            Step::Cxx,
            Step::Languages,
            Step::Examples,
            Step::Packaging,
            Step::Deny,
        ],
    )
}

/// The steps that a command needs.
pub fn ensure(workspace: &Workspace, steps: &[Step]) -> Result<()> {
    for step in steps {
        match step {
            Step::Wasm => report("wasm", || wasm::prepare(workspace, None))?,
            Step::Node => report("node", || node::prepare(workspace, &workspace.node_package()))?,
            Step::Browser => report("browser", || browser::prepare(workspace))?,
            Step::Python => report("python", || python::prepare_client(workspace))?,
            Step::Postgres => report("postgres", || postgres::prepare(workspace))?,
            Step::Prometheus => report("prometheus", || prometheus::prepare(workspace))?,
            Step::Shells => report("shells", || shells::prepare(workspace))?,
            Step::Deny => report("deny", || deny::prepare(workspace))?,
            Step::Cxx => report("cxx", || cxx::prepare(workspace))?,
            Step::Languages => report("languages", || languages::prepare(workspace))?,
            Step::Examples => {
                for package in examples::node_packages(workspace)? {
                    report("examples", || node::prepare(workspace, &package))?;
                }
                report("examples", || python::prepare_examples(workspace))?;
            }
            Step::Packaging => {
                report("packaging", || packaging::prepare(workspace))?;
                report("packaging", || python::prepare_packaging(workspace))?;
            }
        }
    }
    Ok(())
}

/// Where the browser half's compiler comes from, once [`Step::Wasm`] has been taken.
pub fn wasm_source(workspace: &Workspace) -> Result<WasmSource> {
    wasm::known(workspace).context("the compiler for wasm32 is not set up: run `cargo xtask setup`")
}

/// The browser for the tests, once [`Step::Browser`] has been taken.
pub fn chromium(workspace: &Workspace) -> Result<PathBuf> {
    browser::known(workspace).context("no Chromium is set up: run `cargo xtask setup`")
}

/// The interpreter that has the official client, once [`Step::Python`] has been taken.
pub fn python(workspace: &Workspace) -> PathBuf {
    python::with_client(workspace)
}

/// The interpreter that has what the examples import, once [`Step::Examples`] has been taken.
pub fn python_of_examples(workspace: &Workspace) -> PathBuf {
    python::with_examples(workspace)
}

/// What the files of `deploy/` are tried with, as the variables that say where it is, once [`Step::Packaging`] has been taken.
pub fn packaging(workspace: &Workspace) -> [(&'static str, PathBuf); 3] {
    [
        ("GROUNDSWELL_PACKAGING_PYTHON", python::with_packaging(workspace)),
        ("GROUNDSWELL_PROXIES", packaging::proxies(workspace)),
        ("GROUNDSWELL_DEBIAN", packaging::debian(workspace)),
    ]
}

/// The program that checks dependencies, once [`Step::Deny`] has been taken.
pub fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    deny::known(workspace).context("cargo-deny is not set up: run `cargo xtask setup`")
}

fn report(name: &str, step: impl FnOnce() -> Result<Outcome>) -> Result<()> {
    let began = Instant::now();
    match step().with_context(|| format!("setup: {name}"))? {
        Outcome::Skipped(what) => println!("setup: {name:<11}skipped, {what}"),
        Outcome::Done(what) => {
            println!("setup: {name:<11}{what} ({})", process::seconds(began.elapsed()));
        }
    }
    Ok(())
}
