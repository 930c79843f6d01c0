//! The server's executable.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::{Profile, Workspace};

/// Compiles it, as far as anything changed.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", &workspace.site.bin_package, "--bin", &workspace.site.output_name]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    process::stream(&mut cargo).context("the server does not compile")?;
    println!("build: server is {}", workspace.relative(&workspace.server(profile)).display());
    Ok(())
}
