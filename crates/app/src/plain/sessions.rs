//! `/settings/sessions`: where somebody is signed in, and its end.

mod browser;

use groundswell_types::SessionView;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::backend::Backend;
use crate::components::{FailureNotice, Time};
use crate::failure::Failure;
use crate::texts::{Texts, texts};
use browser::Browser;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Shown {
    sessions: Vec<SessionView>,
    refused: Option<Failure>,
}

impl Shown {
    /// Reads what is to be shown.
    pub async fn read(backend: &dyn Backend, refused: Option<Failure>) -> Result<Self, Failure> {
        Ok(Self { sessions: backend.sessions().await?, refused })
    }
}

/// The page.
pub fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { sessions, refused } = shown;
    let notice = refused.map(|failure| view! { <FailureNotice failure/> });
    let has_others = sessions.iter().any(|session| !session.is_this);
    let items = sessions.into_iter().map(|session| view! { <Session session/> }).collect_view();
    let end_others = has_others.then(|| {
        view! {
            <form method="post" action="/settings/sessions">
                <button class="button danger" type="submit" name="intent" value="end-others">
                    {texts.sessions_end_others()}
                </button>
            </form>
        }
    });
    view! {
        <Title text=texts.sessions_title()/>
        <div class="page">
            <div class="page-head"><h1>{texts.sessions_title()}</h1></div>
            <p class="hint">{texts.sessions_what()}</p>
            {notice}
            <ul class="card sessions">{items}</ul>
            {end_others}
        </div>
    }
    .into_any()
}

#[component]
fn Session(session: SessionView) -> impl IntoView {
    let texts = texts();
    let SessionView { id, is_this, address, user_agent, began_at, last_seen_at } = session;
    let browser = called(texts, user_agent.as_deref());
    let began = view! { <Time at=began_at/> }.into_any();
    let seen = view! { <Time at=last_seen_at/> }.into_any();
    let action = if is_this {
        view! { <span class="tag" data-tone="info">{texts.sessions_this()}</span> }.into_any()
    } else {
        view! {
            <form method="post" action="/settings/sessions">
                <input type="hidden" name="session" value=id/>
                <button class="button small" type="submit" name="intent" value="end"
                    aria-label=texts.sessions_end_label(&browser)>
                    {texts.sessions_end()}
                </button>
            </form>
        }
        .into_any()
    };
    view! {
        <li class="session">
            <div>
                <h2>{browser.clone()}</h2>
                <p class="hint">
                    {texts.sessions_began(began)} " · " {texts.sessions_seen(seen)}
                    {address.map(|address| view! { " · " <span class="mono">{address}</span> })}
                </p>
            </div>
            {action}
        </li>
    }
}

/// A browser in short words.
fn called(texts: Texts, user_agent: Option<&str>) -> String {
    match Browser::of(user_agent.unwrap_or_default()) {
        Browser { name: Some(name), system: Some(system) } => texts.sessions_browser_on(name, system),
        Browser { name: Some(name), system: None } | Browser { name: None, system: Some(name) } => {
            name.to_owned()
        }
        Browser { name: None, system: None } => texts.sessions_unknown().to_owned(),
    }
}
