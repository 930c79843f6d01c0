//! Who calls: the admin key or an API key, as `Authorization: Bearer <key>`.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use groundswell_engine::access::hash_token;
use groundswell_types::ErrorCode;
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use super::answer::{Context, Failed};
use crate::http::AppState;

/// Who made a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The holder of the admin key from the configuration.
    Admin,
    /// The holder of the API key with this id.
    Key(String),
}

impl Caller {
    /// Fails for everybody but the admin.
    pub fn must_be_admin(&self) -> Result<(), Failed> {
        match self {
            Self::Admin => Ok(()),
            Self::Key(_) => Err(Failed::new(ErrorCode::Forbidden, "Only the admin key may do this.")),
        }
    }
}

/// Refuses requests without a valid key; counts the others against the key's limits.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    checked(&state, request, |request| next.run(request)).await
}

/// As [`check`], before anything that answers.
pub async fn checked<Answer: Future<Output = Response>>(
    state: &AppState,
    mut request: Request,
    next: impl FnOnce(Request) -> Answer,
) -> Response {
    let Some(caller) = identify(state, &request) else {
        let context = Context::of(state, request.extensions().get());
        let message = "Send a valid API key as `Authorization: Bearer <key>`.";
        let mut response = context.fail(Failed::new(ErrorCode::Unauthorized, message));
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    };
    let limited = match (&state.rate_limiter, &caller) {
        (Some(limiter), Caller::Key(id)) => Some(limiter.count(id, state.engine.now_ms())),
        _ => None,
    };
    request.extensions_mut().insert(caller);
    match limited {
        None => next(request).await,
        Some(standing) => {
            let mut response = match standing.exceeded() {
                None => next(request).await,
                Some(policy) => standing.refuse(policy, &Context::of(state, request.extensions().get())),
            };
            standing.add_headers(response.headers_mut());
            response
        }
    }
}

/// Keys are compared by their hashes, so how long it takes tells nothing about them.
pub fn identify(state: &AppState, request: &Request) -> Option<Caller> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let key = key.trim();
    if state.admin_key_hash == Some(hash_token(key)) {
        return Some(Caller::Admin);
    }
    state.engine.api_key(key).map(Caller::Key)
}
