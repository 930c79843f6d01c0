//! PostgreSQL's programs for the tests, which start servers of their own: those that are there, else Debian's package.

use anyhow::{Context, Result, bail};
use private_postgres::Programs;

use super::{Outcome, packages};
use crate::workspace::Workspace;

/// Where Debian says whether its package makes a server for the whole machine.
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// Finds or installs them.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    if let Some(programs) = Programs::find() {
        return Ok(Outcome::Skipped(format!("{} is there", programs.path("postgres").display())));
    }
    if !packages::can_install() {
        bail!(
            "the tests start PostgreSQL servers: install PostgreSQL 14 or later (Debian's package `postgresql`)"
        );
    }
    install(workspace)?;
    let programs = Programs::find().context("Debian's postgresql has no server programs")?;
    Ok(Outcome::Done(format!("installed {}", programs.path("postgres").display())))
}

/// Nobody asked for a server that starts with the machine. Where PostgreSQL was used before, its administrator has said
/// already what they want.
fn install(workspace: &Workspace) -> Result<()> {
    let is_first = !packages::install(workspace, &["postgresql-common"])?.is_empty();
    if !is_first {
        packages::install(workspace, &["postgresql"])?;
        return Ok(());
    }
    packages::as_root(workspace, &["pg_conftool", CLUSTERS, "set", "create_main_cluster", "off"])?;
    let installed = packages::install(workspace, &["postgresql"]);
    packages::as_root(workspace, &["pg_conftool", CLUSTERS, "remove", "create_main_cluster"])?;
    installed.map(drop)
}
