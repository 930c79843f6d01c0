//! Deliveries that wait because their webhook was off.

use leptos::prelude::*;

use super::row_state::Row;
use crate::components::Menu;
use crate::intent::{Intent, RowAction};
use crate::texts::texts;
use crate::viewer::may_edit;

/// The server counts no further.
const COUNTED_TO: i64 = 10_000;

/// How many there are, and what can be done with them.
#[component]
pub fn ParkedBanner(row: Row) -> impl IntoView {
    let texts = texts();
    let may_edit = may_edit();
    let key = StoredValue::new(row.key.get_value());
    let live = move || row.live.get().filter(|live| live.parked > 0);
    move || {
        live().map(|live| {
            let number = if live.parked >= COUNTED_TO {
                texts.webhook_parked_many(COUNTED_TO)
            } else {
                texts.webhook_parked_count(live.parked)
            };
            let value = move |action| key.with_value(|key| Intent::row(key, action).to_string());
            let discard = value(RowAction::DiscardParked);
            let send = live.is_enabled.then(|| view! {
                <button class="button small" type="submit" name="intent" value=value(RowAction::SendParked)>{texts.webhook_send_parked()}</button>
            });
            let advice = if live.is_enabled {
                texts.webhook_parked_on()
            } else {
                texts.webhook_parked_off()
            };
            view! {
                <div class="notice compact" data-tone="info">
                    <p><strong>{number}</strong>" "{advice}</p>
                    {may_edit.then(|| view! {
                        <div class="actions">
                            {send}
                            <Menu label=texts.webhook_discard_parked_label() face=move || texts.webhook_discard_parked() class="button small" menu_class="menu confirm">
                                <p>{texts.webhook_discard_parked_means()}</p>
                                <button class="button small danger" type="submit" name="intent" data-closes=""
                                    value=discard>{texts.webhook_discard_them()}</button>
                            </Menu>
                        </div>
                    })}
                </div>
            }
        })
    }
}
