//! One request with everything about it.

use groundswell_types::signature::WEBHOOK_ID;
use groundswell_types::{InboxRequestDetail, ProgramId, SchemeCheck, SignatureCheck};
use leptos::html;
use leptos::prelude::*;

use super::list::{source, title};
use super::{url, verdict};
use crate::boxed::{effect, handler};
use crate::components::{CodeBlock, HeaderList, Icon, Shape, Status, Time};
use crate::pages::live::focus_after_navigation;
use crate::texts::texts;

/// The panel beside the list; on a narrow page in its place.
#[component]
pub fn Detail(program: StoredValue<ProgramId>, detail: InboxRequestDetail) -> impl IntoView {
    let texts = texts();
    let InboxRequestDetail { request, headers, body, is_text } = detail;
    let id = request.id;
    let heading = NodeRef::<html::H2>::new();
    // Into the panel when it was opened in the browser; a page that is just loaded keeps the focus.
    effect(move |_| {
        let came_from_list =
            document().active_element().is_some_and(|element| element.id().starts_with("row-"));
        if came_from_list && let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
    });
    let on_close = move |_| focus_after_navigation(Some(format!("row-{id}")));
    let body = match (body.is_empty(), is_text) {
        (true, _) => view! { <p class="hint">{texts.code_empty_body()}</p> }.into_any(),
        (false, true) => view! { <CodeBlock label=texts.inbox_body_of() text=body/> }.into_any(),
        (false, false) => view! {
            <p class="hint">{texts.inbox_no_text()}</p>
            <CodeBlock label=texts.inbox_body_of() text=body/>
        }
        .into_any(),
    };
    view! {
        <aside class="side" aria-labelledby="request">
            <div class="side-head">
                <a class="button quiet small side-close" href=url(&program.get_value(), None) on:click=handler(on_close)>
                    <Icon shape=Shape::ChevronLeft/>{texts.inbox_back()}
                </a>
                <h2 id="request" tabindex="-1" node_ref=heading>{title(texts, &request)}</h2>
            </div>
            <Signature program check=request.signature.clone()/>
            <dl class="facts">
                <div><dt>{texts.inbox_received()}</dt><dd><Time at=request.received_at/></dd></div>
                <div><dt>{texts.inbox_came()}</dt><dd>{texts.inbox_came_how(source(texts, &request), &request.method)}</dd></div>
                {request.webhook_id.clone().map(|id| view! {
                    <div><dt><code>{WEBHOOK_ID}</code></dt><dd><code>{id}</code></dd></div>
                })}
                <div><dt>{texts.inbox_size()}</dt><dd>{verdict::bytes(texts, request.body_bytes)}</dd></div>
            </dl>
            <section>
                <h3>{texts.inbox_headers()}</h3>
                <HeaderList headers/>
            </section>
            <section>
                <h3>{texts.inbox_body()}</h3>
                {body}
            </section>
        </aside>
    }
    .into_any()
}

/// What each of the two signatures is worth, and why.
#[component]
fn Signature(program: StoredValue<ProgramId>, check: SignatureCheck) -> impl IntoView {
    let texts = texts();
    let (tone, word) = verdict::signature(texts, &check);
    let has_secret = ![check.product, check.standard].contains(&SchemeCheck::NoSecret);
    let webhook = check.webhook_id.clone().filter(|_| has_secret).map(|id| {
        let webhook = view! { <code>{id.to_string()}</code> };
        view! { <p class="hint">{texts.inbox_checked_with(webhook)}</p> }
    });
    let is_same = check.product == check.standard;
    let advice = verdict::advice(texts, &check);
    let is_about_secret = [check.product, check.standard]
        .iter()
        .any(|one| matches!(one, SchemeCheck::NoSecret | SchemeCheck::NoWebhook));
    let settings = is_about_secret.then(|| {
        let href = format!("/programs/{}/options/webhooks", program.get_value());
        view! { " " <a href=href>{texts.inbox_open_webhooks()}</a> }
    });
    let schemes = if is_same && check.product.is_absent() {
        view! { <p>{verdict::scheme(texts, check.product)}</p> }.into_any()
    } else {
        view! {
            <dl class="facts">
                <div><dt>{texts.inbox_product()}</dt><dd>{verdict::scheme(texts, check.product)}</dd></div>
                <div><dt>{texts.inbox_standard()}</dt><dd>{verdict::scheme(texts, check.standard)}</dd></div>
            </dl>
        }
        .into_any()
    };
    view! {
        <section class="signature" aria-labelledby="signature">
            <div class="signature-head">
                <h3 id="signature">{texts.inbox_signature()}</h3>
                <Status tone=tone word=word.to_owned()/>
            </div>
            {schemes}
            {advice.map(|advice| view! { <p class="hint">{advice}{settings}</p> })}
            {webhook}
        </section>
    }
    .into_any()
}
