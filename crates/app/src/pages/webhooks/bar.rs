//! The bar: whether the draft is saved, what publishing would change, and the buttons that end the draft.

use leptos::prelude::*;

use super::conflict::DiscardMenu;
use super::editor::{Editor, Saving};
use crate::boxed::{When, attr, drawn, effect, handler, memo};
use crate::components::{Menu, Time};
use crate::intent::Intent;
use crate::texts::texts;
use crate::words;

/// Sticks to the bottom of the window, where there is room for it.
#[component]
pub fn Bar(editor: Editor) -> impl IntoView {
    let texts = texts();
    let has_draft = memo(move |_| editor.saved_at.with(Option::is_some));
    let has_changes = memo(move |_| {
        editor.changes.with(|changes| !changes.is_empty()) || editor.saving.get() != Saving::Saved
    });
    // Without JavaScript the server knows of changes only when they are sent to it, so the button is for pressing.
    let is_alive = RwSignal::new(false);
    effect(move |_| is_alive.set(true));
    let is_idle = move || editor.is_ending().get() || is_alive.get() && !has_changes.get();
    // On a small screen it sticks to the window only while there is something to do in it.
    let waits = move || has_draft.get() || has_changes.get();
    view! {
        <div class="bar" role="group" aria-label=texts.webhooks_draft() data-waits=attr(waits)>
            <p class="bar-state"><State editor/></p>
            <div class="bar-actions">
                <When is=memo(move |_| editor.changes.with(|changes| !changes.is_empty()))><Review editor/></When>
                {editor.may_edit.then(|| view! {
                    <When is=has_draft><DiscardMenu class="button"/></When>
                    <button class="button no-script" type="submit" name="intent" value=Intent::Save.to_string()>
                        {texts.webhooks_save_draft()}
                    </button>
                    <button class="button primary" type="submit" name="intent" value=Intent::Publish.to_string()
                        aria-disabled=attr(move || if is_idle() { "true" } else { "false" })>
                        {texts.webhooks_publish()}
                    </button>
                })}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn State(editor: Editor) -> impl IntoView {
    let texts = texts();
    let saved = move || match editor.saved_at.get() {
        None => texts.webhooks_all_published().into_any(),
        Some(at) => {
            let changes = editor.changes.with(Vec::len);
            view! { <span>{texts.webhooks_saved(changes, view! { <Time at=at/> })}</span> }.into_any()
        }
    };
    move || {
        if editor.is_ending().get() {
            return texts.webhooks_one_moment().into_any();
        }
        match editor.saving.get() {
        Saving::Saved => saved(),
        Saving::Pending => texts.webhooks_saving().into_any(),
        Saving::Conflict => view! {
            <span data-tone="warn">{texts.webhooks_not_saved_elsewhere()}</span>
            <a href="#conflict" rel="external">{texts.webhooks_what_now()}</a>
        }.into_any(),
        Saving::Failed(failure) => view! {
            <span data-tone="error" role="alert">{texts.webhooks_not_saved(&words::failure(texts, &failure))}</span>
            <button class="button small" type="button" on:click=handler(move |_| editor.save_now())>{texts.webhooks_try_again()}</button>
        }
        .into_any(),
    }
    }
}

#[component]
fn Review(editor: Editor) -> impl IntoView {
    let texts = texts();
    view! {
        <Menu label=texts.webhooks_review_label() face=move || texts.webhooks_review() class="button" menu_class="menu review">
            <h3>{texts.webhooks_publishing_will()}</h3>
            <ul>
                {drawn(move || editor.changes.get().into_iter().map(|change| view! { <li>{change}</li> }).collect_view())}
            </ul>
        </Menu>
    }
    .into_any()
}
