//! The bar: whether the draft is saved, what publishing would change, and the buttons that end the draft.

use leptos::prelude::*;

use super::conflict::DiscardMenu;
use super::editor::{Editor, Saving};
use crate::components::{Menu, Time};
use crate::intent::Intent;
use crate::words;

/// Sticks to the bottom of the window.
#[component]
pub fn Bar(editor: Editor) -> impl IntoView {
    let has_draft = Memo::new(move |_| editor.saved_at.with(Option::is_some));
    let has_changes = Memo::new(move |_| {
        editor.changes.with(|changes| !changes.is_empty()) || editor.saving.get() != Saving::Saved
    });
    // Without JavaScript the server knows of changes only when they are sent to it, so the button is for pressing.
    let is_alive = RwSignal::new(false);
    Effect::new(move |_| is_alive.set(true));
    let is_idle = move || is_alive.get() && !has_changes.get();
    view! {
        <div class="bar" role="group" aria-label="Draft">
            <p class="bar-state"><State editor/></p>
            <div class="bar-actions">
                <Show when=move || editor.changes.with(|changes| !changes.is_empty())><Review editor/></Show>
                <Show when=move || has_draft.get()><DiscardMenu class="button"/></Show>
                <button class="button no-script" type="submit" name="intent" value=Intent::Save.to_string()>
                    "Save draft"
                </button>
                <button class="button primary" type="submit" name="intent" value=Intent::Publish.to_string()
                    aria-disabled=move || if is_idle() { "true" } else { "false" }>
                    "Publish changes"
                </button>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn State(editor: Editor) -> impl IntoView {
    let saved = move || {
        match editor.saved_at.get() {
        None => view! { "Everything is published" }.into_any(),
        Some(at) => view! {
            <span>
                "Draft saved " <Time at=at/>
                {move || {
                    let changes = editor.changes.with(|changes| i64::try_from(changes.len()).unwrap_or(i64::MAX));
                    format!(" · {}", words::count(changes, "change", "changes"))
                }}
            </span>
        }
        .into_any(),
    }
    };
    move || {
        match editor.saving.get() {
        Saving::Saved => saved(),
        Saving::Pending => view! { "Saving…" }.into_any(),
        Saving::Conflict => view! {
            <span data-tone="warn">"Not saved: changed elsewhere."</span>
            <a href="#conflict" rel="external">"What now?"</a>
        }.into_any(),
        Saving::Failed(failure) => view! {
            <span data-tone="error" role="alert">"Not saved. " {failure.to_string()}</span>
            <button class="button small" type="button" on:click=move |_| editor.save_now()>"Try again"</button>
        }
        .into_any(),
    }
    }
}

#[component]
fn Review(editor: Editor) -> impl IntoView {
    view! {
        <Menu label="Review changes" face=|| "Review" class="button" menu_class="menu review">
            <h3>"Publishing will"</h3>
            <ul>
                {move || editor.changes.get().into_iter().map(|change| view! { <li>{change}</li> }).collect_view()}
            </ul>
        </Menu>
    }
    .into_any()
}
