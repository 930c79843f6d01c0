//! Deliveries that were given up lately.

use groundswell_types::{DeliveryFilter, DeliveryState};
use leptos::prelude::*;

use super::editor::Editor;
use super::row_state::Row;
use crate::boxed::memo;
use crate::components::{Icon, Shape};
use crate::log_query::LogQuery;
use crate::place::place;
use crate::texts::texts;

/// How many there are, and the ways to them.
#[component]
pub fn UndeliverableBanner(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let has_log = !place().is_embedded();
    let given_up = memo(move |_| {
        row.live.with(|live| {
            let live = live.as_ref()?;
            let number = live.activity.total().undeliverable;
            (number > 0).then(|| (live.webhook_id.clone(), number))
        })
    });
    let banner = move || {
        given_up.get().map(|(webhook_id, number)| {
            let filter = DeliveryFilter {
                state: Some(DeliveryState::Undeliverable),
                webhook_id: Some(webhook_id),
                ..DeliveryFilter::default()
            };
            let url = |asks_to_resend| {
                LogQuery { filter: filter.clone(), asks_to_resend, ..LogQuery::default() }.url(&editor.id())
            };
            view! {
                <div class="notice" data-tone="error">
                    <Icon shape=Shape::Warning/>
                    <div>
                        <p><strong>{texts.webhook_undeliverable_count(number)}</strong>" "{texts.webhook_undeliverable_means()}</p>
                        {has_log.then(|| view! {
                            <div class="actions">
                                <a class="button small" href=url(false)>{texts.webhook_undeliverable_show()}</a>
                                {editor.may_edit.then(|| view! {
                                    <a class="button small" href=url(true)>{texts.webhook_undeliverable_resend()}</a>
                                })}
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
