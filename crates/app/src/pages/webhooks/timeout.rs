//! How long a webhook's receiver has to answer.

use groundswell_types::WebhookTimeout;
use leptos::html;
use leptos::prelude::*;

use super::editor::Editor;
use super::inputs::sync_text;
use super::row_state::Row;
use crate::boxed::{attr, drawn, handler};
use crate::texts::texts;

/// A number of seconds. A text field with digits to type: one of type `number` says it is empty when what stands in it
/// is no number, and that would save the usual time where somebody meant another.
#[component]
pub fn TimeoutField(editor: Editor, row: Row) -> impl IntoView {
    let texts = texts();
    let key = row.key.get_value();
    let (problem, hint) = (format!("timeout-problem-{key}"), format!("timeout-hint-{key}"));
    let described = format!("{problem} {hint}");
    let input = NodeRef::<html::Input>::new();
    let typed = move |text: String| {
        row.timeout.set(text);
        editor.touch();
    };
    sync_text(input, row.timeout, typed);
    let on_leave = move |_| {
        if editor.is_gone() {
            return;
        }
        row.shows_problems.set(true);
        editor.save_now();
    };
    let explanation = texts.webhook_timeout_means(WebhookTimeout::MIN_SECONDS, WebhookTimeout::MAX_SECONDS);
    view! {
        <fieldset class="timeout">
            <legend>{texts.webhook_timeout()}</legend>
            <label class="field timeout-line">
                <span class="visually-hidden">{texts.webhook_timeout_label()}</span>
                <input class="input" type="text" inputmode="numeric" node_ref=input id=format!("timeout-{key}")
                    name=format!("timeout.{key}") value=row.timeout.get_untracked() placeholder="15" maxlength="40"
                    autocomplete="off" aria-describedby=described
                    aria-invalid=attr(move || if row.problem("/timeout").is_some() { "true" } else { "false" })
                    on:input:target=move |event| typed(event.target().value()) on:blur=handler(on_leave)/>
                <span aria-hidden="true">{texts.webhook_seconds()}</span>
            </label>
            <p class="problem" id=problem aria-live="polite">{drawn(move || row.problem("/timeout"))}</p>
            <p class="hint" id=hint>{explanation}</p>
        </fieldset>
    }
    .into_any()
}
