//! Moments to choose: in UTC as long as nobody knows the viewer's zone, then in that.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::boxed::{attr, drawn, effect};
use crate::time;

/// A date and a time of day.
#[component]
pub fn MomentInput(
    name: &'static str,
    label: &'static str,
    /// What it is called while it is in UTC.
    utc_label: &'static str,
    /// In Unix milliseconds.
    at: Option<i64>,
) -> impl IntoView {
    let value = RwSignal::new(at.map(time::minute).unwrap_or_default());
    let is_local = RwSignal::new(false);
    // Effects run in the browser only, and after the first render.
    effect(move |_| {
        value.set(at.map(in_zone_of_viewer).unwrap_or_default());
        is_local.set(true);
    });
    view! {
        <label class="filter filter-moment" data-active=if at.is_some() { "true" } else { "false" }>
            <span class="field-label">{drawn(move || if is_local.get() { label } else { utc_label })}</span>
            <input class="input" type="datetime-local" name=name id=format!("filter-{name}") value=value.get_untracked()
                prop:value=attr(move || value.get())/>
        </label>
    }
    .into_any()
}

/// What such an input shows in the viewer's zone, to the minute.
fn in_zone_of_viewer(at_ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "JavaScript's times are doubles, exact for 285,000 years")]
    let date = js_sys::Date::new(&JsValue::from_f64(at_ms as f64));
    let (year, month, day) = (date.get_full_year(), date.get_month() + 1, date.get_date());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// Reads what such an input shows in the viewer's zone, in Unix milliseconds.
pub fn of_viewer(text: &str) -> Option<i64> {
    // Without a zone at its end, JavaScript takes a date with a time of day as one of the viewer's zone.
    let at_ms = js_sys::Date::parse(text);
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, checked to be finite")]
    at_ms.is_finite().then_some(at_ms as i64)
}
