//! What stands where a page will be.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::boxed::When;
use crate::texts::texts;

/// A page on its way. It says so only when that takes a while.
#[component]
pub fn Loading(#[prop(optional)] is_wide: bool) -> impl IntoView {
    let says = texts().frame_loading();
    view! {
        <Title text=says/>
        <div class="page loading" class:wide=is_wide aria-busy="true">
            <div role="status"><h1>{says}</h1></div>
        </div>
    }
    .into_any()
}

/// A side panel on its way while none is open yet. From one to the next the one before stays.
#[component]
pub fn SideLoading(#[prop(into)] is_awaited: Signal<bool>) -> impl IntoView {
    view! {
        <When is=is_awaited>
            <div class="side side-loading" role="status" aria-busy="true"><p>{texts().frame_loading()}</p></div>
        </When>
    }
    .into_any()
}
