//! Passing requests on to the node that leads.
//!
//! While there is none, as for a moment after it has stopped, a request waits: it is only sent again where it was not begun.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use groundswell_engine::Engine;
use groundswell_engine::clock::Stopwatch;
use http::header::{CONNECTION, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

use super::{NodeKey, PEER, SAY, SIGNATURE, parts_of_request, take_peer};
use crate::client_address::Peer;
use crate::oidc::connector;

/// Bodies are kept until they are answered, so that they can be sent again. No call that is passed on takes a larger one.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// So many requests with bodies are passed on at once.
const BODIES: usize = 32;

/// A body is here within this time.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

/// So long a request waits for a node that leads.
const PATIENCE: Duration = Duration::from_secs(20);

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Of the connection and not of the request; RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// See the module.
pub struct Forward {
    pub(super) key: NodeKey,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    bodies: Semaphore,
    /// Since it was last asked for a look at who leads.
    looked: Mutex<Option<Stopwatch>>,
}

/// What becomes of a request.
pub enum Course {
    /// It is answered here.
    Here(Request),
    Answered(Response),
}

impl Forward {
    /// Fails when the certificates that this machine trusts cannot be read.
    pub fn new(key: NodeKey) -> Result<Self, rustls::Error> {
        let pool = Pool::builder(TokioExecutor::new()).build(connector()?);
        Ok(Self { key, pool, bodies: Semaphore::new(BODIES), looked: Mutex::new(None) })
    }

    /// Answers a request by the node that leads, unless it is to be answered here.
    pub async fn pass_on(&self, engine: &Engine, mut request: Request) -> Course {
        let passed_on = take_peer(&self.key, &mut request);
        if let Some(peer) = passed_on {
            request.extensions_mut().insert(Peer(peer));
        }
        if engine.is_leading() || is_answered_by_each(request.uri().path()) {
            return Course::Here(request);
        }
        if passed_on.is_some() {
            return Course::Answered(StatusCode::MISDIRECTED_REQUEST.into_response());
        }
        let (head, body) = request.into_parts();
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(status) => return Course::Answered(status.into_response()),
        };
        let Some(Peer(peer)) = head.extensions.get().copied() else {
            return Course::Answered(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let waited = Stopwatch::start();
        loop {
            if engine.is_leading() {
                return Course::Here(Request::from_parts(head, Body::from(body)));
            }
            if let Some(address) = engine.leader_address()
                && let Some(answer) = self.send(&address, (&head, body.clone()), peer).await
            {
                return Course::Answered(answer);
            }
            if waited.elapsed() > PATIENCE {
                let retry = [(RETRY_AFTER, HeaderValue::from_static("2"))];
                let why = "No server leads at the moment. Try again in a few seconds.\n";
                return Course::Answered((StatusCode::SERVICE_UNAVAILABLE, retry, why).into_response());
            }
            self.look_again(engine);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn read(&self, body: Body) -> Result<Bytes, StatusCode> {
        if axum::body::HttpBody::is_end_stream(&body) {
            return Ok(Bytes::new());
        }
        let _room = self.bodies.acquire().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, MAX_BODY_BYTES)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// None if it has to be sent again: nobody has begun to answer it.
    async fn send(
        &self,
        address: &str,
        (head, body): (&http::request::Parts, Bytes),
        peer: IpAddr,
    ) -> Option<Response> {
        let request = self.request(address, (head, body), peer)?;
        let answer = match self.pool.request(request).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() || is_safe(&head.method) => {
                tracing::debug!(%error, address, "the node that leads does not answer");
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, address, "the node that leads broke off an answer");
                let why = "The server that leads stopped while it answered. Look whether it has done what was asked.\n";
                return Some((StatusCode::BAD_GATEWAY, why).into_response());
            }
        };
        if answer.status() == StatusCode::MISDIRECTED_REQUEST {
            return None;
        }
        let mut answer = answer.map(Body::new);
        for name in HOP_BY_HOP {
            answer.headers_mut().remove(name);
        }
        Some(answer)
    }

    fn request(
        &self,
        address: &str,
        (head, body): (&http::request::Parts, Bytes),
        peer: IpAddr,
    ) -> Option<http::Request<Full<Bytes>>> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let uri: Uri = format!("{address}{target}").parse().ok()?;
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = head.headers.clone();
        for name in HOP_BY_HOP {
            request.headers_mut().remove(name);
        }
        let peer = peer.to_string();
        let signature = self.key.sign(&parts_of_request(head.method.as_str(), target, &peer));
        request.headers_mut().insert(PEER, HeaderValue::from_str(&peer).ok()?);
        request.headers_mut().insert(SIGNATURE, HeaderValue::from_str(&signature).ok()?);
        Some(request)
    }

    /// Has it looked who leads, now and then however many wait for it.
    fn look_again(&self, engine: &Engine) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN) {
            *looked = Some(Stopwatch::start());
            engine.look_again();
        }
    }
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// Events are taken by every node, and what is the same everywhere is answered by each.
fn is_answered_by_each(path: &str) -> bool {
    const EACH: [&str; 6] = ["/healthz", "/readyz", "/metrics", "/favicon.svg", "/robots.txt", "/llms.txt"];
    EACH.contains(&path)
        || path == SAY
        || ["/pkg/", "/docs/"].iter().any(|start| path.starts_with(start))
        || path == "/docs"
        || is_events(path)
}

/// `/v2/campaign/{id}/events` and `…/events/batch`.
fn is_events(path: &str) -> bool {
    let rest = path.strip_prefix("/v2/campaign/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_, rest)| rest == "events" || rest == "events/batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_files_are_answered_by_each() {
        for path in [
            "/v2/campaign/p1/events",
            "/v2/campaign/p1/events/batch",
            "/readyz",
            "/pkg/app.wasm",
            "/docs/api",
        ] {
            assert!(is_answered_by_each(path), "{path}");
        }
        for path in
            ["/", "/programs", "/v2/campaign/p1/deliveries", "/v2/campaign/p1/eventsx", "/docsx", "/sign-in"]
        {
            assert!(!is_answered_by_each(path), "{path}");
        }
    }
}
