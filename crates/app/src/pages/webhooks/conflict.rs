//! Two people, or one in two windows.

use groundswell_types::editor::{Conflict, Side};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::{Editor, Saving};
use crate::boxed::{When, handler, memo};
use crate::components::{Icon, Menu, Shape};
use crate::intent::Intent;
use crate::place::place;
use crate::texts::texts;
use crate::words;

/// What is typed here could not be saved, because the draft is another one by now.
#[component]
pub fn ConflictBanner(editor: Editor) -> impl IntoView {
    let texts = texts();
    let page = place().webhooks(&editor.id());
    let is_conflict = memo(move |_| editor.saving.get() == Saving::Conflict);
    view! {
        <When is=is_conflict>
            <div class="notice" id="conflict" tabindex="-1" data-tone="warn" role="alert">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong>{texts.webhooks_conflict()}</strong>" "{texts.webhooks_conflict_means()}</p>
                    <BothValues conflicts=editor.clashes mine=texts.webhooks_typed_here() theirs=texts.webhooks_saved_elsewhere()/>
                    <p class="actions">
                        <a class="button small" href=page.clone() rel="external"
                            on:click=handler(move |event: web_sys::MouseEvent| { event.prevent_default(); spawn_local(editor.reload()); })>
                            {texts.webhooks_show_other()}
                        </a>
                        <button class="button small" type="submit" name="intent" value=Intent::Save.to_string()
                            on:click=handler(move |event: web_sys::MouseEvent| { event.prevent_default(); spawn_local(editor.keep_mine()); })>
                            {texts.webhooks_save_mine()}
                        </button>
                    </p>
                </div>
            </div>
        </When>
    }
    .into_any()
}

/// What the draft changes, and somebody else published or changed over REST after it was begun.
#[component]
pub fn OutdatedBanner(editor: Editor) -> impl IntoView {
    let texts = texts();
    let is_shown = memo(move |_| editor.conflicts.with(|conflicts| !conflicts.is_empty()));
    view! {
        <When is=is_shown>
            <div class="notice" data-tone="warn" role="group" aria-labelledby="outdated">
                <Icon shape=Shape::Warning/>
                <div>
                    <p><strong id="outdated">{texts.webhooks_outdated()}</strong>" "{texts.webhooks_outdated_means()}</p>
                    <BothValues conflicts=editor.conflicts mine=texts.webhooks_in_draft() theirs=texts.webhooks_live_now()/>
                    <div class="actions">
                        <button class="button small" type="submit" name="intent" value=Intent::Resolve(Side::Mine).to_string()>
                            {texts.webhooks_keep_draft()}
                        </button>
                        <button class="button small" type="submit" name="intent" value=Intent::Resolve(Side::Theirs).to_string()>
                            {texts.webhooks_take_live()}
                        </button>
                    </div>
                </div>
            </div>
        </When>
    }
    .into_any()
}

/// What two changed, as each has it.
#[component]
fn BothValues(conflicts: RwSignal<Vec<Conflict>>, mine: &'static str, theirs: &'static str) -> impl IntoView {
    let texts = texts();
    let list = move || {
        let list = conflicts.get();
        if list.is_empty() {
            return None;
        }
        let rows = list.into_iter().map(|conflict| {
            let (field, own) = words::field(texts, &conflict.mine);
            let (_, other) = words::field(texts, &conflict.theirs);
            view! {
                <li>
                    <p><strong>{field}</strong>" "<span class="hint url">{conflict.url}</span></p>
                    <dl class="facts both">
                        <div><dt>{mine}</dt><dd>{own}</dd></div>
                        <div><dt>{theirs}</dt><dd>{other}</dd></div>
                    </dl>
                </li>
            }
            .into_any()
        });
        Some(view! { <ul class="conflicts">{rows.collect_view()}</ul> }.into_any())
    };
    list.into_any()
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
