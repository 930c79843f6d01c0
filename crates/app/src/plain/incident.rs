//! `/status/incidents/{id}`: an incident or a maintenance, for everybody. And how one is shown, wherever it is.

use groundswell_types::{
    Impact, Incident, IncidentId, IncidentStatus, IncidentUpdate, MaintenanceStatus, Progress,
};
use leptos::prelude::*;
use leptos_meta::Title;

use super::status::said::component;
use crate::backend::Backend;
use crate::components::{Status, Time};
use crate::failure::Failure;
use crate::language::language;
use crate::said::Said;
use crate::texts::{Texts, texts};
use crate::words::Tone;

/// What the page shows.
#[derive(Clone)]
pub struct Shown(Incident);

impl Shown {
    /// Reads what is to be shown: the path's last part says which.
    pub async fn read(backend: &dyn Backend, path: &str) -> Result<Self, Failure> {
        let id = path.rsplit('/').next().and_then(|id| IncidentId::parse(id).ok());
        backend.incident(id.ok_or(Failure::NotFound)?).await.map(Self)
    }
}

/// The page.
pub fn view(Shown(incident): Shown) -> AnyView {
    let texts = texts();
    let title = incident.name.clone();
    let impact = impact_name(texts, incident.impact);
    view! {
        <Title text=title.clone()/>
        <div class="page">
            <div class="page-head"><h1>{title}</h1></div>
            <p class="incident-facts"><Progressed status=incident.status/>" "<span class="tag">{impact}</span></p>
            {facts(texts, &incident)}
            {updates(texts, &incident)}
            <p><a class="button quiet" rel="external" href="/status">{texts.incidents_to_status()}</a></p>
        </div>
    }
    .into_any()
}

/// Of one that is open so much of what was said stands in a list: the page has to have room for all of them.
const SAID_IN_A_LIST: usize = 3;

/// In a list of them: with a link to its page. Only what was said last stands here, of one that is over only the end.
pub fn item(texts: Texts, incident: &Incident) -> AnyView {
    let address = format!("/status/incidents/{}", incident.id);
    let mut shown = incident.clone();
    shown.updates.truncate(if incident.ended_at.is_some() { 1 } else { SAID_IN_A_LIST });
    let earlier = incident.updates.len() - shown.updates.len();
    let earlier = (earlier > 0 && incident.ended_at.is_none()).then(|| {
        view! { <p><a rel="external" href=address.clone()>{texts.incidents_earlier(earlier)}</a></p> }
    });
    view! {
        <article class="card incident">
            <div class="incident-head">
                <h3><a rel="external" href=address>{incident.name.clone()}</a></h3>
                <Progressed status=incident.status/>
                <span class="tag">{impact_name(texts, incident.impact)}</span>
            </div>
            {facts(texts, incident)}
            {updates(texts, &shown)}
            {earlier}
        </article>
    }
    .into_any()
}

/// How far it has come, in the colour of that.
#[component]
pub fn Progressed(status: Progress) -> impl IntoView {
    let texts = texts();
    view! { <Status tone=progress_tone(status) word=progress_name(texts, status).to_owned()/> }
}

/// When it is, and which components it concerns.
pub fn facts(texts: Texts, incident: &Incident) -> AnyView {
    let schedule = incident.schedule.map(|schedule| {
        let (from, until) = (moment(schedule.from), moment(schedule.until));
        view! { <p class="hint">{texts.incidents_scheduled(from, until)}</p> }
    });
    let names = incident.components.iter().map(|one| component(texts, one.component).0);
    let names = names.collect::<Vec<_>>().join(", ");
    let concerned =
        (!names.is_empty()).then(|| view! { <p class="hint">{texts.incidents_concerns(&names)}</p> });
    view! { {schedule} {concerned} }.into_any()
}

fn moment(at: i64) -> AnyView {
    view! { <Time at/> }.into_any()
}

/// What was said of it, newest first.
pub fn updates(texts: Texts, incident: &Incident) -> AnyView {
    let items = incident.updates.iter().map(|update| {
        let IncidentUpdate { at, status, message, .. } = update.clone();
        // The server's own messages are in the catalogue.
        let lines = message.said_in(language());
        view! {
            <li>
                <p><strong>{progress_name(texts, status)}</strong>" "<span class="hint">{moment(at)}</span></p>
                <p class="incident-message">{lines}</p>
            </li>
        }
    });
    view! { <ol class="incident-updates">{items.collect_view()}</ol> }.into_any()
}

/// What it is called how much it matters.
pub fn impact_name(texts: Texts, impact: Impact) -> &'static str {
    match impact {
        Impact::None => texts.incidents_impact_none(),
        Impact::Minor => texts.incidents_impact_minor(),
        Impact::Major => texts.incidents_impact_major(),
        Impact::Critical => texts.incidents_impact_critical(),
        Impact::Maintenance => texts.incidents_impact_maintenance(),
    }
}

/// What it is called how far it has come.
pub fn progress_name(texts: Texts, status: Progress) -> &'static str {
    match status {
        Progress::Incident(IncidentStatus::Investigating) => texts.incidents_investigating(),
        Progress::Incident(IncidentStatus::Identified) => texts.incidents_identified(),
        Progress::Incident(IncidentStatus::Monitoring) => texts.incidents_monitoring(),
        Progress::Incident(IncidentStatus::Resolved) => texts.incidents_resolved(),
        Progress::Maintenance(MaintenanceStatus::Scheduled) => texts.incidents_announced(),
        Progress::Maintenance(MaintenanceStatus::InProgress) => texts.incidents_in_progress(),
        Progress::Maintenance(MaintenanceStatus::Verifying) => texts.incidents_verifying(),
        Progress::Maintenance(MaintenanceStatus::Completed) => texts.incidents_completed(),
    }
}

const fn progress_tone(status: Progress) -> Tone {
    match status {
        Progress::Incident(IncidentStatus::Investigating | IncidentStatus::Identified) => Tone::Error,
        Progress::Incident(IncidentStatus::Monitoring) => Tone::Warn,
        Progress::Incident(IncidentStatus::Resolved)
        | Progress::Maintenance(MaintenanceStatus::Completed) => Tone::Ok,
        Progress::Maintenance(
            MaintenanceStatus::Scheduled | MaintenanceStatus::InProgress | MaintenanceStatus::Verifying,
        ) => Tone::Info,
    }
}
