//! Signing in with a one-time link.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::FailureNotice;
use crate::returned::returned;
use crate::texts::texts;

/// `/sign-in`: opening a link only shows a button, since mail scanners and previews open links as well.
#[component]
pub fn SignInPage() -> impl IntoView {
    let texts = texts();
    let query = use_query_map();
    let token = move || query.with(|query| query.get("token")).filter(|token| !token.is_empty());
    let problem = returned().map(|returned| view! { <FailureNotice failure=returned.failure/> });
    view! {
        <Title text=texts.sign_in_title()/>
        {problem}
        {move || match token() {
            Some(token) => view! {
                <div class="page narrow empty">
                    <h1>{texts.sign_in_title()}</h1>
                    <p>{texts.sign_in_once()}</p>
                    <form method="post" action="/sign-in">
                        <input type="hidden" name="token" value=token/>
                        <button class="button primary" type="submit">{texts.sign_in_button()}</button>
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
    let texts = texts();
    let code = |words: &'static str| view! { <code>{words}</code> }.into_any();
    view! {
        <Title text=texts.sign_in_title()/>
        <div class="page narrow empty">
            <h1>{texts.sign_in_title()}</h1>
            <p>{texts.sign_in_how()}</p>
            <ul>
                <li>{texts.sign_in_with_run(code)}</li>
                <li>{texts.sign_in_with_key(code)}</li>
            </ul>
            <p class="hint">{texts.sign_in_old_link()}</p>
        </div>
    }
    .into_any()
}
