//! What went wrong, and what to do about it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Icon, Shape};
use crate::failure::Failure;
use crate::place::place;
use crate::routing::location;
use crate::texts::{Texts, texts};
use crate::words;

/// A failure above or beside what it is about.
#[component]
pub fn FailureNotice(failure: Failure) -> impl IntoView {
    let texts = texts();
    let problems = match &failure {
        Failure::Invalid(problems) => problems.clone(),
        _ => Vec::new(),
    };
    let list = (!problems.is_empty()).then(|| {
        let items = problems.into_iter().map(|problem| view! { <li>{sentence(&problem.message)}</li> });
        view! { <ul>{items.collect_view()}</ul> }
    });
    view! {
        <div class="notice" data-tone="error" role="alert">
            <Icon shape=Shape::Warning/>
            <div>
                <p>{words::failure(texts, &failure)}</p>
                {list}
                {request_id(texts, &failure)}
            </div>
        </div>
    }
    .into_any()
}

/// A failure instead of a page.
#[component]
pub fn FailurePage(failure: Failure) -> impl IntoView {
    let texts = texts();
    let is_embedded = place().is_embedded();
    let (title, advice) = match &failure {
        Failure::SignedOut if is_embedded => return view! { <Ended/> }.into_any(),
        Failure::SignedOut => return view! { <SignedOut/> }.into_any(),
        Failure::NotFound => (texts.failure_not_found_title(), texts.failure_not_found_advice()),
        Failure::Offline => (texts.failure_offline_title(), texts.failure_offline_advice()),
        Failure::Internal { request_id: Some(_) } => (texts.failure_title(), texts.failure_advice()),
        // What is refused says itself what to do.
        _ => (texts.failure_title(), ""),
    };
    view! {
        <Title text=title/>
        <div class="page narrow empty">
            <h1>{title}</h1>
            <p>{words::failure(texts, &failure)}</p>
            {(!advice.is_empty()).then(|| view! { <p class="hint">{advice}</p> })}
            {request_id(texts, &failure)}
            {(!is_embedded).then(|| view! { <p><a class="button" href="/">{texts.frame_programs()}</a></p> })}
        </div>
    }
    .into_any()
}

/// In the place of a page inside of another product.
#[component]
fn Ended() -> impl IntoView {
    let texts = texts();
    view! {
        <Title text=texts.embed_title()/>
        <div class="page narrow empty">
            <h1>{texts.embed_title()}</h1>
            <p>{texts.embed_ended()}</p>
            <p class="hint">{texts.embed_cookies()}</p>
        </div>
    }
    .into_any()
}

/// The way to sign in again, and back here.
#[component]
fn SignedOut() -> impl IntoView {
    let texts = texts();
    let location = location();
    let here = move || format!("{}?{}", location.path.get(), location.query.get());
    view! {
        <Title text=texts.frame_sign_in()/>
        <div class="page narrow empty">
            <h1>{texts.frame_sign_in()}</h1>
            <p>{texts.failure_signed_out()}</p>
            <form action="/sign-in">
                <input type="hidden" name="next" value=here/>
                <button class="button primary" type="submit">{texts.frame_sign_in()}</button>
            </form>
        </div>
    }
    .into_any()
}

fn request_id(texts: Texts, failure: &Failure) -> Option<impl IntoView + use<>> {
    let Failure::Internal { request_id: Some(id) } = failure else { return None };
    Some(view! { <p class="hint">{texts.failure_request(view! { <code>{id.clone()}</code> })}</p> })
}

/// A problem's message reads on from its pointer; alone it needs a capital letter and a full stop.
pub fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let capital: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let rest = chars.as_str();
    let stop = if message.ends_with(['.', '!', '?']) || message.is_empty() { "" } else { "." };
    format!("{capital}{rest}{stop}")
}
