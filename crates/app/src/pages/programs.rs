//! All programs, and a new one.

use groundswell_types::ProgramType;
use groundswell_types::editor::ProgramSummary;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use crate::components::{FailureNotice, FailurePage, Icon, Shape, Status};
use crate::functions;
use crate::returned::{Returned, returned};
use crate::texts::texts;
use crate::words;

/// `/`.
#[component]
pub fn ProgramsPage() -> impl IntoView {
    let programs = Resource::new(|| (), |()| functions::get_programs());
    let returned = returned();
    view! {
        <Title text=texts().programs_title()/>
        <Transition fallback=|| view! { <div class="page loading" aria-busy="true"></div> }>
            {move || {
                let returned = returned.clone();
                Suspend::new(async move {
                    match programs.await {
                        Ok(programs) => view! { <Programs programs returned/> }.into_any(),
                        Err(failure) => view! { <FailurePage failure/> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

#[component]
fn Programs(programs: Vec<ProgramSummary>, returned: Option<Returned>) -> impl IntoView {
    let texts = texts();
    let is_first = programs.is_empty();
    let list = if is_first {
        view! {
            <div class="empty-box">
                <h2>{texts.programs_none()}</h2>
                <p>{texts.programs_what()}</p>
            </div>
        }
        .into_any()
    } else {
        let items = programs.into_iter().map(|summary| view! { <ProgramItem summary/> });
        view! { <ul class="programs">{items.collect_view()}</ul> }.into_any()
    };
    view! {
        <div class="page">
            <div class="page-head"><h1>{texts.programs_title()}</h1></div>
            {list}
            <NewProgram is_open=is_first || returned.is_some() returned/>
        </div>
    }
    .into_any()
}

#[component]
fn ProgramItem(summary: ProgramSummary) -> impl IntoView {
    let texts = texts();
    let (tone, glance) = words::webhooks_at_a_glance(texts, &summary);
    let (_, status) = words::program_status(texts, summary.program.status);
    let draft = summary
        .has_draft
        .then(|| view! { <span class="tag" data-tone="info">{texts.programs_draft()}</span> });
    view! {
        <li class="program">
            <A href=format!("/programs/{}/options", summary.program.id) attr:class="program-link row-link">
                {summary.program.name.clone()}
            </A>
            <span class="program-facts">
                {words::program_type(texts, summary.program.kind)} " · " {status}
            </span>
            <span class="program-state">
                {draft}
                <Status tone=tone word=glance/>
            </span>
            <Icon shape=Shape::ChevronRight/>
        </li>
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
