//! The listener for metrics alone. It needs no key, so it is for an address that only those reach who may read them.

use axum::extract::Request;
use axum::response::IntoResponse as _;
use http::{Method, StatusCode};

use crate::http::AppState;
use crate::listener::{Answer, Answers};

/// Answers `GET /metrics` and nothing else.
pub struct MetricsFront(pub AppState);

impl Answers for MetricsFront {
    fn answer(&self, request: Request) -> Answer {
        let state = self.0.clone();
        Box::pin(async move {
            match (request.uri().path(), request.method()) {
                ("/metrics", &Method::GET) => super::exposition(&state).await,
                ("/metrics", _) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        })
    }
}
