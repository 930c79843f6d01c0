//! The HTTP client: guarded addresses, no redirects, no system proxy, capped reads, one deadline for all of it.

mod client;
mod connect;
mod connection;
mod names;
mod request;
mod response;

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::FailureClass;
use thiserror::Error;
use url::Url;

use self::client::{Client, Trouble};
use self::connect::{Connector, NotConnected, Unresolvable};
use self::names::{Names, SystemNames};
use self::request::Request;
use super::guard::{Guard, Reach};
use super::outcome::Exchange;
use super::own_headers::OwnHeaders;
use crate::clock::Stopwatch;
use crate::config::SendingConfig;
use groundswell_types::signature::SignedHeaders;

/// At most this much of a response's body is read and kept.
pub const MAX_RESPONSE_BODY: usize = 16 * 1024;

const CLOSED: &str = "The receiver closed the connection before it had answered.";

const USER_AGENT: &str = concat!("Groundswell/", env!("CARGO_PKG_VERSION"));

/// Sends requests to receivers. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
    total_timeout: Duration,
}

/// One request to a receiver.
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub url: &'a Url,
    /// The `webhook-id`.
    pub id: &'a str,
    pub headers: &'a SignedHeaders,
    /// The webhook's own.
    pub own: &'a OwnHeaders,
    pub body: Bytes,
    /// For all of it; none is what the configuration says.
    pub timeout: Option<Duration>,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Exchanged {
    pub exchange: Exchange,
    pub status: Option<u16>,
    /// The response's headers, capped, `name: value` and a line feed each, see [`head_lines`]; empty without an answer.
    pub head: String,
    /// The response's body, capped.
    pub body: Bytes,
    /// Whether there was more than is kept.
    pub is_truncated: bool,
    /// Whether it came from where only the operator's `egress.allow` lets this server send to.
    pub is_restricted: bool,
    /// The value of `Retry-After`.
    pub retry_after: Option<String>,
    pub duration_ms: i64,
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error("the HTTP client cannot be set up")]
pub struct SetupError(#[source] rustls::Error);

/// Some of what `part` comes to, unless `over`, a pinned timer, ends first. The timer is looked at even when the part has used up what
/// a task may do at once: what a receiver sends without end would put it off for ever. No function, since one that took the part would
/// have room for it twice.
macro_rules! before {
    ($over:ident, $part:expr) => {
        tokio::select! {
            biased;
            done = $part => Some(done),
            () = tokio::task::unconstrained($over.as_mut()) => None,
        }
    };
}

impl Sender {
    /// Sets up the client.
    pub fn new(guard: Guard, config: SendingConfig) -> Result<Self, SetupError> {
        Self::with_names(guard, config, Arc::new(SystemNames::new()))
    }

    /// Sets up the client, with names that lead where `names` says.
    fn with_names(guard: Guard, config: SendingConfig, names: Arc<dyn Names>) -> Result<Self, SetupError> {
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        let connector = Connector::new(guard, names, connect_timeout).map_err(SetupError)?;
        let total_timeout = Duration::from_millis(config.total_timeout_ms);
        Ok(Self { client: Client::new(connector), total_timeout })
    }

    /// The headers a request is sent with but for the webhook's own, in order, for sending and for showing.
    pub fn headers<'a>(outgoing: &Outgoing<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
        let signed = outgoing.headers;
        [
            ("content-type", Some("application/json")),
            ("user-agent", Some(USER_AGENT)),
            ("webhook-id", Some(outgoing.id)),
            ("webhook-timestamp", Some(signed.timestamp.as_str())),
            ("webhook-signature", signed.standard.as_deref()),
            ("growsurf-signature", signed.product.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        // What we make is printable ASCII.
        .filter(|(_, value)| value.bytes().all(|byte| matches!(byte, b' '..=b'~')))
    }

    /// Sends one request and reads the answer, all within the deadline. Never fails: what goes wrong is the result.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        let watch = Stopwatch::start();
        let Some(request) = Request::of(&outgoing) else {
            return failed(FailureClass::Misconfigured, "The URL cannot be requested.".to_owned(), watch);
        };
        let deadline = Deadline { watch, timeout: outgoing.timeout.unwrap_or(self.total_timeout) };
        let mut exchanged = self.exchange(outgoing.url, request, deadline).await;
        outgoing.own.hide_in(&mut exchanged);
        exchanged
    }

    async fn exchange(&self, url: &Url, request: Request, deadline: Deadline) -> Exchanged {
        let watch = deadline.watch;
        let mut over = pin!(tokio::time::sleep(deadline.timeout.saturating_sub(watch.elapsed())));
        let mut answer = match deadline.kept(before!(over, self.client.send(url, request))) {
            Ok(answer) => answer,
            Err((class, detail)) => return failed(class, detail, watch),
        };
        let is_restricted = answer.reached() == Reach::Allowed;
        let said = &mut answer.head;
        let (status, is_head_cut, head) = (said.status, said.is_cut, std::mem::take(&mut said.lines));
        let (content_type, retry_after) = (said.content_type.take(), said.retry_after.take());
        // What is said of an answer, everybody may read; its words, not everybody.
        let location = said.location.take().filter(|_| !is_restricted);
        let (body, is_body_cut) = match deadline.kept(before!(over, answer.read(MAX_RESPONSE_BODY))) {
            Ok(read) => read,
            // It is no answer, but when to come again the receiver has said.
            Err((class, detail)) => {
                return Exchanged {
                    status: Some(status),
                    head,
                    is_restricted,
                    retry_after,
                    ..failed(class, detail, watch)
                };
            }
        };
        let duration_ms = watch.elapsed_ms();
        // When there was more, the connection is hung up by dropping the answer.
        if !is_body_cut {
            self.client.keep(url, answer);
        }
        Exchanged {
            exchange: Exchange::Answer { status, location, content_type },
            status: Some(status),
            head,
            body,
            is_truncated: is_head_cut || is_body_cut,
            is_restricted,
            retry_after,
            duration_ms,
        }
    }
}

/// Until when an exchange must be over.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// Of all of the exchange.
    watch: Stopwatch,
    timeout: Duration,
}

impl Deadline {
    /// What was done before it, or why that was not.
    fn kept<T>(self, done: Option<Result<T, Trouble>>) -> Result<T, (FailureClass, String)> {
        let Some(done) = done else {
            let seconds = self.timeout.as_secs_f64();
            let unit = if self.timeout == Duration::from_secs(1) { "second" } else { "seconds" };
            let detail = format!("There was no complete answer within {seconds} {unit}.");
            return Err((FailureClass::Timeout, detail));
        };
        done.map_err(|trouble| classify(&trouble))
    }
}

/// The names and values of a response's head as it is kept.
pub fn head_lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().filter_map(|line| line.split_once(": "))
}

fn failed(class: FailureClass, detail: String, watch: Stopwatch) -> Exchanged {
    Exchanged {
        exchange: Exchange::Failure { class, detail },
        status: None,
        head: String::new(),
        body: Bytes::new(),
        is_truncated: false,
        is_restricted: false,
        retry_after: None,
        duration_ms: watch.elapsed_ms(),
    }
}

/// Finds the cause in an error's chain. What people read never has an address in it that a name led to.
fn classify(trouble: &Trouble) -> (FailureClass, String) {
    let reached = match trouble {
        Trouble::Connect(NotConnected::Forbidden(forbidden)) => {
            return (FailureClass::Blocked, format!("{forbidden}."));
        }
        Trouble::Connect(NotConnected::Failed { reached, .. }) => *reached,
        Trouble::Closed => return (FailureClass::Broken, CLOSED.to_owned()),
        Trouble::Malformed(_) => return (FailureClass::Broken, "What came back is not HTTP.".to_owned()),
        Trouble::Connect(NotConnected::Timeout) | Trouble::Broken(_) => None,
    };
    let is_connecting = !matches!(trouble, Trouble::Broken(_));
    let mut cause = match trouble {
        Trouble::Broken(error) => Some(error as &(dyn StdError + 'static)),
        _ => trouble.source(),
    };
    while let Some(current) = cause {
        if current.is::<Unresolvable>() {
            return (FailureClass::Dns, "The host name does not resolve to a public address.".to_owned());
        }
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return (FailureClass::Tls, format!("The TLS handshake failed: {}.", why(tls, reached)));
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
            return classify_io(io, is_connecting);
        }
        cause = current.source();
    }
    match trouble {
        Trouble::Connect(NotConnected::Timeout) => {
            (FailureClass::Timeout, "The connection was not made in time.".to_owned())
        }
        _ if is_connecting => (FailureClass::Connect, "The connection could not be made.".to_owned()),
        _ => (FailureClass::Broken, CLOSED.to_owned()),
    }
}

/// Why a handshake failed. The names in a certificate are not for everybody when it is not a public receiver's.
fn why(error: &rustls::Error, reached: Option<Reach>) -> String {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    match error {
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })
            if reached != Some(Reach::Public) =>
        {
            "the certificate is for another name".to_owned()
        }
        other => other.to_string(),
    }
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
        _ => (FailureClass::Broken, CLOSED.to_owned()),
    }
}

/// See `fuzzing`.
#[cfg(fuzzing)]
pub(crate) fn read_for_fuzzing(answer: &[u8], length: usize) -> Option<(String, Vec<u8>)> {
    let at_once = response::read_in_pieces(answer, std::iter::empty());
    assert_eq!(at_once, response::read_in_pieces(answer, std::iter::repeat(1)));
    assert_eq!(at_once, response::read_in_pieces(answer, std::iter::repeat(length)));
    let read = at_once.ok()?;
    Some((read.head?.lines, read.body))
}

#[cfg(test)]
mod bypasses;
#[cfg(test)]
mod tests;
