//! All programs, and a new one.

use groundswell_types::editor::ProgramSummary;
use groundswell_types::{Change, ProgramId, ProgramType, Role};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::app::Viewing;
use crate::boxed::{Meanwhile, When, awaited, drawn, memo, rows};
use crate::codec::resource;
use crate::components::{ActivityChart, FailureNotice, FailurePage, Icon, Shape, Status};
use crate::functions;
use crate::live::{self, Watched};
use crate::returned::{Returned, returned};
use crate::texts::texts;
use crate::words;

/// What the list shows something of.
const SHOWN: [Change; 4] = [Change::Program, Change::Webhooks, Change::Draft, Change::Deliveries];

/// `/`.
#[component]
pub fn ProgramsPage() -> impl IntoView {
    let programs = resource(
        || (),
        |()| async {
            let role = functions::get_viewer().await?.and_then(|viewer| viewer.role);
            functions::get_programs().await.map(|programs| (programs, role))
        },
    );
    let returned = returned();
    view! {
        <Title text=texts().programs_title()/>
        {awaited(Meanwhile::Page, move || {
            let returned = returned.clone();
            async move {
                match programs.await {
                    Ok((programs, role)) => view! { <Programs programs role returned/> }.into_any(),
                    Err(failure) => view! { <FailurePage failure/> }.into_any(),
                }
            }
        })}
    }
    .into_any()
}

#[component]
fn Programs(programs: Vec<ProgramSummary>, role: Option<Role>, returned: Option<Returned>) -> impl IntoView {
    let texts = texts();
    let is_first = programs.is_empty();
    let programs = RwSignal::new(programs);
    live::keep(Watched::AllPrograms, &SHOWN, programs, || async { functions::get_programs().await });
    let is_empty = memo(move |_| programs.with(Vec::is_empty));
    let ids = memo(move |_| {
        programs.with(|all| all.iter().map(|summary| summary.program.id.clone()).collect::<Vec<_>>())
    });
    let list = move || {
        view! {
            <ul class="programs">
                {rows(move || ids.get(), ProgramId::clone, move |id| view! { <ProgramItem programs id/> })}
            </ul>
        }
    };
    view! {
        <div class="page">
            <div class="page-head"><h1>{texts.programs_title()}</h1></div>
            <SetPassword/>
            <When is=is_empty fallback=list>
                <div class="empty-box">
                    <h2>{texts.programs_none()}</h2>
                    <p>{texts.programs_what()}</p>
                </div>
            </When>
            {match role {
                Some(Role::Editor | Role::Owner) => {
                    view! { <NewProgram is_open=is_first || returned.is_some() returned/> }.into_any()
                }
                Some(Role::Viewer) => view! { <p class="hint">{texts.program_read_only()}</p> }.into_any(),
                None => view! { <p>{texts.programs_no_team()}</p> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

/// For who could not sign in again without a link.
#[component]
fn SetPassword() -> impl IntoView {
    let texts = texts();
    let Viewing(viewer) = expect_context();
    let notice = move || {
        let link =
            |words: &'static str| view! { <a href="/settings/account" rel="external">{words}</a> }.into_any();
        view! {
            <div class="notice" data-tone="info">
                <Icon shape=Shape::Warning/>
                <p>{texts.programs_set_password(link)}</p>
            </div>
        }
    };
    awaited(Meanwhile::Nothing, move || async move {
        viewer.await.ok().flatten().filter(|viewer| viewer.needs_password).map(|_| notice())
    })
}

#[component]
fn ProgramItem(programs: RwSignal<Vec<ProgramSummary>>, id: ProgramId) -> impl IntoView {
    let texts = texts();
    let href = format!("/programs/{id}/options");
    let find = move |all: &Vec<ProgramSummary>| all.iter().find(|one| one.program.id == id).cloned();
    // Keeps what it knew when the item is about to go.
    let summary = memo(move |before: Option<&Option<ProgramSummary>>| {
        programs.with(&find).or_else(|| before.cloned().flatten())
    });
    let Some(first) = summary.get_untracked() else { return ().into_any() };
    let kind = words::program_type(texts, first.program.kind);
    let shown = Signal::derive(move || summary.get().unwrap_or_else(|| first.clone()));
    view! {
        <li class="program">
            <a href=href class="program-link row-link">{drawn(move || shown.get().program.name)}</a>
            <span class="program-facts">
                {kind} " · " {drawn(move || words::program_status(texts, shown.get().program.status).1)}
            </span>
            <span class="program-activity">
                <ActivityChart activity=Signal::derive(move || shown.with(|shown| shown.activity.clone()))/>
            </span>
            <span class="program-state"><Glance summary=shown/></span>
            <Icon shape=Shape::ChevronRight/>
        </li>
    }
    .into_any()
}

/// How a program's webhooks are doing.
#[component]
pub fn Glance(summary: Signal<ProgramSummary>) -> impl IntoView {
    let texts = texts();
    let glance = memo(move |_| summary.with(|summary| words::webhooks_at_a_glance(texts, summary)));
    let draft = move || {
        summary
            .with(|summary| summary.has_draft)
            .then(|| view! { <span class="tag" data-tone="info">{texts.programs_draft()}</span> })
    };
    view! {
        {draft}
        <Status tone=Signal::derive(move || glance.get().0) word=Signal::derive(move || glance.get().1)/>
    }
    .into_any()
}

#[component]
fn NewProgram(is_open: bool, returned: Option<Returned>) -> impl IntoView {
    let texts = texts();
    let name = returned.as_ref().and_then(|returned| returned.program_name.clone()).unwrap_or_default();
    let problem = returned.map(|returned| view! { <FailureNotice failure=returned.failure/> });
    let type_choice = |kind: ProgramType, meaning: &'static str| {
        view! {
            <label class="choice">
                <input type="radio" name="type" value=kind.as_str() checked=kind == ProgramType::Referral/>
                <span><strong>{words::program_type(texts, kind)}</strong><span class="hint">{meaning}</span></span>
            </label>
        }
    };
    view! {
        <details class="new-program" open=is_open>
            <summary class="button"><Icon shape=Shape::Plus/>{texts.programs_new()}</summary>
            <form class="card form" method="post" action="/">
                {problem}
                <label class="field">
                    <span class="field-label">{texts.programs_name()}</span>
                    <input class="input" name="name" value=name required maxlength="200" autocomplete="off"/>
                </label>
                <fieldset class="field">
                    <legend class="field-label">{texts.programs_type()}</legend>
                    {type_choice(ProgramType::Referral, texts.programs_referral_means())}
                    {type_choice(ProgramType::Affiliate, texts.programs_affiliate_means())}
                    <p class="hint">{texts.programs_type_stays()}</p>
                </fieldset>
                <button class="button primary" type="submit">{texts.programs_create()}</button>
            </form>
        </details>
    }
    .into_any()
}
