//! Answers to requests that are not passed on after all. They look like all others: with an id, counted, and an error of the API
//! to whoever calls the API.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use groundswell_types::ErrorCode;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::headers;
use crate::http::AppState;
use crate::request::{self, Asked, named};
use crate::rest::{self, Failed};

/// Why a request is not passed on.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It says that another node has passed it on, which is not so, or this one does not lead. It was not begun.
    Misdirected,
    Failed(Failed),
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// Answers the request that has this head.
pub(super) async fn refuse(state: &AppState, head: Parts, refusal: Refusal) -> Response {
    let request = Request::from_parts(head, Body::empty());
    let path = request.uri().path().to_owned();
    let is_of_api = path == "/v2" || path.starts_with("/v2/");
    let meters = state.http_meters.of(request.method(), None);
    let asked = Asked { route: None, meters: &meters, span: None };
    let (mut answer, _) = named(request, asked, async |request| match refusal {
        Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST.into_response(),
        Refusal::Failed(failed) if is_of_api => rest::fail(state, &request, failed),
        Refusal::Failed(failed) => plain(&failed),
    })
    .await;
    if !is_of_api {
        headers::complete_page(answer.headers_mut());
    }
    headers::complete_answer(state, answer.headers_mut());
    if let Some(component) = request::component_of(&path) {
        state.engine.answered(component, answer.status().as_u16());
    }
    answer
}

fn plain(failed: &Failed) -> Response {
    let status = StatusCode::from_u16(failed.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, format!("{}\n", failed.message)).into_response();
    if failed.code == ErrorCode::Overloaded {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
