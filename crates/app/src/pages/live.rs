//! Keeping what is shown as the server has it while somebody looks at it.

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// Does something again and again while the page is visible and not paused, one at a time.
pub fn again_and_again<F: Future<Output = ()> + 'static>(
    is_paused: impl Fn() -> bool + Copy + 'static,
    step: impl Fn() -> F + Copy + 'static,
) {
    Effect::new(move |_| {
        let is_busy = StoredValue::new(false);
        let refresh = move || {
            let is_visible = document().visibility_state() == web_sys::VisibilityState::Visible;
            if !is_visible || is_paused() || is_busy.try_get_value() != Some(false) {
                return;
            }
            is_busy.set_value(true);
            spawn_local(async move {
                step().await;
                // The person may have left the page meanwhile.
                let _ = is_busy.try_set_value(false);
            });
        };
        if let Ok(interval) = set_interval_with_handle(refresh, REFRESH_EVERY) {
            on_cleanup(move || interval.clear());
        }
    });
}

/// Keeps `shown` equal to what is answered. A question that fails changes nothing: the next one follows soon.
pub fn keep_fresh<T, F, A>(shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    keep_fresh_unless(|| false, shown, ask);
}

/// As [`keep_fresh`], but not while it is paused.
pub fn keep_fresh_unless<T, F, A>(is_paused: impl Fn() -> bool + Copy + 'static, shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    again_and_again(is_paused, move || async move {
        if let Some(answer) = ask().await
            && shown.try_with_untracked(|shown| *shown != answer) == Some(true)
        {
            shown.set(answer);
        }
    });
}

/// Focuses the element with that id when the navigation that begins now has drawn its page.
pub fn focus_after_navigation(id: Option<String>) {
    focus_first_after_navigation(id.into_iter().filter(|id| !id.is_empty()).collect());
}

/// The same for the first of several that is there then.
pub fn focus_first_after_navigation(ids: Vec<String>) {
    if !ids.is_empty() {
        try_focus(ids, 20);
    }
}

fn try_focus(ids: Vec<String>, tries_left: u32) {
    set_timeout(
        move || {
            let is_lost = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
            let element = ids.iter().find_map(|id| document().get_element_by_id(id));
            match element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
                Some(element) if is_lost => drop(element.focus()),
                _ if tries_left > 0 => try_focus(ids, tries_left - 1),
                _ => {}
            }
        },
        Duration::from_millis(50),
    );
}
