//! What came of a test.

use groundswell_types::{RequestView, ResponseView, TestView};
use leptos::prelude::*;

use super::editor::Editor;
use super::row_state::{Row, Test};
use crate::components::{CodeBlock, FailureNotice, HeaderList, Icon, Shape, Status, Time};
use crate::curl;
use crate::time;
use crate::words::Tone;

/// The row's test: nothing, running, or what came of it. The sentence is said by screen readers, the rest is
/// there to be opened.
#[component]
pub fn TestOutcome(editor: Editor, row: Row) -> impl IntoView {
    let said = move || match row.test.get() {
        Test::None => ().into_any(),
        Test::Running => {
            view! { <p class="test-running">"Sending a test and waiting for the answer…"</p> }.into_any()
        }
        Test::Failed(failure) => view! { <FailureNotice failure/> }.into_any(),
        Test::Done(test) => view! { <Summary test/> }.into_any(),
    };
    let rest = move || match row.test.get() {
        Test::Done(test) => Some(view! { <Exchange test/> }),
        _ => None,
    };
    let close = move |_| {
        row.test.set(Test::None);
        super::actions::focus(&format!("test-{}", row.key.get_value()));
    };
    let is_shown = move || row.test.with(|test| matches!(test, Test::Done(_) | Test::Failed(_)));
    let _ = editor;
    view! {
        <div class="test" data-shown=move || if row.test.with(|test| *test == Test::None) { "false" } else { "true" }>
            <div role="status">{said}</div>
            {rest}
            <Show when=is_shown>
                <button class="button quiet small needs-script" type="button" on:click=close>"Close"</button>
            </Show>
        </div>
    }
    .into_any()
}

#[component]
fn Summary(test: TestView) -> impl IntoView {
    let (tone, word) = match (&test.response, test.success) {
        (Some(response), true) => {
            (Tone::Ok, format!("{} in {}", response.status_code, time::took(test.duration_ms)))
        }
        (Some(response), false) => {
            (Tone::Error, format!("{} in {}", response.status_code, time::took(test.duration_ms)))
        }
        (None, _) => (Tone::Error, format!("No answer after {}", time::took(test.duration_ms))),
    };
    view! {
        <p class="test-summary">
            <Status tone=tone word=word/>
            <span>{test.event.title()}</span>
            <span class="hint"><Time at=test.started_at/></span>
        </p>
        <p>{test.message}</p>
        {test.advice.map(|advice| view! { <p class="advice">{advice}</p> })}
        <p class="hint">{used(&test.request)}</p>
    }
    .into_any()
}

/// Which URL and secret the test used.
fn used(request: &RequestView) -> String {
    let is_signed =
        request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("growsurf-signature"));
    let signed = if is_signed {
        "signed with the secret of this row"
    } else {
        "not signed, since this row has no secret"
    };
    format!("Sent to {}, {signed}.", request.url)
}

#[component]
fn Exchange(test: TestView) -> impl IntoView {
    let command = curl::command(&test.request);
    let answer =
        test.response.as_ref().map(|response| view! { <span class="hint">{response.status_code}</span> });
    view! {
        <div class="exchange">
            <details>
                <summary><Icon shape=Shape::ChevronRight/>"Request"</summary>
                <div><HeaderList headers=test.request.headers.clone()/><CodeBlock label="Request body" text=test.request.body.clone()/></div>
            </details>
            <details open=!test.success>
                <summary><Icon shape=Shape::ChevronRight/>"Response"{answer}</summary>
                <div><Response response=test.response/></div>
            </details>
            <details>
                <summary><Icon shape=Shape::ChevronRight/>"cURL"</summary>
                <div><CodeBlock label="cURL command" text=command/></div>
            </details>
        </div>
    }
    .into_any()
}

#[component]
fn Response(response: Option<ResponseView>) -> impl IntoView {
    let Some(response) = response else {
        return view! { <p class="hint">"Nothing came back."</p> }.into_any();
    };
    let body = if response.body.is_empty() {
        view! { <p class="hint">"The body is empty."</p> }.into_any()
    } else {
        view! { <CodeBlock label="Response body" text=response.body/> }.into_any()
    };
    let truncated =
        response.truncated.then(|| view! { <p class="hint">"Only the first 16 KiB are kept."</p> });
    view! { <HeaderList headers=response.headers/>{body}{truncated} }.into_any()
}
