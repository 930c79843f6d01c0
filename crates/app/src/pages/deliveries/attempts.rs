//! The attempts of a delivery, as a timeline.

use groundswell_types::{AttemptView, DeliveryDetail, ResponseView};
use leptos::prelude::*;

use crate::components::{CodeBlock, HeaderList, Icon, Shape, Status, Time};
use crate::texts::texts;
use crate::time;
use crate::words::{self, Tone};

/// The timeline, newest first. What is on it never changes, so opened answers stay open while it grows.
#[component]
pub fn Attempts(shown: RwSignal<DeliveryDetail>) -> impl IntoView {
    let attempts =
        Memo::new(move |_| shown.with(|shown| shown.attempt_log.iter().rev().cloned().collect::<Vec<_>>()));
    view! {
        <Show when=move || attempts.with(Vec::is_empty)>
            <p class="hint">{texts().log_no_attempts()}</p>
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
    let texts = texts();
    let tone = if attempt.success { Tone::Ok } else { Tone::Error };
    let word = match (&attempt.response, attempt.failure) {
        (Some(response), _) => response.status_code.to_string(),
        (None, Some(failure)) => words::failure_class(texts, failure).to_owned(),
        (None, None) => texts.log_no_answer().to_owned(),
    };
    view! {
        <li class="attempt">
            <p class="attempt-head">
                <span class="attempt-number">{format!("#{}", attempt.number)}</span>
                <Status tone=tone word=word/>
                <span class="hint"><Time at=attempt.started_at/> " · " {time::took(texts.language(), attempt.duration_ms)}</span>
            </p>
            <p>{attempt.message}</p>
            {attempt.possibly_sent_before.then(|| view! {
                <p class="hint">{texts.log_possibly_sent()}</p>
            })}
            {attempt.response.map(|response| view! { <Answer response/> })}
        </li>
    }
    .into_any()
}

#[component]
fn Answer(response: ResponseView) -> impl IntoView {
    let texts = texts();
    let body = if response.body.is_empty() {
        view! { <p class="hint">{texts.code_empty_body()}</p> }.into_any()
    } else {
        view! { <CodeBlock label=texts.code_response_body() text=response.body/> }.into_any()
    };
    let truncated = response.truncated.then(|| view! { <p class="hint">{texts.code_truncated()}</p> });
    view! {
        <details class="answer">
            <summary><Icon shape=Shape::ChevronRight/>{texts.log_answer()}</summary>
            <HeaderList headers=response.headers/>
            {body}
            {truncated}
        </details>
    }
    .into_any()
}
