//! Keeping what is shown as the server has it while somebody looks at it.

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// Asks again and again while the page is visible, one question at a time, and keeps `shown` equal to the answer.
/// A question that fails changes nothing: the next one follows soon.
pub fn keep_fresh<T, F, A>(shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    Effect::new(move |_| {
        let is_asking = StoredValue::new(false);
        let refresh = move || {
            let is_visible = document().visibility_state() == web_sys::VisibilityState::Visible;
            if !is_visible || is_asking.try_get_value() != Some(false) {
                return;
            }
            is_asking.set_value(true);
            spawn_local(async move {
                let answer = ask().await;
                // The person may have left the page meanwhile.
                if shown.is_disposed() || is_asking.is_disposed() {
                    return;
                }
                is_asking.set_value(false);
                if let Some(answer) = answer
                    && shown.with_untracked(|shown| *shown != answer)
                {
                    shown.set(answer);
                }
            });
        };
        if let Ok(interval) = set_interval_with_handle(refresh, REFRESH_EVERY) {
            on_cleanup(move || interval.clear());
        }
    });
}

/// Focuses the element with that id when the navigation that begins now has drawn its page.
pub fn focus_after_navigation(id: Option<String>) {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return };
    try_focus(id, 20);
}

fn try_focus(id: String, tries_left: u32) {
    set_timeout(
        move || {
            let is_lost = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
            let element = document()
                .get_element_by_id(&id)
                .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
            match element {
                Some(element) if is_lost => drop(element.focus()),
                _ if tries_left > 0 => try_focus(id, tries_left - 1),
                _ => {}
            }
        },
        Duration::from_millis(50),
    );
}
