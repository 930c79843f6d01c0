//! Signing in through an OpenID provider: the part of the pages that is about it.

use leptos::prelude::*;

use crate::backend::account::Asks;
use crate::components::{Icon, Shape};
use crate::routing::{location, parameter};
use crate::texts::{Texts, texts};

/// The provider that people can sign in with. The server gives it as context if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What people know it by.
    pub name: String,
}

/// The button that leads to the provider, and from there to `next`, and why somebody who has come back is not signed in.
/// Nothing without a provider.
#[component]
pub fn ProviderSignIn(next: String) -> impl IntoView {
    let Some(Provider { name }) = use_context() else { return ().into_any() };
    view! {
        <Refusal/>
        <form class="sign-in-provider" method="post" action="/sign-in/provider">
            <input type="hidden" name="next" value=next/>
            <button class="button" type="submit">{texts().sign_in_with_provider(&name)}</button>
        </form>
    }
    .into_any()
}

/// For somebody who is signed in: to have them sign in through the provider as well, or no more.
#[component]
pub fn ConnectProvider(is_connected: bool, has_password: bool, asks: Asks) -> impl IntoView {
    let Some(Provider { name }) = use_context() else { return ().into_any() };
    let texts = texts();
    match (is_connected, has_password) {
        // The form above says what it takes.
        (false, _) if asks == Asks::NewSignIn => ().into_any(),
        (false, _) => view! { <Connect name has_password/> }.into_any(),
        (true, true) => view! {
            <form class="card form" method="post" action="/settings/account" aria-labelledby="provider-heading">
                <About is=texts.sign_in_provider_is_connected(&name) name=name.clone()/>
                <p class="hint">{texts.sign_in_provider_disconnect_means()}</p>
                <input type="hidden" name="intent" value="disconnect-provider"/>
                <button class="button" type="submit">{texts.sign_in_provider_disconnect(&name)}</button>
            </form>
        }
        .into_any(),
        (true, false) => view! {
            <section class="card form" aria-labelledby="provider-heading">
                <About is=texts.sign_in_provider_is_connected(&name) name/>
                <p class="hint">{texts.sign_in_provider_only_way()}</p>
            </section>
        }
        .into_any(),
    }
}

#[component]
fn Connect(name: String, has_password: bool) -> impl IntoView {
    let texts = texts();
    // Also of whoever has come by a link, whom the form above asks for nothing.
    let password = has_password.then(|| view! { <PresentPassword/> });
    view! {
        <form class="card form" method="post" action="/sign-in/provider" aria-labelledby="provider-heading">
            <About is=texts.sign_in_provider_connect_means(&name) name=name.clone()/>
            <input type="hidden" name="intent" value="connect"/>
            {password}
            <button class="button" type="submit">{texts.sign_in_provider_connect(&name)}</button>
        </form>
    }
}

/// How it is with the provider, and why somebody is back here.
#[component]
fn About(name: String, is: String) -> impl IntoView {
    view! {
        <h2 id="provider-heading">{name}</h2>
        <Refusal/>
        <p class="hint">{is}</p>
    }
}

/// Where somebody types the password that they have, before they change how they sign in.
#[component]
pub fn PresentPassword() -> impl IntoView {
    view! {
        <label class="field">
            <span class="field-label">{texts().account_present_password()}</span>
            <input class="input" type="password" name="present-password" required maxlength="200"
                autocomplete="current-password"/>
        </label>
    }
}

/// Why somebody is back here, if the page's address says so.
#[component]
fn Refusal() -> impl IntoView {
    let refusal = location().query.with_untracked(|query| parameter(query, "provider"));
    refusal.and_then(|refusal| sentence(texts(), &refusal)).map(|sentence| {
        view! {
            <div class="notice" data-tone="error" role="alert">
                <Icon shape=Shape::Warning/>
                <p>{sentence}</p>
            </div>
        }
    })
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
        "too-long-ago" => texts.account_too_long_ago(),
        "wrong-password" => texts.sign_in_provider_wrong_password(),
        "too-many-guesses" => texts.sign_in_provider_too_many_guesses(),
        "busy" => texts.sign_in_provider_busy(),
        _ => return None,
    })
}
