//! What has become of a delivery and what will, as a timeline.

use groundswell_types::{AttemptView, DeliveryDetail, DeliveryState, HeaderView, RequestHead, ResponseView};
use leptos::prelude::*;

use super::shown::has_ended;
use crate::boxed::{When, drawn, memo, rows};
use crate::components::{CodeBlock, HeaderList, Icon, Shape, Status, Time};
use crate::texts::texts;
use crate::time;
use crate::words::{self, Tone};

/// From acceptance on, oldest first. What is on it never changes, so opened answers stay open while it grows.
#[component]
pub fn Timeline(detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let attempts = memo(move |_| detail.with(|detail| detail.attempt_log.clone()));
    let request = memo(move |_| detail.with(|detail| detail.request.clone()));
    let accepted_at = detail.with_untracked(|detail| detail.delivery.accepted_at);
    view! {
        <ol class="timeline">
            <li class="attempt"><p>{texts.log_accepted_at(view! { <Time at=accepted_at/> })}</p></li>
            // Another delivery's first attempt is another one.
            {rows(
                move || attempts.get(),
                move |attempt| (detail, attempt.number),
                move |attempt| view! { <Attempt attempt request/> },
            )}
            <li class="attempt"><WhatFollows detail/></li>
        </ol>
    }
    .into_any()
}

#[component]
fn Attempt(attempt: AttemptView, request: Memo<Option<RequestHead>>) -> impl IntoView {
    let texts = texts();
    let tone = if attempt.success { Tone::Ok } else { Tone::Error };
    let word = match (&attempt.response, attempt.failure) {
        (Some(response), _) => response.status_code.to_string(),
        (None, Some(failure)) => words::failure_class(texts, failure).to_owned(),
        (None, None) => texts.log_no_answer().to_owned(),
    };
    let started_at = attempt.started_at;
    view! {
        <li class="attempt">
            <p class="attempt-head">
                <span class="attempt-number">{format!("#{}", attempt.number)}</span>
                <Status tone=tone word=word/>
                <span class="hint"><Time at=started_at/> " · " {time::took(texts.language(), attempt.duration_ms)}</span>
            </p>
            <p>{attempt.message}</p>
            {attempt.possibly_sent_before.then(|| view! {
                <p class="hint">{texts.log_possibly_sent()}</p>
            })}
            {drawn(move || request.get().map(|request| view! { <RequestHeaders request started_at/> }))}
            {attempt.response.map(|response| view! { <Answer response/> })}
        </li>
    }
    .into_any()
}

/// The headers of an attempt's request. They are not kept, but follow from the webhook and the time.
#[component]
fn RequestHeaders(request: RequestHead, started_at: i64) -> impl IntoView {
    let texts = texts();
    let at_that_time = |header: HeaderView| {
        if header.name == "webhook-timestamp" {
            HeaderView { value: started_at.div_euclid(1000).to_string(), ..header }
        } else {
            header
        }
    };
    let headers = request.headers.into_iter().map(at_that_time).collect();
    view! {
        <details class="answer">
            <summary><Icon shape=Shape::ChevronRight/>{texts.log_request_headers()}</summary>
            <HeaderList headers/>
            <p class="hint">{texts.log_headers_as_now()}</p>
        </details>
    }
    .into_any()
}

#[component]
fn Answer(response: ResponseView) -> impl IntoView {
    let texts = texts();
    if let Some(why) = response.withheld_reason {
        return view! { <p class="hint">{why}</p> }.into_any();
    }
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

/// The attempts still to come, or why there are none.
#[component]
fn WhatFollows(detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let reason = memo(move |_| detail.with(|detail| detail.reason.clone()));
    let has_schedule = memo(move |_| detail.with(|detail| !detail.schedule.is_empty()));
    let state = memo(move |_| detail.with(|detail| detail.delivery.state));
    let next = memo(move |_| detail.with(|detail| detail.delivery.next_attempt_at));
    let word = move || match (state.get(), next.get()) {
        (state, _) if has_ended(state) => texts.log_no_more_attempts().into_any(),
        (DeliveryState::Held, Some(at)) => {
            view! { <span>{texts.log_waits_for_endpoint(view! { <Time at=at/> })}</span> }.into_any()
        }
        (state, _) => words::delivery_state_meaning(texts, state).into_any(),
    };
    view! {
        <When is=memo(move |_| !has_schedule.get())>
            <p class="hint">{word}</p>
        </When>
        {drawn(move || reason.get().map(|reason| view! { <p>{reason}</p> }))}
        <Schedule detail/>
    }
    .into_any()
}

/// The attempts that are still to come if all of them fail.
#[component]
fn Schedule(detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let schedule = memo(move |_| detail.with(|detail| detail.schedule.clone()));
    let accepted = detail.with_untracked(|detail| detail.delivery.accepted_at);
    view! {
        <When is=memo(move |_| schedule.with(|schedule| !schedule.is_empty()))>
            <details class="schedule">
                <summary>
                    <Icon shape=Shape::ChevronRight/>
                    {drawn(move || texts.log_to_come(schedule.with(Vec::len)))}
                </summary>
                <ol>
                    {drawn(move || schedule.get().into_iter().map(|at| view! {
                        <li><Time at=at/>" "<span class="hint">{texts.log_after_accepted(&time::wait(at - accepted))}</span></li>
                    }).collect_view())}
                </ol>
                <p class="hint">{texts.log_give_or_take()}</p>
            </details>
        </When>
    }
    .into_any()
}
