//! Which deliveries are listed: a form whose answer is a URL.

use groundswell_types::editor::{Panel, PanelRow};
use groundswell_types::{DeliveryState, EventKind};
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

use super::log_query::LogQuery;
use crate::texts::{Texts, texts};
use crate::words;

/// The three filters. In the browser a choice is applied at once.
#[component]
pub fn Filters(panel: Panel, filter: LogQuery) -> impl IntoView {
    let texts = texts();
    let form = NodeRef::<html::Form>::new();
    let program = panel.program.id.clone();
    let base = LogQuery::default().url(&program);
    let navigate = use_navigate();
    let apply = move |target: Option<web_sys::EventTarget>| {
        let Some(form) = form.get_untracked() else { return };
        let chosen = |name: &str| {
            let select = form.elements().named_item(name)?;
            Some(select.dyn_into::<web_sys::HtmlSelectElement>().ok()?.value())
        };
        let query = LogQuery {
            state: chosen("state").and_then(|text| DeliveryState::parse(&text)),
            event: chosen("event").and_then(|text| EventKind::parse(&text)),
            webhook: chosen("webhook").and_then(|text| groundswell_types::WebhookId::parse(&text).ok()),
            ..LogQuery::default()
        };
        // The list is drawn anew; whoever chooses with the keyboard wants to go on where they are.
        let focused =
            target.and_then(|target| target.dyn_into::<web_sys::Element>().ok()).map(|element| element.id());
        crate::pages::live::focus_after_navigation(focused);
        navigate(&query.url(&program), NavigateOptions { scroll: false, ..NavigateOptions::default() });
    };
    let apply_on_submit = apply.clone();
    let clear = filter
        .is_filtered()
        .then(|| view! { <a class="button quiet small" href=base.clone()>{texts.log_clear()}</a> });
    view! {
        <form class="filters" method="get" action=base.clone() node_ref=form
            on:submit=move |event| { event.prevent_default(); apply_on_submit(None); }
            on:change=move |event| apply(event.target())>
            <Choice name="state" label=texts.log_state() options=states(texts, &filter)/>
            <Choice name="event" label=texts.log_event() options=events(texts, &panel, &filter)/>
            <Choice name="webhook" label=texts.log_webhook() options=webhooks(panel.rows, &filter)/>
            <button class="button no-script" type="submit">{texts.log_filter()}</button>
            {clear}
        </form>
    }
    .into_any()
}

/// One choice: its value, its word, whether it is chosen.
struct Choosable {
    value: String,
    word: String,
    is_chosen: bool,
}

fn states(texts: Texts, filter: &LogQuery) -> Vec<Choosable> {
    let choice = |state: DeliveryState| Choosable {
        value: state.as_str().to_owned(),
        word: words::delivery_state(texts, state).1.to_owned(),
        is_chosen: filter.state == Some(state),
    };
    DeliveryState::ALL.into_iter().map(choice).collect()
}

fn events(texts: Texts, panel: &Panel, filter: &LogQuery) -> Vec<Choosable> {
    let choice = |event: EventKind| Choosable {
        value: event.name().to_owned(),
        word: words::event_title(texts, event).to_owned(),
        is_chosen: filter.event == Some(event),
    };
    EventKind::fitting(panel.program.kind).map(choice).collect()
}

fn webhooks(rows: Vec<PanelRow>, filter: &LogQuery) -> Vec<Choosable> {
    let choice = |row: PanelRow| {
        let id = row.live?.webhook_id;
        let is_chosen = filter.webhook.as_ref() == Some(&id);
        Some(Choosable { value: id.to_string(), word: format!("{id}: {}", row.row.url), is_chosen })
    };
    let mut choices: Vec<Choosable> = rows.into_iter().filter_map(choice).collect();
    // One that is in the URL but not live any more must not look as if nothing were filtered.
    if let Some(id) = &filter.webhook
        && !choices.iter().any(|choice| choice.is_chosen)
    {
        choices.push(Choosable { value: id.to_string(), word: id.to_string(), is_chosen: true });
    }
    choices
}

#[component]
fn Choice(name: &'static str, label: &'static str, options: Vec<Choosable>) -> impl IntoView {
    let is_active = options.iter().any(|option| option.is_chosen);
    let options: Vec<_> = options
        .into_iter()
        .map(|option| view! { <option value=option.value selected=option.is_chosen prop:selected=option.is_chosen>{option.word}</option> })
        .collect();
    view! {
        <label class="filter" data-active=if is_active { "true" } else { "false" }>
            <span class="field-label">{label}</span>
            <select class="select" name=name id=format!("filter-{name}")>
                <option value="" prop:selected=!is_active>{texts().log_all()}</option>
                {options}
            </select>
        </label>
    }
    .into_any()
}
