//! Which events a webhook gets.

use groundswell_types::EventKind;
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::inputs::sync_check;
use super::row_state::Row;
use crate::boxed::attr;
use crate::components::{Icon, Shape};
use crate::intent::{Intent, RowAction};
use crate::json;
use crate::place::place;
use crate::texts::texts;
use crate::words;

/// A box for each event the program can have.
#[component]
pub fn Events(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let kind = editor.program.with_value(|program| program.kind);
    let boxes: Vec<_> =
        EventKind::fitting(kind).map(|event| view! { <EventBox editor row event/> }).collect();
    let problem = move || row.problem("/events");
    view! {
        <fieldset class="events">
            <legend>{texts.webhook_events()}</legend>
            <p class="events-all">
                {editor.may_edit.then(|| view! {
                    <button class="button small" type="submit" name="intent"
                        value=Intent::row(&key, RowAction::AllEvents).to_string()>{texts.webhook_all()}</button>
                    <button class="button small" type="submit" name="intent"
                        value=Intent::row(&key, RowAction::NoEvents).to_string()>{texts.webhook_none()}</button>
                })}
                <span class="hint" data-tone=attr(move || if row.events.with(Vec::is_empty) { "warn" } else { "quiet" })>
                    {texts.webhook_none_means()}
                </span>
            </p>
            {boxes}
            <p class="problem">{problem}</p>
        </fieldset>
    }
    .into_any()
}

#[component]
fn EventBox(editor: Editor, row: Row, event: EventKind) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let is_ticked = Signal::derive(move || row.events.with(|events| events.contains(&event)));
    let tick = move |is_ticked: bool| {
        row.events.update(|events| {
            events.retain(|other| *other != event);
            if is_ticked {
                events.push(event);
            }
            // The order people see, which is also that of a form.
            events.sort_unstable();
        });
        editor.touch();
    };
    sync_check(input, is_ticked, tick);
    let example = editor.examples.with_value(|examples| {
        examples.iter().find(|(kind, _)| *kind == event).map(|(_, text)| text.clone())
    });
    let example = example.map(|text| view! { <Example event text/> });
    view! {
        <div class="event">
        <label class="choice">
            <input type="checkbox" node_ref=input name=format!("event.{key}") value=event.name()
                checked=is_ticked.get_untracked() on:change:target=move |event| tick(event.target().checked())/>
            <span>
                <strong>{words::event_title(texts, event)}</strong> " " <code>{event.name()}</code>
                <span class="hint">{words::event_meaning(texts, event)}</span>
            </span>
        </label>
        {example}
        </div>
    }
    .into_any()
}

/// What is sent when it happens, and where its fields are explained.
#[component]
fn Example(event: EventKind, text: String) -> impl IntoView {
    let texts = texts();
    let title = words::event_title(texts, event);
    let docs = format!("/docs/events#{}", event.name().to_ascii_lowercase());
    view! {
        <details class="example">
            <summary><Icon shape=Shape::ChevronRight/>{texts.webhook_example()}<span class="visually-hidden">": "{title}</span></summary>
            <pre class="code-text" tabindex="0" role="region" aria-label=title>{json::pretty(&text).unwrap_or(text)}</pre>
            <p><a href=docs rel="external" target=place().target() hreflang="en">{texts.webhook_event_docs()}<span class="visually-hidden">": "{title}</span></a></p>
        </details>
    }
    .into_any()
}
