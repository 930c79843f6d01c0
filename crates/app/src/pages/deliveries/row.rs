//! A row of the list.

use groundswell_types::{DeliveryId, DeliveryView};
use leptos::prelude::*;

use super::shown::{Shown, is_resendable};
use crate::boxed::{attr, drawn, handler, memo};
use crate::components::{Status, Time};
use crate::texts::{Texts, texts};
use crate::viewer::may_edit;
use crate::words;

#[component]
pub fn Row(shown: Shown, id: DeliveryId) -> impl IntoView {
    let texts = texts();
    let find = move |page: &groundswell_types::editor::DeliveryPage| {
        page.deliveries.iter().find(|delivery| delivery.id == id).cloned()
    };
    // Keeps what it knew when the row is about to go.
    let row = memo(move |before: Option<&Option<DeliveryView>>| {
        shown.page.with(find).or_else(|| before.cloned().flatten())
    });
    let Some(first) = row.get_untracked() else { return ().into_any() };
    let url = move || shown.url(|query| query.delivery = Some(id));
    let is_open = memo(move |_| shown.query.with(|query| query.delivery == Some(id)));
    let of_row = move |word: fn(Texts, &DeliveryView) -> (words::Tone, &'static str)| {
        row.with(|row| row.as_ref().map(|row| word(texts, row)))
    };
    let tone = Signal::derive(move || of_row(words::state_of).map_or(words::Tone::Quiet, |(tone, _)| tone));
    let word = Signal::derive(move || of_row(words::state_of).map_or("", |(_, word)| word).to_owned());
    let webhook =
        first.webhook_id.as_ref().map_or_else(|| texts.log_deleted().to_owned(), ToString::to_string);
    let attempts = move || row.with(|row| row.as_ref().map_or(0, |row| row.attempts));
    let resend = first.resend_of.map(|_| view! { <span class="tag">{texts.log_is_resend()}</span> });
    let title = words::event_title(texts, first.event);
    view! {
        <tr class="delivery" data-open=attr(move || if is_open.get() { "true" } else { "false" })>
            <td class="delivery-select">
                {may_edit().then(|| view! {
                    <Select shown id label=texts.log_select(title, &id.to_string())
                        is_possible=Signal::derive(move || row.with(|row| row.as_ref().is_some_and(is_resendable)))/>
                })}
            </td>
            <td class="delivery-state"><Status tone word/></td>
            <td class="delivery-event">
                <a href=url id=format!("row-{id}") aria-current=attr(move || if is_open.get() { "true" } else { "false" })>
                    {title}
                </a>
                {resend}
            </td>
            <td class="delivery-webhook" title=first.payload_url.clone().unwrap_or_default()>
                <code>{webhook}</code> <span class="hint">{place(first.payload_url.as_deref())}</span>
            </td>
            <td class="delivery-attempts">{attempts}</td>
            <td class="delivery-answer">{drawn(move || row.with(|row| row.as_ref().map(|row| answer(texts, row))))}</td>
            <td class="delivery-time"><Time at=first.accepted_at/></td>
        </tr>
    }
    .into_any()
}

/// Chooses the row to be sent again. It belongs to the form of the selection, wherever it stands.
#[component]
fn Select(shown: Shown, id: DeliveryId, label: String, is_possible: Signal<bool>) -> impl IntoView {
    let is_selected = memo(move |_| shown.selected.with(|selected| selected.contains(&id)));
    let on_change = move |event: web_sys::Event| {
        let is_checked = event_target_checked(&event);
        shown.selected.update(|selected| {
            if is_checked {
                selected.insert(id);
            } else {
                selected.remove(&id);
            }
        });
    };
    view! {
        // Takes presses beside the box too, which are not meant for the link over the whole row.
        <label class="row-select">
            <input type="checkbox" name="delivery" value=id.to_string() form="selection" aria-label=label
                disabled=attr(move || !is_possible.get()) prop:checked=attr(move || is_selected.get()) on:change=handler(on_change)/>
        </label>
    }
    .into_any()
}

/// A URL without what all of them begin with.
fn place(url: Option<&str>) -> String {
    let url = url.unwrap_or_default();
    url.split_once("://").map_or(url, |(_, rest)| rest).to_owned()
}

/// The last status code, or why there was none.
fn answer(texts: Texts, delivery: &DeliveryView) -> String {
    match (delivery.last_status_code, delivery.last_failure) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => words::failure_class(texts, failure).to_owned(),
        (None, None) => "–".to_owned(),
    }
}
