//! The browser half: takes over the pages the server rendered.

use leptos::mount::hydrate_body;
use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page once this module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    groundswell_app::place::begin();
    hydrate_body(groundswell_app::App);
    // Tests wait for this before they press anything.
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-hydrated", "");
    }
}
