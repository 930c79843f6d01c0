//! `/embed`: opening an editor link only shows a button, since mail scanners and previews open links as well.

use groundswell_types::Theme;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::FailureNotice;
use crate::failure::Failure;
use crate::place::EMBED;
use crate::texts::texts;

/// What the page shows.
#[derive(Clone)]
pub struct Shown {
    token: Option<String>,
    /// What is left of the query without the token: the theme.
    action: String,
    /// Why the link could not be opened.
    failure: Option<Failure>,
}

impl Shown {
    /// What there is to show for a query, or after the form's post failed. Nothing is asked of the server: whether a link
    /// works it says only to who presses the button.
    pub fn new(query: &str, failure: Option<Failure>) -> Self {
        let get = |wanted| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let theme = get("theme").and_then(|theme| Theme::parse(&theme).ok());
        let action = theme.map_or(EMBED.to_owned(), |theme| format!("{EMBED}?theme={theme}"));
        Self { token: get("token").filter(|token| !token.is_empty()), action, failure }
    }
}

/// The page.
pub(super) fn view(shown: Shown) -> AnyView {
    let texts = texts();
    let Shown { token, action, failure } = shown;
    let content = match (token, failure) {
        (Some(token), None) => view! {
            <p>{texts.embed_once()}</p>
            <form method="post" action=action>
                <input type="hidden" name="token" value=token/>
                <button class="button primary" type="submit">{texts.embed_open()}</button>
            </form>
        }
        .into_any(),
        (_, Some(failure)) => view! { <FailureNotice failure/> }.into_any(),
        (None, None) => view! { <p>{texts.embed_no_link()}</p> }.into_any(),
    };
    view! {
        <Title text=texts.embed_title()/>
        <div class="page narrow empty">
            <h1>{texts.embed_title()}</h1>
            {content}
        </div>
    }
    .into_any()
}
