//! `cargo xtask speed`: how soon the release build's pages are there, in Chromium on a slowed-down processor.

use anyhow::Result;

use crate::setup::{self, Step};
use crate::workspace::{Profile, Workspace};
use crate::{process, server, site};

/// Builds what is measured, and runs `end2end/speed.mjs` on it.
pub fn speed(workspace: &Workspace) -> Result<()> {
    setup::ensure(workspace, &[Step::Wasm, Step::Node, Step::Browser])?;
    server::build(workspace, Profile::Release)?;
    site::build(workspace, Profile::Release)?;
    let mut node = process::command("node");
    node.arg("speed.mjs").current_dir(workspace.node_package());
    node.env("GROUNDSWELL_BIN", workspace.server(Profile::Release));
    node.env("CHROMIUM_PATH", setup::chromium(workspace)?);
    process::stream(&mut node)
}
