//! What is there at times.

use leptos::children::ViewFn;
use leptos::prelude::*;

use super::memo;

/// What is in it, for as long as that `is` so; else what stands there instead, if anything. As Leptos' `Show`, but compiled once.
#[component]
pub fn When(
    #[prop(into)] is: Signal<bool>,
    #[prop(optional, into)] fallback: ViewFn,
    children: ChildrenFn,
) -> impl IntoView {
    let is = memo(move |_| is.get());
    (move || if is.get() { children() } else { fallback.run() }).into_any()
}
