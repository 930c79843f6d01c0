//! Plain form posts, as browsers make them when JavaScript is off, did not load yet, or failed. Post, act,
//! redirect; what cannot be done is answered with the page itself, the reason on it and what was typed still
//! in it.
//!
//! The server routes `POST` of [`PATHS`] to [`submit`], sets the cookie and redirects, or renders the page of the
//! path with [`Returned`] as context.

use groundswell_types::{Problem, ProgramId, ProgramType};

use crate::backend::Backend;
use crate::failure::Failure;
use crate::intent::Done;
use crate::language::Language;
use crate::place::Place;
use crate::plain::Outcome;
use crate::returned::Returned;
use crate::said::Said;
use crate::texts::Texts;

mod account;
mod api_keys;
mod embed;
mod form;
mod inbox;
mod incidents;
mod log;
mod one_click;
mod panel;
mod panel_form;
mod privacy;
mod team;
mod telling;

pub use account::after_sign_in;
use form::{Form, own_page};

/// Where forms are posted to, in axum's path syntax.
pub const PATHS: [&str; 22] = [
    "/",
    "/settings/api-keys",
    "/language",
    "/sign-in",
    "/sign-out",
    "/programs/{id}/options",
    "/programs/{id}/options/webhooks",
    "/programs/{id}/inbox",
    "/programs/{id}/deliveries",
    "/programs/{id}/options/webhooks/history",
    "/embed",
    "/embed/programs/{id}/webhooks",
    "/embed/programs/{id}/webhooks/history",
    "/settings/privacy",
    "/settings/members",
    "/invitation",
    "/team",
    "/settings/account",
    "/settings/sessions",
    "/settings/status",
    "/settings/notifications",
    "/notifications",
];

/// What is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `303 See Other`.
    Redirect {
        /// Where to.
        location: String,
        /// The value of `Set-Cookie`, if a cookie is to be set.
        set_cookie: Option<String>,
    },
    /// `303 See Other`, for who has signed in.
    SignedIn {
        /// Where to.
        location: String,
        /// The values of `Set-Cookie`.
        set_cookies: Vec<String>,
    },
    /// The page that a `GET` of the same path shows.
    Page {
        /// The HTTP status.
        status: u16,
        /// To be given to the page as context.
        returned: Box<Returned>,
    },
    /// A page without a browser half.
    Plain {
        /// The HTTP status.
        status: u16,
        /// To be shown on it.
        outcome: Box<Outcome>,
    },
}

impl Answer {
    fn redirect(location: impl Into<String>) -> Self {
        Self::Redirect { location: location.into(), set_cookie: None }
    }

    fn page(returned: Returned) -> Self {
        Self::Page { status: returned.failure.status(), returned: Box::new(returned) }
    }

    fn failed(failure: Failure) -> Self {
        Self::page(Returned::because(failure))
    }
}

/// A form as it was posted.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where to; decides which form it is.
    pub path: &'a str,
    /// What stands behind the path's question mark; empty when there is none.
    pub query: &'a str,
    /// `application/x-www-form-urlencoded`, but for one click in a mail program, which may come as `multipart/form-data`.
    pub body: &'a [u8],
    /// What the page it was on was in.
    pub language: Language,
}

/// Does what a posted form asks for.
pub async fn submit(backend: &dyn Backend, post: Post<'_>) -> Answer {
    let answer = act(backend, post).await;
    match answer {
        Answer::Page { status, mut returned } => {
            returned.failure = returned.failure.said_in(post.language);
            Answer::Page { status, returned }
        }
        Answer::Plain { status, outcome } => {
            Answer::Plain { status, outcome: Box::new(outcome.said_in(post.language)) }
        }
        redirect @ (Answer::Redirect { .. } | Answer::SignedIn { .. }) => redirect,
    }
}

async fn act(backend: &dyn Backend, post: Post<'_>) -> Answer {
    let form = Form::read(post.body);
    match post.path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [""] => create_program(backend, &form).await,
        ["language"] => choose_language(backend, &form),
        ["sign-in"] => account::sign_in(backend, &form).await,
        ["sign-out"] => account::sign_out(backend).await,
        ["settings", "api-keys"] => api_keys::submit(backend, &form).await,
        ["settings", "privacy"] => privacy::submit(backend, &form).await,
        ["settings", "status"] => incidents::submit(backend, &form).await,
        ["settings", "notifications"] => telling::submit(backend, post, &form).await,
        ["notifications"] => telling::subscribe(backend, post, &form).await,
        ["settings", "members"] => team::submit(backend, &form).await,
        ["invitation"] => team::accept(backend, &form).await,
        ["team"] => team::choose(backend, &form).await,
        ["settings", "account"] => account::submit(backend, &form).await,
        ["settings", "sessions"] => account::submit_to_sessions(backend, &form).await,
        ["programs", id, page @ ..] => match (ProgramId::parse(id), page) {
            (Ok(id), ["options", "webhooks"]) => {
                panel::submit(backend, Texts::of(post.language), (&id, Place::Editor), &form).await
            }
            (Ok(id), ["options", "webhooks", "history"]) => {
                restore(backend, (&id, Place::Editor), &form).await
            }
            (Ok(id), ["options"]) => inbox::submit_to_options(backend, &id, &form).await,
            (Ok(id), ["deliveries"]) => log::submit(backend, &id, post.query, &form).await,
            (Ok(id), ["inbox"]) => inbox::submit(backend, &id, &form).await,
            _ => Answer::failed(Failure::NotFound),
        },
        ["embed"] => embed::open(backend, &form).await,
        ["embed", "programs", id, page @ ..] => match (ProgramId::parse(id), page) {
            (Ok(id), ["webhooks"]) => {
                panel::submit(backend, Texts::of(post.language), (&id, Place::Embedded), &form).await
            }
            (Ok(id), ["webhooks", "history"]) => restore(backend, (&id, Place::Embedded), &form).await,
            _ => Answer::failed(Failure::NotFound),
        },
        _ => Answer::failed(Failure::NotFound),
    }
}

async fn create_program(backend: &dyn Backend, form: &Form) -> Answer {
    let name = form.get("name").trim();
    let kind = ProgramType::parse(form.get("type")).filter(|kind| ProgramType::ALL.contains(kind));
    let outcome = match kind {
        Some(kind) => backend.create_program(name, kind).await,
        None => Err(Failure::Invalid(vec![Problem::new("/type", "choose referral or affiliate")])),
    };
    match outcome {
        Ok(id) => Answer::redirect(format!("/programs/{id}/options")),
        Err(failure) => {
            Answer::page(Returned { program_name: Some(name.to_owned()), ..Returned::because(failure) })
        }
    }
}

/// Remembers the language, and goes back to the page it was chosen on.
fn choose_language(backend: &dyn Backend, form: &Form) -> Answer {
    let Some(language) = Language::parse(form.get("language")) else {
        return Answer::failed(Failure::NotFound);
    };
    let set_cookie = Some(backend.remember_language(language));
    Answer::Redirect { location: own_page(form.get("back")), set_cookie }
}

async fn restore(backend: &dyn Backend, (id, place): (&ProgramId, Place), form: &Form) -> Answer {
    let number = |name| form.get(name).parse::<i64>().ok();
    let (Some(version), Some(draft)) = (number("version"), number("draft")) else {
        return Answer::failed(Failure::NotFound);
    };
    match backend.restore(id, version, draft).await {
        Ok(()) => Answer::redirect(format!("{}?done={}", place.webhooks(id), Done::Restored)),
        Err(failure) => Answer::failed(failure),
    }
}
