//! The Webhooks panel of the Program Editor.
//!
//! One HTML form; every button in it is a submit button with an `intent`. Without the browser half the server's
//! [`crate::forms`] answers it; with it, [`Editor`] does the same in place.

use groundswell_types::editor::{FirstSteps, Panel};
use groundswell_types::{EventKind, ProgramId, TestId, TestView};
use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

use crate::boxed::{Meanwhile, awaited, memo};
use crate::codec::{read_fields, resource};
use crate::components::{FailurePage, FirstStepsList, ProgramHead, Step};
use crate::failure::Failure;
use crate::functions::{self, respond};
use crate::intent::Done;
use crate::place::place;
use crate::returned::returned;
use crate::routing::{location, parameter, program_id};
use crate::texts::texts;
use crate::viewer::MayEdit;

mod actions;
mod bar;
mod conflict;
mod disabled;
mod editor;
mod events;
mod form;
mod guard;
mod headers;
mod history;
mod inputs;
mod name;
mod parked;
mod row;
mod row_state;
mod saving;
mod secret;
mod test_button;
mod test_result;
mod timeout;
mod undeliverable;
mod undo;

use editor::Editor;
use form::PanelForm;
pub use history::HistoryPage;

/// What the page shows, and what the redirect after a plain form post asked it to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    panel: Panel,
    /// How far the program is; none once its checklist has ended.
    first_steps: Option<FirstSteps>,
    /// The key of a row and the test that was made of it.
    test: Option<(String, TestView)>,
    /// The key of a row and the secret that was generated for it.
    generated: Option<(String, String)>,
    /// The key of the row whose settings are open.
    open: Option<String>,
    /// What was just done.
    done: Option<Done>,
    /// A sample of each event the program can have, as JSON.
    examples: Vec<(EventKind, String)>,
}

read_fields!(Loaded { panel, first_steps, test, generated, open, done, examples });

/// What the query asks for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wanted {
    test: Option<TestId>,
    row: Option<String>,
    generate: Option<String>,
    open: Option<String>,
    done: Option<Done>,
}

/// `/programs/{id}/options/webhooks`.
#[component]
pub fn WebhooksPage() -> impl IntoView {
    let id = program_id();
    let query = location().query;
    let wanted = memo(move |_| {
        query.with(|query| Wanted {
            test: parameter(query, "test").and_then(|text| TestId::parse(&text).ok()),
            row: parameter(query, "row"),
            generate: parameter(query, "generate"),
            open: parameter(query, "open"),
            done: parameter(query, "done").and_then(|text| Done::parse(&text)),
        })
    });
    let loaded = resource(
        move || id.get(),
        move |id| async move {
            let Some(id) = id else { return respond(Err(Failure::NotFound)) };
            // What a redirect asked for is asked for once.
            let wanted = wanted.get_untracked();
            let panel = functions::get_panel(id.clone()).await?;
            let first_steps = functions::get_first_steps(id.clone()).await?;
            let mut loaded = Loaded {
                panel,
                first_steps,
                test: None,
                generated: None,
                open: wanted.open,
                done: wanted.done,
                examples: functions::get_examples(id.clone()).await?,
            };
            if let (Some(test), Some(row)) = (wanted.test, wanted.row) {
                loaded.test = functions::test_result(id, test).await?.map(|test| (row, test));
            }
            if let Some(row) = wanted.generate {
                loaded.generated = Some((row, functions::generate_secret().await?));
            }
            Ok(loaded)
        },
    );
    let returned = returned();
    awaited(Meanwhile::Page, move || {
        let returned = returned.clone();
        async move {
            match loaded.await {
                Ok(loaded) => {
                    let steps = loaded.first_steps.clone();
                    let editor = Editor::new(loaded, returned);
                    view! { <WebhooksPanel editor steps/> }.into_any()
                }
                Err(failure) => view! { <FailurePage failure/> }.into_any(),
            }
        }
    })
}

#[component]
fn WebhooksPanel(editor: Editor, steps: Option<FirstSteps>) -> impl IntoView {
    let texts = texts();
    provide_context(MayEdit(editor.may_edit));
    let program = editor.program.get_value();
    let place = place();
    let id = program.id.clone();
    let history = format!("{}/history", place.webhooks(&id));
    let told = format!("/settings/notifications?campaign={id}");
    // Whoever only looks does not see who that is.
    let is_told_of = editor.may_edit && !place.is_embedded();
    editor.keep_up_to_date();
    view! {
        <Title text=format!("{} · {}", texts.webhooks_title(), program.name)/>
        <div class="page">
            <ProgramHead program step=Step::Options/>
            <div class="panel-head">
                {(!place.is_embedded()).then(|| view! { <Crumbs program=id.clone()/> })}
                <h2 id="webhooks">{texts.webhooks_title()}</h2>
                <p class="hint">
                    {texts.webhooks_what()} " "
                    {(!place.is_embedded()).then(|| view! { <Instead program=id.clone()/> })}
                </p>
                <p>
                    <a href=history>{texts.history_title()}</a> " · "
                    <a href="/docs" rel="external" target=place.target() hreflang="en">{texts.webhooks_docs()}</a>
                    {is_told_of.then(|| view! { " · " <a href=told rel="external">{texts.webhooks_told()}</a> })}
                </p>
            </div>
            // Some of its steps lead to the inbox.
            <FirstStepsList program=id steps=steps.filter(|_| !place.is_embedded())/>
            <PanelForm editor/>
        </div>
    }
    .into_any()
}

#[component]
fn Crumbs(program: ProgramId) -> impl IntoView {
    let texts = texts();
    let options = format!("/programs/{program}/options");
    view! {
        <nav class="crumbs" aria-label=texts.program_options()><a href=options>{texts.program_integrations()}</a></nav>
    }
}

#[component]
fn Instead(program: ProgramId) -> impl IntoView {
    let inbox = format!("/programs/{program}/inbox");
    texts().inbox_instead(|words| view! { <a href=inbox>{words}</a> }.into_any())
}
