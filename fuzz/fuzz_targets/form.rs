//! Forms as browsers post them, and what programs for e-mail post, which may be multipart.

#![no_main]

// The app itself is Leptos', which takes longer to compile than everything else together.
#[path = "../../crates/app/src/forms/form.rs"]
#[allow(dead_code)]
mod form;
#[path = "../../crates/app/src/intent.rs"]
#[allow(dead_code)]
mod intent;
#[path = "../../crates/app/src/forms/one_click.rs"]
mod one_click;
#[path = "../../crates/app/src/forms/panel_form.rs"]
#[allow(dead_code)]
mod panel_form;

use form::{Form, own_page};
use intent::Intent;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let form = Form::read(body);
    one_click_of(body, &form);
    let panel = panel_form::parse(&form);
    assert!(panel.secrets.len() <= panel.rows.len());
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

/// Whatever stands in a part, it is the field by its name and its content alone.
fn one_click_of(body: &[u8], form: &Form) {
    if !body.starts_with(b"--") {
        assert_eq!(one_click::is_one_click(body), form.get("List-Unsubscribe") == "One-Click");
    }
    let text = String::from_utf8_lossy(body);
    let is_of_boundary = |c: &char| c.is_ascii_alphanumeric() || "'()+_,-./:=?".contains(*c);
    let boundary: String = text.chars().filter(is_of_boundary).take(70).collect();
    let part = |boundary: &str, name: &str, content: &str| {
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
        let message = format!("--{boundary}\r\n{disposition}\r\n\r\n{content}\r\n--{boundary}--\r\n");
        one_click::is_one_click(message.as_bytes())
    };
    assert!(boundary.is_empty() || part(&boundary, "List-Unsubscribe", "One-Click"), "{boundary}");
    if !text.contains("--Next_9") {
        assert!(!part("Next_9", "other", &text), "{text}");
        assert_eq!(part("Next_9", "List-Unsubscribe", &text), text.replace('\r', "").trim() == "One-Click");
    }
}
