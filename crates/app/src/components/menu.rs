//! A menu behind a button: `<details>`, so that it opens without JavaScript; with it, Escape and leaving close it.

use leptos::html;
use leptos::prelude::*;

use crate::boxed::{attr, handler};
use wasm_bindgen::JsCast;

/// A button that opens what is inside.
#[component]
pub fn Menu(
    /// Names the button when it shows an icon only.
    #[prop(into)]
    label: Signal<String>,
    /// What the button shows.
    #[prop(into)]
    face: ViewFn,
    /// Classes of the button.
    #[prop(default = "button icon-only")]
    class: &'static str,
    /// Classes of the whole, for where the menu opens.
    #[prop(default = "menu")]
    menu_class: &'static str,
    children: Children,
) -> impl IntoView {
    let details = NodeRef::<html::Details>::new();
    // An element that is removed while it has the focus loses it when its signals are gone already.
    let opened = move || details.try_get_untracked().flatten().filter(web_sys::HtmlDetailsElement::open);
    let close = move || {
        if let Some(details) = opened() {
            details.set_open(false);
        }
    };
    let focus_button = move || {
        let summary = opened().and_then(|details| details.query_selector("summary").ok().flatten());
        if let Some(summary) = summary.and_then(|summary| summary.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = summary.focus();
        }
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" && opened().is_some() {
            event.stop_propagation();
            focus_button();
            close();
        }
    };
    let on_leave = move |event: web_sys::FocusEvent| {
        let next = event.related_target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        let stays = opened().is_some_and(|details| details.contains(next.as_ref()));
        if !stays {
            close();
        }
    };
    // A pressed item has done its work, and must not take the focus with it.
    let on_click = move |event: web_sys::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if target.is_some_and(|target| matches!(target.closest("[data-closes]"), Ok(Some(_)))) {
            focus_button();
            close();
        }
    };
    view! {
        <details class=menu_class node_ref=details on:keydown=handler(on_key) on:focusout=handler(on_leave) on:click=handler(on_click)>
            <summary class=class aria-label=attr(move || label.get())>{face.run()}</summary>
            // Can be focused, so that a press on its text is no leaving.
            <div class="menu-list" tabindex="-1">{children()}</div>
        </details>
    }
    .into_any()
}
