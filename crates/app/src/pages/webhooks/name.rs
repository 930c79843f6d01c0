//! What people call a webhook.

use groundswell_types::WebhookName;
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::inputs::sync_text;
use super::row_state::Row;
use crate::boxed::{attr, drawn, handler};
use crate::texts::texts;

/// A name that helps to tell URLs of the same host apart.
#[component]
pub fn NameField(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let (problem, hint) = (format!("label-problem-{key}"), format!("label-hint-{key}"));
    let input = NodeRef::<html::Input>::new();
    let typed = move |text: String| {
        row.name.set(text);
        editor.touch();
    };
    sync_text(input, row.name, typed);
    let on_leave = move |_| {
        if editor.is_gone() {
            return;
        }
        row.shows_problems.set(true);
        editor.save_now();
    };
    view! {
        <label class="field">
            <span class="field-label">{texts.webhook_name_label()}</span>
            <input class="input" type="text" node_ref=input id=format!("label-{key}") name=format!("name.{key}")
                value=row.name.get_untracked() maxlength=WebhookName::MAX_CHARACTERS.to_string() autocomplete="off"
                aria-describedby=format!("{problem} {hint}")
                aria-invalid=attr(move || if row.problem("/name").is_some() { "true" } else { "false" })
                on:input:target=move |event| typed(event.target().value()) on:blur=handler(on_leave)/>
            <span class="problem" id=problem aria-live="polite">{drawn(move || row.problem("/name"))}</span>
            <span class="hint" id=hint>{texts.webhook_name_means()}</span>
        </label>
    }
    .into_any()
}
