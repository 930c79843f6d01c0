//! One request and its answer over HTTP, within bounds of time, size and number.

use std::time::Duration;

use bytes::Bytes;
use groundswell_types::ProgramId;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::error::{ErrorAnswer, Failure, SetupError};
use crate::event::IdempotencyKey;
use crate::retry::retry_after;

/// The answer to a full batch has a line for each event, and an error's line can be long.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("groundswell-client/", env!("CARGO_PKG_VERSION")));

/// How requests are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) in_flight: usize,
}

/// What is posted.
pub(crate) enum Post<'a> {
    /// One event.
    Event(&'a IdempotencyKey),
    /// Lines of events, each with its key in it.
    Batch,
}

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct Transport {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Scheme, host and perhaps a path, without `/` at the end.
    base: String,
    authorization: HeaderValue,
    turns: Semaphore,
    attempt_timeout: Duration,
}

impl Transport {
    /// Connects to nothing yet.
    pub(crate) fn new(base_url: &str, api_key: &str, limits: Limits) -> Result<Self, SetupError> {
        let provider = rustls::crypto::ring::default_provider();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(provider)
            .map_err(SetupError::Tls)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http =
            legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let is_key = !api_key.is_empty() && api_key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = is_key.then(|| HeaderValue::try_from(format!("Bearer {api_key}")).ok()).flatten();
        let mut authorization = key.ok_or(SetupError::Key)?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            base: base(base_url).ok_or_else(|| SetupError::Url(base_url.to_owned()))?,
            authorization,
            turns: Semaphore::new(limits.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            attempt_timeout: limits.attempt_timeout,
        })
    }

    /// Requests under way at the same time; further ones wait for their turn.
    pub(crate) fn turns(&self) -> &Semaphore {
        &self.turns
    }

    /// Sends a request and returns the body of a successful answer.
    pub(crate) async fn post(
        &self,
        program: &ProgramId,
        post: &Post<'_>,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let request = self.request(program, post, body).map_err(|error| Failure::Connection(error.into()))?;
        timeout(self.attempt_timeout, self.exchange(request)).await.unwrap_or(Err(Failure::Timeout))
    }

    fn request(
        &self,
        program: &ProgramId,
        post: &Post<'_>,
        body: Bytes,
    ) -> http::Result<Request<Full<Bytes>>> {
        let base = &self.base;
        let request = match post {
            Post::Event(key) => Request::post(format!("{base}/v2/campaign/{program}/events"))
                .header(CONTENT_TYPE, "application/json")
                .header("idempotency-key", key.as_str()),
            Post::Batch => Request::post(format!("{base}/v2/campaign/{program}/events/batch"))
                .header(CONTENT_TYPE, "application/x-ndjson"),
        };
        request.header(AUTHORIZATION, &self.authorization).header(USER_AGENT, AGENT).body(Full::new(body))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let answer = self.http.request(request).await.map_err(|error| Failure::Connection(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = read(body).await;
        if head.status.is_success() {
            return body;
        }
        // What cannot be read of an error is not worth more than its status.
        let body = body.unwrap_or_default();
        let answer = ErrorAnswer::read(head.status.as_u16(), retry_after(&head.headers), &body);
        Err(Failure::Answer(answer.into()))
    }
}

async fn read(body: Incoming) -> Result<Bytes, Failure> {
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(Failure::Connection)?;
    Ok(body.to_bytes())
}

/// The address without what every path here starts with.
fn base(url: &str) -> Option<String> {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/v2").unwrap_or(url);
    let uri: Uri = url.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_http && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none())
        .then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn an_address_may_have_a_path_and_the_version() {
        assert_eq!(base("https://a.example/").as_deref(), Some("https://a.example"));
        assert_eq!(base("https://a.example/v2").as_deref(), Some("https://a.example"));
        assert_eq!(base("http://[::1]:3000/hooks/v2/").as_deref(), Some("http://[::1]:3000/hooks"));
        for url in ["", "a.example", "ftp://a.example", "https://", "https://a.example/?a=b"] {
            assert_eq!(base(url), None, "{url}");
        }
    }
}
