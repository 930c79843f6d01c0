//! The client: who to send to, and sending one event.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::{EventId, ProgramId};
use serde::Deserialize;

use crate::error::{Failure, SetupError, SubmitError};
use crate::event::{MAX_EVENT_BYTES, NewEvent};
use crate::retry::{Retries, RetryPolicy};
use crate::transport::{Limits, Post, Transport};

/// An event that the server has on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Accepted {
    /// The event's id, which receivers get as `webhook-id`.
    pub id: EventId,
    /// To how many webhooks it goes.
    pub deliveries: u64,
    /// Whether the server had it already, under the same key; this is the answer it gave then.
    pub duplicate: bool,
}

/// Submits events to one server. Clones share connections and limits.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
    retry: RetryPolicy,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// What a [`Client`] can be set to.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClientBuilder {
    base_url: String,
    api_key: ApiKey,
    limits: Limits,
    retry: RetryPolicy,
}

/// Never shown.
#[derive(Clone)]
struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl Client {
    /// A client for the server at `base_url`, such as `https://hooks.example.com`, with an API key that may post events.
    pub fn new(base_url: impl Into<String>, api_key: impl Into<String>) -> Result<Self, SetupError> {
        Self::builder(base_url, api_key).build()
    }

    /// As [`Client::new`], with other settings than the default ones.
    pub fn builder(base_url: impl Into<String>, api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            api_key: ApiKey(api_key.into()),
            limits: Limits {
                connect_timeout: Duration::from_secs(5),
                attempt_timeout: Duration::from_secs(30),
                in_flight: 16,
            },
            retry: RetryPolicy::default(),
        }
    }

    /// Sends one event and returns once the server has it on disk, however many attempts that takes.
    ///
    /// Dropping the future ends its attempts; the event may have been accepted by then.
    pub async fn submit(
        &self,
        program: &ProgramId,
        event: impl Into<NewEvent>,
    ) -> Result<Accepted, SubmitError> {
        let (key, text) = event.into().into_request();
        if text.len() > MAX_EVENT_BYTES {
            return Err(SubmitError::TooLarge { key, bytes: text.len() });
        }
        let (post, body) = (Post::Event(&key), Bytes::from(text));
        let mut retries = self.retries();
        loop {
            let attempt = self.transport.post(program, &post, body.clone());
            let outcome = retries.attempt(self.transport.turns(), attempt).await;
            let outcome = outcome.and_then(|answer| accepted(&answer));
            let failure = match outcome {
                Ok(accepted) => return Ok(accepted),
                Err(failure) => failure,
            };
            if !failure.is_passing() || retries.wait(failure.retry_after()).await.is_err() {
                return Err(Arc::new(failure).into_error(key, retries.attempts()));
            }
        }
    }

    /// Sends lines of events, once, and returns the answer's.
    pub(crate) async fn post_batch(
        &self,
        retries: &mut Retries,
        program: &ProgramId,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let attempt = self.transport.post(program, &Post::Batch, body);
        retries.attempt(self.transport.turns(), attempt).await
    }

    /// Starts the attempts for a request.
    pub(crate) fn retries(&self) -> Retries {
        Retries::begin(self.retry)
    }
}

impl ClientBuilder {
    /// How long making a connection may take. 5 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, from connecting to the last byte of the answer. 30 seconds by default.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt_timeout = timeout;
        self
    }

    /// How many requests are under way at the same time, at least 1; the others wait. 16 by default.
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.limits.in_flight = requests;
        self
    }

    /// When failed attempts are made again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Makes the client. Connects to nothing yet.
    pub fn build(self) -> Result<Client, SetupError> {
        let transport = Transport::new(&self.base_url, &self.api_key.0, self.limits)?;
        Ok(Client { transport: Arc::new(transport), retry: self.retry })
    }
}

fn accepted(answer: &[u8]) -> Result<Accepted, Failure> {
    serde_json::from_slice(answer).map_err(|error| Failure::Unreadable(error.to_string()))
}
