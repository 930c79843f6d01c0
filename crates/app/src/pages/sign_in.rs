//! Signing in with a one-time link.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::FailureNotice;
use crate::returned::returned;

/// `/sign-in`: opening a link only shows a button, since mail scanners and previews open links as well.
#[component]
pub fn SignInPage() -> impl IntoView {
    let query = use_query_map();
    let token = move || query.with(|query| query.get("token")).filter(|token| !token.is_empty());
    let problem = returned().map(|returned| view! { <FailureNotice failure=returned.failure/> });
    view! {
        <Title text="Sign in"/>
        {problem}
        {move || match token() {
            Some(token) => view! {
                <div class="page narrow empty">
                    <h1>"Sign in"</h1>
                    <p>"This link works once, and signs you in on this browser."</p>
                    <form method="post" action="/sign-in">
                        <input type="hidden" name="token" value=token/>
                        <button class="button primary" type="submit">"Sign in"</button>
                    </form>
                </div>
            }.into_any(),
            None => view! { <SignInHelp/> }.into_any(),
        }}
    }
    .into_any()
}

/// How to get a link.
#[component]
pub fn SignInHelp() -> impl IntoView {
    view! {
        <Title text="Sign in"/>
        <div class="page narrow empty">
            <h1>"Sign in"</h1>
            <p>"You sign in with a one-time link. Whoever runs this server can make one:"</p>
            <ul>
                <li>"started with " <code>"cargo xtask run"</code> ", the server prints one in its terminal;"</li>
                <li>"any other answers " <code>"POST /v2/sign-in-links"</code> " with one, given its admin key."</li>
            </ul>
            <p class="hint">"A link that was used, or that is too old, no longer works. Ask for a new one."</p>
        </div>
    }
    .into_any()
}
