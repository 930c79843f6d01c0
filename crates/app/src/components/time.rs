//! Times: UTC in the server's HTML and the browser's first render, then in the viewer's own zone.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::boxed::{attr, drawn, effect};
use crate::texts::texts;
use crate::time;

/// A moment in Unix milliseconds.
#[component]
pub fn Time(#[prop(into)] at: Signal<i64>) -> impl IntoView {
    let texts = texts();
    let local = RwSignal::new(None::<String>);
    // Effects run in the browser only, and after the first render.
    effect(move |_| local.set(Some(local_text(at.get()))));
    view! {
        <time datetime=attr(move || time::machine(at.get())) title=attr(move || time::utc(texts, at.get()))>
            {drawn(move || local.get().unwrap_or_else(|| time::utc(texts, at.get())))}
        </time>
    }
}

/// The moment as the viewer writes it: without the date when it is today, without the year when it is this one.
fn local_text(at_ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "JavaScript's times are doubles, exact for 285,000 years")]
    let date = js_sys::Date::new(&JsValue::from_f64(at_ms as f64));
    let now = js_sys::Date::new_0();
    let is_today = date.to_date_string() == now.to_date_string();
    let options = js_sys::Object::new();
    let set = |name: &str, value: &str| {
        // Setting a member of a fresh object cannot fail.
        let _ = js_sys::Reflect::set(&options, &JsValue::from_str(name), &JsValue::from_str(value));
    };
    set("hour", "2-digit");
    set("minute", "2-digit");
    set("second", "2-digit");
    if !is_today {
        set("month", "short");
        set("day", "numeric");
    }
    if date.get_full_year() != now.get_full_year() {
        set("year", "numeric");
    }
    String::from(date.to_locale_string(&locale(), &options))
}

/// The viewer's own locale where it speaks the page's language, so that months are not in another one.
fn locale() -> String {
    let page = document().document_element().and_then(|root| root.get_attribute("lang")).unwrap_or_default();
    window().navigator().language().filter(|own| own.starts_with(&page)).unwrap_or(page)
}
