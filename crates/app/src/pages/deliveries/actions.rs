//! What can be done with the list: send a selection or all of it again, export it, pause it.

use leptos::prelude::*;

use super::resending;
use super::shown::{Live, Shown, is_resendable};
use crate::boxed::{When, attr, drawn, effect, handler, memo};
use crate::components::{Icon, Menu, Shape};
use crate::log_intent::LogIntent;
use crate::routing::location;
use crate::texts::texts;
use crate::viewer::may_edit;

#[component]
pub fn Actions(shown: Shown) -> impl IntoView {
    let may_edit = may_edit();
    let has_any = memo(move |_| !shown.ids().is_empty());
    view! {
        <div class="log-actions">
            <When is=has_any>
                {may_edit.then(|| view! { <Selection shown/><AllThatMatch shown/> })}
                <Export shown/>
            </When>
            <Following shown/>
        </div>
    }
    .into_any()
}

/// The form that the rows' boxes belong to.
#[component]
fn Selection(shown: Shown) -> impl IntoView {
    let texts = texts();
    let location = location();
    let on_submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        resending::selected(shown, location);
    };
    let possible = memo(move |_| {
        shown.page.with(|page| {
            page.deliveries.iter().filter(|row| is_resendable(row)).map(|row| row.id).collect::<Vec<_>>()
        })
    });
    let has_all = memo(move |_| {
        possible.with(|possible| {
            !possible.is_empty()
                && shown.selected.with(|selected| possible.iter().all(|id| selected.contains(id)))
        })
    });
    let on_all = move |event: web_sys::Event| {
        let is_checked = event_target_checked(&event);
        shown.selected.update(|selected| {
            selected.clear();
            if is_checked {
                selected.extend(possible.get_untracked());
            }
        });
    };
    // Without JavaScript nobody knows how many boxes are ticked until the form is sent.
    let is_alive = RwSignal::new(false);
    effect(move |_| is_alive.set(true));
    let count = move || shown.selected.with(std::collections::BTreeSet::len);
    view! {
        <form class="selection" id="selection" method="post" action=attr(move || shown.url(|_| ())) on:submit=handler(on_submit)>
            <input type="hidden" name="intent" value=LogIntent::ResendSelected.as_str()/>
            <label class="select-all needs-script">
                <input type="checkbox" prop:checked=attr(move || has_all.get()) on:change=handler(on_all)
                    disabled=attr(move || possible.with(Vec::is_empty))/>
                {texts.log_select_all()}
            </label>
            <button class="button small" type="submit" aria-disabled=attr(move || if is_alive.get() && count() == 0 || shown.is_acting.get() { "true" } else { "false" })>
                {drawn(move || match count() {
                    0 => texts.log_resend_selected().to_owned(),
                    count => texts.log_resend_some(count),
                })}
            </button>
        </form>
    }
    .into_any()
}

/// Leads to the question whether all that match are to be sent again; there is nothing to ask while none of them has
/// ended.
#[component]
fn AllThatMatch(shown: Shown) -> impl IntoView {
    let can_match = shown.list.with_value(|list| list.filter.state.is_none_or(super::shown::has_ended));
    can_match.then(|| {
        let url = move || {
            shown.url(|query| {
                query.asks_to_resend = true;
                query.job = None;
            })
        };
        view! { <a class="button small" href=url>{texts().log_resend_matching()}</a> }
    })
}

#[component]
fn Export(shown: Shown) -> impl IntoView {
    let texts = texts();
    let url =
        move |format: &str| shown.list.with_value(|list| list.export_url(&shown.program.get_value(), format));
    view! {
        <Menu label=texts.log_export() face=move || view! { {texts.log_export()}<Icon shape=Shape::ChevronDown/> } class="button small">
            <a class="menu-item" href=url("csv") rel="external" download data-closes="">{texts.log_as_csv()}</a>
            <a class="menu-item" href=url("ndjson") rel="external" download data-closes="">{texts.log_as_ndjson()}</a>
        </Menu>
    }
    .into_any()
}

/// Whether the page follows what happens, and the button that stops it.
#[component]
fn Following(shown: Shown) -> impl IntoView {
    let texts = texts();
    let is_paused = move || shown.live.get() == Live::Paused;
    let on_pause = move |_| {
        shown.live.update(|live| *live = if *live == Live::Paused { Live::On } else { Live::Paused });
    };
    let word = move || match shown.live.get() {
        Live::On => texts.log_live(),
        Live::Paused => texts.log_paused(),
        Live::Lost => texts.log_lost(),
    };
    let tone = move || match shown.live.get() {
        Live::On => "ok",
        Live::Paused => "quiet",
        Live::Lost => "warn",
    };
    view! {
        <div class="following needs-script">
            <span class="status" role="status" data-tone=tone><span class="status-dot" aria-hidden="true"></span>{word}</span>
            <button class="button quiet small" type="button" on:click=handler(on_pause)>
                {drawn(move || if is_paused() { texts.log_go_on() } else { texts.log_pause() })}
            </button>
        </div>
    }
    .into_any()
}
