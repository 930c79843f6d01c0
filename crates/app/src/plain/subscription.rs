//! `/notifications?token=`: where the link in an e-mail about a webhook, or about an account, leads. Opening it shows what it is about; only sending
//! a form decides. Whoever has the link needs no account.

use groundswell_types::RecipientState;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::backend::Backend;
use crate::backend::telling::{Subscription, Topic, Whose};
use crate::components::FailureNotice;
use crate::failure::Failure;
use crate::language::{Language, language};
use crate::said::Said;
use crate::texts::texts;

/// What came of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// From the form, since the answer to it has no query.
    pub token: String,
    /// Why it could not be done.
    pub failure: Option<Failure>,
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
    /// Or why the link leads nowhere.
    subscription: Result<Subscription, Failure>,
    failure: Option<Failure>,
}

impl Shown {
    /// Reads what is to be shown. A link that is no more is no failure of the page.
    pub async fn read(backend: &dyn Backend, query: &str, outcome: Option<Outcome>) -> Result<Self, Failure> {
        let (token, failure) = if let Some(Outcome { token, failure }) = outcome {
            (token, failure)
        } else {
            let mut fields = url::form_urlencoded::parse(query.as_bytes());
            let token = fields.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
            (token.unwrap_or_default(), None)
        };
        match backend.subscription(&token).await {
            Err(failure @ Failure::Internal { .. }) => Err(failure),
            subscription => Ok(Self { token, subscription, failure }),
        }
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { token, subscription, failure } = shown;
    let is_about_account = matches!(&subscription, Ok(found) if matches!(found.topic, Topic::Account { .. }));
    let title = if is_about_account { texts.notify_link_account_title() } else { texts.notify_link_title() };
    let content = match subscription {
        Ok(Subscription { email, topic }) => {
            let failure = failure.map(|failure| view! { <FailureNotice failure/> });
            let about = match &topic {
                Topic::Webhook { program, webhook, .. } => {
                    texts.notify_link_about(webhook, program, email.as_str())
                }
                Topic::Gone { .. } => texts.notify_link_gone_about(email.as_str()),
                Topic::Account { name, .. } => texts.notify_link_account_about(email.as_str(), name),
            };
            let form = form(&topic, token);
            view! {
                <p>{about}</p>
                {failure}
                {form}
            }
            .into_any()
        }
        Err(failure) => view! { <FailureNotice failure=failure.said_in(language())/> }.into_any(),
    };
    view! {
        <Title text=title/>
        <div class="page narrow subscription">
            <div class="page-head"><h1>{title}</h1></div>
            {content}
        </div>
    }
    .into_any()
}

/// How it is, and what whoever has the link can say: that they want it, and that they do not.
struct Choice {
    state: String,
    want: Option<&'static str>,
    stop: Option<&'static str>,
}

fn choice(topic: &Topic) -> Choice {
    let texts = texts();
    match topic {
        Topic::Webhook { added_by, state, .. } => Choice {
            state: match state {
                RecipientState::Invited => {
                    let who = added_by.clone().unwrap_or_default();
                    texts.notify_link_asked(&who.said_in(language()))
                }
                RecipientState::Confirmed | RecipientState::Member => texts.notify_link_gets().to_owned(),
                RecipientState::Unsubscribed => texts.notify_link_stopped().to_owned(),
            },
            want: matches!(state, RecipientState::Invited | RecipientState::Unsubscribed)
                .then(|| texts.notify_link_want()),
            stop: (*state != RecipientState::Unsubscribed).then(|| texts.notify_link_stop()),
        },
        Topic::Gone { state } => {
            let is_stopped = *state == RecipientState::Unsubscribed;
            Choice {
                state: if is_stopped { texts.notify_link_stopped() } else { texts.notify_link_gone() }
                    .to_owned(),
                want: None,
                stop: (!is_stopped).then(|| texts.notify_link_stop()),
            }
        }
        Topic::Account { whose, .. } => Choice {
            state: match whose {
                Whose::Unknown => texts.notify_link_account_asked().to_owned(),
                Whose::Theirs => texts.notify_link_account_gets().to_owned(),
                Whose::NotTheirs => texts.notify_link_account_stopped().to_owned(),
            },
            want: (*whose != Whose::Theirs).then(|| texts.notify_link_account_want()),
            stop: (*whose != Whose::NotTheirs).then(|| texts.notify_link_account_stop()),
        },
    }
}

fn form(topic: &Topic, token: String) -> AnyView {
    let texts = texts();
    let Choice { state, want, stop } = choice(topic);
    let want = want.map(|label| {
        view! { <button class="button primary" type="submit" name="intent" value="want">{label}</button> }
    });
    let stop = stop.map(|label| {
        view! { <button class="button" type="submit" name="intent" value="stop">{label}</button> }
    });
    view! {
        <form class="card form" method="post" action="/notifications">
            <input type="hidden" name="token" value=token/>
            <p role="status">{state}</p>
            {want}
            {stop}
            <button class="button quiet" type="submit" name="intent" value="stop-all">{texts.notify_link_stop_all()}</button>
        </form>
    }
    .into_any()
}
