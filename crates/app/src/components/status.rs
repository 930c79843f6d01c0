//! A state as a dot and a word.

use leptos::prelude::*;

use crate::boxed::{attr, drawn};
use crate::words::Tone;

/// A dot in the tone's colour and shape, and the word that says the same.
#[component]
pub fn Status(#[prop(into)] tone: Signal<Tone>, #[prop(into)] word: Signal<String>) -> impl IntoView {
    view! {
        <span class="status" data-tone=attr(move || tone.get().as_str())>
            <span class="status-dot" aria-hidden="true"></span>
            {drawn(move || word.get())}
        </span>
    }
}
