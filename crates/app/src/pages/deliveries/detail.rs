//! The side panel: one delivery with everything known about it.

use groundswell_types::{DeliveryDetail, DeliveryState, ProgramId};
use leptos::html;
use leptos::prelude::*;

use super::attempts::Attempts;
use super::log_query::LogQuery;
use crate::components::{CodeBlock, Icon, Shape, Status, Time};
use crate::functions;
use crate::pages::live::{focus_after_navigation, keep_fresh};
use crate::{time, words};

/// The panel beside the list; on a narrow page in its place.
#[component]
pub fn Detail(
    program: StoredValue<ProgramId>,
    detail: DeliveryDetail,
    query: Memo<LogQuery>,
) -> impl IntoView {
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
                    <Icon shape=Shape::ChevronLeft/>"Back to the list"
                </a>
                <h2 id="delivery" tabindex="-1" node_ref=heading>{delivery.event.title()}</h2>
            </div>
            <State shown/>
            <dl class="facts">
                <div><dt>"Delivery"</dt><dd><code>{id.to_string()}</code></dd></div>
                <div><dt>"Event"</dt><dd><code>{delivery.event_id.to_string()}</code></dd></div>
                <div>
                    <dt>"Webhook"</dt>
                    <dd>
                        {delivery.webhook_id.map_or("deleted".to_owned(), |id| id.to_string())}
                        " " <span class="url">{move || shown.with(|shown| shown.delivery.payload_url.clone())}</span>
                    </dd>
                </div>
                <div><dt>"Happened"</dt><dd><Time at=delivery.created_at/></dd></div>
                <div><dt>"Accepted"</dt><dd><Time at=delivery.accepted_at/></dd></div>
            </dl>
            <section>
                <h3>"Attempts"</h3>
                <Attempts shown/>
            </section>
            <section>
                <h3>"Body"</h3>
                <CodeBlock label="Body of the event" text=body/>
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
    let state = Memo::new(move |_| shown.with(|shown| shown.delivery.state));
    let next = Memo::new(move |_| shown.with(|shown| shown.delivery.next_attempt_at));
    view! {
        <div class="side-state" role="status">
            <Status tone=Signal::derive(move || words::delivery_state(state.get()).0)
                word=Signal::derive(move || words::delivery_state(state.get()).1.to_owned())/>
            <span>{move || words::delivery_state_meaning(state.get())}</span>
            {move || {
                let word = if state.get() == DeliveryState::Held { " Next probe " } else { " Next attempt " };
                next.get().map(|at| view! { <span>{word}<Time at=at/>"."</span> })
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
    let schedule = Memo::new(move |_| shown.with(|shown| shown.schedule.clone()));
    let accepted = shown.with_untracked(|shown| shown.delivery.accepted_at);
    view! {
        <Show when=move || schedule.with(|schedule| !schedule.is_empty())>
            <details class="schedule">
                <summary>
                    <Icon shape=Shape::ChevronRight/>
                    {move || {
                        let left = schedule.with(|schedule| i64::try_from(schedule.len()).unwrap_or(i64::MAX));
                        format!("{} to come if all fail", words::count(left, "attempt", "attempts"))
                    }}
                </summary>
                <ol>
                    {move || schedule.get().into_iter().map(|at| view! {
                        <li><Time at=at/> <span class="hint">{format!("{} after the event was accepted", time::wait(at - accepted))}</span></li>
                    }).collect_view()}
                </ol>
                <p class="hint">"Give or take 10 %. After the last one the delivery is undeliverable."</p>
            </details>
        </Show>
    }
    .into_any()
}
