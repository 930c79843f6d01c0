//! `/sign-in`: with e-mail address and password, or with a one-time link.

use leptos::prelude::*;
use leptos_meta::Title;

use super::provider::ProviderSignIn;
use crate::backend::Backend;
use crate::backend::account::Turned;
use crate::components::{FailureNotice, Icon, Shape};
use crate::language::Language;
use crate::said::Said;
use crate::texts::texts;

/// Somebody was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub turned: Turned,
    /// As it was typed.
    pub email: String,
    /// Where to afterwards.
    pub next: String,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        Self { turned: self.turned.said_in(language), ..self }
    }
}

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Of the link that was opened.
    token: Option<String>,
    email: String,
    next: String,
    turned: Option<Turned>,
    /// Whether a link can be sent.
    sends_links: bool,
    /// Whether one was, if there is anybody to send it to.
    is_sent: bool,
}

impl Shown {
    /// What it was asked for with, and what came of its form.
    pub fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Self {
        let sends_links = backend.sends_sign_in_links();
        if let Some(Outcome { turned, email, next }) = outcome {
            return Self { email, next, turned: Some(turned), sends_links, ..Self::default() };
        }
        let get = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let token = get("token").filter(|token| !token.is_empty());
        let is_sent = sends_links && get("sent").is_some();
        Self { token, next: get("next").unwrap_or_default(), sends_links, is_sent, ..Self::default() }
    }

    /// In the place of the page at `next`.
    pub fn before(backend: &dyn Backend, next: &str) -> Self {
        Self { next: next.to_owned(), sends_links: backend.sends_sign_in_links(), ..Self::default() }
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { token, email, next, turned, sends_links, is_sent } = shown;
    let notice = turned.map(|turned| view! { <FailureNotice failure=turned.failure/> });
    let content = match token {
        Some(token) => view! { <WithLink token next/> }.into_any(),
        None => view! { <WithPassword email next sends_links/> }.into_any(),
    };
    let sent = is_sent.then(|| {
        view! {
            <div class="notice" data-tone="info" role="status">
                <Icon shape=Shape::Done/>
                <p>{texts.sign_in_link_sent()}</p>
            </div>
        }
    });
    view! {
        <Title text=texts.frame_sign_in()/>
        <div class="page narrow sign-in">
            <h1>{texts.frame_sign_in()}</h1>
            {notice}
            {sent}
            {content}
        </div>
    }
    .into_any()
}

/// Opening a link only shows a button, since mail scanners and previews open links as well.
#[component]
fn WithLink(token: String, next: String) -> impl IntoView {
    let texts = texts();
    view! {
        <p>{texts.sign_in_once()}</p>
        <form method="post" action="/sign-in">
            <input type="hidden" name="token" value=token/>
            <input type="hidden" name="next" value=next/>
            <button class="button primary" type="submit">{texts.frame_sign_in()}</button>
        </form>
    }
}

#[component]
fn WithPassword(email: String, next: String, sends_links: bool) -> impl IntoView {
    let texts = texts();
    // Of its form's fields it takes the address alone, so an empty password is no obstacle to it.
    let send_link = sends_links.then(|| {
        view! {
            <button class="button" type="submit" name="intent" value="send-link" formnovalidate>
                {texts.sign_in_send_link()}
            </button>
        }
    });
    let code = |words: &'static str| view! { <code>{words}</code> }.into_any();
    view! {
        <form class="card form" method="post" action="/sign-in">
            <input type="hidden" name="next" value=next.clone()/>
            <label class="field">
                <span class="field-label">{texts.sign_in_email()}</span>
                <input class="input" type="email" name="email" value=email required maxlength="254"
                    autocomplete="username" autocapitalize="none" spellcheck="false"/>
            </label>
            <label class="field">
                <span class="field-label">{texts.sign_in_password()}</span>
                <input class="input" type="password" name="password" required maxlength="200"
                    autocomplete="current-password"/>
            </label>
            <button class="button primary" type="submit">{texts.frame_sign_in()}</button>
            {send_link}
        </form>
        <ProviderSignIn next/>
        <details class="disclosure sign-in-help">
            <summary><Icon shape=Shape::ChevronRight/>{texts.sign_in_no_password()}</summary>
            <p>{texts.sign_in_how()}</p>
            <ul>
                <li>{texts.sign_in_with_run(code)}</li>
                <li>{texts.sign_in_with_key(code)}</li>
            </ul>
            <p class="hint">{texts.sign_in_old_link()}</p>
        </details>
    }
}
