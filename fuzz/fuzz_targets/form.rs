//! Forms as browsers post them.

#![no_main]

// The app itself is Leptos', which takes longer to compile than everything else together.
#[path = "../../crates/app/src/forms/form.rs"]
mod form;
#[path = "../../crates/app/src/intent.rs"]
#[allow(dead_code)]
mod intent;
#[path = "../../crates/app/src/forms/panel_form.rs"]
#[allow(dead_code)]
mod panel_form;

use form::{Form, own_page};
use intent::Intent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let form = panel_form::parse(&Form::read(body));
    assert!(form.secrets.len() <= form.rows.len());
    let Ok(text) = std::str::from_utf8(body) else { return };
    if let Some(intent) = Intent::parse(text) {
        assert_eq!(Intent::parse(&intent.to_string()), Some(intent));
    }
    // Wherever it leads back to is on this server, also to a browser that reads it as a URL of its own.
    let page = own_page(text);
    assert!(page.bytes().all(|byte| matches!(byte, b'!'..=b'~')), "{page:?} is no header's value");
    let base = url::Url::parse("https://webhooks.example.com/sign-in").expect("a URL");
    let reached = base.join(&page).expect("a path is a URL");
    assert_eq!(reached.origin(), base.origin(), "{page:?} leads elsewhere");
});
