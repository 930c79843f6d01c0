//! `/settings/status`: what those who run the server say of it.

mod forms;

use groundswell_types::{Incident, IncidentKind};
use leptos::prelude::*;
use leptos_meta::Title;

use self::forms::{Announce, Correct, Delete, Report, Update};
use super::incident::{Progressed, facts, impact_name, updates};
use crate::backend::Backend;
use crate::components::{FailureNotice, Icon, Shape};
use crate::failure::Failure;
use crate::language::Language;
use crate::said::Said;
use crate::texts::{Texts, texts};

/// So many of those that are over stand here; the others are on their own pages alone.
const ENDED_SHOWN: usize = 10;

/// What came of a form of the page: why it could not be done, and the form as it was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why.
    pub failure: Failure,
    /// What was in it.
    pub typed: Typed,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        Self { failure: self.failure.said_in(language), ..self }
    }
}

/// A form as it was filled in, by the names of its fields; none yet at first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Typed(pub Vec<(String, String)>);

impl Typed {
    /// What is in a field, if the form was filled in.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(field, one)| field == name && one == value)
    }

    /// The same if it is this form, about that incident; else none.
    fn of(&self, intent: &str, incident: Option<&Incident>) -> Self {
        let id = incident.map(|incident| incident.id.to_string());
        let is_it = self.get("intent") == Some(intent) && self.get("incident") == id.as_deref();
        if is_it { self.clone() } else { Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    incidents: Vec<Incident>,
    outcome: Option<Outcome>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, outcome: Option<Outcome>) -> Result<Self, Failure> {
        backend.check_operator().await?;
        Ok(Self { incidents: backend.shown_incidents(), outcome })
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { incidents, outcome } = shown;
    let (failure, typed) = match outcome {
        Some(Outcome { failure, typed }) => (Some(view! { <FailureNotice failure/> }), typed),
        None => (None, Typed::default()),
    };
    let (open, ended): (Vec<Incident>, Vec<Incident>) =
        incidents.into_iter().partition(|incident| incident.ended_at.is_none());
    let ended: Vec<Incident> = ended.into_iter().take(ENDED_SHOWN).collect();
    let list = if open.is_empty() {
        view! { <div class="empty-box"><h3>{texts.incidents_none()}</h3><p>{texts.incidents_none_means()}</p></div> }
            .into_any()
    } else {
        open.iter().map(|incident| item(texts, incident, &typed)).collect_view().into_any()
    };
    let over = (!ended.is_empty()).then(|| {
        view! {
            <section class="incidents" aria-labelledby="ended">
                <h2 id="ended">{texts.incidents_ended()}</h2>
                {ended.iter().map(|incident| item(texts, incident, &typed)).collect_view()}
            </section>
        }
    });
    let (report, announce) = (typed.of("report", None), typed.of("announce", None));
    let (reports, announces) = (!report.is_empty(), !announce.is_empty());
    view! {
        <Title text=texts.incidents_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.incidents_title()}</h1></div>
            <p class="hint">{texts.incidents_means()} " " <a rel="external" href="/status">{texts.incidents_to_status()}</a></p>
            {failure}
            <details class="new-program" open=reports>
                <summary class="button"><Icon shape=Shape::Plus/>{texts.incidents_report()}</summary>
                <Report typed=report/>
            </details>
            <details class="new-program" open=announces>
                <summary class="button"><Icon shape=Shape::Plus/>{texts.incidents_announce()}</summary>
                <Announce typed=announce/>
            </details>
            <section class="incidents" aria-labelledby="open">
                <h2 id="open">{texts.incidents_open()}</h2>
                {list}
            </section>
            {over}
        </div>
    }
    .into_any()
}

/// One of them, with what can be done about it.
fn item(texts: Texts, incident: &Incident, typed: &Typed) -> AnyView {
    let update = incident.ended_at.is_none().then(|| {
        let typed = typed.of("update", Some(incident));
        let is_filled = !typed.is_empty();
        view! {
            <details open=is_filled>
                <summary class="button small">{texts.incidents_update()}</summary>
                <Update incident=incident.clone() typed/>
            </details>
        }
    });
    let correct = typed.of("correct", Some(incident));
    let corrects = !correct.is_empty();
    let is_over = incident.ended_at.is_some();
    let address = format!("/status/incidents/{}", incident.id);
    let said = view! { {facts(texts, incident)} {updates(texts, incident)} }.into_any();
    let said = if is_over {
        view! { <details><summary class="button quiet small">{texts.incidents_what_was_said()}</summary>{said}</details> }
            .into_any()
    } else {
        said
    };
    view! {
        <article class="card incident">
            <div class="incident-head">
                <h3><a rel="external" href=address>{incident.name.clone()}</a></h3>
                <Progressed status=incident.status/>
                <span class="tag">{impact_name(texts, incident.impact)}</span>
            </div>
            {said}
            {update}
            <details open=corrects>
                <summary class="button quiet small">{texts.incidents_correct()}</summary>
                <Correct incident=incident.clone() typed=correct/>
            </details>
            <details>
                <summary class="button quiet small">{texts.incidents_delete()}</summary>
                <Delete incident=incident.clone()/>
            </details>
        </article>
    }
    .into_any()
}

/// What forms say of which of the two it is about.
const fn kind_name(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::Incident => "incident",
        IncidentKind::Maintenance => "maintenance",
    }
}
