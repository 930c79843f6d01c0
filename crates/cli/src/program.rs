//! Which program a command is about.

use groundswell_types::{Program, ProgramStatus};
use serde::Deserialize;

use crate::api::{Api, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::spelling::did_you_mean;
use crate::terminal::harmless;

#[derive(Deserialize)]
struct Programs {
    campaigns: Vec<Program>,
}

/// The program that was named, or the only one there is.
pub fn chosen(api: &Api, connection: &Connection) -> Result<Program, Failure> {
    if let Some(id) = connection.program() {
        return named(api, id);
    }
    let mut programs = all(api)?;
    match programs.len() {
        0 => Err(Failure::new(
            "There is no program yet.",
            "Create one in the Program Editor, or with POST /v2/campaigns.",
        )),
        1 => Ok(programs.remove(0)),
        _ => Err(Failure::new(
            format!("There are {} programs, so say which one is meant.", programs.len()),
            format!("Give --program or GROUNDSWELL_PROGRAM one of these:\n{}", listed(&programs)),
        )),
    }
}

fn named(api: &Api, id: &str) -> Result<Program, Failure> {
    if let Some(program) = api.find(&format!("/v2/campaign/{}", segment(id)))? {
        return Ok(program);
    }
    let programs = all(api)?;
    let meant = did_you_mean(id, programs.iter().map(|program| program.id.as_str()));
    let there = if programs.is_empty() {
        "The key sees no program at all.".to_owned()
    } else {
        format!("There are:\n{}", listed(&programs))
    };
    Err(Failure::new(format!("There is no program `{id}`."), format!("{meant}{there}")))
}

fn all(api: &Api) -> Result<Vec<Program>, Failure> {
    let Programs { mut campaigns } = api.get("/v2/campaigns")?;
    campaigns.retain(|program| program.status != ProgramStatus::Deleted);
    Ok(campaigns)
}

/// A line each, at most twenty.
fn listed(programs: &[Program]) -> String {
    let line = |program: &Program| format!("  {}  {}", program.id.as_str(), harmless(&program.name));
    let mut lines: Vec<String> = programs.iter().take(20).map(line).collect();
    if programs.len() > lines.len() {
        lines.push(format!("  and {} more", programs.len() - lines.len()));
    }
    lines.join("\n")
}
