//! The panel's one form: the rows, the button that adds one, and the bar.

use groundswell_types::MAX_WEBHOOKS;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::bar::Bar;
use super::conflict::{ConflictBanner, OutdatedBanner};
use super::editor::Editor;
use super::row::WebhookRow;
use super::undo::Undo;
use crate::boxed::{When, attr, drawn, handler, memo, rows};
use crate::components::{FailureNotice, Icon, Shape};
use crate::intent::Intent;
use crate::place::place;
use crate::texts::texts;

/// All of the panel that can be changed.
#[component]
pub fn PanelForm(editor: Editor) -> impl IntoView {
    let texts = texts();
    let action = place().webhooks(&editor.id());
    let version = editor.version.get_untracked().to_string();
    let live = editor.live_version.get_untracked().to_string();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let pressed = event.submitter().and_then(|button| button.get_attribute("value"));
        let is_refused = event
            .submitter()
            .is_some_and(|button| button.get_attribute("aria-disabled").as_deref() == Some("true"));
        match pressed.and_then(|value| Intent::parse(&value)) {
            // Adding says itself why it cannot.
            Some(intent) if !is_refused || intent == Intent::Add => editor.act(&intent),
            _ => {}
        }
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        let is_in_field = event.target().is_some_and(|target| {
            let input = target.dyn_into::<web_sys::HtmlInputElement>().ok();
            input.is_some_and(|input| input.type_() == "text")
        });
        // In a field it undoes what was typed there, if anything was: the field has the focus after a row was removed, too.
        let is_meant = !is_in_field || editor.undoes_in_fields();
        if event.key() == "z" && (event.ctrl_key() || event.meta_key()) && is_meant {
            event.prevent_default();
            editor.undo();
        }
    };
    view! {
        <form class="panel" method="post" action=action autocomplete="off" on:submit=handler(on_submit) on:keydown=handler(on_key)>
            // Pressing Enter in a field presses the first button, which must not be one that tests or removes.
            {editor.may_edit.then(|| view! {
                <button class="visually-hidden" type="submit" name="intent" value="save" tabindex="-1">{texts.webhooks_save_draft()}</button>
            })}
            <input type="hidden" name="version" value=version/>
            <input type="hidden" name="live" value=live/>
            <ConflictBanner editor/>
            {editor.may_edit.then(|| view! { <OutdatedBanner editor/> })}
            <div class="panel-failure" tabindex="-1">
                {drawn(move || editor.failure.get().map(|failure| view! { <FailureNotice failure/> }))}
            </div>
            <fieldset class="panel-fields" disabled=!editor.may_edit inert=attr(move || editor.is_ending().get())><Rows editor/></fieldset>
            {editor.may_edit.then(|| view! { <AddButton editor/> })}
            <p class="said" id="said" role="status" tabindex="-1">{drawn(move || editor.said.get())}</p>
            <UndoToast editor/>
            <Bar editor/>
        </form>
    }
    .into_any()
}

#[component]
fn Rows(editor: Editor) -> impl IntoView {
    let texts = texts();
    let is_empty = memo(move |_| editor.rows.with(Vec::is_empty));
    view! {
        <ol class="webhooks" aria-labelledby="webhooks">
            {rows(
                move || editor.rows.get(),
                |row| row.key.get_value(),
                move |row| view! { <WebhookRow editor row/> },
            )}
        </ol>
        <When is=is_empty>
            <div class="empty-box">
                <h3>{texts.webhooks_none()}</h3>
                <p>{texts.webhooks_none_advice()}</p>
            </div>
        </When>
    }
    .into_any()
}

#[component]
fn AddButton(editor: Editor) -> impl IntoView {
    let texts = texts();
    let is_full = memo(move |_| editor.rows.with(Vec::len) >= MAX_WEBHOOKS);
    let number = move || editor.rows.with(Vec::len);
    view! {
        <div class="add">
            <button class="button" id="add-webhook" type="submit" name="intent" value=Intent::Add.to_string()
                aria-disabled=attr(move || if is_full.get() { "true" } else { "false" }) aria-describedby="add-hint">
                <Icon shape=Shape::Plus/>{texts.webhooks_add()}
            </button>
            <span class="hint" id="add-hint">
                {drawn(move || if is_full.get() {
                    texts.webhooks_at_most(MAX_WEBHOOKS)
                } else {
                    texts.webhooks_number_of(number(), MAX_WEBHOOKS)
                })}
            </span>
        </div>
    }
    .into_any()
}

#[component]
fn UndoToast(editor: Editor) -> impl IntoView {
    let texts = texts();
    view! {
        <div class="undo" role="status">
            {drawn(move || editor.undo.get().map(|undo| view! {
                <div class="toast">
                    <span>{match undo {
                        Undo::Removed(..) => texts.webhooks_removed(),
                        Undo::SwitchedOff(_) => texts.webhooks_switched_off(),
                    }}</span>
                    <button class="button small" type="button" aria-keyshortcuts="Control+Z" on:click=handler(move |_| editor.undo())>{texts.webhooks_undo()}</button>
                </div>
            }))}
        </div>
    }
    .into_any()
}
