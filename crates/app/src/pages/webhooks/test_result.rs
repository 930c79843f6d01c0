//! What came of a test.

use groundswell_types::{RequestView, ResponseView, TestView};
use leptos::prelude::*;

use super::editor::Editor;
use super::row_state::{Row, Test};
use crate::boxed::{When, attr, handler, memo};
use crate::components::{CodeBlock, FailureNotice, HeaderList, Icon, Shape, Status, Time};
use crate::texts::{Texts, texts};
use crate::words::{self, Tone};
use crate::{curl, time};

/// The row's test: nothing, running, or what came of it. The sentence is said by screen readers, the rest is
/// there to be opened.
#[component]
pub fn TestOutcome(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let said = move || match row.test.get() {
        Test::None => ().into_any(),
        Test::Running => view! { <p class="test-running">{texts.test_running()}</p> }.into_any(),
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
        <div class="test" data-shown=attr(move || if row.test.with(|test| *test == Test::None) { "false" } else { "true" })>
            <div role="status">{said}</div>
            {rest}
            <When is=memo(move |_| is_shown())>
                <button class="button quiet small needs-script" type="button" on:click=handler(close)>{texts.test_close()}</button>
            </When>
        </div>
    }
    .into_any()
}

#[component]
fn Summary(test: TestView) -> impl IntoView {
    let texts = texts();
    let took = time::took(texts.language(), test.duration_ms);
    let (tone, word) = match &test.response {
        Some(response) => {
            let tone = if test.success { Tone::Ok } else { Tone::Error };
            (tone, texts.test_answered(&response.status_code.to_string(), &took))
        }
        None => (Tone::Error, texts.test_no_answer(&took)),
    };
    view! {
        <p class="test-summary">
            <Status tone=tone word=word/>
            <span>{words::event_title(texts, test.event)}</span>
            <span class="hint"><Time at=test.started_at/></span>
        </p>
        <p>{test.message}</p>
        {test.advice.map(|advice| view! { <p class="advice">{advice}</p> })}
        <p class="hint">{used(texts, &test.request)}</p>
    }
    .into_any()
}

/// Which URL and secret the test used.
fn used(texts: Texts, request: &RequestView) -> String {
    let is_signed =
        request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("growsurf-signature"));
    if is_signed { texts.test_sent_signed(&request.url) } else { texts.test_sent_unsigned(&request.url) }
}

#[component]
fn Exchange(test: TestView) -> impl IntoView {
    let texts = texts();
    let command = curl::command(&test.request);
    let answer =
        test.response.as_ref().map(|response| view! { <span class="hint">{response.status_code}</span> });
    view! {
        <div class="exchange">
            <details>
                <summary><Icon shape=Shape::ChevronRight/>{texts.test_request()}</summary>
                <div><HeaderList headers=test.request.headers.clone()/><CodeBlock label=texts.code_request_body() text=test.request.body.clone()/></div>
            </details>
            <details open=!test.success>
                <summary><Icon shape=Shape::ChevronRight/>{texts.test_response()}{answer}</summary>
                <div><Response response=test.response/></div>
            </details>
            <details>
                <summary><Icon shape=Shape::ChevronRight/>{texts.test_curl()}</summary>
                <div><CodeBlock label=texts.test_curl_label() text=command/></div>
            </details>
        </div>
    }
    .into_any()
}

#[component]
fn Response(response: Option<ResponseView>) -> impl IntoView {
    let texts = texts();
    let Some(response) = response else {
        return view! { <p class="hint">{texts.test_nothing()}</p> }.into_any();
    };
    if let Some(why) = response.withheld_reason {
        return view! { <p class="hint">{why}</p> }.into_any();
    }
    let body = if response.body.is_empty() {
        view! { <p class="hint">{texts.code_empty_body()}</p> }.into_any()
    } else {
        view! { <CodeBlock label=texts.code_response_body() text=response.body/> }.into_any()
    };
    let truncated = response.truncated.then(|| view! { <p class="hint">{texts.code_truncated()}</p> });
    view! { <HeaderList headers=response.headers/>{body}{truncated} }.into_any()
}
