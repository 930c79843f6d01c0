//! PostgreSQL's programs for the tests, which start servers of their own, and PgBouncer: those that are there, else Debian's
//! packages.

use anyhow::{Context, Result, bail};
use private_postgres::{Pooler, Programs};

use super::{Outcome, packages};
use crate::process;
use crate::workspace::Workspace;

/// Where Debian says whether its package makes a server for the whole machine.
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// Finds or installs them.
pub fn prepare(workspace: &Workspace) -> Result<Outcome> {
    if let (Some(programs), Some(pooler)) = (Programs::find(), Pooler::program()) {
        let server = programs.path("postgres");
        return Ok(Outcome::Skipped(format!("{} and {} are there", server.display(), pooler.display())));
    }
    if !packages::can_install() {
        bail!(
            "the tests start PostgreSQL servers: install PostgreSQL 14 or later and PgBouncer (Debian's packages \
             `postgresql` and `pgbouncer`)"
        );
    }
    if Programs::find().is_none() {
        install(workspace)?;
    }
    if Pooler::program().is_none() {
        install_pooler(workspace)?;
    }
    let programs = Programs::find().context("Debian's postgresql has no server programs")?;
    let pooler = Pooler::program().context("Debian's pgbouncer has no program")?;
    Ok(Outcome::Done(format!("installed {} and {}", programs.path("postgres").display(), pooler.display())))
}

/// Nor did anybody ask for a pooler that starts with the machine.
fn install_pooler(workspace: &Workspace) -> Result<()> {
    let is_new = !packages::install(workspace, &["pgbouncer"])?.is_empty();
    if is_new && process::find("systemctl").is_some() {
        // Fails where nothing is started anyway, as in a container.
        let _ = packages::as_root(workspace, &["systemctl", "disable", "--now", "pgbouncer"]);
    }
    Ok(())
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
