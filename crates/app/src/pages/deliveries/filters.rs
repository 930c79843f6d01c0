//! Which deliveries are listed: a form whose answer is a URL.

use groundswell_types::editor::{Panel, PanelRow};
use groundswell_types::{DeliveryFilter, DeliveryState, EventKind, MAX_SEARCH_CHARS};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::moment::{self, MomentInput};
use super::shown::Shown;
use crate::boxed::handler;
use crate::log_query::LogQuery;
use crate::pages::live::focus_after_navigation;
use crate::routing::location;
use crate::texts::{Texts, texts};
use crate::words;

/// What [`groundswell_types::StatusRange`] reads, for browsers.
const STATUS_PATTERN: &str = r"\s*[1-9]([xX]{2}|[0-9]{2}(\s*[\-–]\s*[1-9][0-9]{2})?)\s*";

/// All filters. In the browser a choice is applied at once.
#[component]
pub fn Filters(panel: Panel, shown: Shown) -> impl IntoView {
    let texts = texts();
    let form = NodeRef::<html::Form>::new();
    let program = panel.program.id.clone();
    let query = shown.list.get_value();
    let base = LogQuery::default().url(&program);
    let location = location();
    let apply = move |target: Option<web_sys::EventTarget>| {
        let Some(form) = form.get_untracked() else { return };
        if !form.report_validity() {
            return;
        }
        // The list is drawn anew; whoever chooses with the keyboard wants to go on where they are.
        let focused =
            target.and_then(|target| target.dyn_into::<web_sys::Element>().ok()).map(|element| element.id());
        focus_after_navigation(focused);
        location.go(&chosen(&form).url(&program));
    };
    let apply_on_submit = apply.clone();
    let clear = query
        .is_filtered()
        .then(|| view! { <a class="button quiet" href=base.clone()>{texts.log_clear()}</a> });
    let filter = &query.filter;
    view! {
        <form class="filters" role="search" method="get" action=base.clone() node_ref=form
            on:submit=handler(move |event: web_sys::SubmitEvent| { event.prevent_default(); apply_on_submit(Some(search_field())); })
            on:change=handler(move |event: web_sys::Event| apply(event.target()))>
            <Search text=filter.text.clone()/>
            <Choice name="state" label=texts.log_state() options=states(texts, filter)/>
            <Choice name="event" label=texts.log_event() options=events(texts, &panel, filter)/>
            <Choice name="webhook" label=texts.log_webhook() options=webhooks(panel.rows, filter)/>
            <StatusField value=filter.status.map(|status| status.to_string())/>
            <MomentInput name="since" label=texts.log_since() utc_label=texts.log_since_utc() at=filter.since/>
            <MomentInput name="until" label=texts.log_until() utc_label=texts.log_until_utc() at=filter.until/>
            <div class="filter-buttons">
                <button class="button no-script" type="submit">{texts.log_filter()}</button>
                {clear}
            </div>
        </form>
    }
    .into_any()
}

fn search_field() -> web_sys::EventTarget {
    document().get_element_by_id("filter-text").map_or_else(|| document().into(), Into::into)
}

/// What the form says. Its moments are in the viewer's zone, which the URL does not know.
fn chosen(form: &web_sys::HtmlFormElement) -> LogQuery {
    let value = |name: &str| {
        let field = form.elements().named_item(name)?;
        let of_select = field.dyn_ref::<web_sys::HtmlSelectElement>().map(web_sys::HtmlSelectElement::value);
        let value = of_select.or_else(|| Some(field.dyn_ref::<web_sys::HtmlInputElement>()?.value()))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let moment = |name: &str| value(name).and_then(|text| moment::of_viewer(&text));
    LogQuery {
        filter: DeliveryFilter {
            state: value("state").and_then(|text| DeliveryState::parse(&text)),
            event: value("event").and_then(|text| EventKind::parse(&text)),
            webhook_id: value("webhook").and_then(|text| groundswell_types::WebhookId::parse(&text).ok()),
            status: value("status").and_then(|text| groundswell_types::StatusRange::parse(&text).ok()),
            since: moment("since"),
            until: moment("until"),
            text: value("text"),
        },
        ..LogQuery::default()
    }
}

#[component]
fn Search(text: Option<String>) -> impl IntoView {
    let texts = texts();
    let is_active = text.is_some();
    // What was typed stays in a field whose attribute alone changes.
    let shown = text.clone().unwrap_or_default();
    view! {
        <label class="filter filter-text" data-active=if is_active { "true" } else { "false" }>
            <span class="field-label">{texts.log_search()}</span>
            <input class="input" type="search" name="text" id="filter-text" value=text prop:value=shown maxlength=MAX_SEARCH_CHARS.to_string()
                placeholder=texts.log_search_hint() autocomplete="off" spellcheck="false" autocapitalize="none"/>
        </label>
    }
    .into_any()
}

#[component]
fn StatusField(value: Option<String>) -> impl IntoView {
    let texts = texts();
    let is_active = value.is_some();
    let shown = value.clone().unwrap_or_default();
    view! {
        <label class="filter filter-status" data-active=if is_active { "true" } else { "false" }>
            <span class="field-label">{texts.log_status()}</span>
            <input class="input" name="status" id="filter-status" value=value prop:value=shown
                pattern=STATUS_PATTERN title=texts.log_status_hint() placeholder="5xx" autocomplete="off" spellcheck="false"/>
        </label>
    }
    .into_any()
}

/// One choice: its value, its word, whether it is chosen.
struct Choosable {
    value: String,
    word: String,
    is_chosen: bool,
}

fn states(texts: Texts, filter: &DeliveryFilter) -> Vec<Choosable> {
    let choice = |state: DeliveryState| Choosable {
        value: state.as_str().to_owned(),
        word: words::delivery_state(texts, state).1.to_owned(),
        is_chosen: filter.state == Some(state),
    };
    DeliveryState::ALL.into_iter().map(choice).collect()
}

fn events(texts: Texts, panel: &Panel, filter: &DeliveryFilter) -> Vec<Choosable> {
    let choice = |event: EventKind| Choosable {
        value: event.name().to_owned(),
        word: words::event_title(texts, event).to_owned(),
        is_chosen: filter.event == Some(event),
    };
    EventKind::fitting(panel.program.kind).map(choice).collect()
}

fn webhooks(rows: Vec<PanelRow>, filter: &DeliveryFilter) -> Vec<Choosable> {
    let choice = |row: PanelRow| {
        let id = row.live?.webhook_id;
        let is_chosen = filter.webhook_id.as_ref() == Some(&id);
        Some(Choosable { value: id.to_string(), word: format!("{id}: {}", row.row.url), is_chosen })
    };
    let mut choices: Vec<Choosable> = rows.into_iter().filter_map(choice).collect();
    // One that is in the URL but not live any more must not look as if nothing were filtered.
    if let Some(id) = &filter.webhook_id
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
