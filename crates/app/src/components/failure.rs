//! What went wrong, and what to do about it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Icon, Shape};
use crate::failure::Failure;
use crate::pages::SignInHelp;

/// A failure above or beside what it is about.
#[component]
pub fn FailureNotice(failure: Failure) -> impl IntoView {
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
                <p>{failure.to_string()}</p>
                {list}
                {request_id(&failure)}
            </div>
        </div>
    }
    .into_any()
}

/// A failure instead of a page.
#[component]
pub fn FailurePage(failure: Failure) -> impl IntoView {
    let (title, advice) = match &failure {
        Failure::SignedOut => return view! { <SignInHelp/> }.into_any(),
        Failure::NotFound => ("Not found", "Check the address, or go back to your programs."),
        Failure::Offline => ("No connection", "Reload the page when you are online again."),
        _ => (
            "This did not work",
            "Reload the page. If it happens again, give the operator of this server the number below.",
        ),
    };
    view! {
        <Title text=title/>
        <div class="page narrow empty">
            <h1>{title}</h1>
            <p>{failure.to_string()}</p>
            <p class="hint">{advice}</p>
            {request_id(&failure)}
            <p><a class="button" href="/">"Programs"</a></p>
        </div>
    }
    .into_any()
}

fn request_id(failure: &Failure) -> Option<impl IntoView + use<>> {
    let Failure::Internal { request_id: Some(id) } = failure else { return None };
    Some(view! { <p class="hint">"Request " <code>{id.clone()}</code></p> })
}

/// A problem's message reads on from its pointer; alone it needs a capital letter and a full stop.
pub fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let capital: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let rest = chars.as_str();
    let stop = if message.ends_with(['.', '!', '?']) || message.is_empty() { "" } else { "." };
    format!("{capital}{rest}{stop}")
}
