//! What submitting can fail with.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{ApiError, ErrorCode, Problem};
use serde_json::Value;
use thiserror::Error;

use crate::event::{IdempotencyKey, MAX_EVENT_BYTES};

/// Why an event was not accepted, as far as is known.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The server does not want it, and repeating it would change nothing.
    #[error("the server refused the event with the key {key}: {answer}")]
    Refused {
        /// The event's key.
        key: IdempotencyKey,
        /// What the server said.
        answer: Arc<ErrorAnswer>,
    },
    /// No attempt succeeded in time. One of them may have been accepted all the same: send the event again with this
    /// key, and it is stored once.
    #[error("gave up on the event with the key {key} after {attempts} attempts")]
    GaveUp {
        /// The event's key.
        key: IdempotencyKey,
        /// How often it was sent, or tried to.
        attempts: u32,
        /// Why the last attempt failed.
        #[source]
        last: Arc<Failure>,
    },
    /// It is larger than [`MAX_EVENT_BYTES`] and was not sent.
    #[error("the event with the key {key} has {bytes} bytes; {MAX_EVENT_BYTES} are possible")]
    TooLarge {
        /// The event's key.
        key: IdempotencyKey,
        /// Its size.
        bytes: usize,
    },
    /// The batcher was closed before, and the event was not sent.
    #[error("the batcher is closed; the event with the key {key} was not sent")]
    Closed {
        /// The event's key.
        key: IdempotencyKey,
    },
    /// The batcher was dropped without being closed, or its runtime ended, and it is not known whether the event was
    /// sent: send it again with this key, and it is stored once.
    #[error("the batcher went away; it is not known whether the event with the key {key} was sent")]
    Abandoned {
        /// The event's key.
        key: IdempotencyKey,
    },
}

impl SubmitError {
    /// The key of the event, for sending it again.
    pub fn key(&self) -> &IdempotencyKey {
        match self {
            Self::Refused { key, .. }
            | Self::GaveUp { key, .. }
            | Self::TooLarge { key, .. }
            | Self::Closed { key }
            | Self::Abandoned { key } => key,
        }
    }

    /// What the server said, if its answer is the reason.
    pub fn answer(&self) -> Option<&ErrorAnswer> {
        match self {
            Self::Refused { answer, .. } => Some(answer),
            Self::GaveUp { last, .. } => match &**last {
                Failure::Answer(answer) => Some(answer),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Why one attempt failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// The server answered with an error.
    #[error("{0}")]
    Answer(Arc<ErrorAnswer>),
    /// There was no complete answer in time.
    #[error("there was no complete answer in time")]
    Timeout,
    /// So many requests of this client were under way that this one was not begun in time.
    #[error("too many requests of this client were under way")]
    NoTurn,
    /// There was no connection, or it broke.
    #[error("the connection failed")]
    Connection(#[source] Box<dyn StdError + Send + Sync>),
    /// The answer is not what a Groundswell server says.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl Failure {
    /// Whether another attempt may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.is_passing(),
            Self::Timeout | Self::NoTurn | Self::Connection(_) | Self::Unreadable(_) => true,
        }
    }

    /// How long the server asked to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            _ => None,
        }
    }

    /// The result for an event after its last attempt.
    pub(crate) fn into_error(self: Arc<Self>, key: IdempotencyKey, attempts: u32) -> SubmitError {
        match &*self {
            Self::Answer(answer) if !answer.is_passing() => {
                SubmitError::Refused { key, answer: Arc::clone(answer) }
            }
            _ => SubmitError::GaveUp { key, attempts, last: self },
        }
    }
}

/// An answer other than success.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
    /// The error as the server describes it; none when something else answered, such as a proxy.
    pub error: Option<ApiError>,
    /// The beginning of an answer without `error`.
    pub text: String,
}

impl ErrorAnswer {
    /// How much of an answer that is no [`ApiError`] is kept.
    const TEXT_CHARS: usize = 300;

    /// Reads the body of an answer.
    pub(crate) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let error = serde_json::from_slice(body).ok();
        let text = match &error {
            Some(_) => String::new(),
            None => String::from_utf8_lossy(body).trim().chars().take(Self::TEXT_CHARS).collect(),
        };
        Self { status, retry_after, error, text }
    }

    /// The error of a line in a batch.
    pub(crate) fn of_line(error: &Value) -> Self {
        // Without a status it is not known whether repeating helps, so it is repeated.
        let status = error["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        Self::read(status.unwrap_or(500), None, error.to_string().as_bytes())
    }

    /// The kind of error, for programs to decide by.
    pub fn code(&self) -> Option<ErrorCode> {
        self.error.as_ref().map(|error| error.code)
    }

    /// Everything wrong with the event, each with its JSON pointer.
    pub fn problems(&self) -> &[Problem] {
        self.error.as_ref().map_or(&[], |error| &error.errors)
    }

    fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500 | 502..=599)
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        let Some(error) = &self.error else {
            return if self.text.is_empty() { Ok(()) } else { write!(formatter, " {}", self.text) };
        };
        write!(formatter, " {}: {}", error.name, error.message)?;
        // The message itself names a single problem.
        if error.errors.len() > 1 {
            for Problem { pointer, message } in &error.errors {
                write!(formatter, " {pointer} {message};")?;
            }
        }
        error.request_id.as_ref().map_or(Ok(()), |id| write!(formatter, " (request {id})"))
    }
}

/// Why a client cannot be made.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The server's address is no URL.
    #[error("`{0}` is not the http or https address of a server")]
    Url(String),
    /// The API key cannot be sent.
    #[error("the API key is empty or has characters that no API key has")]
    Key,
    /// The operating system's certificates cannot be had.
    #[error("TLS cannot be set up")]
    Tls(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(code: &str, errors: &Value) -> Value {
        json!({"name": "BadRequestError", "code": code, "message": "The input has 2 problems.", "status": 400,
            "timestamp": 1, "supportUrl": "http://a", "requestId": "r1", "errors": errors})
    }

    #[test]
    fn an_error_says_what_the_server_said() {
        let errors = json!([{"pointer": "/data/id", "message": "is required"}, {"pointer": "/createdAt", "message": "is odd"}]);
        let answer = ErrorAnswer::read(400, None, body("BAD_REQUEST", &errors).to_string().as_bytes());
        assert_eq!((answer.code(), answer.problems().len()), (Some(ErrorCode::BadRequest), 2));
        assert_eq!(
            answer.to_string(),
            "400 BadRequestError: The input has 2 problems. /data/id is required; /createdAt is odd; (request r1)"
        );
        let html = ErrorAnswer::read(502, None, b"<h1>Bad gateway</h1>\n");
        assert_eq!((html.code(), html.to_string().as_str()), (None, "502 <h1>Bad gateway</h1>"));
    }

    #[test]
    fn a_code_of_a_newer_server_is_no_obstacle() {
        let answer = ErrorAnswer::of_line(&body("OUT_OF_STAMPS", &json!([])));
        assert_eq!((answer.status, answer.code(), answer.is_passing()), (400, None, false));
        assert!(answer.text.contains("OUT_OF_STAMPS"));
        assert!(ErrorAnswer::of_line(&json!("?")).is_passing());
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        let is_passing = |status| ErrorAnswer::read(status, None, b"").is_passing();
        for status in [408, 425, 429, 500, 502, 503, 504, 507, 599] {
            assert!(is_passing(status), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 409, 413, 415, 422, 501] {
            assert!(!is_passing(status), "{status}");
        }
    }
}
