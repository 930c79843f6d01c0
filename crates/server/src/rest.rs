//! The REST API under `/v2`, as the hosted product's clients call it, and our own calls beside it.

mod answer;
mod auth;
mod body;
mod deliveries;
mod events;
mod input;
mod keys;
mod limit;
mod notices;
mod programs;
mod resends;
mod webhooks;

use axum::Router;
use axum::middleware;
use axum::routing::{delete, get, patch, post};

pub use body::BodyRoom;
pub use limit::RateLimiter;

use crate::http::AppState;
use answer::{method_not_allowed, not_found};

/// All routes below `/v2`. Every one needs a key.
pub fn router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/campaigns", get(programs::list).post(programs::create))
        .route("/campaign/{id}", get(programs::show).patch(programs::change))
        .route("/campaign/{id}/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/campaign/{id}/webhooks/{webhook}", patch(webhooks::change).delete(webhooks::remove))
        .route("/campaign/{id}/webhooks/{webhook}/test", post(webhooks::test))
        .route("/campaign/{id}/events", post(events::submit))
        .route("/campaign/{id}/events/batch", post(events::submit_batch))
        .route("/campaign/{id}/notices", get(notices::list))
        .route("/campaign/{id}/deliveries", get(deliveries::list))
        .route("/campaign/{id}/deliveries/{delivery}", get(deliveries::show))
        .route("/campaign/{id}/deliveries/{delivery}/resend", post(resends::one))
        .route("/campaign/{id}/resends", get(resends::list).post(resends::begin))
        .route("/campaign/{id}/resends/{job}", get(resends::show).delete(resends::cancel))
        .route("/api-keys", get(keys::list).post(keys::create))
        .route("/api-keys/{id}", delete(keys::remove))
        .route("/sign-in-links", post(keys::create_sign_in_link))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(state, auth::check))
}
