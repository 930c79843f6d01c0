//! Two people, or one in two windows.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::{Editor, Saving};
use crate::components::{Icon, Menu, Shape};
use crate::intent::Intent;

/// What is typed here could not be saved, because the draft is another one by now.
#[component]
pub fn ConflictBanner(editor: Editor) -> impl IntoView {
    let page = format!("/programs/{}/options/webhooks", editor.id());
    let is_conflict = Memo::new(move |_| editor.saving.get() == Saving::Conflict);
    view! {
        <Show when=move || is_conflict.get()>
            <div class="notice" id="conflict" tabindex="-1" data-tone="warn" role="alert">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong>"This draft was changed elsewhere."</strong>
                        " What you see is yours and is not saved: the draft on the server was changed meanwhile, in another
                         window or by somebody else. Nothing was overwritten."</p>
                    <p class="actions">
                        <a class="button small" href=page.clone() rel="external"
                            on:click=move |event| { event.prevent_default(); spawn_local(editor.reload()); }>
                            "Show the other draft"
                        </a>
                        <button class="button small" type="submit" name="intent" value=Intent::Save.to_string()
                            on:click=move |event| { event.prevent_default(); spawn_local(editor.keep_mine()); }>
                            "Save mine over it"
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
    view! {
        <Show when=move || editor.is_outdated.get()>
            <div class="notice" data-tone="warn">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong>"What is live changed after this draft was begun."</strong>
                        " Somebody published, or the REST API changed a webhook. This draft cannot be published over that:
                         note what you still want, discard it, and start from what is live now."</p>
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
    view! {
        <Menu label="Discard draft" face=|| "Discard" class=class menu_class="menu confirm">
            <p>"Throw the draft away? You get back what is published."</p>
            <button class="button small danger" type="submit" name="intent" value=Intent::Discard.to_string()
                data-closes="">"Discard draft"</button>
        </Menu>
    }
    .into_any()
}
