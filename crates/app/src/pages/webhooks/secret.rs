//! A webhook's secret. It is saved into the draft when its field is left, and never comes back from the server.

use groundswell_types::editor::SecretDraft;
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::row_state::Row;
use crate::components::CopyButton;
use crate::intent::{Intent, RowAction};

/// What there is, and what can be done about it.
#[component]
pub fn SecretSettings(editor: Editor, row: Row) -> impl IntoView {
    let state = move || match row.secret.get() {
        SecretDraft::None => {
            "There is no secret, so requests are not signed. With one, your server can check that a request is from here and was not changed."
        }
        SecretDraft::Kept => "There is a secret. Every request is signed with it. It cannot be shown again.",
        SecretDraft::New => {
            "A new secret is saved in this draft. Tests use it now; deliveries use it when you publish."
        }
        SecretDraft::Removed => "The secret will be removed when you publish. Requests are not signed then.",
    };
    view! {
        <fieldset class="secret">
            <legend>"Secret"</legend>
            <p class="secret-state">{state}</p>
            <Generated row/>
            <SecretField editor row/>
            <SecretButtons row/>
            <p class="hint">
                "Requests carry " <code>"GrowSurf-Signature"</code> " and " <code>"webhook-signature"</code>
                ". Type your own secret, or generate one in the form " <code>"whsec_…"</code> "."
            </p>
        </fieldset>
    }
    .into_any()
}

/// A secret that was generated and saved, to be copied now.
#[component]
fn Generated(row: Row) -> impl IntoView {
    let key = row.key.get_value();
    // One that came with the page is offered in the field, and not saved yet.
    let shown = move || row.generated.get().filter(|_| row.secret.get() == SecretDraft::New);
    view! {
        <div role="status">
            {move || shown().map(|secret| view! {
                <div class="generated">
                    <p><strong>"Copy it now."</strong>" It is saved in the draft and is never shown again."</p>
                    <div class="generated-line">
                        <input class="input mono" id=format!("generated-{key}") readonly aria-label="New secret" value=secret.clone()/>
                        <CopyButton text=secret/>
                    </div>
                </div>
            })}
        </div>
    }
    .into_any()
}

#[component]
fn SecretField(editor: Editor, row: Row) -> impl IntoView {
    let key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let offered = row.generated.get_untracked().unwrap_or_default();
    let is_offered = !offered.is_empty();
    let save = move || {
        if let Some(input) = input.try_get_untracked().flatten() {
            let secret = input.value().trim().to_owned();
            if !secret.is_empty() {
                input.set_value("");
                editor.set_secret(row, secret);
            }
        }
    };
    let label = move || match row.secret.get() {
        SecretDraft::None | SecretDraft::Removed => "New secret",
        SecretDraft::Kept | SecretDraft::New => "Replace with",
    };
    let hint = is_offered.then(|| view! {
        <p class="hint" data-tone="warn">"Generated for you, and not saved yet: copy it, then press Save secret. It is never shown again."</p>
    });
    view! {
        {hint}
        <label class="field">
            <span class="field-label">{label}</span>
            <input class="input mono" type="text" node_ref=input id=format!("secret-{key}") name=format!("secret.{key}")
                value=offered maxlength="256" autocomplete="off" autocapitalize="none" spellcheck="false"
                on:change=move |_| save()/>
        </label>
        <p class="problem" aria-live="polite">{move || row.secret_problem.get().or_else(|| row.problem("/secret"))}</p>
    }
    .into_any()
}

#[component]
fn SecretButtons(row: Row) -> impl IntoView {
    let key = row.key.get_value();
    let button = move |action: RowAction, word: &'static str, class: &'static str| {
        view! {
            <button class=class type="submit" name="intent" value=Intent::row(&key, action).to_string()>{word}</button>
        }
    };
    let generate = button(RowAction::GenerateSecret, "Generate", "button small");
    let save = button(RowAction::SaveSecret, "Save secret", "button small no-script");
    let keep_button = button.clone();
    let keep = move || {
        let is_changed = matches!(row.secret.get(), SecretDraft::New | SecretDraft::Removed);
        is_changed.then(|| keep_button(RowAction::KeepSecret, "Undo this change", "button small"))
    };
    let remove = move || {
        let is_there = matches!(row.secret.get(), SecretDraft::Kept | SecretDraft::New);
        is_there.then(|| button(RowAction::RemoveSecret, "Remove", "button small"))
    };
    view! { <p class="actions">{save}{generate}{keep}{remove}</p> }.into_any()
}
