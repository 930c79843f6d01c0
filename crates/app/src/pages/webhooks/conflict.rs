//! Two people, or one in two windows.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::{Editor, Saving};
use crate::components::{Icon, Menu, Shape};
use crate::intent::Intent;
use crate::texts::texts;

/// What is typed here could not be saved, because the draft is another one by now.
#[component]
pub fn ConflictBanner(editor: Editor) -> impl IntoView {
    let texts = texts();
    let page = format!("/programs/{}/options/webhooks", editor.id());
    let is_conflict = Memo::new(move |_| editor.saving.get() == Saving::Conflict);
    view! {
        <Show when=move || is_conflict.get()>
            <div class="notice" id="conflict" tabindex="-1" data-tone="warn" role="alert">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong>{texts.webhooks_conflict()}</strong>" "{texts.webhooks_conflict_means()}</p>
                    <p class="actions">
                        <a class="button small" href=page.clone() rel="external"
                            on:click=move |event| { event.prevent_default(); spawn_local(editor.reload()); }>
                            {texts.webhooks_show_other()}
                        </a>
                        <button class="button small" type="submit" name="intent" value=Intent::Save.to_string()
                            on:click=move |event| { event.prevent_default(); spawn_local(editor.keep_mine()); }>
                            {texts.webhooks_save_mine()}
                        </button>
                    </p>
                </div>
            </div>
        </Show>
    }
    .into_any()
}

/// What is live changed after the draft was begun.
#[component]
pub fn OutdatedBanner(editor: Editor) -> impl IntoView {
    let texts = texts();
    view! {
        <Show when=move || editor.is_outdated.get()>
            <div class="notice" data-tone="warn">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong>{texts.webhooks_outdated()}</strong>" "{texts.webhooks_outdated_means()}</p>
                    <div class="actions"><DiscardMenu class="button small"/></div>
                </div>
            </div>
        </Show>
    }
    .into_any()
}

/// Throws the draft away after asking.
#[component]
pub fn DiscardMenu(
    /// Classes of the button.
    class: &'static str,
) -> impl IntoView {
    let texts = texts();
    view! {
        <Menu label=texts.webhooks_discard_draft() face=move || texts.webhooks_discard() class=class menu_class="menu confirm">
            <p>{texts.webhooks_discard_asked()}</p>
            <button class="button small danger" type="submit" name="intent" value=Intent::Discard.to_string()
                data-closes="">{texts.webhooks_discard_draft()}</button>
        </Menu>
    }
    .into_any()
}
