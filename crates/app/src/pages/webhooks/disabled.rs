//! A webhook that was disabled because its deliveries kept failing.

use leptos::prelude::*;

use super::row_state::Row;
use crate::boxed::memo;
use crate::components::{Icon, Shape, Time};
use crate::intent::{Intent, RowAction};
use crate::texts::texts;
use crate::viewer::may_edit;

/// Since when, why, and the way back.
#[component]
pub fn DisabledBanner(row: Row) -> impl IntoView {
    let texts = texts();
    let may_edit = may_edit();
    let key = StoredValue::new(row.key.get_value());
    let disabled = memo(move |_| row.live.with(|live| live.as_ref().and_then(|live| live.disabled.clone())));
    let banner = move || {
        disabled.get().map(|disabled| {
            let value = move |action| key.with_value(|key| Intent::row(key, action).to_string());
            let (test, enable) = (value(RowAction::Test(None)), value(RowAction::Enable));
            let error = disabled.last_error.map(|error| view! { <p>{texts.webhook_last_error(&error)}</p> });
            view! {
                <div class="notice" data-tone="error">
                    <Icon shape=Shape::Warning/>
                    <div>
                        <p><strong>{texts.webhook_disabled_since(view! { <Time at=disabled.at/> })}</strong>" "{texts.webhook_disabled_means()}</p>
                        {error}
                        {may_edit.then(|| view! {
                            <div class="actions">
                                <button class="button small" type="submit" name="intent" value=test>{texts.test_test()}</button>
                                <button class="button small" type="submit" name="intent" value=enable>{texts.webhook_enable()}</button>
                            </div>
                        })}
                    </div>
                </div>
            }
            .into_any()
        })
    };
    banner.into_any()
}
