//! The log by keyboard, and the list of its keys. Single keys can be turned off, since a slip, or a voice, may press
//! them too (WCAG 2.1.4).

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::shown::Shown;
use crate::boxed::{attr, effect, handler};
use crate::routing::location;
use crate::texts::texts;
use crate::viewer::may_edit;

/// Remembers in the browser that the keys are off.
const STORED: &str = "groundswell.keys";

#[component]
pub fn Keys(shown: Shown) -> impl IntoView {
    let texts = texts();
    let dialog = NodeRef::<html::Dialog>::new();
    let location = location();
    let are_on = RwSignal::new(true);
    effect(move |_| are_on.set(storage().and_then(|kept| kept.get_item(STORED).ok()?).is_none()));
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let is_ours =
            are_on.try_get_untracked() == Some(true) && !event.default_prevented() && is_free(&event);
        // A key that is held goes on down the list, and does nothing else again.
        let is_ours = is_ours && (!event.repeat() || matches!(&*event.key(), "j" | "k"));
        let go = |url: &str| location.go(url);
        if is_ours && press(shown, dialog, &event.key(), go) {
            event.prevent_default();
        }
    });
    on_cleanup(move || handle.remove());
    let on_toggle = move |event: web_sys::Event| {
        let is_on = event_target_checked(&event);
        are_on.set(is_on);
        if let Some(kept) = storage() {
            // A browser that keeps nothing still does what was asked for on this page.
            let _ = if is_on { kept.remove_item(STORED) } else { kept.set_item(STORED, "off") };
        }
    };
    let show = move |_| open(dialog);
    view! {
        <p class="keys-hint needs-script">
            <button class="button quiet small" type="button" on:click=handler(show)>{texts.log_keys()}</button>
        </p>
        <dialog class="keys" node_ref=dialog aria-labelledby="keys-title">
            <h2 id="keys-title">{texts.log_keys()}</h2>
            <dl>
                <div><dt><kbd>"/"</kbd></dt><dd>{texts.log_key_search()}</dd></div>
                <div><dt><kbd>"j"</kbd> " " <kbd>"k"</kbd></dt><dd>{texts.log_key_move()}</dd></div>
                <div><dt><kbd>"Enter"</kbd></dt><dd>{texts.log_key_open()}</dd></div>
                {may_edit().then(|| view! { <div><dt><kbd>"r"</kbd></dt><dd>{texts.log_key_resend()}</dd></div> })}
                <div><dt><kbd>"c"</kbd></dt><dd>{texts.log_key_copy()}</dd></div>
                <div><dt><kbd>"?"</kbd></dt><dd>{texts.log_key_help()}</dd></div>
            </dl>
            <label class="choice">
                <input type="checkbox" prop:checked=attr(move || are_on.get()) on:change=handler(on_toggle)/>
                <span>{texts.log_keys_on()}</span>
            </label>
            <form method="dialog"><button class="button" type="submit">{texts.log_close()}</button></form>
        </dialog>
    }
    .into_any()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// Whether a key is pressed for nothing else: with no other key, and not into a field.
fn is_free(event: &web_sys::KeyboardEvent) -> bool {
    let is_alone = !event.ctrl_key() && !event.meta_key() && !event.alt_key() && !event.is_composing();
    let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let takes_text = element.is_some_and(|element| {
        element
            .closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog")
            .ok()
            .flatten()
            .is_some()
    });
    is_alone && !takes_text
}

/// Does what a key stands for; says whether it stands for anything.
fn press(shown: Shown, dialog: NodeRef<html::Dialog>, key: &str, go: impl Fn(&str)) -> bool {
    match key {
        "/" => focus("filter-text"),
        "j" => step(shown, 1, go),
        "k" => step(shown, -1, go),
        "r" => click("#resend-one"),
        "c" => click("#curl .copy"),
        "?" => open(dialog),
        _ => return false,
    }
    true
}

/// To the next delivery: of the panel when one is open, else of the list.
fn step(shown: Shown, steps: isize, go: impl Fn(&str)) {
    let Some(query) = shown.query.try_get_untracked() else { return };
    if let Some(open) = query.delivery {
        if let Some(next) = untrack(|| shown.neighbour(open, steps)) {
            go(&untrack(|| shown.url(|query| query.delivery = Some(next))));
        }
        return;
    }
    let ids = shown.ids_untracked();
    let focused = document().active_element().map(|element| element.id());
    let at = ids.iter().position(|id| Some(format!("row-{id}")) == focused);
    let next = match at {
        Some(at) => at.checked_add_signed(steps),
        None => Some(0),
    };
    if let Some(id) = next.and_then(|next| ids.get(next)) {
        focus(&format!("row-{id}"));
    }
}

fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

fn click(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        element.click();
    }
}

fn open(dialog: NodeRef<html::Dialog>) {
    if let Some(dialog) = dialog.try_get_untracked().flatten().filter(|dialog| !dialog.open()) {
        let _ = dialog.show_modal();
    }
}
