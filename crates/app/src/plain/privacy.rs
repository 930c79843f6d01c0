//! `/settings/privacy`: how long a program's data is kept, and erasing a participant's data. `?campaign=` says of which program.

use groundswell_types::{Erasure, ProgramId, RetentionDays, SubjectKind};
use leptos::prelude::*;
use leptos_meta::Title;

pub use super::program_outcome::Outcome;
use crate::backend::Backend;
use crate::components::{FailureNotice, Icon, Shape, Time};
use crate::failure::Failure;
use crate::texts::{Texts, texts};

/// A program to choose.
#[derive(Clone)]
struct Choice {
    id: ProgramId,
    name: String,
    retention: Option<RetentionDays>,
}

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    programs: Vec<Choice>,
    /// Which of them, and its erasures.
    chosen: Option<(Choice, Vec<Erasure>)>,
    is_saved: bool,
    failure: Option<Failure>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let value = |name: &str| {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        let programs = backend.programs().await?.into_iter().map(|one| Choice {
            id: one.program.id,
            name: one.program.name,
            retention: one.program.retention_days,
        });
        let programs: Vec<Choice> = programs.collect();
        let (asked, failure) = match outcome {
            Some(Outcome { campaign, failure }) => (campaign.map(|id| id.to_string()), Some(failure)),
            None => (value("campaign"), None),
        };
        let chosen = match &asked {
            Some(asked) => programs.iter().find(|one| one.id.as_str() == asked),
            None => programs.first(),
        };
        let chosen = match chosen {
            Some(chosen) => Some((chosen.clone(), backend.erasures(&chosen.id).await?)),
            None if asked.is_some() => return Err(Failure::NotFound),
            None => None,
        };
        Ok(Self { programs, chosen, is_saved: value("saved").is_some() && failure.is_none(), failure })
    }
}

/// The page.
pub(super) fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { programs, chosen, is_saved, failure } = shown;
    let failure = failure.map(|failure| view! { <FailureNotice failure/> });
    let saved = is_saved.then(|| {
        view! { <div class="notice" data-tone="info" role="status"><Icon shape=Shape::Done/><p>{texts.privacy_saved()}</p></div> }
    });
    let content = match chosen {
        None => view! {
            <div class="empty-box"><h2>{texts.privacy_no_program()}</h2><p>{texts.privacy_no_program_means()}</p></div>
        }
        .into_any(),
        Some((chosen, erasures)) => view! {
            <Programs programs chosen=chosen.id.clone()/>
            <Retention chosen=chosen.clone()/>
            <Erase id=chosen.id.clone()/>
            {list(texts, &chosen.id, erasures)}
        }
        .into_any(),
    };
    view! {
        <Title text=texts.privacy_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.privacy_title()}</h1></div>
            {failure} {saved} {content}
        </div>
    }
    .into_any()
}

#[component]
fn Programs(programs: Vec<Choice>, chosen: ProgramId) -> impl IntoView {
    let texts = texts();
    let options = programs.into_iter().map(|one| {
        let is_chosen = one.id == chosen;
        view! { <option value=one.id.to_string() selected=is_chosen>{one.name} " (" {one.id.to_string()} ")"</option> }
    });
    view! {
        <form class="privacy-program" method="get" action="/settings/privacy">
            <label class="field">
                <span class="field-label">{texts.privacy_program()}</span>
                <select class="select" name="campaign">{options.collect_view()}</select>
            </label>
            <button class="button" type="submit">{texts.privacy_choose()}</button>
        </form>
    }
}

#[component]
fn Retention(chosen: Choice) -> impl IntoView {
    let texts = texts();
    let days = chosen.retention.map(|retention| retention.days().to_string());
    view! {
        <form class="card form" method="post" action="/settings/privacy">
            <h2>{texts.privacy_retention()}</h2>
            <p class="hint">{texts.privacy_retention_means()}</p>
            <input type="hidden" name="intent" value="keep"/>
            <input type="hidden" name="campaign" value=chosen.id.to_string()/>
            <label class="field">
                <span class="field-label">{texts.privacy_days()}</span>
                <input class="input" name="days" value=days inputmode="numeric" autocomplete="off" maxlength="3"/>
                <span class="hint">{texts.privacy_days_hint()}</span>
            </label>
            <button class="button" type="submit">{texts.privacy_save()}</button>
        </form>
    }
}

#[component]
fn Erase(id: ProgramId) -> impl IntoView {
    let texts = texts();
    view! {
        <form class="card form" method="post" action="/settings/privacy">
            <h2>{texts.privacy_erase()}</h2>
            <p class="hint">{texts.privacy_erase_means()}</p>
            <input type="hidden" name="intent" value="erase"/>
            <input type="hidden" name="campaign" value=id.to_string()/>
            <label class="field">
                <span class="field-label">{texts.privacy_by()}</span>
                <select class="select" name="by">
                    <option value=SubjectKind::Email.as_str()>{texts.privacy_by_email()}</option>
                    <option value=SubjectKind::ParticipantId.as_str()>{texts.privacy_by_id()}</option>
                </select>
            </label>
            <label class="field">
                <span class="field-label">{texts.privacy_subject()}</span>
                <input class="input" name="subject" required maxlength="320" autocomplete="off" spellcheck="false" autocapitalize="none"/>
            </label>
            <label class="choice">
                <input type="checkbox" name="sure" value="yes" required/>
                <span>{texts.privacy_sure()}</span>
            </label>
            <button class="button danger" type="submit">{texts.privacy_erase_now()}</button>
        </form>
    }
}

fn list(texts: Texts, id: &ProgramId, erasures: Vec<Erasure>) -> impl IntoView + use<> {
    let is_running = erasures.iter().any(|one| one.ended_at.is_none());
    let again = is_running.then(|| {
        let here = format!("/settings/privacy?campaign={id}");
        view! { <a class="button quiet" rel="external" href=here>{texts.privacy_refresh()}</a> }
    });
    (!erasures.is_empty()).then(|| {
        let items = erasures.into_iter().map(|one| item(texts, &one)).collect_view();
        view! {
            <section aria-labelledby="erasures">
                <h2 id="erasures">{texts.privacy_erasures()}</h2>
                <ol class="card audit-log">{items}</ol>
                {again}
            </section>
        }
    })
}

fn item(texts: Texts, erasure: &Erasure) -> impl IntoView + use<> {
    let moment = |at: i64| view! { <Time at/> }.into_any();
    let state = match erasure.ended_at {
        Some(at) => texts.privacy_done(moment(at)).into_any(),
        None if erasure.searched_until == 0 => texts.privacy_begins().into_any(),
        None => texts.privacy_running(moment(erasure.searched_until)).into_any(),
    };
    let by = match erasure.by {
        SubjectKind::Email => texts.privacy_by_email(),
        SubjectKind::ParticipantId => texts.privacy_by_id(),
    };
    let Erasure { events, attempts, cancelled, inbox_requests, .. } = erasure;
    let numbers = [events, attempts, cancelled, inbox_requests].map(i64::to_string);
    let hash: String = erasure.subject_hash.chars().take(16).collect();
    view! {
        <li class="audit-entry">
            <p><strong>{state}</strong></p>
            <p class="hint">{by} " " <code>{hash} "…"</code> " · " {texts.privacy_asked(moment(erasure.created_at))}</p>
            <p class="hint">
                {texts.privacy_found(&numbers[0], &numbers[1])} " · " {texts.privacy_left(&numbers[2], &numbers[3])}
            </p>
        </li>
    }
}
