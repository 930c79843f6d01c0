//! A row of the panel: one webhook.

use groundswell_types::EventKind;
use groundswell_types::editor::SecretDraft;
use leptos::html;
use leptos::prelude::*;

use super::disabled::DisabledBanner;
use super::editor::Editor;
use super::events::Events;
use super::headers::HeaderSettings;
use super::inputs::{sync_check, sync_text};
use super::name::NameField;
use super::parked::ParkedBanner;
use super::row_state::Row;
use super::secret::SecretSettings;
use super::test_button::TestButton;
use super::test_result::TestOutcome;
use super::timeout::TimeoutField;
use super::undeliverable::UndeliverableBanner;
use crate::boxed::{When, attr, drawn, effect, handler, memo};
use crate::components::{ActivityChart, FailureNotice, Icon, Menu, Shape, Status, Time};
use crate::intent::{Intent, RowAction};
use crate::place::place;
use crate::texts::texts;
use crate::words;

/// One webhook.
#[component]
pub fn WebhookRow(editor: Editor, row: Row) -> impl IntoView {
    let key = row.key.get_value();
    let texts = texts();
    let (id, label) = (format!("webhook-{key}"), format!("name-{key}"));
    let failure = move || row.failure.get().map(|failure| view! { <FailureNotice failure/> });
    view! {
        <li class="webhook" id=id aria-labelledby=label.clone()>
            <input type="hidden" name="row" value=key/>
            <h3 class="visually-hidden" id=label.clone()>{drawn(move || texts.webhook_name(editor.number(row)))}</h3>
            <p class="webhook-name">{drawn(move || row.name.get())}</p>
            <div class="webhook-line">
                <UrlField editor row/>
                {editor.may_edit.then(|| view! { <TestButton editor row/> })}
                <Switch editor row/>
                {editor.may_edit.then(|| view! { <More editor row/> })}
            </div>
            <Problem row/>
            <StatusLine row/>
            {failure}
            <DisabledBanner row/>
            <ParkedBanner row/>
            <UndeliverableBanner editor row/>
            <TestOutcome editor row/>
            <Settings editor row/>
        </li>
    }
    .into_any()
}

#[component]
fn UrlField(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let typed = move |text: String| {
        row.shows_problems.set(false);
        row.url.set(text);
        editor.touch();
    };
    sync_text(input, row.url, typed);
    let on_leave = move |_| {
        // A field that is removed while it has the focus loses it as well.
        if editor.is_gone() {
            return;
        }
        row.shows_problems.set(!row.url.with_untracked(|url| url.trim().is_empty()));
        editor.save_now();
    };
    view! {
        <input class="input mono webhook-url" type="text" inputmode="url" node_ref=input id=format!("url-{key}")
            name=format!("url.{key}") value=row.url.get_untracked() placeholder="https://example.com/webhooks"
            maxlength="2048" autocapitalize="none" spellcheck="false"
            aria-label=attr(move || texts.webhook_url_label(editor.number(row)))
            aria-invalid=attr(move || if row.problem("/url").is_some() { "true" } else { "false" })
            aria-describedby=format!("problem-{key}")
            on:input:target=move |event| typed(event.target().value()) on:blur=handler(on_leave)/>
    }
    .into_any()
}

#[component]
fn Problem(row: Row) -> impl IntoView {
    view! {
        <p class="problem" id=format!("problem-{}", row.key.get_value()) aria-live="polite">
            {drawn(move || row.problem("/url"))}
        </p>
    }
}

#[component]
fn Switch(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let switch = move |is_on: bool| editor.switch(row, is_on);
    sync_check(input, row.is_enabled.into(), switch);
    view! {
        <label class="switch">
            <input type="checkbox" role="switch" node_ref=input id=format!("enabled-{key}") name=format!("enabled.{key}") value="on"
                checked=row.is_enabled.get_untracked()
                aria-label=attr(move || texts.webhook_switch_label(editor.number(row)))
                on:change:target=move |event| switch(event.target().checked())/>
            <span class="switch-word" aria-hidden="true" data-on=texts.webhook_on() data-off=texts.webhook_off()></span>
        </label>
    }
    .into_any()
}

#[component]
fn More(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let program = editor.id();
    let has_log = !place().is_embedded();
    let log = move || {
        row.live.get().filter(|_| has_log).map(|live| {
            let href = format!("/programs/{program}/deliveries?webhook={}", live.webhook_id);
            view! { <a class="menu-item" href=href><Icon shape=Shape::List/>{texts.webhook_deliveries()}</a> }
        })
    };
    view! {
        <Menu label=Signal::derive(move || texts.webhook_more_label(editor.number(row)))
            face=|| view! { <Icon shape=Shape::More/> }>
            {log}
            <button class="menu-item" data-tone="error" type="submit" name="intent"
                value=Intent::row(&key, RowAction::Remove).to_string()>
                <Icon shape=Shape::Close/>{texts.webhook_remove()}
            </button>
        </Menu>
    }
    .into_any()
}

#[component]
fn StatusLine(row: Row) -> impl IntoView {
    let texts = texts();
    let status = memo(move |_| row.live.with(|live| words::webhook_status(texts, live.as_ref())));
    let is_live = memo(move |_| row.live.with(Option::is_some));
    let activity = memo(move |_| {
        row.live.with(|live| live.as_ref().map(|live| live.activity.clone()).unwrap_or_default())
    });
    view! {
        <p class="webhook-status">
            <Status tone=Signal::derive(move || status.get().0) word=Signal::derive(move || status.get().1.to_owned())/>
            {drawn(move || row.live.get().map(|live| {
                let failed = live.last_failure_at.filter(|_| live.failure_count > 0).map(|at| view! {
                    <span>{texts.webhook_failures(live.failure_count, view! { <Time at=at/> })}</span>
                });
                let next = live.next_attempt_at.map(|at| view! {
                    <span>{texts.webhook_next_attempt(view! { <Time at=at/> })}</span>
                });
                let succeeded = live.last_success_at.map(|at| view! {
                    <span>{texts.webhook_last_success(view! { <Time at=at/> })}</span>
                });
                let counted = |number| words::capped(texts, number);
                let waiting = (live.waiting > 0).then(|| view! {
                    <span>{texts.webhook_waiting(&counted(live.waiting))}</span>
                });
                let parked = (live.parked > 0).then(|| view! {
                    <span>{texts.webhook_parked(&counted(live.parked))}</span>
                });
                view! { {failed} {next} {succeeded} {waiting} {parked} }
            }))}
            <When is=is_live><ActivityChart activity/></When>
        </p>
    }
    .into_any()
}

#[component]
fn Settings(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let fitting = move || EventKind::fitting(editor.program.with_value(|program| program.kind)).count();
    let glance = move || {
        let chosen = row.events.with(Vec::len);
        match row.secret.get() {
            SecretDraft::None | SecretDraft::Removed => texts.webhook_events_unsigned(chosen, fitting()),
            SecretDraft::Kept | SecretDraft::New => texts.webhook_events_signed(chosen, fitting()),
        }
    };
    let details = NodeRef::<html::Details>::new();
    effect(move |_| {
        if row.is_open.get()
            && let Some(details) = details.get_untracked()
        {
            details.set_open(true);
        }
    });
    view! {
        <details class="settings" node_ref=details open=row.is_open.get_untracked()>
            <summary><Icon shape=Shape::ChevronRight/><span class="settings-name">{texts.webhook_settings()}</span><span class="hint">{glance}</span></summary>
            <div class="settings-body">
                <NameField editor row/>
                <Events editor row/>
                <SecretSettings editor row/>
                <HeaderSettings editor row/>
                <TimeoutField editor row/>
            </div>
        </details>
    }
    .into_any()
}
