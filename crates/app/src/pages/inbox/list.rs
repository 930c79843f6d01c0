//! What has come, newest first.

use groundswell_types::{Inbox, InboxRequest, InboxRequestId, ProgramId};
use leptos::prelude::*;

use super::{url, verdict};
use crate::boxed::{When, attr, memo, rows};
use crate::components::{Status, Time};
use crate::texts::{Texts, texts};
use crate::viewer::may_edit;
use crate::words;

/// The list, or what to do while it is empty.
#[component]
pub fn List(
    program: StoredValue<ProgramId>,
    shown: RwSignal<Inbox>,
    open: Memo<Option<InboxRequestId>>,
) -> impl IntoView {
    let texts = texts();
    let is_empty = memo(move |_| shown.with(|inbox| inbox.requests.is_empty()));
    view! {
        <When is=is_empty fallback=move || view! { <Requests program shown open/> }>
            <div class="empty-box">
                <h3>{texts.inbox_empty()}</h3>
                <p>{texts.inbox_empty_how()}</p>
            </div>
        </When>
    }
    .into_any()
}

#[component]
fn Requests(
    program: StoredValue<ProgramId>,
    shown: RwSignal<Inbox>,
    open: Memo<Option<InboxRequestId>>,
) -> impl IntoView {
    let texts = texts();
    let requests = memo(move |_| shown.with(|inbox| inbox.requests.clone()));
    let count = move || texts.inbox_count(requests.with(Vec::len));
    view! {
        <div class="section-head">
            <h3 id="requests">{texts.inbox_requests()}</h3>
            <span class="hint" role="status">{count}</span>
            <span class="hint">{texts.inbox_kept()}</span>
            {may_edit().then(|| view! {
                <form method="post" action=url(&program.get_value(), None)>
                    <button class="button quiet small" type="submit" name="intent" value="clear">{texts.inbox_clear()}</button>
                </form>
            })}
        </div>
        <ol class="inbox-requests card" aria-labelledby="requests">
            {rows(
                move || requests.get(),
                |request| request.id,
                move |request| view! { <Row program request open/> },
            )}
        </ol>
    }
    .into_any()
}

#[component]
fn Row(
    program: StoredValue<ProgramId>,
    request: InboxRequest,
    open: Memo<Option<InboxRequestId>>,
) -> impl IntoView {
    let texts = texts();
    let id = request.id;
    let (tone, word) = verdict::signature(texts, &request.signature);
    let is_open = memo(move |_| open.get() == Some(id));
    view! {
        <li class="inbox-request" data-open=attr(move || if is_open.get() { "true" } else { "false" })>
            <span class="inbox-request-state"><Status tone=tone word=word.to_owned()/></span>
            <a class="inbox-request-title row-link" id=format!("row-{id}") href=url(&program.get_value(), Some(id))
                aria-current=attr(move || if is_open.get() { "true" } else { "false" })>
                {title(texts, &request)}
            </a>
            <span class="hint inbox-request-facts">
                <Time at=request.received_at/> " · " {source(texts, &request)} " · " {verdict::bytes(texts, request.body_bytes)}
            </span>
        </li>
    }
    .into_any()
}

/// What a request is about: the event where there is one.
pub fn title(texts: Texts, request: &InboxRequest) -> String {
    match request.event {
        Some(event) => words::event_title(texts, event).to_owned(),
        None => texts.inbox_without_event(&request.method),
    }
}

/// Where a request came from.
pub fn source(texts: Texts, request: &InboxRequest) -> &'static str {
    let is_test = request.webhook_id.as_deref().is_some_and(|id| id.starts_with("test_"));
    match (request.is_own, is_test) {
        (true, true) => texts.inbox_from_test(),
        (true, false) => texts.inbox_from_delivery(),
        (false, _) => texts.inbox_from_outside(),
    }
}
