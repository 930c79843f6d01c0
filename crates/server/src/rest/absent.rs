//! What is asked of this server and is not here: parts of the hosted product that it does not have, paths that nobody
//! has, and paths that cannot be read.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use groundswell_types::ErrorCode;
use http::{HeaderName, HeaderValue};

use super::answer::{Context, Failed, not_found};
use crate::http::AppState;

/// What follows `/v2/` where the hosted product keeps accounts and teams.
const HOSTED: [&str; 3] = ["accounts", "api-key", "team"];

/// What follows `/v2/campaign/{id}/` where the hosted product runs the program itself.
const HOSTED_OF_A_PROGRAM: [&str; 22] = [
    "affiliate-applications",
    "affiliate-invites",
    "analytics",
    "clone",
    "commission",
    "commissions",
    "design",
    "emails",
    "installation",
    "integrations",
    "leaderboard",
    "mobile-participant-token",
    "options",
    "participant",
    "participants",
    "payouts",
    "referral-flow-screenshots",
    "referrals",
    "resource-upload-tickets",
    "resources",
    "reward",
    "reward-configs",
];

/// The hosted product's clients repeat a read that was answered 5xx, unless this header forbids it.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The answer to a path that no call has. Where the hosted product has one it is 501: with 404 its clients would tell
/// their callers that there is no such participant, and one that was to be deleted would pass for deleted.
pub async fn answer(State(state): State<AppState>, request: Request) -> Response {
    if !is_hosted(request.uri().path()) {
        return not_found(State(state), request).await;
    }
    let message = format!(
        "{} {} belongs to a part of the hosted product that this server does not have. It has campaigns and webhooks \
         as there, and its own events and deliveries.",
        request.method(),
        request.uri().path(),
    );
    let context = Context::of(&state, request.headers(), request.extensions().get());
    let mut response = context.fail(Failed::new(ErrorCode::NotImplemented, message));
    response.headers_mut().insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    response
}

fn is_hosted(path: &str) -> bool {
    let mut segments = path.split('/').skip(2);
    match segments.next() {
        Some("campaign") => segments.nth(1).is_some_and(|part| HOSTED_OF_A_PROGRAM.contains(&part)),
        Some(part) => HOSTED.contains(&part),
        None => false,
    }
}

/// Refuses a path with an id that is not UTF-8: it is as unknown as any other that was never given. Axum's own answer
/// would be a line of text.
pub async fn refuse_unreadable(
    State(state): State<AppState>,
    ids: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    if ids.is_ok() {
        return next.run(request).await;
    }
    let message = format!("There is no {}: it has an id that is not UTF-8.", request.uri().path());
    Context::of(&state, request.headers(), request.extensions().get())
        .fail(Failed::new(ErrorCode::NotFound, message))
}

#[cfg(test)]
mod tests {
    use super::is_hosted;

    #[test]
    fn only_paths_of_the_hosted_product_are_its_own() {
        for path in [
            "/v2/team",
            "/v2/team/owner/verification-email",
            "/v2/api-key/rotate",
            "/v2/campaign/x/participant/p1/ref",
            "/v2/campaign/x/analytics/activation",
        ] {
            assert!(is_hosted(path), "{path}");
        }
        for path in [
            "/v2",
            "/v2/",
            "/v2/teams",
            "/v2/participant",
            "/v2/campaign",
            "/v2/campaign/x",
            "/v2/campaign/participants",
            "/v2/campaign/x/participantsx",
            "/v2/campaign/x/webhooks/participants",
        ] {
            assert!(!is_hosted(path), "{path}");
        }
    }
}
