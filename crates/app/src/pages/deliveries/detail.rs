//! The side panel: one delivery with everything known about it.

use groundswell_types::{DeliveryDetail, DeliveryState, ProgramId};
use leptos::html;
use leptos::prelude::*;

use super::attempts::Attempts;
use super::log_query::LogQuery;
use crate::components::{CodeBlock, Icon, Shape, Status, Time};
use crate::functions;
use crate::pages::live::{focus_after_navigation, keep_fresh};
use crate::texts::texts;
use crate::{time, words};

/// The panel beside the list; on a narrow page in its place.
#[component]
pub fn Detail(
    program: StoredValue<ProgramId>,
    detail: DeliveryDetail,
    query: Memo<LogQuery>,
) -> impl IntoView {
    let texts = texts();
    let delivery = detail.delivery.clone();
    let id = delivery.id;
    let body = detail.body.clone();
    let shown = RwSignal::new(detail);
    keep_fresh(shown, move || {
        let program = program.get_value();
        async move { functions::get_delivery(program, id).await.ok() }
    });
    let heading = NodeRef::<html::H2>::new();
    focus_heading(heading);
    let list =
        move || query.with(|query| LogQuery { delivery: None, ..query.clone() }.url(&program.get_value()));
    // Back in the list, one goes on at the row one came from.
    let on_close = move |_| focus_after_navigation(Some(format!("row-{id}")));
    view! {
        <aside class="side" aria-labelledby="delivery">
            <div class="side-head">
                <a class="button quiet small side-close" href=list on:click=on_close>
                    <Icon shape=Shape::ChevronLeft/>{texts.log_back()}
                </a>
                <h2 id="delivery" tabindex="-1" node_ref=heading>{words::event_title(texts, delivery.event)}</h2>
            </div>
            <State shown/>
            <dl class="facts">
                <div><dt>{texts.log_delivery()}</dt><dd><code>{id.to_string()}</code></dd></div>
                <div><dt>{texts.log_event()}</dt><dd><code>{delivery.event_id.to_string()}</code></dd></div>
                <div>
                    <dt>{texts.log_webhook()}</dt>
                    <dd>
                        {delivery.webhook_id.map_or_else(|| texts.log_deleted().to_owned(), |id| id.to_string())}
                        " " <span class="url">{move || shown.with(|shown| shown.delivery.payload_url.clone())}</span>
                    </dd>
                </div>
                <div><dt>{texts.log_happened()}</dt><dd><Time at=delivery.created_at/></dd></div>
                <div><dt>{texts.log_accepted()}</dt><dd><Time at=delivery.accepted_at/></dd></div>
            </dl>
            <section>
                <h3>{texts.log_attempts()}</h3>
                <Attempts shown/>
            </section>
            <section>
                <h3>{texts.log_body()}</h3>
                <CodeBlock label=texts.log_body_label() text=body/>
            </section>
        </aside>
    }
    .into_any()
}

/// Moves the focus into the panel when it was opened in the browser; a page that is just loaded keeps it.
fn focus_heading(heading: NodeRef<html::H2>) {
    Effect::new(move |_| {
        let came_from_list =
            document().active_element().is_some_and(|element| element.id().starts_with("row-"));
        if came_from_list && let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
    });
}

#[component]
fn State(shown: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let state = Memo::new(move |_| shown.with(|shown| shown.delivery.state));
    let next = Memo::new(move |_| shown.with(|shown| shown.delivery.next_attempt_at));
    view! {
        <div class="side-state" role="status">
            <Status tone=Signal::derive(move || words::delivery_state(texts, state.get()).0)
                word=Signal::derive(move || words::delivery_state(texts, state.get()).1.to_owned())/>
            <span>{move || words::delivery_state_meaning(texts, state.get())}</span>
            {move || {
                let is_held = state.get() == DeliveryState::Held;
                next.get().map(|at| {
                    let at = view! { <Time at=at/> };
                    let text = if is_held { texts.log_next_probe(at) } else { texts.log_next_attempt(at) };
                    view! { <span>{text}</span> }
                })
            }}
        </div>
        {move || shown.with(|shown| shown.reason.clone()).map(|reason| view! { <p>{reason}</p> })}
        <Schedule shown/>
    }
    .into_any()
}

/// The attempts that are still to come if all of them fail.
#[component]
fn Schedule(shown: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let schedule = Memo::new(move |_| shown.with(|shown| shown.schedule.clone()));
    let accepted = shown.with_untracked(|shown| shown.delivery.accepted_at);
    view! {
        <Show when=move || schedule.with(|schedule| !schedule.is_empty())>
            <details class="schedule">
                <summary>
                    <Icon shape=Shape::ChevronRight/>
                    {move || texts.log_to_come(schedule.with(Vec::len))}
                </summary>
                <ol>
                    {move || schedule.get().into_iter().map(|at| view! {
                        <li><Time at=at/> <span class="hint">{texts.log_after_accepted(&time::wait(at - accepted))}</span></li>
                    }).collect_view()}
                </ol>
                <p class="hint">{texts.log_give_or_take()}</p>
            </details>
        </Show>
    }
    .into_any()
}
