//! Keeping the log as the server has it while somebody looks at it.

use std::future::Future;
use std::time::Duration;

use groundswell_types::Change;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::live::{self, Watched};
use crate::pages::program_id;

/// Keeps `shown` equal to what `ask` answers about the program in the path.
pub fn keep_fresh<T, F, A>(shown: RwSignal<T>, ask: A)
where
    T: PartialEq + Clone + Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
    A: Fn() -> F + Copy + 'static,
{
    if let Some(program) = program_id().get_untracked() {
        live::keep(Watched::Program(program), &[Change::Deliveries, Change::Webhooks], shown, ask);
    }
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
