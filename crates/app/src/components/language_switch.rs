//! The choice of the page's language: a plain form, since a page in another language is another page.

use leptos::prelude::*;

use crate::language::Language;
use crate::routing::location;
use crate::texts::texts;

/// A button for each language, named in that language.
#[component]
pub fn LanguageSwitch() -> impl IntoView {
    let texts = texts();
    let location = location();
    let here = move || {
        let query = location.query.get();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", location.path.get())
    };
    let button = |language: Language| {
        let current = if language == texts.language() { "true" } else { "false" };
        view! {
            <button class="button quiet small" type="submit" name="language" value=language.tag() lang=language.tag()
                aria-current=current>{language.name()}</button>
        }
    };
    view! {
        <form class="languages" method="post" action="/language" aria-label=texts.frame_language()>
            <input type="hidden" name="back" value=here/>
            {Language::ALL.map(button).into_iter().collect_view()}
        </form>
    }
    .into_any()
}
