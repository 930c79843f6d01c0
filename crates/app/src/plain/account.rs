//! `/settings/account`: what somebody is called, and what they sign in with.

use leptos::prelude::*;
use leptos_meta::Title;

use super::provider::{ConnectProvider, PresentPassword};
use crate::backend::Backend;
use crate::backend::account::{Account, Asks, Turned};
use crate::backend::telling::Whose;
use crate::components::{FailureNotice, Icon, Shape};
use crate::failure::Failure;
use crate::language::Language;
use crate::said::Said;
use crate::texts::{Texts, texts};

/// Something could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub turned: Turned,
    /// As they were typed; passwords are typed again.
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        Self { turned: self.turned.said_in(language), ..self }
    }
}

/// What was done by the form that led here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Renamed,
    SignInChanged,
    ProviderConnected,
    ProviderDisconnected,
}

impl Done {
    const ALL: [Self; 4] =
        [Self::Renamed, Self::SignInChanged, Self::ProviderConnected, Self::ProviderDisconnected];

    /// As it stands in the page's query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renamed => "name",
            Self::SignInChanged => "sign-in",
            Self::ProviderConnected => "provider",
            Self::ProviderDisconnected => "no-provider",
        }
    }

    fn said(self, texts: Texts) -> &'static str {
        match self {
            Self::Renamed => texts.account_renamed(),
            Self::SignInChanged => texts.account_sign_in_changed(),
            Self::ProviderConnected => texts.sign_in_provider_connected(),
            Self::ProviderDisconnected => texts.sign_in_provider_disconnected(),
        }
    }
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Shown {
    account: Account,
    done: Option<Done>,
    outcome: Option<Outcome>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let account = backend.account().await?;
        let done = query.strip_prefix("done=").filter(|_| outcome.is_none());
        let done = done.and_then(|word| Done::ALL.into_iter().find(|done| done.as_str() == word));
        Ok(Self { account, done, outcome })
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { account, done, outcome } = shown;
    let done = done.map(|done| {
        view! {
            <div class="notice" data-tone="info" role="status">
                <Icon shape=Shape::Done/>
                <p>{done.said(texts)}</p>
            </div>
        }
    });
    let (turned, name, email) = match outcome {
        Some(Outcome { turned, name, email }) => (Some(turned), name, email),
        None => (None, None, None),
    };
    let notice = turned.map(|turned| view! { <FailureNotice failure=turned.failure/> });
    let Account { name: kept_name, email: kept_email, whose, has_password, asks, has_provider } = account;
    view! {
        <Title text=texts.account_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.account_title()}</h1></div>
            {done}
            {notice}
            <Name name=name.unwrap_or(kept_name)/>
            <SignIn email=email.or(kept_email).unwrap_or_default() whose has_password asks/>
            <ConnectProvider is_connected=has_provider has_password asks/>
        </div>
    }
    .into_any()
}

#[component]
fn Name(name: String) -> impl IntoView {
    let texts = texts();
    view! {
        <form class="card form" method="post" action="/settings/account">
            <input type="hidden" name="intent" value="name"/>
            <label class="field">
                <span class="field-label">{texts.account_name()}</span>
                <input class="input" name="name" value=name required maxlength="200" autocomplete="name"/>
                <span class="hint">{texts.account_name_hint()}</span>
            </label>
            <button class="button" type="submit">{texts.account_save_name()}</button>
        </form>
    }
}

#[component]
fn SignIn(email: String, whose: Option<Whose>, has_password: bool, asks: Asks) -> impl IntoView {
    let texts = texts();
    if asks == Asks::NewSignIn {
        return view! {
            <section class="card form" aria-labelledby="sign-in-heading">
                <h2 id="sign-in-heading">{texts.account_sign_in()}</h2>
                <p>{texts.account_too_long_ago()}</p>
            </section>
        }
        .into_any();
    }
    let whose = whose.map(|whose| {
        let said = match whose {
            Whose::Unknown => texts.account_email_unknown(),
            Whose::Theirs => texts.account_email_theirs(),
            Whose::NotTheirs => texts.account_email_not_theirs(),
        };
        view! { <span class="hint">{said}</span> }
    });
    let present = (asks == Asks::PresentPassword).then(|| view! { <PresentPassword/> });
    let means = if has_password { texts.account_change_means() } else { texts.account_set_means() };
    let keep = has_password.then(|| texts.account_keep_password());
    view! {
        <form class="card form" method="post" action="/settings/account" aria-labelledby="sign-in-heading">
            <h2 id="sign-in-heading">{texts.account_sign_in()}</h2>
            <p class="hint">{means}</p>
            <input type="hidden" name="intent" value="sign-in"/>
            <label class="field">
                <span class="field-label">{texts.sign_in_email()}</span>
                <input class="input" type="email" name="email" value=email required maxlength="254"
                    autocomplete="username" autocapitalize="none" spellcheck="false"/>
                {whose}
            </label>
            <label class="field">
                <span class="field-label">{texts.account_new_password()}</span>
                <input class="input" type="password" name="new-password" required=!has_password minlength="12"
                    maxlength="200" autocomplete="new-password"/>
                <span class="hint">{texts.account_password_hint()} " " {keep}</span>
            </label>
            {present}
            <button class="button primary" type="submit">{texts.account_save_sign_in()}</button>
        </form>
    }
    .into_any()
}
