//! The REST API under `/v2`, as the hosted product's clients call it, and our own calls beside it.

mod answer;
mod auth;
mod body;
mod coding;
mod deliveries;
mod events;
mod inbox;
mod input;
mod keys;
mod limit;
mod notices;
mod programs;
mod resends;
mod webhooks;

use axum::Router;
use axum::extract::{FromRequestParts as _, Request};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, delete, get, patch, post};

pub use body::BodyRoom;
pub use limit::RateLimiter;

use crate::http::AppState;
use answer::{Call, method_not_allowed, not_found};

/// All routes below `/v2`, with their whole paths: a nested router would write each request's path anew. Every one needs
/// a key.
pub fn router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/v2/campaigns", get(programs::list).post(programs::create))
        .route("/v2/campaign/{id}", get(programs::show).patch(programs::change))
        .route("/v2/campaign/{id}/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/v2/campaign/{id}/webhooks/{webhook}", patch(webhooks::change).delete(webhooks::remove))
        .route("/v2/campaign/{id}/webhooks/{webhook}/test", post(webhooks::test))
        .route("/v2/campaign/{id}/webhooks/{webhook}/old-secret", delete(webhooks::end_old_secret))
        .route("/v2/campaign/{id}/events", post(events::submit))
        .route("/v2/campaign/{id}/events/batch", post(events::submit_batch))
        .route("/v2/campaign/{id}/notices", get(notices::list))
        .route("/v2/campaign/{id}/inbox", get(inbox::show))
        .route("/v2/campaign/{id}/inbox/address", post(inbox::replace))
        .route("/v2/campaign/{id}/inbox/requests", delete(inbox::clear))
        .route("/v2/campaign/{id}/inbox/requests/{request}", get(inbox::request))
        .route("/v2/campaign/{id}/deliveries", get(deliveries::list))
        .route("/v2/campaign/{id}/deliveries/export", get(deliveries::export))
        .route("/v2/campaign/{id}/deliveries/{delivery}", get(deliveries::show))
        .route("/v2/campaign/{id}/deliveries/{delivery}/resend", post(resends::one))
        .route("/v2/campaign/{id}/resends", get(resends::list).post(resends::begin))
        .route("/v2/campaign/{id}/resends/{job}", get(resends::show).delete(resends::cancel))
        .route("/v2/api-keys", get(keys::list).post(keys::create))
        .route("/v2/api-keys/{id}", delete(keys::remove))
        .route("/v2/sign-in-links", post(keys::create_sign_in_link))
        .route("/v2", any(not_found))
        .route("/v2/{*rest}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(state, auth::check))
}

/// The calls that are made for every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCall {
    One,
    Batch,
}

/// Answers one of the calls for events as [`router`] would, without its layers.
pub async fn submit_events(state: AppState, request: Request, call: EventCall) -> Response {
    auth::checked(&state, request, async |request| {
        let (mut parts, body) = request.into_parts();
        let given = match Call::from_request_parts(&mut parts, &state).await {
            Ok(given) => given,
            Err(refusal) => return refusal,
        };
        // `/v2/campaign/{id}/…`
        let program = parts.uri.path().split('/').nth(3).unwrap_or_default();
        match call {
            EventCall::One => events::submit_to(program, given, body).await,
            EventCall::Batch => events::submit_batch_to(program, given, body).await,
        }
    })
    .await
}
