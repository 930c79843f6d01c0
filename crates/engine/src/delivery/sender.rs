//! The HTTP client: guarded addresses, no redirects, no system proxy, capped reads, one deadline for all of it.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use groundswell_types::FailureClass;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::Url;

use super::guard::Guard;
use super::outcome::Exchange;
use super::signer::SignedHeaders;
use crate::clock::Stopwatch;
use crate::config::SendingConfig;

/// At most this much of a response's body is read and kept.
pub const MAX_RESPONSE_BODY: usize = 16 * 1024;

/// At most this much of a response's head is kept.
const MAX_RESPONSE_HEAD: usize = 8 * 1024;

const USER_AGENT: &str = concat!("Groundswell/", env!("CARGO_PKG_VERSION"));

/// Sends requests to receivers. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: reqwest::Client,
    guard: Guard,
    total_timeout: Duration,
}

/// One request to a receiver.
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub url: &'a Url,
    /// The `webhook-id`.
    pub id: &'a str,
    pub headers: &'a SignedHeaders,
    pub body: Bytes,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Exchanged {
    pub exchange: Exchange,
    pub status: Option<u16>,
    /// The response's headers, capped; empty without an answer.
    pub head: Vec<(String, String)>,
    /// The response's body, capped.
    pub body: Bytes,
    /// Whether there was more than is kept.
    pub is_truncated: bool,
    /// The value of `Retry-After`.
    pub retry_after: Option<String>,
    pub duration_ms: i64,
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error("the HTTP client cannot be set up")]
pub struct SetupError(#[source] reqwest::Error);

impl Sender {
    /// Sets up the client.
    pub fn new(guard: Guard, config: SendingConfig) -> Result<Self, SetupError> {
        // A second call finds the provider there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(GuardedResolver { guard: guard.clone() }))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy from the environment would resolve names for us and so step round the guard.
            .no_proxy()
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(USER_AGENT)
            .build()
            .map_err(SetupError)?;
        Ok(Self { client, guard, total_timeout: Duration::from_millis(config.total_timeout_ms) })
    }

    /// The headers a request is sent with, in order, for sending and for showing.
    pub fn headers(outgoing: &Outgoing<'_>) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            ("webhook-id", outgoing.id.to_owned()),
            ("webhook-timestamp", outgoing.headers.timestamp.clone()),
        ];
        if let Some(value) = &outgoing.headers.standard {
            headers.push(("webhook-signature", value.clone()));
        }
        if let Some(value) = &outgoing.headers.product {
            headers.push(("growsurf-signature", value.clone()));
        }
        headers
    }

    /// Sends one request and reads the answer, all within the deadline. Never fails: what goes wrong is the result.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        let watch = Stopwatch::start();
        if let Err(forbidden) = self.guard.check_literal(outgoing.url) {
            return failed(FailureClass::Blocked, format!("{forbidden}."), watch);
        }
        let mut headers = HeaderMap::with_capacity(8);
        for (name, value) in Self::headers(&outgoing) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let request = self.client.post(outgoing.url.clone()).headers(headers).body(outgoing.body);
        let in_time = tokio::time::timeout(self.total_timeout, exchange(request, watch)).await;
        in_time.unwrap_or_else(|_| {
            let seconds = self.total_timeout.as_secs_f64();
            failed(
                FailureClass::Timeout,
                format!("There was no complete answer within {seconds} seconds."),
                watch,
            )
        })
    }
}

async fn exchange(request: reqwest::RequestBuilder, watch: Stopwatch) -> Exchanged {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let (class, detail) = classify(&error);
            return failed(class, detail, watch);
        }
    };
    let status = response.status().as_u16();
    let header = |name: HeaderName| {
        response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (location, content_type, retry_after) = (header(LOCATION), header(CONTENT_TYPE), header(RETRY_AFTER));
    let (head, is_head_cut) = keep_head(response.headers());
    let (body, is_body_cut) = match read_capped(&mut response).await {
        Ok(read) => read,
        Err(error) => {
            let (class, detail) = classify(&error);
            return Exchanged { status: Some(status), head, ..failed(class, detail, watch) };
        }
    };
    Exchanged {
        exchange: Exchange::Answer { status, location, content_type },
        status: Some(status),
        head,
        body,
        is_truncated: is_head_cut || is_body_cut,
        retry_after,
        duration_ms: watch.elapsed_ms(),
    }
}

/// Reads at most [`MAX_RESPONSE_BODY`]; when there is more, the connection is hung up by dropping the response.
async fn read_capped(response: &mut reqwest::Response) -> Result<(Bytes, bool), reqwest::Error> {
    let mut kept = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_RESPONSE_BODY - kept.len();
        if chunk.len() > room {
            kept.extend_from_slice(&chunk[..room]);
            return Ok((kept.freeze(), true));
        }
        if kept.is_empty() && chunk.len() == room {
            kept = chunk.into();
        } else {
            kept.extend_from_slice(&chunk);
        }
    }
    Ok((kept.freeze(), false))
}

fn keep_head(headers: &HeaderMap) -> (Vec<(String, String)>, bool) {
    let mut kept = Vec::with_capacity(headers.len());
    let mut bytes = 0;
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        bytes += name.as_str().len() + value.len();
        if bytes > MAX_RESPONSE_HEAD {
            return (kept, true);
        }
        kept.push((name.as_str().to_owned(), value));
    }
    (kept, false)
}

fn failed(class: FailureClass, detail: String, watch: Stopwatch) -> Exchanged {
    Exchanged {
        exchange: Exchange::Failure { class, detail },
        status: None,
        head: Vec::new(),
        body: Bytes::new(),
        is_truncated: false,
        retry_after: None,
        duration_ms: watch.elapsed_ms(),
    }
}

/// Resolves names to those of their addresses that may be connected to.
///
/// A name that leads only to forbidden addresses fails exactly as one that does not exist, so that nobody can map
/// the operator's network by watching error messages.
#[derive(Debug)]
struct GuardedResolver {
    guard: Guard,
}

#[derive(Debug, Error)]
#[error("the name does not resolve to an address that can be reached")]
struct Unresolvable;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Unresolvable)?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| guard.check(address.ip()).is_ok()).collect();
            if allowed.is_empty() {
                return Err(Unresolvable.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Finds the cause in an error's chain. What people read never has an address in it that a name led to.
fn classify(error: &reqwest::Error) -> (FailureClass, String) {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(current) = cause {
        if current.is::<Unresolvable>() {
            return (FailureClass::Dns, "The host name does not resolve to a public address.".to_owned());
        }
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return (FailureClass::Tls, format!("The TLS handshake failed: {tls}."));
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
            return classify_io(io, error.is_connect());
        }
        cause = current.source();
    }
    if error.is_timeout() {
        return (FailureClass::Timeout, "The connection was not made in time.".to_owned());
    }
    if error.is_connect() {
        return (FailureClass::Connect, "The connection could not be made.".to_owned());
    }
    (FailureClass::Broken, "The connection broke, or what came back is not HTTP.".to_owned())
}

fn classify_io(io: &std::io::Error, is_connecting: bool) -> (FailureClass, String) {
    use std::io::ErrorKind;
    match io.kind() {
        ErrorKind::ConnectionRefused => {
            (FailureClass::Connect, "The connection was refused: nothing listens on that port.".to_owned())
        }
        ErrorKind::TimedOut => (FailureClass::Timeout, "The connection was not made in time.".to_owned()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            (FailureClass::Connect, "The network does not lead to that host.".to_owned())
        }
        _ if is_connecting => (FailureClass::Connect, "The connection could not be made.".to_owned()),
        _ => (FailureClass::Broken, "The receiver closed the connection before it had answered.".to_owned()),
    }
}

#[cfg(test)]
mod tests;
