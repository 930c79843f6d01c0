//! `/inbox/{token}`: the built-in receiver for first steps. Open to whoever knows the address; everything it says is plain
//! text, and to a wrong address it says no more than to any other path.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use groundswell_engine::inbox::{Arrived, MAX_BODY_BYTES, NotTaken, Origin, TAKEN};
use groundswell_types::{ErrorCode, HeaderView};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::http::AppState;
use crate::routes::Routes;

/// What somebody reads who opens the address in a browser.
const ABOUT: &str = "This is a Groundswell inbox, a receiver for trying webhooks. What is sent here with POST, PUT or PATCH \
                     is shown in its program, for 24 hours.\n";

/// Whose share of the room for bodies it is; no key has such an id.
const INBOXES: &str = "inboxes";

/// The methods an inbox answers.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, OPTIONS";

/// The one route.
pub fn router() -> Routes {
    Routes::new().any("/inbox/{token}", receive)
}

async fn receive(State(state): State<AppState>, Path(token): Path<String>, request: Request) -> Response {
    let (Parts { method, headers, .. }, body) = request.into_parts();
    if !state.engine.has_inbox(&token) {
        return refuse(&NotTaken::Unknown);
    }
    match method {
        Method::GET | Method::HEAD => text(StatusCode::OK, ABOUT.to_owned()),
        Method::POST | Method::PUT | Method::PATCH => {
            match take(&state, &token, (method, headers, body)).await {
                Ok(()) => text(StatusCode::OK, TAKEN.to_owned()),
                Err(response) => response,
            }
        }
        other => {
            let mut response = if other == Method::OPTIONS {
                StatusCode::NO_CONTENT.into_response()
            } else {
                text(StatusCode::METHOD_NOT_ALLOWED, format!("{other} is not possible here.\n"))
            };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
            response
        }
    }
}

async fn take(
    state: &AppState,
    token: &str,
    (method, headers, body): (Method, HeaderMap, Body),
) -> Result<(), Response> {
    let program = state.engine.admit_to_inbox(token).map_err(|why| refuse(&why))?;
    // Anybody can send here, so all inboxes together have no more of the room than one team.
    let read = state.bodies.share_of(INBOXES).read(&headers, body, MAX_BODY_BYTES).await;
    let read = read.map_err(|failed| match failed.code {
        ErrorCode::PayloadTooLarge => refuse(&NotTaken::TooLarge),
        // Whoever sends this may have sent nothing else: all inboxes have their room together.
        ErrorCode::RateLimit | ErrorCode::Overloaded => {
            let says = "Too much is being sent to inboxes at once. Try again in a second.\n";
            later(text(StatusCode::SERVICE_UNAVAILABLE, says.to_owned()))
        }
        code => {
            let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            text(status, format!("{}\n", failed.message))
        }
    })?;
    let view = |(name, value): (&http::HeaderName, &HeaderValue)| HeaderView {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    let arrived = Arrived {
        method: method.to_string(),
        headers: headers.iter().map(view).collect(),
        body: Bytes::copy_from_slice(&read),
        from: Origin::Network,
    };
    state.engine.receive_in_inbox(&program, arrived).await.map_err(|why| refuse(&why))
}

fn refuse(why: &NotTaken) -> Response {
    if let NotTaken::NotKept(cause) = why {
        tracing::warn!(error = %cause, "a request to an inbox could not be kept");
    }
    let status = StatusCode::from_u16(why.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = text(status, format!("{why}\n"));
    if matches!(why, NotTaken::TooMany | NotTaken::NotKept(_)) { later(response) } else { response }
}

/// The answer, and that it is worth trying again in a second.
fn later(mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn text(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
