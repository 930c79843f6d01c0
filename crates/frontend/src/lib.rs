//! The browser half: takes over the pages the server rendered.

use leptos::mount::hydrate_body;
use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page once this module and the texts of its language are loaded.
#[wasm_bindgen]
pub fn hydrate(texts: String) {
    #[cfg(debug_assertions)]
    console_error_panic_hook::set_once();
    if !groundswell_app::texts::load(texts) {
        // The page stays as the server made it.
        return;
    }
    groundswell_app::place::begin();
    hydrate_body(groundswell_app::App);
    // Tests wait for this before they press anything.
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-hydrated", "");
    }
}
