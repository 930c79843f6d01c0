//! The server's metrics in Prometheus' text format: base units, counters that end in `_total`, names that begin with
//! `groundswell_`, and labels with few values. No label names a team, a program, a webhook or a URL: there are as many of
//! those as the customers make, and what they do is not for everybody who sees a dashboard.
//!
//! Nothing is kept for this: what the engine counts is read when somebody asks.

mod collect;
mod listen;
mod process;
mod put;

use axum::response::{IntoResponse, Response};
use groundswell_engine::clock::Clock;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

use self::collect::Collected;
pub use self::listen::MetricsFront;
use crate::http::AppState;

/// Version 0.0.4 of the format, which everything that collects metrics reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is known from the start on.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// Unix milliseconds.
    at_ms: i64,
}

impl Started {
    /// Now.
    pub fn now() -> Self {
        Self { at_ms: Clock::system().now_ms() }
    }

    const fn at_ms(self) -> i64 {
        self.at_ms
    }
}

/// All metrics as they are now.
pub async fn exposition(state: &AppState) -> Response {
    let mut registry = Registry::with_prefix("groundswell");
    registry.register_collector(Box::new(Collected::new(state).await));
    let mut text = String::with_capacity(32 * 1024);
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
