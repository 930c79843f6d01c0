//! The checklist of a program's first steps. What is done is told by the server from what there is.

use groundswell_types::ProgramId;
use groundswell_types::editor::{FirstStep, FirstSteps};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Icon, Shape};
use crate::boxed::{When, drawn, handler, memo};
use crate::failure::Failure;
use crate::functions;
use crate::pages::live::{focus_after_navigation, keep_fresh};
use crate::texts::{Texts, texts};
use crate::viewer::may_edit;

/// The checklist; nothing once it has ended. Kept up to date while somebody looks at it.
#[component]
pub fn FirstStepsList(program: ProgramId, steps: Option<FirstSteps>) -> impl IntoView {
    let texts = texts();
    let may_edit = may_edit();
    let shown = RwSignal::new(steps);
    let program = StoredValue::new(program);
    // What has ended never comes back, so nobody needs to ask.
    if shown.with_untracked(Option::is_some) {
        keep_fresh(shown, move || {
            let has_ended = shown.try_with_untracked(Option::is_none).unwrap_or(true);
            let program = program.get_value();
            async move {
                if has_ended { Err(Failure::NotFound) } else { functions::get_first_steps(program).await }
            }
        });
    }
    let is_shown = memo(move |_| shown.with(Option::is_some));
    view! {
        <When is=is_shown>
            <section class="first-steps card" aria-labelledby="first-steps">
                <div class="section-head">
                    <h3 id="first-steps">{texts.first_steps_title()}</h3>
                    <span class="hint" role="status">{drawn(move || shown.with(|steps| {
                        steps.as_ref().map(|steps| texts.first_steps_so_far(steps.done.len(), FirstStep::ALL.len()))
                    }))}</span>
                    {may_edit.then(|| view! { <Dismiss program shown/> })}
                </div>
                <ol>
                    {FirstStep::ALL.map(|step| view! { <Step program step shown/> }).collect_view()}
                </ol>
            </section>
        </When>
    }
    .into_any()
}

/// How far a program is, in a few words; nothing once its checklist has ended.
#[component]
pub fn FirstStepsCount(steps: Option<FirstSteps>) -> impl IntoView {
    let texts = texts();
    steps.map(|steps| {
        let glance = texts.first_steps_glance(steps.done.len(), FirstStep::ALL.len());
        view! { <span class="hint">{glance}</span> }
    })
}

/// What to do, and how.
fn words(texts: Texts, step: FirstStep) -> (&'static str, &'static str) {
    match step {
        FirstStep::AddUrl => (texts.first_steps_url(), texts.first_steps_url_how()),
        FirstStep::ChooseEvents => (texts.first_steps_events(), texts.first_steps_events_how()),
        FirstStep::Test => (texts.first_steps_test(), texts.first_steps_test_how()),
        FirstStep::Publish => (texts.first_steps_publish(), texts.first_steps_publish_how()),
        FirstStep::Verify => (texts.first_steps_verify(), texts.first_steps_verify_how()),
    }
}

#[component]
fn Step(
    program: StoredValue<ProgramId>,
    step: FirstStep,
    shown: RwSignal<Option<FirstSteps>>,
) -> impl IntoView {
    let has_done = move |step: FirstStep| {
        shown.with(|steps| steps.as_ref().is_none_or(|steps| steps.done.contains(&step)))
    };
    let is_done = memo(move |_| has_done(step));
    // How is said of one step at a time, the next one: all at once would push the webhooks off the page.
    let state = move || match FirstStep::ALL.into_iter().find(|step| !has_done(*step)) {
        _ if is_done.get() => "done",
        Some(next) if next == step => "next",
        _ => "later",
    };
    let texts = texts();
    let (title, hint) = words(texts, step);
    let inbox = matches!(step, FirstStep::AddUrl | FirstStep::Verify).then(|| {
        let href = format!("/programs/{}/inbox", program.get_value());
        view! { " " <a href=href>{texts.first_steps_open_inbox()}</a> }
    });
    view! {
        <li class="first-step" data-state=state>
            <span class="first-step-mark">
                {drawn(move || is_done.get().then(|| view! { <Icon shape=Shape::Done/> }))}
            </span>
            <div>
                <strong>{title}</strong>
                " "
                <span class="visually-hidden">
                    {drawn(move || if is_done.get() { texts.first_steps_is_done() } else { texts.first_steps_is_to_do() })}
                </span>
                <p class="hint">{hint}{inbox}</p>
            </div>
        </li>
    }
    .into_any()
}

#[component]
fn Dismiss(program: StoredValue<ProgramId>, shown: RwSignal<Option<FirstSteps>>) -> impl IntoView {
    let texts = texts();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let id = program.get_value();
        spawn_local(async move {
            if functions::end_first_steps(id).await.is_ok() && !shown.is_disposed() {
                shown.set(None);
                // The button goes with the list.
                focus_after_navigation(Some("main".to_owned()));
            }
        });
    };
    view! {
        <form method="post" action=format!("/programs/{}/options", program.get_value()) on:submit=handler(on_submit)>
            <input type="hidden" name="intent" value="end-first-steps"/>
            <button class="button quiet small" type="submit">{texts.first_steps_dismiss()}</button>
        </form>
    }
    .into_any()
}
