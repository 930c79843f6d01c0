//! The forms of the page where those who run the server say how it is.

use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, Impact, IncidentChange, IncidentId, IncidentKind,
    MaintenanceStatus, NewIncident, NewIncidentUpdate, Problem, Progress, Schedule,
};

use super::{Answer, Form};
use crate::backend::Backend;
use crate::backend::incidents::IncidentRef;
use crate::failure::Failure;
use crate::plain;
use crate::plain::incidents::{Outcome, Typed};
use crate::time;

const HERE: &str = "/settings/status";

const NO_TIME: &str = "must be a date and a time";

/// A post of one of them.
pub async fn submit(backend: &dyn Backend, form: &Form) -> Answer {
    match act(backend, form).await {
        Ok(()) => Answer::redirect(HERE),
        Err(failure) => {
            let status = failure.status();
            let typed =
                Typed(form.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
            let outcome = plain::Outcome::StatusSettings(Outcome { failure, typed });
            Answer::Plain { status, outcome: Box::new(outcome) }
        }
    }
}

async fn act(backend: &dyn Backend, form: &Form) -> Result<(), Failure> {
    // Who may not is told so before what they typed is looked at.
    backend.check_operator().await?;
    match form.get("intent") {
        "report" => backend.create_incident(reported(form)?).await.map(drop),
        "announce" => backend.create_incident(announced(form)?).await.map(drop),
        "update" => {
            let of = incident(form)?;
            let components = (of.kind == IncidentKind::Incident).then(|| affected(form));
            let message = form.get("message").to_owned();
            let new = NewIncidentUpdate { status: Some(status(form)?), message, components };
            backend.update_incident(of, new).await
        }
        "correct" => {
            let of = incident(form)?;
            let before = backend.incident(of.id).await?.schedule;
            backend.change_incident(of, corrected(form, before)?).await
        }
        "delete" => backend.delete_incident(incident(form)?).await,
        _ => Err(Failure::NotFound),
    }
}

fn incident(form: &Form) -> Result<IncidentRef, Failure> {
    let kind = match form.get("kind") {
        "incident" => IncidentKind::Incident,
        "maintenance" => IncidentKind::Maintenance,
        _ => return Err(Failure::NotFound),
    };
    let id = IncidentId::parse(form.get("incident")).map_err(|_| Failure::NotFound)?;
    Ok(IncidentRef { kind, id })
}

fn status(form: &Form) -> Result<Progress, Failure> {
    Progress::parse(form.get("status")).ok_or(Failure::NotFound)
}

fn reported(form: &Form) -> Result<NewIncident, Failure> {
    Ok(NewIncident {
        name: form.get("name").to_owned(),
        status: status(form)?,
        impact: Impact::parse(form.get("impact")).ok_or(Failure::NotFound)?,
        components: affected(form),
        schedule: None,
        message: form.get("message").to_owned(),
    })
}

fn announced(form: &Form) -> Result<NewIncident, Failure> {
    Ok(NewIncident {
        name: form.get("name").to_owned(),
        status: Progress::Maintenance(MaintenanceStatus::Scheduled),
        impact: Impact::Maintenance,
        components: worked_on(form),
        schedule: Some(Schedule { from: moment(form, "from")?, until: moment(form, "until")? }),
        message: form.get("message").to_owned(),
    })
}

/// Only what the form has fields for is changed: of what is over, less than of what is open. Its fields show times to the
/// minute, so one that is as it was shown is the one that was.
fn corrected(form: &Form, before: Option<Schedule>) -> Result<IncidentChange, Failure> {
    let has = |name: &str| form.pairs().any(|(field, _)| field == name);
    let time = |name: &str, was: Option<i64>| {
        let is_new = has(name) && was.is_none_or(|was| form.get(name) != time::minute(was));
        is_new.then(|| moment(form, name)).transpose()
    };
    let is_incident = form.get("kind") == "incident";
    let components = if is_incident {
        has("component-events").then(|| affected(form))
    } else {
        has("from").then(|| worked_on(form))
    };
    Ok(IncidentChange {
        name: Some(form.get("name").to_owned()),
        impact: Impact::parse(form.get("impact")).filter(|_| is_incident),
        components,
        from: time("from", before.map(|schedule| schedule.from))?,
        until: time("until", before.map(|schedule| schedule.until))?,
    })
}

/// In UTC, to the minute, as the browser's field has it.
fn moment(form: &Form, name: &str) -> Result<i64, Failure> {
    let pointer = if name == "from" { "/scheduledFrom" } else { "/scheduledUntil" };
    let wrong = || Failure::Invalid(vec![Problem::new(pointer, NO_TIME)]);
    time::parse_utc(form.get(name)).ok_or_else(wrong)
}

fn affected(form: &Form) -> Vec<AffectedComponent> {
    let of_each = Component::ALL.iter().map(|component| {
        let status = ComponentStatus::parse(form.get(&format!("component-{component}")))?;
        Some(AffectedComponent { component: *component, status })
    });
    of_each.flatten().collect()
}

fn worked_on(form: &Form) -> Vec<AffectedComponent> {
    let components = form.all("component").filter_map(Component::parse);
    let status = ComponentStatus::UnderMaintenance;
    components.map(|component| AffectedComponent { component, status }).collect()
}
