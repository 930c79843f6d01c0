//! Deliveries that wait because their webhook was off.

use leptos::prelude::*;

use super::row_state::Row;
use crate::components::Menu;
use crate::intent::{Intent, RowAction};
use crate::words;

/// How many there are, and what can be done with them.
#[component]
pub fn ParkedBanner(row: Row) -> impl IntoView {
    let key = StoredValue::new(row.key.get_value());
    let live = move || row.live.get().filter(|live| live.parked > 0);
    move || {
        live().map(|live| {
            let number = if live.parked >= 10_000 {
                "10,000 deliveries or more are parked.".to_owned()
            } else {
                words::count(live.parked, "delivery is parked.", "deliveries are parked.")
            };
            let value = move |action| key.with_value(|key| Intent::row(key, action).to_string());
            let discard = value(RowAction::DiscardParked);
            let send = live.is_enabled.then(|| view! {
                <button class="button small" type="submit" name="intent" value=value(RowAction::SendParked)>"Send"</button>
            });
            let advice = if live.is_enabled {
                " They were accepted while this webhook was off. Send them now, or discard them."
            } else {
                " They were accepted while this webhook is off. Turn it on and publish to send them."
            };
            view! {
                <div class="notice compact" data-tone="info">
                    <p><strong>{number}</strong>{advice}</p>
                    <div class="actions">
                        {send}
                        <Menu label="Discard parked deliveries" face=|| "Discard" class="button small" menu_class="menu confirm">
                            <p>"Discarded deliveries are never sent. Their log stays."</p>
                            <button class="button small danger" type="submit" name="intent" data-closes=""
                                value=discard>"Discard them"</button>
                        </Menu>
                    </div>
                </div>
            }
        })
    }
}
