//! `/metrics` with a key. For operators alone: how much is delivered for whom adds up to what a business does, and whoever
//! collects metrics has a listener of its own for it (`metrics_listen`), which needs no key.

use axum::response::{IntoResponse as _, Response};

use super::answer::{Call, Failed};
use crate::metrics;

/// `GET /metrics`
pub async fn show(call: Call) -> Response {
    if let Err(error) = call.actor().check_operator() {
        return call.context.fail(Failed::from(error));
    }
    metrics::exposition(&call.state).await.into_response()
}
