//! Text to read and to copy exactly.

use groundswell_types::HeaderView;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::{Icon, Shape};
use crate::boxed::{drawn, handler};
use crate::json;
use crate::texts::texts;

/// Longer text shows its beginning until somebody wants all of it; `style/components/code.css` has the same number.
const SHOWN_LINES: usize = 16;

/// Text in a box with a copy button; JSON is laid out, with what was really sent one click away.
#[component]
pub fn CodeBlock(
    /// Names the box for screen readers.
    label: &'static str,
    /// What is shown and copied.
    text: String,
) -> impl IntoView {
    let texts = texts();
    let pretty = json::pretty(&text).filter(|pretty| *pretty != text);
    let raw = pretty.is_some().then(|| {
        let text = text.clone();
        view! {
            <details class="code-raw">
                <summary>{texts.code_as_sent()}</summary>
                <pre class="code-text wrap" tabindex="0" role="region" aria-label=texts.code_as_sent_label(label)>{text}</pre>
            </details>
        }
    });
    let shown = pretty.unwrap_or_else(|| text.clone());
    // It holds nothing: being open lets the text before it be as long as it is, which is the style's doing.
    let fold = (shown.lines().count() > SHOWN_LINES).then(|| {
        view! { <details class="code-fold"><summary>{texts.code_show_all()}</summary></details> }
    });
    view! {
        <div class="code">
            <CopyButton text=text/>
            <pre class="code-text" tabindex="0" role="region" aria-label=label>{shown}</pre>
            {fold}
            {raw}
        </div>
    }
    .into_any()
}

/// Headers as a list of names and values.
#[component]
pub fn HeaderList(headers: Vec<HeaderView>) -> impl IntoView {
    if headers.is_empty() {
        return view! { <p class="hint">{texts().code_no_headers()}</p> }.into_any();
    }
    let rows =
        headers.into_iter().map(|header| view! { <div><dt>{header.name}</dt><dd>{header.value}</dd></div> });
    view! { <dl class="headers">{rows.collect_view()}</dl> }.into_any()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    NotYet,
    Done,
    Impossible,
}

/// Copies `text`. Needs JavaScript, and is not there without it.
#[component]
pub fn CopyButton(
    /// What to copy.
    text: String,
) -> impl IntoView {
    let texts = texts();
    let copied = RwSignal::new(Copied::NotYet);
    let on_click = move |_| {
        let text = text.clone();
        spawn_local(async move {
            let outcome = if write_to_clipboard(&text).await { Copied::Done } else { Copied::Impossible };
            let _ = copied.try_set(outcome);
        });
    };
    let shape = move || if copied.get() == Copied::Done { Shape::Done } else { Shape::Copy };
    let word = move || match copied.get() {
        Copied::NotYet => texts.code_copy(),
        Copied::Done => texts.code_copied(),
        Copied::Impossible => texts.code_cannot_copy(),
    };
    view! {
        <button class="button quiet small copy needs-script" type="button" on:click=handler(on_click)>
            {drawn(move || view! { <Icon shape=shape()/> })}
            <span aria-live="polite">{word}</span>
        </button>
    }
}

async fn write_to_clipboard(text: &str) -> bool {
    let clipboard = window().navigator().clipboard();
    // Browsers have no clipboard on pages that came over plain HTTP from another machine.
    if AsRef::<JsValue>::as_ref(&clipboard).is_undefined() {
        return false;
    }
    JsFuture::from(clipboard.write_text(text)).await.is_ok()
}
