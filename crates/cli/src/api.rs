//! Calls of the REST API, and what is said when they fail.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER, USER_AGENT};
use ureq::http::{HeaderMap, Request};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, BodyReader};

use crate::connection::{Connection, Key};
use crate::failure::Failure;
use crate::terminal::harmless;

/// For a whole call.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// A stream says something every 15 s; when it does not for so long, the connection is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// More than any answer but an export has.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// Names us to servers and receivers.
pub const AGENT: &str = concat!("Groundswell/", env!("CARGO_PKG_VERSION"));

/// A server, as one caller.
pub struct Api<'a> {
    agent: Agent,
    base: String,
    key: Option<Key<'a>>,
}

/// An open stream.
pub type Stream = BufReader<BodyReader<'static>>;

impl<'a> Api<'a> {
    /// The server that is meant.
    pub fn new(connection: &'a Connection) -> Result<Self, Failure> {
        let config = client().timeout_global(Some(CALL_LIMIT)).build();
        Ok(Self { agent: config.into(), base: connection.base()?, key: connection.key() })
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What is at a path.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(&self.get_text(path)?)
    }

    /// The same as it was sent.
    pub fn get_text(&self, path: &str) -> Result<String, Failure> {
        let answer = self.send(self.request("GET", path, &[])?.body(()), path)?;
        answer.ok(self)
    }

    /// What is at a path; none when there is no such thing.
    pub fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let answer = self.send(self.request("GET", path, &[])?.body(()), path)?;
        if answer.status == 404 && answer.error().is_some() {
            return Ok(None);
        }
        self.read(&answer.ok(self)?).map(Some)
    }

    /// Posts JSON; answers what was sent back.
    pub fn post_text(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<String, Failure> {
        let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
        let answer = self.send(self.request("POST", path, &headers)?.body(body.to_string()), path)?;
        answer.ok(self)
    }

    /// Opens a stream. What it says comes as it is said, for as long as it says something now and then.
    pub fn stream(&self, path: &str) -> Result<Stream, Failure> {
        let config =
            client().timeout_connect(Some(Duration::from_secs(10))).timeout_per_read(Some(SILENCE_LIMIT));
        let agent: Agent = config.build().into();
        let request = self.request("GET", path, &[("accept", "text/event-stream")])?.body(());
        let request = request.map_err(|error| self.unsendable(&error))?;
        let response = agent.run(request).map_err(|error| self.unreached(&error))?;
        let is_stream = |headers: &HeaderMap| {
            let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
        };
        if response.status() == 200 && is_stream(response.headers()) {
            return Ok(BufReader::new(response.into_body().into_reader()));
        }
        let answer = Answer::read(response, path).map_err(|error| self.unreached(&error))?;
        Err(answer.failure(self))
    }

    /// Reads what [`Self::post_text`] or [`Self::get_text`] answered.
    pub fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| {
            Failure::new(
                format!("What {} answered is not understood ({error}).", self.base),
                "Server and command line may be of different versions; `groundswell --version` tells this one's.",
            )
        })
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<ureq::http::request::Builder, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(USER_AGENT, AGENT);
        if let Some(key) = self.key {
            let is_sendable = key.text.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_sendable {
                let what = format!("The key in {} has characters that no key has.", key.source);
                return Err(Failure::new(what, "Copy it again, without spaces or line breaks."));
            }
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.text));
        }
        Ok(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    }

    fn send<B: ureq::AsSendBody>(
        &self,
        request: Result<Request<B>, ureq::http::Error>,
        path: &str,
    ) -> Result<Answer, Failure> {
        let request = request.map_err(|error| self.unsendable(&error))?;
        let response = self.agent.run(request).map_err(|error| self.unreached(&error))?;
        Answer::read(response, path).map_err(|error| self.unreached(&error))
    }

    fn unsendable(&self, error: &ureq::http::Error) -> Failure {
        Failure::new(format!("The request to {} cannot be made: {error}.", self.base), "")
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        let what = format!("{} cannot be reached: {}.", self.base, reason(error));
        Failure::passing(
            what,
            "Is the server running? `groundswell serve` starts it here; --url or GROUNDSWELL_URL says where it is \
             otherwise.",
        )
    }
}

/// Of a request that came to nothing, why.
pub fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there (connection refused)".to_owned()
        }
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            "no answer in time".to_owned()
        }
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "there is no host of this name".to_owned(),
        other => other.to_string(),
    }
}

/// A client like every one here: errors are answers, nothing is redirected, no proxy, the machine's own certificates.
pub fn client() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(tls)
}

/// A piece of a path.
pub fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A query, with its question mark; nothing when there is nothing to ask.
pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

struct Answer {
    status: u16,
    path: String,
    retry_after: Option<String>,
    text: String,
}

impl Answer {
    fn read(mut response: ureq::http::Response<Body>, path: &str) -> Result<Self, ureq::Error> {
        let text =
            response.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string()?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        Ok(Self { status: response.status().as_u16(), path: path.to_owned(), retry_after, text })
    }

    fn ok(self, api: &Api<'_>) -> Result<String, Failure> {
        let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        if (200..300).contains(&self.status) && is_json() { Ok(self.text) } else { Err(self.failure(api)) }
    }

    /// The error in the API's shape.
    fn error(&self) -> Option<Value> {
        let value: Value = serde_json::from_str(&self.text).ok()?;
        (value["code"].is_string() && value["message"].is_string()).then_some(value)
    }

    fn failure(&self, api: &Api<'_>) -> Failure {
        let Some(error) = self.error() else {
            let path = self.path.split('?').next().unwrap_or_default();
            return Failure::passing(
                format!(
                    "{} answered {} to {path}, which is no answer of Groundswell's.",
                    api.base, self.status
                ),
                "Does --url or GROUNDSWELL_URL lead to the server, and does nothing stand before it that answers in \
                 its place?",
            );
        };
        let message = harmless(error["message"].as_str().unwrap_or_default());
        let problems = error["errors"].as_array().into_iter().flatten().map(|problem| {
            let text = |member: &str| harmless(problem[member].as_str().unwrap_or_default());
            format!("  {} {}", text("pointer"), text("message"))
        });
        let mut what = [message].into_iter().chain(problems).collect::<Vec<_>>().join("\n");
        let remedy = match (self.status, api.key) {
            (401, None) => {
                what = format!("{} wants an API key.", api.base);
                "Set GROUNDSWELL_API_KEY, or GROUNDSWELL_ADMIN_KEY to the server's admin key. An API key is made with \
                 POST /v2/api-keys."
                    .to_owned()
            }
            (401, Some(key)) => {
                what = format!("{} does not know the key in {}.", api.base, key.source);
                "It may have been removed, or belong to another server.".to_owned()
            }
            (403, Some(key)) => {
                format!("The key in {} may not do this; use one with that scope.", key.source)
            }
            (429 | 503 | 507, _) => match &self.retry_after {
                Some(seconds) => format!("Try again in {} s.", harmless(seconds)),
                None => "Try again in a moment.".to_owned(),
            },
            (500.., _) => match error["requestId"].as_str() {
                Some(id) => format!("The server's log says more about request {}.", harmless(id)),
                None => String::new(),
            },
            _ => String::new(),
        };
        let may_pass = matches!(self.status, 429 | 500..);
        if may_pass { Failure::passing(what, remedy) } else { Failure::new(what, remedy) }
    }
}

/// What answers at an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nothing, for this reason.
    Nothing(String),
    /// Something else.
    Other(u16),
    /// A Groundswell, and the `Date` of its answer.
    Groundswell { is_ready: bool, date: Option<String> },
}

/// Asks for `/readyz` at an address without a slash at its end.
pub fn probe(base: &str) -> Probe {
    let agent: Agent = client().timeout_global(Some(Duration::from_secs(5))).build().into();
    let mut response = match agent.get(format!("{base}/readyz")).call() {
        Ok(response) => response,
        Err(error) => return Probe::Nothing(reason(&error)),
    };
    let status = response.status().as_u16();
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let (date, is_named) =
        (header(DATE.as_str()), header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    let text = response.body_mut().with_config().limit(1024).read_to_string().unwrap_or_default();
    match (is_named, status, text.trim()) {
        (true, 200, "ready") => Probe::Groundswell { is_ready: true, date },
        (true, 503, "not ready") => Probe::Groundswell { is_ready: false, date },
        _ => Probe::Other(status),
    }
}
