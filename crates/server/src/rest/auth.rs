//! Who calls, and whether they may: the admin key or an API key, as `Authorization: Bearer <key>`.
//!
//! Architecture invariant: what a call needs is decided here, from its method and path alone, before any handler; a call
//! that is not named needs at least [`Scope::Webhooks`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use groundswell_engine::access::{Actor, Who, hash_token};
use groundswell_engine::api_keys::KnownKey;
use groundswell_types::{ErrorCode, Scope};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};

use super::answer::{Context, Failed};
use crate::client_address::ClientAddress;
use crate::http::AppState;

/// Fails when the key may not do what needs `need`. A program out of reach is as one that is not there. Use cases ask
/// again, and about the key's team, too.
fn check_key(key: &KnownKey, need: &Need<'_>) -> Result<(), Failed> {
    if let (Some(own), Some(program)) = (&key.program, need.program)
        && own.as_str() != program
    {
        return Err(Failed::new(ErrorCode::NotFound, "There is no such program."));
    }
    if key.may(need.scope) {
        return Ok(());
    }
    let message = format!(
        "This API key may not do that: it has the scopes {}, and this call needs {}.",
        key.scopes, need.scope
    );
    Err(Failed::new(ErrorCode::Forbidden, message))
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need<'a> {
    scope: Scope,
    /// The program in the path, as it is written there.
    program: Option<&'a str>,
}

impl<'a> Need<'a> {
    fn of(method: &Method, path: &'a str) -> Self {
        // `/v2/…`
        let mut segments = path.split('/').skip(2);
        let first = segments.next().unwrap_or_default();
        let program = if first == "campaign" { segments.next() } else { None };
        let scope = match (first, segments.next()) {
            _ if path == "/metrics" => Scope::Admin,
            ("api-keys" | "sign-in-links" | "audit-log" | "log-level" | "rejected-events" | "teams", _)
            | ("campaign", Some("erasures")) => Scope::Admin,
            // Addresses are people's: to read them takes what naming them takes.
            ("campaign", Some("webhooks")) if segments.nth(1) == Some("recipients") => Scope::Webhooks,
            _ if method.is_safe() => Scope::Read,
            // Only the admin key may; others are refused by what they need, before anything is read.
            ("incidents" | "maintenances", _) => Scope::Admin,
            ("campaign", Some("events")) => Scope::Events,
            _ => Scope::Webhooks,
        };
        Self { scope, program }
    }
}

/// Refuses requests without a valid key, or whose key may not do that; counts the others against the key's limits.
pub async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    checked(&state, request, |request| next.run(request)).await
}

/// As [`check`], before anything that answers.
pub async fn checked<Answer: Future<Output = Response>>(
    state: &AppState,
    mut request: Request,
    next: impl FnOnce(Request) -> Answer,
) -> Response {
    let context = |request: &Request| Context::of(state, request.headers(), request.extensions().get());
    let ClientAddress(address) = ClientAddress::of(state, request.headers(), request.extensions());
    let Some(who) = identify(state, &request) else {
        tracing::debug!(client.address = %address, "a request without a valid key was refused");
        let message = "Send a valid API key as `Authorization: Bearer <key>`.";
        let mut response = context(&request).fail(Failed::new(ErrorCode::Unauthorized, message));
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    };
    let key = match &who {
        Who::Key(key) => Some(Arc::clone(key)),
        Who::Operator | Who::Person(_) | Who::Link(_) => None,
    };
    let limited =
        key.as_ref().and_then(|key| state.rate_limiter.count(&key.id, key.rate_limit, state.engine.now_ms()));
    let need = Need::of(request.method(), request.uri().path());
    let mut response = if let Some((standing, policy)) = limited.and_then(|one| Some((one, one.exceeded()?)))
    {
        standing.refuse(policy, &context(&request))
    } else if let Some(Err(failed)) = key.map(|key| check_key(&key, &need)) {
        context(&request).fail(failed)
    } else {
        request.extensions_mut().insert(Arc::new(Actor { who, address: Some(address) }));
        next(request).await
    };
    if let Some(standing) = limited {
        standing.add_headers(response.headers_mut());
    }
    response
}

/// Keys are compared by their hashes, so how long it takes tells nothing about them.
pub fn identify(state: &AppState, request: &Request) -> Option<Who> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let hash = hash_token(key.trim());
    if state.admin_key_hash == Some(hash) {
        return Some(Who::Operator);
    }
    state.engine.api_key(&hash).map(Who::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_needs_is_in_its_method_and_path() {
        let need = |method: Method, path| {
            let Need { scope, program } = Need::of(&method, path);
            (scope.as_str(), program)
        };
        assert_eq!(need(Method::GET, "/v2/campaigns"), ("read", None));
        assert_eq!(need(Method::POST, "/v2/campaigns"), ("webhooks", None));
        assert_eq!(need(Method::PATCH, "/v2/campaign/p1"), ("webhooks", Some("p1")));
        assert_eq!(need(Method::POST, "/v2/campaign/p1/events"), ("events", Some("p1")));
        assert_eq!(need(Method::POST, "/v2/campaign/p1/events/batch"), ("events", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/campaign/p1/events/stream"), ("read", Some("p1")));
        assert_eq!(need(Method::POST, "/v2/campaign/p1/deliveries/d/resend"), ("webhooks", Some("p1")));
        assert_eq!(need(Method::POST, "/v2/campaign/p1/editor-link"), ("webhooks", Some("p1")));
        assert_eq!(need(Method::HEAD, "/v2/campaign/p1/deliveries"), ("read", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/campaign/p1/webhooks"), ("read", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/campaign/p1/webhooks/w/recipients"), ("webhooks", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/api-keys"), ("admin", None));
        assert_eq!(need(Method::DELETE, "/v2/api-keys/key_1"), ("admin", None));
        assert_eq!(need(Method::POST, "/v2/sign-in-links"), ("admin", None));
        assert_eq!(need(Method::GET, "/v2/audit-log/export"), ("admin", None));
        assert_eq!(need(Method::PUT, "/v2/log-level"), ("admin", None));
        assert_eq!(need(Method::GET, "/metrics"), ("admin", None));
        assert_eq!(need(Method::GET, "/v2/campaign/p1/erasures"), ("admin", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/rejected-events"), ("admin", None));
        assert_eq!(need(Method::GET, "/v2/campaign/p1/rejected-events"), ("read", Some("p1")));
        assert_eq!(need(Method::GET, "/v2/teams/t1/members"), ("admin", None));
        assert_eq!(need(Method::GET, "/v2/incidents/inc_1"), ("read", None));
        assert_eq!(need(Method::POST, "/v2/incidents/inc_1/updates"), ("admin", None));
        assert_eq!(need(Method::DELETE, "/v2/maintenances/inc_1"), ("admin", None));
        assert_eq!(need(Method::GET, "/v2"), ("read", None));
    }
}
