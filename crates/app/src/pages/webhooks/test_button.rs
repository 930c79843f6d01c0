//! The Test button of a row, with a menu of events beside it.

use groundswell_types::EventKind;
use leptos::prelude::*;

use super::editor::Editor;
use super::row_state::{Row, Test};
use crate::boxed::{attr, drawn};
use crate::components::{Icon, Menu, Shape};
use crate::intent::{Intent, RowAction};
use crate::texts::texts;
use crate::words;

/// Tests with the first event that is ticked, or with one from the menu.
#[component]
pub fn TestButton(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let kind = editor.program.with_value(|program| program.kind);
    let is_running = move || row.test.with(|test| *test == Test::Running);
    let items: Vec<_> = EventKind::fitting(kind)
        .map(|event| {
            view! {
                <button class="menu-item" type="submit" name="intent" data-closes=""
                    value=Intent::row(&key, RowAction::Test(Some(event))).to_string()>
                    {words::event_title(texts, event)}
                </button>
            }
        })
        .collect();
    let name = move || texts.test_label(editor.number(row));
    view! {
        <div class="split">
            <button class="button" type="submit" name="intent" value=Intent::row(&key, RowAction::Test(None)).to_string()
                id=format!("test-{key}") aria-label=name aria-disabled=attr(move || if is_running() { "true" } else { "false" })>
                {drawn(move || if is_running() { texts.test_testing() } else { texts.test_test() })}
            </button>
            <Menu label=Signal::derive(move || texts.test_choose_label(editor.number(row)))
                face=|| view! { <Icon shape=Shape::ChevronDown/> } menu_class="menu">
                <p class="menu-title">{texts.test_sample_of()}</p>
                {items}
            </Menu>
        </div>
    }
    .into_any()
}
