//! The Program Editor's step Options.

use groundswell_types::Change;
use groundswell_types::editor::{FirstSteps, ProgramSummary};
use leptos::prelude::*;
use leptos_meta::Title;

use super::programs::Glance;
use crate::boxed::{Meanwhile, awaited};
use crate::codec::resource;
use crate::components::{FailurePage, FirstStepsCount, Icon, ProgramHead, Shape, Step};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::live::{self, Watched};
use crate::routing::program_id;
use crate::texts::texts;
use crate::viewer::MayEdit;

/// `/programs/{id}/options`.
#[component]
pub fn OptionsPage() -> impl IntoView {
    let id = program_id();
    let program = resource(
        move || id.get(),
        |id| async move {
            match id {
                Some(id) => {
                    let summary = functions::get_program(id.clone()).await?;
                    Ok((summary, functions::get_first_steps(id).await?))
                }
                None => respond(Err(Failure::NotFound)),
            }
        },
    );
    awaited(Meanwhile::Page, move || async move {
        match program.await {
            Ok((summary, steps)) => view! { <Options summary steps/> }.into_any(),
            Err(failure) => view! { <FailurePage failure/> }.into_any(),
        }
    })
}

#[component]
fn Options(summary: ProgramSummary, steps: Option<FirstSteps>) -> impl IntoView {
    let texts = texts();
    provide_context(MayEdit(summary.may_edit));
    let title = format!("{} · {}", texts.program_options(), summary.program.name);
    view! {
        <Title text=title/>
        <div class="page">
            <ProgramHead program=summary.program.clone() step=Step::Options/>
            <section aria-labelledby="integrations">
                <h2 id="integrations">{texts.program_integrations()}</h2>
                <div class="cards"><WebhooksCard summary steps/></div>
            </section>
        </div>
    }
    .into_any()
}

#[component]
fn WebhooksCard(summary: ProgramSummary, steps: Option<FirstSteps>) -> impl IntoView {
    let texts = texts();
    let id = StoredValue::new(summary.program.id.clone());
    let summary = RwSignal::new(summary);
    live::keep(
        Watched::Program(id.get_value()),
        &[Change::Webhooks, Change::Draft],
        summary,
        move || async move { functions::get_program(id.try_get_value().ok_or(Failure::NotFound)?).await },
    );
    view! {
        <article class="card integration">
            <span class="integration-icon"><Icon shape=Shape::Webhook/></span>
            <h3>
                <a href=format!("/programs/{}/options/webhooks", id.get_value()) class="card-link">
                    {texts.program_webhooks()}
                </a>
            </h3>
            <p class="hint">{texts.program_webhooks_are()}</p>
            <p class="integration-state"><Glance summary=summary.into()/><FirstStepsCount steps/></p>
        </article>
    }
    .into_any()
}
