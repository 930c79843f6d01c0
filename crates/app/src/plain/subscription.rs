//! `/notifications?token=`: where the link in an e-mail about a webhook leads. Opening it shows what it is about; only sending
//! a form decides. Whoever has the link needs no account.

use groundswell_types::RecipientState;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::backend::Backend;
use crate::backend::telling::Subscription;
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
    let content = match subscription {
        Ok(subscription) => {
            let failure = failure.map(|failure| view! { <FailureNotice failure/> });
            let form = form(&subscription, token);
            let Subscription { email, program, webhook, .. } = subscription;
            view! {
                <p>{texts.notify_link_about(&webhook, &program, email.as_str())}</p>
                {failure}
                {form}
            }
            .into_any()
        }
        Err(failure) => view! { <FailureNotice failure=failure.said_in(language())/> }.into_any(),
    };
    view! {
        <Title text=texts.notify_link_title()/>
        <div class="page narrow subscription">
            <div class="page-head"><h1>{texts.notify_link_title()}</h1></div>
            {content}
        </div>
    }
    .into_any()
}

fn form(subscription: &Subscription, token: String) -> AnyView {
    let texts = texts();
    let state = match (subscription.state, &subscription.added_by) {
        (RecipientState::Invited, who) => {
            texts.notify_link_asked(&who.clone().unwrap_or_default().said_in(language()))
        }
        (RecipientState::Confirmed | RecipientState::Member, _) => texts.notify_link_gets().to_owned(),
        (RecipientState::Unsubscribed, _) => texts.notify_link_stopped().to_owned(),
    };
    let want = matches!(subscription.state, RecipientState::Invited | RecipientState::Unsubscribed).then(|| {
        view! { <button class="button primary" type="submit" name="intent" value="want">{texts.notify_link_want()}</button> }
    });
    let stop = (subscription.state != RecipientState::Unsubscribed).then(|| {
        view! { <button class="button" type="submit" name="intent" value="stop">{texts.notify_link_stop()}</button> }
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
