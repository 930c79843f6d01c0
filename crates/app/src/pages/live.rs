//! Keeping what is shown as the server has it while somebody looks at it.

use std::future::Future;
use std::time::Duration;

use groundswell_types::Change;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::failure::Failure;
use crate::live::{self, Asked, Watched};
use crate::routing::program_id;

/// Does something whenever anything of the program in the path may have changed and it is not paused, one at a time.
pub fn again_and_again<F: Future<Output = Asked> + 'static>(
    is_paused: impl Fn() -> bool + Copy + 'static,
    step: impl Fn() -> F + Copy + 'static,
) {
    let Some(program) = program_id().get_untracked() else { return };
    live::follow(Watched::Program(program), Change::ALL, move || async move {
        if is_paused() { Asked::NotNow } else { step().await }
    });
}

/// Keeps `shown` equal to what is answered. A question that fails changes nothing, and is asked again.
pub fn keep_fresh<T, F, A>(shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    keep_fresh_unless(|| false, shown, ask);
}

/// As [`keep_fresh`], but not while it is paused.
pub fn keep_fresh_unless<T, F, A>(is_paused: impl Fn() -> bool + Copy + 'static, shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    again_and_again(is_paused, move || async move { live::take(shown, ask().await) });
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
