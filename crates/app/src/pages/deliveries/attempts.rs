//! The attempts of a delivery, as a timeline.

use groundswell_types::{AttemptView, DeliveryDetail, ResponseView};
use leptos::prelude::*;

use crate::components::{CodeBlock, HeaderList, Icon, Shape, Status, Time};
use crate::time;
use crate::words::{self, Tone};

/// The timeline, newest first. What is on it never changes, so opened answers stay open while it grows.
#[component]
pub fn Attempts(shown: RwSignal<DeliveryDetail>) -> impl IntoView {
    let attempts =
        Memo::new(move |_| shown.with(|shown| shown.attempt_log.iter().rev().cloned().collect::<Vec<_>>()));
    view! {
        <Show when=move || attempts.with(Vec::is_empty)>
            <p class="hint">"None yet."</p>
        </Show>
        <ol class="timeline">
            <For each=move || attempts.get() key=|attempt| attempt.number let:attempt>
                <Attempt attempt/>
            </For>
        </ol>
    }
    .into_any()
}

#[component]
fn Attempt(attempt: AttemptView) -> impl IntoView {
    let tone = if attempt.success { Tone::Ok } else { Tone::Error };
    let word = match (&attempt.response, attempt.failure) {
        (Some(response), _) => response.status_code.to_string(),
        (None, Some(failure)) => words::failure_class(failure).to_owned(),
        (None, None) => "No answer".to_owned(),
    };
    view! {
        <li class="attempt">
            <p class="attempt-head">
                <span class="attempt-number">{format!("#{}", attempt.number)}</span>
                <Status tone=tone word=word/>
                <span class="hint"><Time at=attempt.started_at/> " · " {time::took(attempt.duration_ms)}</span>
            </p>
            <p>{attempt.message}</p>
            {attempt.possibly_sent_before.then(|| view! {
                <p class="hint">
                    "Possibly sent before: the server ended unexpectedly while this attempt was due, so the receiver may \
                     have got it twice."
                </p>
            })}
            {attempt.response.map(|response| view! { <Answer response/> })}
        </li>
    }
    .into_any()
}

#[component]
fn Answer(response: ResponseView) -> impl IntoView {
    let body = if response.body.is_empty() {
        view! { <p class="hint">"The body is empty."</p> }.into_any()
    } else {
        view! { <CodeBlock label="Response body" text=response.body/> }.into_any()
    };
    let truncated =
        response.truncated.then(|| view! { <p class="hint">"Only the first 16 KiB are kept."</p> });
    view! {
        <details class="answer">
            <summary><Icon shape=Shape::ChevronRight/>"Answer"</summary>
            <HeaderList headers=response.headers/>
            {body}
            {truncated}
        </details>
    }
    .into_any()
}
