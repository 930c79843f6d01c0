//! The headers of a webhook's own. A value is saved when its field is left, and never comes back from the server.

use groundswell_types::MAX_HEADERS;
use groundswell_types::editor::{HeaderDraft, HeaderState, TypedValue};
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::inputs::sync_text;
use super::row_state::Row;
use crate::boxed::{attr, drawn, effect, handler, memo, rows};
use crate::components::{Icon, Shape};
use crate::intent::{Intent, RowAction};
use crate::texts::texts;

/// A header of a row, as signals.
#[derive(Clone, Copy)]
pub struct HeaderRow {
    pub key: StoredValue<String>,
    pub name: RwSignal<String>,
    /// What was typed and is not on the server yet.
    pub value: RwSignal<String>,
    /// Whether a value stands in its field, which is saved when it is left.
    pub is_typing: StoredValue<bool>,
    pub state: RwSignal<HeaderState>,
    /// Whether its problems are shown: not while somebody still fills it in.
    pub shows_problems: RwSignal<bool>,
}

impl HeaderRow {
    /// A header as the server knows it.
    pub fn new(known: HeaderDraft) -> Self {
        let is_begun = !known.name.is_empty() || known.state != HeaderState::Missing;
        Self {
            key: StoredValue::new(known.key),
            name: RwSignal::new(known.name),
            value: RwSignal::new(known.value.map(|value| value.0).unwrap_or_default()),
            is_typing: StoredValue::new(false),
            state: RwSignal::new(known.state),
            shows_problems: RwSignal::new(is_begun),
        }
    }

    /// One that was just added.
    pub fn empty(key: String) -> Self {
        Self::new(HeaderDraft { key, name: String::new(), value: None, state: HeaderState::Missing })
    }

    /// What is typed in it now.
    pub fn draft(self) -> HeaderDraft {
        let value = self.value.get_untracked();
        HeaderDraft {
            key: self.key.get_value(),
            name: self.name.get_untracked().trim().to_owned(),
            value: (!value.is_empty()).then_some(TypedValue(value)),
            state: self.state.get_untracked(),
        }
    }

    /// Notes which value the server has.
    pub fn take_state(self, state: HeaderState) {
        if self.state.get_untracked() != state {
            self.state.set(state);
        }
    }

    /// Notes that this value is on the server, where it stays.
    pub fn value_is_saved(self, sent: &str) {
        self.state.set(HeaderState::New);
        if self.value.with_untracked(|value| value == sent) {
            self.value.set(String::new());
        }
    }
}

/// The list, and the button that adds one.
#[component]
pub fn HeaderSettings(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let add = format!("add-header-{key}");
    let is_full = move || row.headers.with(Vec::len) >= MAX_HEADERS;
    view! {
        <fieldset class="own-headers">
            <legend>{texts.header_title()}</legend>
            <p class="hint">{texts.header_means()}</p>
            <input type="hidden" name=format!("headers.{key}") value=""/>
            <ol class="own-header-list" aria-label=texts.header_title()>
                {rows(
                    move || row.headers.get(),
                    |header| header.key.get_value(),
                    move |header| view! { <HeaderFields editor row header/> },
                )}
            </ol>
            <p class="problem" aria-live="polite">{drawn(move || row.problem("/headers"))}</p>
            {editor.may_edit.then(|| view! {
                <p class="actions">
                    <button class="button small" type="submit" name="intent" id=add
                        aria-disabled=attr(move || if is_full() { "true" } else { "false" })
                        value=Intent::row(&key, RowAction::AddHeader).to_string()>
                        <Icon shape=Shape::Plus/>{texts.header_add()}
                    </button>
                </p>
            })}
        </fieldset>
    }
    .into_any()
}

#[component]
fn HeaderFields(editor: Editor, row: Row, header: HeaderRow) -> impl IntoView {
    let texts = texts();
    let row_key = row.key.get_value();
    let place = memo(move |_| {
        row.headers
            .with(|headers| headers.iter().position(|other| other.key == header.key).unwrap_or_default())
    });
    let problem = move |member: &str| {
        if !header.shows_problems.get() {
            return None;
        }
        row.problem(&format!("/headers/{}/{member}", place.get()))
    };
    let problem_id = format!("header-problem-{row_key}-{}", header.key.get_value());
    let remove = {
        let row_key = row_key.clone();
        move || Intent::row(&row_key, RowAction::RemoveHeader(place.get())).to_string()
    };
    view! {
        <li class="own-header">
            <input type="hidden" name=format!("header.{row_key}") value=header.key.get_value()/>
            <NameField editor row header place problem_id=problem_id.clone()/>
            <ValueField editor row header place problem_id=problem_id.clone()/>
            {editor.may_edit.then(|| view! {
                <button class="button icon-only" type="submit" name="intent" value=remove
                    aria-label=attr(move || texts.header_remove(place.get() + 1))><Icon shape=Shape::Close/></button>
            })}
            <p class="problem" id=problem_id aria-live="polite">
                {drawn(move || [problem("name"), problem("value")].into_iter().flatten().collect::<Vec<_>>().join(" "))}
            </p>
        </li>
    }
    .into_any()
}

#[component]
fn NameField(
    editor: Editor,
    row: Row,
    header: HeaderRow,
    place: Memo<usize>,
    problem_id: String,
) -> impl IntoView {
    let texts = texts();
    let row_key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let typed = move |text: String| {
        header.name.set(text);
        editor.touch();
    };
    sync_text(input, header.name, typed);
    let on_leave = move |_| {
        if editor.is_gone() {
            return;
        }
        // The value is typed next; what is missing then is said when that is left.
        if header.state.get_untracked() != HeaderState::Missing {
            header.shows_problems.set(true);
        }
        editor.save_now();
    };
    let is_wrong = move || {
        header.shows_problems.get() && row.problem(&format!("/headers/{}/name", place.get())).is_some()
    };
    view! {
        <input class="input mono" type="text" node_ref=input id=format!("header-name-{row_key}-{}", header.key.get_value())
            name=format!("header-name.{row_key}") value=header.name.get_untracked() placeholder="x-api-key" maxlength="128"
            autocomplete="off" autocapitalize="none" spellcheck="false"
            aria-label=attr(move || texts.header_name_label(place.get() + 1))
            aria-invalid=attr(move || if is_wrong() { "true" } else { "false" }) aria-describedby=problem_id
            on:input:target=move |event| typed(event.target().value()) on:blur=handler(on_leave)/>
    }
    .into_any()
}

#[component]
fn ValueField(
    editor: Editor,
    row: Row,
    header: HeaderRow,
    place: Memo<usize>,
    problem_id: String,
) -> impl IntoView {
    let texts = texts();
    let row_key = row.key.get_value();
    let input = NodeRef::<html::Input>::new();
    let take = move |value: String| {
        header.is_typing.set_value(false);
        if !value.is_empty() {
            header.value.set(value);
            row.shows_problems.set(true);
            editor.touch();
        }
    };
    // What was typed before the page was alive is taken over; what is saved does not stay to be read.
    effect(move |before: Option<String>| {
        let value = header.value.get();
        let Some(input) = input.get() else { return value };
        match before {
            None if !input.value().is_empty() => take(input.value()),
            Some(before) if value.is_empty() && input.value() == before => input.set_value(""),
            _ => {}
        }
        value
    });
    let on_leave = move |_| {
        if editor.is_gone() {
            return;
        }
        header.shows_problems.set(true);
        row.shows_problems.set(true);
        editor.save_now();
    };
    let is_wrong = move || {
        header.shows_problems.get() && row.problem(&format!("/headers/{}/value", place.get())).is_some()
    };
    let saved_id = format!("header-saved-{row_key}-{}", header.key.get_value());
    let is_saved = move || header.state.get() != HeaderState::Missing;
    view! {
        <input class="input mono" type="text" node_ref=input name=format!("header-value.{row_key}") value="" maxlength="4096"
            placeholder=attr(move || if is_saved() { "••••••••" } else { "" })
            autocomplete="off" autocapitalize="none" spellcheck="false"
            aria-label=attr(move || texts.header_value_label(place.get() + 1))
            aria-invalid=attr(move || if is_wrong() { "true" } else { "false" })
            aria-describedby=format!("{problem_id} {saved_id}")
            on:input:target=move |event| header.is_typing.set_value(!event.target().value().is_empty())
            on:change:target=move |event| take(event.target().value()) on:blur=handler(on_leave)/>
        <span class="visually-hidden" id=saved_id>{drawn(move || is_saved().then(|| texts.header_saved()))}</span>
    }
    .into_any()
}
