//! The forms of the page. All of them are posted to it, with an `intent`.

use groundswell_types::{
    Component, ComponentStatus, Impact, Incident, IncidentKind, IncidentStatus, MAX_INCIDENT_MESSAGE_CHARS,
    MAX_INCIDENT_NAME_CHARS, MaintenanceStatus, Progress,
};
use leptos::prelude::*;

use super::{Typed, kind_name};
use crate::plain::incident::{impact_name, progress_name};
use crate::plain::status::said;
use crate::texts::{Texts, texts};
use crate::time;

const HERE: &str = "/settings/status";

/// Reports an incident.
#[component]
pub fn Report(typed: Typed) -> impl IntoView {
    let texts = texts();
    view! {
        <form class="card form" method="post" action=HERE>
            <input type="hidden" name="intent" value="report"/>
            {name(texts, typed.get("name").unwrap_or_default())}
            {status(texts, (IncidentKind::Incident, typed.get("status").unwrap_or("investigating")))}
            {impact(texts, typed.get("impact").unwrap_or("minor"))}
            {affected(texts, |component| typed.get(&field_of(component)).unwrap_or_default().to_owned())}
            {message(texts, typed.get("message").unwrap_or_default())}
            <button class="button primary" type="submit">{texts.incidents_report_now()}</button>
        </form>
    }
}

/// Announces maintenance.
#[component]
pub fn Announce(typed: Typed) -> impl IntoView {
    let texts = texts();
    view! {
        <form class="card form" method="post" action=HERE>
            <input type="hidden" name="intent" value="announce"/>
            {name(texts, typed.get("name").unwrap_or_default())}
            {times(texts, [typed.get("from"), typed.get("until")].map(|time| time.unwrap_or_default().to_owned()))}
            {worked_on(texts, |component| typed.has("component", component.as_str()))}
            {message(texts, typed.get("message").unwrap_or_default())}
            <button class="button primary" type="submit">{texts.incidents_announce_now()}</button>
        </form>
    }
}

/// Says something new.
#[component]
pub fn Update(incident: Incident, typed: Typed) -> impl IntoView {
    let texts = texts();
    let kind = incident.kind();
    let now = typed.get("status").unwrap_or(incident.status.as_str()).to_owned();
    let affected = (kind == IncidentKind::Incident)
        .then(|| affected(texts, |one| as_typed_or_is(&typed, &incident, one)));
    view! {
        <form class="card form" method="post" action=HERE>
            {about("update", &incident)}
            {status(texts, (kind, &now))}
            {affected}
            {message(texts, typed.get("message").unwrap_or_default())}
            <button class="button primary" type="submit">{texts.incidents_update_now()}</button>
        </form>
    }
}

/// Changes what was said wrong.
#[component]
pub fn Correct(incident: Incident, typed: Typed) -> impl IntoView {
    let texts = texts();
    let own = match incident.schedule.filter(|_| incident.ended_at.is_none()) {
        Some(schedule) => {
            let now = [("from", schedule.from), ("until", schedule.until)];
            let now = now.map(|(field, at)| typed.get(field).map_or_else(|| time::minute(at), str::to_owned));
            let is_on = |one: Component| {
                if typed.is_empty() {
                    incident.status_of(one).is_some()
                } else {
                    typed.has("component", one.as_str())
                }
            };
            view! { {times(texts, now)} {worked_on(texts, is_on)} }.into_any()
        }
        None if incident.kind() == IncidentKind::Incident => {
            let matters = typed.get("impact").unwrap_or(incident.impact.as_str()).to_owned();
            let affected = incident
                .ended_at
                .is_none()
                .then(|| affected(texts, |one| as_typed_or_is(&typed, &incident, one)));
            view! { {impact(texts, &matters)} {affected} }.into_any()
        }
        None => ().into_any(),
    };
    view! {
        <form class="card form" method="post" action=HERE>
            {about("correct", &incident)}
            {name(texts, typed.get("name").unwrap_or(&incident.name))}
            {own}
            <button class="button primary" type="submit">{texts.incidents_correct_now()}</button>
        </form>
    }
}

/// Takes it away.
#[component]
pub fn Delete(incident: Incident) -> impl IntoView {
    let texts = texts();
    view! {
        <form class="card form" method="post" action=HERE>
            {about("delete", &incident)}
            <p>{texts.incidents_delete_means()}</p>
            <button class="button danger small" type="submit">{texts.incidents_delete_now()}</button>
        </form>
    }
}

fn about(intent: &'static str, incident: &Incident) -> AnyView {
    view! {
        <input type="hidden" name="intent" value=intent/>
        <input type="hidden" name="kind" value=kind_name(incident.kind())/>
        <input type="hidden" name="incident" value=incident.id.to_string()/>
    }
    .into_any()
}

fn name(texts: Texts, value: &str) -> AnyView {
    view! {
        <label class="field">
            <span class="field-label">{texts.incidents_name()}</span>
            <input class="input" name="name" value=value.to_owned() required maxlength=MAX_INCIDENT_NAME_CHARS.to_string() autocomplete="off"/>
        </label>
    }
    .into_any()
}

fn message(texts: Texts, value: &str) -> AnyView {
    view! {
        <label class="field">
            <span class="field-label">{texts.incidents_message()}</span>
            <textarea class="input" name="message" required rows="4" maxlength=MAX_INCIDENT_MESSAGE_CHARS.to_string()>{value.to_owned()}</textarea>
            <span class="hint">{texts.incidents_message_hint()}</span>
        </label>
    }
    .into_any()
}

fn status(texts: Texts, (kind, now): (IncidentKind, &str)) -> AnyView {
    let all: Vec<Progress> = match kind {
        IncidentKind::Incident => IncidentStatus::ALL.iter().copied().map(Progress::Incident).collect(),
        IncidentKind::Maintenance => {
            MaintenanceStatus::ALL.iter().copied().map(Progress::Maintenance).collect()
        }
    };
    let options = all.into_iter().map(|one| {
        view! { <option value=one.as_str() selected=one.as_str() == now>{progress_name(texts, one)}</option> }
    });
    view! {
        <label class="field">
            <span class="field-label">{texts.incidents_status()}</span>
            <select class="select" name="status">{options.collect_view()}</select>
        </label>
    }
    .into_any()
}

fn impact(texts: Texts, now: &str) -> AnyView {
    let of_incidents = Impact::ALL.iter().filter(|impact| **impact != Impact::Maintenance);
    let options = of_incidents.map(|one| {
        view! { <option value=one.as_str() selected=one.as_str() == now>{impact_name(texts, *one)}</option> }
    });
    view! {
        <label class="field">
            <span class="field-label">{texts.incidents_impact()}</span>
            <select class="select" name="impact">{options.collect_view()}</select>
        </label>
    }
    .into_any()
}

/// The name of the field that says how a component is.
pub fn field_of(component: Component) -> String {
    format!("component-{component}")
}

/// How a component is because of it: a word, or nothing when it does not concern it.
fn as_typed_or_is(typed: &Typed, incident: &Incident, component: Component) -> String {
    let is = || incident.status_of(component).map_or("", ComponentStatus::as_str);
    typed.get(&field_of(component)).unwrap_or_else(is).to_owned()
}

fn affected(texts: Texts, now: impl Fn(Component) -> String) -> AnyView {
    let fields = Component::ALL.iter().map(|component| {
        let now = now(*component);
        let options = ComponentStatus::ALL.iter().map(|status| {
            let is_now = status.as_str() == now;
            view! { <option value=status.as_str() selected=is_now>{said::status(texts, *status).1}</option> }
        });
        view! {
            <label class="field">
                <span class="field-label">{said::component(texts, *component).0}</span>
                <select class="select" name=field_of(*component)>
                    <option value="">{texts.incidents_not_concerned()}</option>
                    {options.collect_view()}
                </select>
            </label>
        }
    });
    view! {
        <fieldset class="field incident-components">
            <legend class="field-label">{texts.incidents_components()}</legend>
            {fields.collect_view()}
        </fieldset>
    }
    .into_any()
}

fn worked_on(texts: Texts, is_on: impl Fn(Component) -> bool) -> AnyView {
    let boxes = Component::ALL.iter().map(|component| {
        view! {
            <label class="choice">
                <input type="checkbox" name="component" value=component.as_str() checked=is_on(*component)/>
                <span>{said::component(texts, *component).0}</span>
            </label>
        }
    });
    view! {
        <fieldset class="field">
            <legend class="field-label">{texts.incidents_worked_on()}</legend>
            {boxes.collect_view()}
        </fieldset>
    }
    .into_any()
}

fn times(texts: Texts, now: [String; 2]) -> AnyView {
    let [from, until] = now;
    let field = |(name, label): (&'static str, &'static str), value: String| {
        view! {
            <label class="field">
                <span class="field-label">{label}</span>
                <input class="input" type="datetime-local" name=name value=value required/>
            </label>
        }
    };
    view! {
        <div class="incident-times">
            {field(("from", texts.incidents_from()), from)}
            {field(("until", texts.incidents_until()), until)}
        </div>
        <p class="hint">{texts.incidents_by_itself()}</p>
    }
    .into_any()
}
