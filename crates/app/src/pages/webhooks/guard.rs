//! Asking before the panel is left for another page of the app with something that could not be saved.
//!
//! What can be saved is saved when the page is left. The browser itself asks before it closes the page or loads another.

use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, EventTarget, MouseEvent};

use super::editor::{Editor, Saving};
use crate::texts::texts;

impl Editor {
    /// Until the panel is gone, neither a link nor the browser's Back leads away unasked.
    pub fn guard(self) {
        // Before the router's listener, which is on the window as well.
        listen_first(window().into(), "click", move |event| {
            let leads_away = event.dyn_ref().is_some_and(leads_away);
            if leads_away && self.has_to_stay() {
                event.prevent_default();
                event.stop_immediate_propagation();
            }
        });
        // Where the browser lets a page have a say in it.
        let navigation = js_sys::Reflect::get(&window(), &"navigation".into()).ok();
        if let Some(navigation) = navigation.and_then(|one| one.dyn_into::<EventTarget>().ok()) {
            listen_first(navigation, "navigate", move |event| {
                if event.cancelable() && is_through_history(&event) && self.has_to_stay() {
                    event.prevent_default();
                }
            });
        }
    }

    /// Whether something would be lost and somebody says so too.
    fn has_to_stay(self) -> bool {
        let is_stuck = || matches!(self.saving.get_untracked(), Saving::Conflict | Saving::Failed(_));
        let stays = || !window().confirm_with_message(texts().webhooks_leave_asked()).unwrap_or(true);
        !self.is_gone() && self.is_dirty() && is_stuck() && stays()
    }
}

/// Hears of events before everybody else, for as long as the component lives.
fn listen_first(target: EventTarget, name: &'static str, heed: impl Fn(Event) + 'static) {
    let heed = Closure::<dyn Fn(Event)>::new(heed);
    let function = |heed: &Closure<dyn Fn(Event)>| heed.as_ref().unchecked_ref::<js_sys::Function>().clone();
    // Adding a listener cannot fail.
    let _ = target.add_event_listener_with_callback_and_bool(name, &function(&heed), true);
    let kept = StoredValue::new_local((target, heed));
    on_cleanup(move || {
        kept.try_with_value(|(target, heed)| {
            target.remove_event_listener_with_callback_and_bool(name, &function(heed), true)
        });
    });
}

/// Whether a navigation is to what was looked at before or after this page.
fn is_through_history(navigation: &Event) -> bool {
    js_sys::Reflect::get(navigation, &"navigationType".into()) == Ok(JsValue::from_str("traverse"))
}

/// Whether a click is on a link to another page of the app, in this window.
fn leads_away(event: &MouseEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let link = target.and_then(|target| target.closest("a[href]").ok().flatten());
    let opens_elsewhere = event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0;
    link.is_some_and(|link| {
        let is_here = link.get_attribute("href").is_some_and(|href| href.starts_with('#'));
        let is_left_to_the_browser = link.has_attribute("rel") || link.has_attribute("target");
        !is_here && !is_left_to_the_browser && !opens_elsewhere
    })
}
