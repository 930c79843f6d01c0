//! What Cargo starts each Rust test program with.
//!
//! Most tests compute, and as many run at a time as there are processors. Those of the server wait most of the time, for a
//! process to start or a retry to be due, so twice as many of them run at a time; but not of those about several servers,
//! which measure times and have a database and two or three processes each.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

/// The module of the server's tests that are timed.
const TIMED: &str = "nodes::";

/// Has Cargo call this program instead of each test program.
pub fn through_here(cargo: &mut Command) -> Result<()> {
    let here = env::current_exe().context("this program does not know its own path")?;
    // As TOML writes strings and as Rust does is the same for a path.
    let runner = format!("target.'cfg(all())'.runner=[{:?}, \"run-tests\"]", here.display().to_string());
    cargo.arg("--config").arg(runner);
    Ok(())
}

/// Runs one test program, which Cargo has started this one in the package of.
pub fn run(program: &[OsString]) -> Result<()> {
    let (program, arguments) = program.split_first().context("there is no program to run")?;
    let package = env::current_dir()?;
    let mut failed = 0;
    for round in rounds(&package, Path::new(program)) {
        // Not with the environment of the developer's shell: tests ask for what Cargo has told this program.
        let status = Command::new(program).args(arguments).args(&round).status();
        let status = status.with_context(|| format!("cannot start {}", program.display()))?;
        failed += u32::from(!status.success());
    }
    if failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

/// The arguments of each round in which a program's tests run.
fn rounds(package: &Path, program: &Path) -> Vec<Vec<String>> {
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    if !package.ends_with("crates/server") || !name.starts_with("it-") {
        return vec![vec![]];
    }
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let waiting = format!("--test-threads={}", 2 * processors);
    vec![vec!["--skip".to_owned(), TIMED.to_owned(), waiting], vec![TIMED.to_owned()]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_tests_run_in_two_rounds() {
        let [server, engine] = ["/somewhere/crates/server", "/somewhere/crates/engine"].map(Path::new);
        let rounds_of = |package, program| rounds(package, Path::new(program)).len();
        assert_eq!(rounds_of(server, "/target/debug/deps/it-0f"), 2);
        assert_eq!(rounds_of(server, "/target/debug/deps/groundswell-0f"), 1);
        assert_eq!(rounds_of(engine, "/target/debug/deps/it-0f"), 1);
    }
}
