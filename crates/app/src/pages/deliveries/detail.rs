//! The side panel: one delivery with everything known about it.

use groundswell_types::{DeliveryDetail, DeliveryId, DeliveryState};
use leptos::html;
use leptos::prelude::*;

use super::attempts::Timeline;
use super::live::is_paused;
use super::request::Request;
use super::resending;
use super::shown::{Shown, has_ended, is_resendable};
use crate::boxed::{When, attr, drawn, effect, handler, memo};
use crate::components::{CodeBlock, Icon, Shape, Status, Time};
use crate::functions;
use crate::log_intent::LogIntent;
use crate::pages::live::{focus_after_navigation, focus_first_after_navigation, keep_fresh_unless};
use crate::routing::location;
use crate::texts::texts;
use crate::viewer::may_edit;
use crate::words;

/// The panel beside the list; on a narrow page in its place.
#[component]
pub fn Detail(shown: Shown, detail: DeliveryDetail) -> impl IntoView {
    let texts = texts();
    let delivery = detail.delivery.clone();
    let id = delivery.id;
    let body = detail.body.clone();
    let detail = RwSignal::new(detail);
    keep_fresh_unless(
        move || is_paused(shown.live),
        detail,
        move || {
            let program = shown.program.get_value();
            async move { functions::get_delivery(program, id).await }
        },
    );
    let heading = NodeRef::<html::H2>::new();
    focus_heading(heading);
    view! {
        <aside class="side" aria-labelledby="delivery">
            <div class="side-head">
                <div class="side-ways"><Back shown id=Some(id)/><Neighbours shown id/></div>
                <h2 id="delivery" tabindex="-1" node_ref=heading>{words::event_title(texts, delivery.event)}</h2>
            </div>
            <State detail/>
            {may_edit().then(|| view! { <ResendOne shown detail/> })}
            <dl class="facts">
                <div><dt>{texts.log_delivery()}</dt><dd><code>{id.to_string()}</code></dd></div>
                <Relations shown detail/>
                <div><dt>{texts.log_event()}</dt><dd><code>{delivery.event_id.to_string()}</code></dd></div>
                <div>
                    <dt>{texts.log_webhook()}</dt>
                    <dd>
                        {delivery.webhook_id.map_or_else(|| texts.log_deleted().to_owned(), |id| id.to_string())}
                        " " <span class="url">{drawn(move || detail.with(|shown| shown.delivery.payload_url.clone()))}</span>
                    </dd>
                </div>
                <div><dt>{texts.log_happened()}</dt><dd><Time at=delivery.created_at/></dd></div>
            </dl>
            <section>
                <h3>{texts.log_timeline()}</h3>
                <Timeline detail/>
            </section>
            <section>
                <h3>{texts.log_body()}</h3>
                <CodeBlock label=texts.log_body_label() text=body/>
            </section>
            <Request detail/>
        </aside>
    }
    .into_any()
}

/// Back to the list, where one goes on at the row one came from.
#[component]
pub fn Back(shown: Shown, id: Option<DeliveryId>) -> impl IntoView {
    let list = move || shown.url(|query| query.delivery = None);
    let on_close = move |_| focus_after_navigation(id.map(|id| format!("row-{id}")));
    view! {
        <a class="button quiet small side-close" id="back" href=list on:click=handler(on_close)>
            <Icon shape=Shape::ChevronLeft/>{texts().log_back()}
        </a>
    }
    .into_any()
}

/// The ways to the deliveries above and below in the list.
#[component]
fn Neighbours(shown: Shown, id: DeliveryId) -> impl IntoView {
    let texts = texts();
    let way = move |steps: isize, name: &'static str, shape: Shape| {
        let neighbour = memo(move |_| shown.neighbour(id, steps));
        move || {
            neighbour.get().map(|other| {
                let url = move || shown.url(|query| query.delivery = Some(other));
                let place = if steps < 0 { "previous" } else { "next" };
                // At the end of the list there is no such way any more.
                let on_click =
                    move |_| focus_first_after_navigation(vec![format!("go-{place}"), "delivery".to_owned()]);
                view! {
                    <a class="button quiet small" id=format!("go-{place}") href=url on:click=handler(on_click)>
                        <Icon shape=shape/>{name}
                    </a>
                }
            })
        }
    };
    view! {
        <nav class="neighbours" aria-label=texts.log_neighbours()>
            {way(-1, texts.log_previous(), Shape::ChevronUp)}
            {way(1, texts.log_next(), Shape::ChevronDown)}
        </nav>
    }
    .into_any()
}

/// Moves the focus into the panel when it was opened in the browser; a page that is just loaded keeps it.
fn focus_heading(heading: NodeRef<html::H2>) {
    effect(move |_| {
        let came_from_list =
            document().active_element().is_some_and(|element| element.id().starts_with("row-"));
        if came_from_list && let Some(heading) = heading.get() {
            let _ = heading.focus();
        }
    });
}

#[component]
fn State(detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let state = memo(move |_| detail.with(|detail| detail.delivery.state));
    let shown = memo(move |_| detail.with(|detail| words::state_of(texts, &detail.delivery)));
    let next = memo(move |_| detail.with(|detail| detail.delivery.next_attempt_at));
    view! {
        <div class="side-state" role="status">
            <Status tone=Signal::derive(move || shown.get().0) word=Signal::derive(move || shown.get().1.to_owned())/>
            <span>{drawn(move || words::delivery_state_meaning(texts, state.get()))}</span>
            {drawn(move || {
                let is_held = state.get() == DeliveryState::Held;
                next.get().map(|at| {
                    let at = view! { <Time at=at/> };
                    let text = if is_held { texts.log_next_probe(at) } else { texts.log_next_attempt(at) };
                    view! { <span>{text}</span> }
                })
            })}
        </div>
    }
    .into_any()
}

/// Sends the delivery again, or says why not.
#[component]
fn ResendOne(shown: Shown, detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let id = detail.with_untracked(|detail| detail.delivery.id);
    let location = location();
    let is_possible = memo(move |_| detail.with(|detail| is_resendable(&detail.delivery)));
    let is_gone = memo(move |_| {
        detail.with(|detail| has_ended(detail.delivery.state) && detail.delivery.webhook_id.is_none())
    });
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        resending::one(shown, id, location);
    };
    view! {
        <When is=is_possible>
            <form method="post" action=attr(move || shown.url(|_| ())) on:submit=handler(on_submit)>
                <input type="hidden" name="intent" value=LogIntent::ResendOne.as_str()/>
                <input type="hidden" name="delivery" value=id.to_string()/>
                <button class="button" id="resend-one" type="submit" aria-disabled=attr(move || shown.acting())>{texts.log_resend()}</button>
            </form>
        </When>
        <When is=is_gone><p class="hint">{texts.log_nowhere_to_send()}</p></When>
    }
    .into_any()
}

/// What it repeats, and what repeats it.
#[component]
fn Relations(shown: Shown, detail: RwSignal<DeliveryDetail>) -> impl IntoView {
    let texts = texts();
    let link = move |id: DeliveryId| {
        let url = move || shown.url(|query| query.delivery = Some(id));
        view! { <a href=url><code>{id.to_string()}</code></a> }
    };
    let original = detail.with_untracked(|detail| detail.delivery.resend_of);
    let resends = memo(move |_| detail.with(|detail| detail.resends.clone()));
    view! {
        {original.map(|id| view! { <div><dt>{texts.log_resend_of()}</dt><dd>{link(id)}</dd></div> })}
        {drawn(move || {
            let resends = resends.get();
            (!resends.is_empty()).then(|| view! {
                <div>
                    <dt>{texts.log_resends()}</dt>
                    <dd><ul class="resends">{resends.into_iter().map(|id| view! { <li>{link(id)}</li> }).collect_view()}</ul></dd>
                </div>
            })
        })}
    }
    .into_any()
}
