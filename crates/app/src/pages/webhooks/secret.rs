//! A webhook's secret. It is saved into the draft when its field is left, and never comes back from the server.

use groundswell_types::SecretOverlap;
use groundswell_types::editor::SecretDraft;
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::inputs::sync_check;
use super::row_state::Row;
use crate::boxed::{attr, drawn, handler, memo};
use crate::components::{CopyButton, Menu, Time};
use crate::intent::{Intent, RowAction};
use crate::place::place;
use crate::texts::texts;

/// What there is, and what can be done about it.
#[component]
pub fn SecretSettings(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let state = move || match row.secret.get() {
        SecretDraft::None => texts.secret_none(),
        SecretDraft::Kept => texts.secret_kept(),
        SecretDraft::New => texts.secret_fresh(),
        SecretDraft::Removed => texts.secret_removed(),
    };
    let code = |words: &'static str| view! { <code>{words}</code> }.into_any();
    view! {
        <fieldset class="secret">
            <legend>{texts.secret_title()}</legend>
            <p class="secret-state">{state}</p>
            {editor.may_edit.then(|| view! {
                <OldSecret row/>
                <Generated row/>
                <SecretField editor row/>
                <Overlap editor row/>
                <SecretButtons row/>
            })}
            <p class="hint">
                {texts.secret_headers(code, code, code)} " "
                <a href="/docs/security" rel="external" target=place().target() hreflang="en">{texts.secret_docs()}</a>
            </p>
        </fieldset>
    }
    .into_any()
}

/// A secret that was generated and saved, to be copied now.
#[component]
fn Generated(row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    // One that came with the page is offered in the field, and not saved yet.
    let shown = move || row.typed_secret().generated.get().filter(|_| row.secret.get() == SecretDraft::New);
    view! {
        <div role="status">
            {drawn(move || shown().map(|secret| view! {
                <div class="generated">
                    <p><strong>{texts.secret_copy_now()}</strong>" "{texts.secret_copy_now_why()}</p>
                    <div class="generated-line">
                        <input class="input mono" id=format!("generated-{key}") readonly aria-label=texts.secret_new() value=secret.clone()/>
                        <CopyButton text=secret/>
                    </div>
                </div>
            }))}
        </div>
    }
    .into_any()
}

#[component]
fn SecretField(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let offered = row.typed_secret().generated.get_untracked().unwrap_or_default();
    let is_offered = !offered.is_empty();
    let save = move || {
        if let Some(input) = input.try_get_untracked().flatten() {
            let secret = input.value().trim().to_owned();
            if !secret.is_empty() {
                input.set_value("");
                row.typed_secret().is_typing.set_value(false);
                editor.set_secret(row, secret);
            }
        }
    };
    let label = move || match row.secret.get() {
        SecretDraft::None | SecretDraft::Removed => texts.secret_new(),
        SecretDraft::Kept | SecretDraft::New => texts.secret_replace(),
    };
    let hint = is_offered.then(|| {
        view! {
            <p class="hint" data-tone="warn">{texts.secret_offered()}</p>
        }
    });
    view! {
        {hint}
        <label class="field">
            <span class="field-label">{label}</span>
            <input class="input mono" type="text" node_ref=input id=format!("secret-{key}") name=format!("secret.{key}")
                value=offered maxlength="256" autocomplete="off" autocapitalize="none" spellcheck="false"
                on:input:target=move |event| row.typed_secret().is_typing.set_value(!event.target().value().is_empty())
                on:change=handler(move |_| save())/>
        </label>
        <p class="problem" aria-live="polite">{drawn(move || row.typed_secret().problem.get().or_else(|| row.problem("/secret")))}</p>
    }
    .into_any()
}

/// How long the live secret stays valid, once there is a new one.
#[component]
fn Overlap(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    // Without JavaScript the new secret and this are sent together, so it is there before there is a new one.
    let is_shown = move || {
        row.live.with(|live| live.as_ref().is_some_and(|live| live.has_secret))
            && row.secret.get() != SecretDraft::Removed
    };
    let choices: Vec<_> =
        SecretOverlap::ALL.into_iter().map(|overlap| view! { <OverlapChoice editor row overlap/> }).collect();
    view! {
        <fieldset class="overlap" hidden=attr(move || !is_shown()) aria-describedby=format!("overlap-hint-{key}")>
            <legend>{texts.secret_overlap()}</legend>
            <div class="overlap-choices">{choices}</div>
            <p class="hint" id=format!("overlap-hint-{key}")>{texts.secret_overlap_means()}</p>
        </fieldset>
    }
    .into_any()
}

#[component]
fn OverlapChoice(editor: Editor, row: Row, overlap: SecretOverlap) -> impl IntoView {
    let texts = texts();
    let word = match overlap {
        SecretOverlap::None => texts.secret_overlap_none(),
        SecretOverlap::Hour => texts.secret_overlap_hour(),
        SecretOverlap::Day => texts.secret_overlap_day(),
        SecretOverlap::Week => texts.secret_overlap_week(),
    };
    let input = NodeRef::<html::Input>::new();
    let is_chosen = Signal::derive(move || row.overlap.get() == overlap);
    let choose = move |is_chosen: bool| {
        if is_chosen {
            row.overlap.set(overlap);
            editor.touch();
        }
    };
    sync_check(input, is_chosen, choose);
    view! {
        <label class="choice">
            <input type="radio" node_ref=input name=format!("overlap.{}", row.key.get_value())
                value=overlap.seconds().to_string() checked=is_chosen.get_untracked()
                on:change:target=move |event| choose(event.target().checked())/>
            <span>{word}</span>
        </label>
    }
    .into_any()
}

/// The secret before the present one, while it is still valid.
#[component]
fn OldSecret(row: Row) -> impl IntoView {
    let texts = texts();
    let key = StoredValue::new(row.key.get_value());
    let old = memo(move |_| row.live.with(|live| live.as_ref().and_then(|live| live.old_secret)));
    let banner = move || {
        old.get().map(|old| {
            let accepted = match old.new_accepted_at {
                Some(at) => texts.secret_old_unneeded(view! { <Time at=at/> }).into_any(),
                None => texts.secret_old_needed().into_any(),
            };
            let end = key.with_value(|key| Intent::row(key, RowAction::EndOldSecret).to_string());
            view! {
                <div class="notice compact" data-tone="info">
                    <p>{texts.secret_old_until(view! { <Time at=old.ends_at/> })}" "{accepted}</p>
                    <div class="actions">
                        <Menu label=texts.secret_end_old() face=move || texts.secret_end_old() class="button small" menu_class="menu confirm">
                            <p>{texts.secret_end_old_means()}</p>
                            <button class="button small danger" type="submit" name="intent" data-closes="" value=end>
                                {texts.secret_end_old_now()}
                            </button>
                        </Menu>
                    </div>
                </div>
            }
            .into_any()
        })
    };
    banner.into_any()
}

#[component]
fn SecretButtons(row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let button = move |action: RowAction, word: &'static str, class: &'static str| {
        view! {
            <button class=class type="submit" name="intent" value=Intent::row(&key, action).to_string()>{word}</button>
        }
    };
    let generate = button(RowAction::GenerateSecret, texts.secret_generate(), "button small");
    let save = button(RowAction::SaveSecret, texts.secret_save(), "button small no-script");
    let keep_button = button.clone();
    let keep = move || {
        let is_changed = matches!(row.secret.get(), SecretDraft::New | SecretDraft::Removed);
        is_changed.then(|| keep_button(RowAction::KeepSecret, texts.secret_undo(), "button small"))
    };
    let remove = move || {
        let is_there = matches!(row.secret.get(), SecretDraft::Kept | SecretDraft::New);
        is_there.then(|| button(RowAction::RemoveSecret, texts.secret_remove(), "button small"))
    };
    view! { <p class="actions">{save}{generate}{keep}{remove}</p> }.into_any()
}
