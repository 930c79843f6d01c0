//! Signing in through an OpenID provider: the part of the pages that is about it.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::{Icon, Shape};
use crate::texts::{Texts, texts};

/// The provider that people can sign in with. The server gives it as context if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What people know it by.
    pub name: String,
}

/// The button that leads to the provider, and why somebody who has come back is not signed in. Nothing without a provider.
#[component]
pub fn ProviderSignIn() -> impl IntoView {
    let Some(Provider { name }) = use_context() else { return ().into_any() };
    let texts = texts();
    let refusal = use_query_map().with_untracked(|query| query.get("provider"));
    let refusal = refusal.and_then(|refusal| sentence(texts, &refusal));
    let notice = refusal.map(|sentence| {
        view! {
            <div class="notice" data-tone="error" role="alert">
                <Icon shape=Shape::Warning/>
                <p>{sentence}</p>
            </div>
        }
    });
    view! {
        {notice}
        <form class="sign-in-provider" method="post" action="/sign-in/provider">
            <button class="button" type="submit">{texts.sign_in_with_provider(&name)}</button>
        </form>
    }
    .into_any()
}

/// The button for somebody who is signed in, after which they can sign in through the provider.
#[component]
pub fn ConnectProvider() -> impl IntoView {
    let Some(Provider { name }) = use_context() else { return ().into_any() };
    view! {
        <form class="card form" method="post" action="/sign-in/provider">
            <input type="hidden" name="intent" value="connect"/>
            <button class="button" type="submit">{texts().sign_in_provider_connect(&name)}</button>
        </form>
    }
    .into_any()
}

/// What is said for the word in the address that somebody comes back with.
fn sentence(texts: Texts, refusal: &str) -> Option<&'static str> {
    Some(match refusal {
        "declined" => texts.sign_in_provider_declined(),
        "not-under-way" => texts.sign_in_provider_not_under_way(),
        "unreachable" => texts.sign_in_provider_unreachable(),
        "failed" => texts.sign_in_provider_failed(),
        "no-verified-email" => texts.sign_in_provider_no_verified_email(),
        "not-invited" => texts.sign_in_provider_not_invited(),
        "has-account" => texts.sign_in_provider_has_account(),
        "is-anothers" => texts.sign_in_provider_is_anothers(),
        _ => return None,
    })
}
