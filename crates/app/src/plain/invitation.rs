//! `/invitation`: opening the link shows whose team it is and a form; only sending the form accepts.

use groundswell_types::{Invited, WayIn};
use leptos::prelude::*;
use leptos_meta::Title;

use super::members::{role_means, role_name};
use crate::backend::Backend;
use crate::components::FailureNotice;
use crate::failure::Failure;
use crate::language::{Language, language};
use crate::said::Said;
use crate::texts::texts;

/// Why an invitation was not accepted, and what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub failure: Failure,
    /// From the form, since the answer to it has no query.
    pub token: String,
    pub name: String,
}

impl Said for Outcome {
    fn said_in(self, language: Language) -> Self {
        Self { failure: self.failure.said_in(language), ..self }
    }
}

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    token: String,
    /// Or why it cannot be accepted.
    invited: Result<Invited, Failure>,
    outcome: Option<Outcome>,
}

impl Shown {
    /// Reads what is to be shown. An invitation that is no more is no failure of the page.
    pub async fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let of_query = || {
            let mut fields = url::form_urlencoded::parse(query.as_bytes());
            fields.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned()).unwrap_or_default()
        };
        let token = outcome.as_ref().map_or_else(of_query, |outcome| outcome.token.clone());
        match backend.invited(&token).await {
            Err(failure @ Failure::Internal { .. }) => Err(failure),
            invited => Ok(Self { token, invited, outcome }),
        }
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { token, invited, outcome } = shown;
    let invited = match invited {
        Ok(invited) => invited,
        Err(failure) => {
            let failure = failure.said_in(language());
            return view! {
                <Title text=texts.invitation_title()/>
                <div class="page narrow">
                    <h1>{texts.invitation_title()}</h1>
                    <FailureNotice failure/>
                </div>
            }
            .into_any();
        }
    };
    let Invited { team, email, role, invited_by, way } = invited;
    let (team, invited_by) = (team.said_in(language()), invited_by.said_in(language()));
    let (failure, name) =
        outcome.map_or((None, String::new()), |outcome| (Some(outcome.failure), outcome.name));
    view! {
        <Title text=texts.invitation_title()/>
        <div class="page narrow">
            <div class="page-head"><h1>{texts.invitation_into(&team)}</h1></div>
            <p>{texts.invitation_by(&invited_by, email.as_str())}</p>
            <p class="hint">{texts.invitation_role(role_name(texts, role))} " " {role_means(texts, role)}</p>
            {failure.map(|failure| view! { <FailureNotice failure/> })}
            {form(way, token, (name, email.to_string()))}
        </div>
    }
    .into_any()
}

fn form(way: WayIn, token: String, (name, email): (String, String)) -> AnyView {
    let texts = texts();
    let token = view! { <input type="hidden" name="token" value=token/> };
    // For people, and for what keeps their passwords.
    let email = view! {
        <label class="field">
            <span class="field-label">{texts.invitation_email()}</span>
            <input class="input" type="email" name="email" value=email readonly autocomplete="username"/>
        </label>
    };
    match way {
        WayIn::NewAccount => view! {
            <form class="card form" method="post" action="/invitation">
                {token}
                <input type="hidden" name="intent" value="new"/>
                {email}
                <label class="field">
                    <span class="field-label">{texts.invitation_name()}</span>
                    <input class="input" name="name" value=name required maxlength="200" autocomplete="name"/>
                </label>
                <label class="field">
                    <span class="field-label">{texts.invitation_new_password()}</span>
                    <input class="input" name="password" type="password" required minlength="12" maxlength="200" autocomplete="new-password"/>
                    <span class="hint">{texts.invitation_password_hint()}</span>
                </label>
                <button class="button primary" type="submit">{texts.invitation_join()}</button>
            </form>
        }
        .into_any(),
        WayIn::OwnAccount { name } => view! {
            <form class="card form" method="post" action="/invitation">
                {token}
                <p>{texts.invitation_signed_in(&name.said_in(language()))}</p>
                <p class="hint">{texts.invitation_other_sessions()}</p>
                <button class="button primary" type="submit" name="intent" value="join">{texts.invitation_join()}</button>
            </form>
            <SignOut/>
        }
        .into_any(),
        WayIn::SignIn => view! {
            <form class="card form" method="post" action="/invitation">
                {token}
                <input type="hidden" name="intent" value="sign-in"/>
                <p>{texts.invitation_has_account()}</p>
                {email}
                <label class="field">
                    <span class="field-label">{texts.invitation_password()}</span>
                    <input class="input" name="password" type="password" required maxlength="200" autocomplete="current-password"/>
                </label>
                <p class="hint">{texts.invitation_other_sessions()}</p>
                <button class="button primary" type="submit">{texts.invitation_sign_in()}</button>
            </form>
        }
        .into_any(),
        WayIn::IsMember { name } => view! {
            <p>{texts.invitation_is_member(&name.said_in(language()))}</p>
            <SignOut/>
        }
        .into_any(),
    }
}

/// For whoever is signed in and is not who was invited.
#[component]
fn SignOut() -> impl IntoView {
    let texts = texts();
    view! {
        <form method="post" action="/sign-out">
            <p class="hint">{texts.invitation_not_you()}</p>
            <button class="button small" type="submit">{texts.frame_sign_out()}</button>
        </form>
    }
}
