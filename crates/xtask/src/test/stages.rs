//! The stages of `cargo xtask test`, in the order they run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::{Seen, runner};
use crate::setup::{self, Step};
use crate::workspace::{Profile, Workspace};
use crate::{fuzz, previous, process, site, wasm};

/// One part of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Compiles the server of the version before, which tests run beside this one.
    Previous,
    /// Compiles the server and the site, which later stages start.
    Build,
    /// The Rust tests.
    Unit,
    /// The types for browsers.
    TypesWasm,
    /// The types as other services get them.
    TypesPackage,
    /// The editor in a browser.
    End2end,
    /// The browser half as it is released.
    ReleaseSite,
    /// The official client library.
    PythonClient,
    /// What the API's description says of it.
    Schemathesis,
    /// The examples of the documentation.
    Examples,
    /// What the server is installed with.
    Packaging,
    /// All parsers, a minute each.
    Fuzz,
}

impl Stage {
    /// What `--only` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Build => "build",
            Self::Unit => "unit",
            Self::TypesWasm => "types-wasm",
            Self::TypesPackage => "types-package",
            Self::End2end => "end2end",
            Self::ReleaseSite => "release-site",
            Self::PythonClient => "python-client",
            Self::Schemathesis => "schemathesis",
            Self::Examples => "examples",
            Self::Packaging => "packaging",
            Self::Fuzz => "fuzz",
        }
    }

    /// What it is about, in a line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Previous => "the server of the version before compiles",
            Self::Build => "the server, the site and the Rust tests compile",
            Self::Unit => "Rust unit, integration and documentation tests, tidy among them",
            Self::TypesWasm => "groundswell-types compiles for wasm32",
            Self::TypesPackage => "a crate outside the workspace uses the packaged groundswell-types",
            Self::End2end => "the editor in Chromium (Playwright)",
            Self::ReleaseSite => "what it weighs as it is released, and that it works so",
            Self::PythonClient => "the hosted product's Python client against our REST API",
            Self::Schemathesis => "every call does what the API's description says (Schemathesis)",
            Self::Examples => "the examples of the documentation, run for real",
            Self::Packaging => "image, Compose, systemd, Helm and proxies, by what reads their files",
            Self::Fuzz => {
                "every parser on inputs that nobody would write, a minute each, beside the others (libFuzzer)"
            }
        }
    }

    /// The stages it cannot do without.
    pub fn needs(self) -> &'static [Self] {
        match self {
            // The server's own tests start it with the site beside it.
            Self::Unit => &[Self::Previous, Self::Build],
            Self::End2end
            | Self::ReleaseSite
            | Self::PythonClient
            | Self::Schemathesis
            | Self::Examples
            | Self::Packaging => &[Self::Build],
            Self::Previous | Self::Build | Self::TypesWasm | Self::TypesPackage | Self::Fuzz => &[],
        }
    }

    /// Whether it keeps all processors busy.
    pub fn computes(self) -> bool {
        matches!(self, Self::Previous | Self::Build | Self::Unit | Self::TypesWasm | Self::TypesPackage)
    }

    /// What must be set up for it.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Build => &[Step::Wasm, Step::Node],
            Self::Unit => &[Step::Wasm, Step::Node, Step::Postgres, Step::Prometheus, Step::Shells],
            Self::TypesWasm => &[Step::Wasm],
            Self::Previous | Self::TypesPackage => &[],
            Self::End2end | Self::ReleaseSite => &[Step::Wasm, Step::Node, Step::Browser],
            Self::PythonClient | Self::Schemathesis => &[Step::Wasm, Step::Node, Step::Python],
            Self::Examples => &[Step::Wasm, Step::Node, Step::Languages, Step::Examples],
            Self::Packaging => &[Step::Wasm, Step::Node, Step::Packaging],
            Self::Fuzz => &[Step::Cxx],
        }
    }

    /// Runs it; failing tests are counted, and an error as well.
    pub fn run(self, workspace: &Workspace, seen: &mut Seen) -> Result<()> {
        match self {
            Self::Previous => previous::build(workspace),
            Self::Build => build(workspace),
            Self::Unit => unit(workspace, seen),
            Self::TypesWasm => types_wasm(workspace),
            Self::TypesPackage => types_package(workspace),
            Self::End2end => playwright(workspace, &workspace.server(Profile::Debug), &[], seen),
            Self::ReleaseSite => release_site(workspace, seen),
            Self::PythonClient => python_client(workspace, seen),
            Self::Schemathesis => schemathesis(workspace, seen),
            Self::Examples => examples(workspace, seen),
            Self::Packaging => packaging(workspace, seen),
            Self::Fuzz => fuzz::fuzz(workspace, &fuzz::Options::USUAL),
        }
    }
}

fn counted(command: &mut Command, seen: &mut Seen) -> Result<()> {
    let status = process::tee(command, |line| seen.line(line))?;
    if !status.success() {
        bail!("`{}` failed ({status})", process::describe(command));
    }
    Ok(())
}

/// With `--tests` Cargo settles on the features that `cargo test` will want, so that nothing is compiled again.
fn build(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.arg("build").args(workspace.product()).args(["--bins", "--tests"]);
    process::stream(&mut cargo)?;
    site::build(workspace, Profile::Debug)
}

fn unit(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    let mut product = workspace.cargo();
    product.arg("test").args(workspace.product()).arg("--no-fail-fast");
    runner::through_here(&mut product)?;
    let mut xtask = workspace.cargo();
    xtask.args(["test", "--package", "xtask", "--no-fail-fast"]);
    let outcome = counted(&mut product, seen);
    counted(&mut xtask, seen)?;
    outcome
}

fn types_wasm(workspace: &Workspace) -> Result<()> {
    let mut cargo = wasm::cargo(workspace, "build")?;
    cargo.args(["--package", "groundswell-types", "--features", "verify", "--profile", "wasm-dev"]);
    process::stream(&mut cargo)
}

/// Packages the types as `cargo publish` would, and lets a crate that knows nothing else use them.
fn types_package(workspace: &Workspace) -> Result<()> {
    let template = workspace.root.join("crates/types/tests/consumer");
    let scratch = workspace.target.join("types-package");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let consumer = scratch.join("consumer");
    fs::create_dir_all(consumer.join("src"))?;
    let mut package = workspace.cargo();
    // Compiling what was packaged is the consumer's part.
    package.args(["package", "--package", "groundswell-types", "--allow-dirty", "--no-verify"]);
    process::stream(&mut package)?;
    unpack(workspace, &scratch)?;
    for file in ["Cargo.toml", "src/main.rs"] {
        let from = template.join(file);
        fs::copy(&from, consumer.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // The same versions as here, so that a release of somebody else's cannot break our build.
    fs::copy(workspace.root.join("Cargo.lock"), consumer.join("Cargo.lock"))?;
    let mut cargo = workspace.cargo();
    cargo.current_dir(&consumer).env("CARGO_TARGET_DIR", workspace.target.join("types-consumer")).arg("run");
    process::stream(&mut cargo)
}

fn unpack(workspace: &Workspace, into: &Path) -> Result<()> {
    let packages = workspace.target.join("package");
    let mut newest = None;
    for entry in fs::read_dir(&packages)? {
        let path = entry?.path();
        let of_types =
            path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("groundswell-types-"));
        if of_types && path.extension().is_some_and(|extension| extension == "crate") {
            newest = newest.max(Some((fs::metadata(&path)?.modified()?, path)));
        }
    }
    let (_, archive) = newest.with_context(|| format!("no package in {}", packages.display()))?;
    let mut tar = process::command("tar");
    // The version would be in the directory's name, and the consumer names the directory.
    tar.arg("-xzf").arg(archive).args(["--strip-components", "1", "--directory"]);
    let directory = into.join("groundswell-types");
    fs::create_dir_all(&directory)?;
    process::stream(tar.arg(directory))
}

/// The release build's site is made in other ways than the other one (`wasm.rs`), so it is tried as well: with the same
/// server, in a copy beside it.
fn release_site(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    /// Those that go through every page and write in it.
    const TESTS: [&str; 4] = ["journey", "editor", "log", "inbox"];
    site::build(workspace, Profile::Release)?;
    let directory = workspace.site_directory(Profile::Release);
    for (extension, most) in MOST_KIB {
        check_weight(&directory.join(&workspace.site.site_pkg_dir), extension, most)?;
    }
    let server = directory.with_file_name("groundswell-debug");
    fs::copy(workspace.server(Profile::Debug), &server)?;
    playwright(workspace, &server, &TESTS, seen)
}

/// What the files that are sent for a page may weigh in brotli, in KiB, by their kind; of texts those of all languages, of which
/// a page gets one. For the wasm file 300 kB are promised.
const MOST_KIB: [(&str, u64); 4] = [("wasm", 286), ("txt", 24), ("js", 12), ("css", 15)];

fn check_weight(directory: &Path, extension: &str, most_kib: u64) -> Result<()> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(&format!(".{extension}.br")) {
            bytes += entry.metadata()?.len();
        }
    }
    println!("{extension}: {} KiB in brotli, at most {most_kib}", bytes / 1024);
    if bytes == 0 || bytes > most_kib * 1024 {
        bail!("{extension} weighs {} KiB in brotli, more than {most_kib}, or is missing", bytes / 1024);
    }
    Ok(())
}

fn playwright(workspace: &Workspace, server: &Path, tests: &[&str], seen: &mut Seen) -> Result<()> {
    let mut playwright = process::command("npx");
    playwright.args(["playwright", "test"]).args(tests).current_dir(workspace.node_package());
    playwright.env("GROUNDSWELL_BIN", server);
    playwright.env("CHROMIUM_PATH", setup::chromium(workspace)?);
    // Colours would stand between a number and its word where the output is counted.
    playwright.env("FORCE_COLOR", "0");
    counted(&mut playwright, seen)
}

fn python_client(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    let mut python = process::command(setup::python(workspace));
    python.arg(workspace.node_package().join("python/test_client.py")).current_dir(&workspace.root);
    // Otherwise Python keeps its output back while it goes to a pipe.
    python.env("PYTHONUNBUFFERED", "1");
    python.env("GROUNDSWELL_BIN", workspace.server(Profile::Debug));
    counted(&mut python, seen)
}

fn schemathesis(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    let mut node = process::command("node");
    node.arg(workspace.node_package().join("schemathesis/run.mjs")).arg(setup::python(workspace));
    node.current_dir(&workspace.root);
    node.env("PYTHONUNBUFFERED", "1");
    node.env("GROUNDSWELL_BIN", workspace.server(Profile::Debug));
    counted(&mut node, seen)
}

/// Those in Rust are packages of the workspace, so the stage `build` has compiled them.
fn examples(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    let mut node = node_tests(workspace, &workspace.examples().join("tests"))?;
    node.env("GROUNDSWELL_PYTHON", setup::python_of_examples(workspace));
    node.env("CARGO", process::cargo()).env("CARGO_TARGET_DIR", &workspace.target);
    counted(&mut node, seen)
}

/// The debug build stands for the other one: what is tried is not how fast it is.
fn packaging(workspace: &Workspace, seen: &mut Seen) -> Result<()> {
    let mut node = node_tests(workspace, &workspace.deploy().join("tests"))?;
    node.envs(setup::packaging(workspace));
    counted(&mut node, seen)
}

/// Node's test runner with all files of a directory that have tests, and the server that they start.
fn node_tests(workspace: &Workspace, tests: &Path) -> Result<Command> {
    let mut files = Vec::new();
    for entry in fs::read_dir(tests).with_context(|| format!("cannot read {}", tests.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    // Node would succeed with nothing to do.
    if files.is_empty() {
        bail!("there is no test in {}", tests.display());
    }
    files.sort();
    let mut node = process::command("node");
    node.args(["--test", "--test-reporter=spec"]).args(files).current_dir(&workspace.root);
    // Colours would stand before the words that are counted.
    node.env("FORCE_COLOR", "0");
    node.env("GROUNDSWELL_BIN", workspace.server(Profile::Debug));
    Ok(node)
}
