//! HTTP/1.1 over connections that are kept warm.
//!
//! The task that sends also drives the connection: it polls hyper's connection and its own request in turns. A client
//! with a task for each connection hands every request over to another task and every answer back, which costs more
//! than the request itself. An idle connection is polled by nobody, so it is tried before it is used again.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use thiserror::Error;
use tokio::task::AbortHandle;
use url::{Position, Url};

use super::connect::{Connector, NotConnected, Stream};
use crate::clock::Stopwatch;
use crate::delivery::guard::Reach;

/// Idle connections are closed after this.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// More idle connections than this are not kept, over all receivers.
const MAX_IDLE: usize = 1024;

/// A response's head must fit into this.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Why there was no answer.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Connect(#[from] NotConnected),
    #[error("the connection broke")]
    Exchange(#[source] hyper::Error),
}

/// Sends requests. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub(super) struct Client {
    connector: Connector,
    idle: Arc<Idle>,
}

impl Client {
    /// A client whose connections are made by `connector`.
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Arc::new(Idle::default()) }
    }

    /// Sends a request to the host of `url`; returns once the answer's head is there.
    pub(super) async fn send(&self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        let origin = &url[..Position::BeforePath];
        loop {
            let (mut connection, is_reused) = match self.idle.take(origin).await {
                Some(connection) => (connection, true),
                // Boxed, so that the future of every request need not have room for a handshake.
                None => (Box::pin(self.connect(url)).await?, false),
            };
            let response = connection.requests.try_send_request(request);
            match drive(&mut connection.driver, response).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    return Ok(Answer { head, body, connection });
                }
                // The receiver closed an idle connection while it was being taken: nothing of the request was sent.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if is_reused => request = unsent,
                    _ => return Err(Trouble::Exchange(failed.into_error())),
                },
            }
        }
    }

    /// Keeps the connection of an answer that was read to its end.
    pub(super) async fn keep(&self, url: &Url, answer: Answer) {
        let mut connection = answer.connection;
        // Over now means that the receiver wants it closed.
        if !connection.driver.is_over().await {
            self.idle.put(&url[..Position::BeforePath], connection);
        }
    }

    async fn connect(&self, url: &Url) -> Result<Box<Connection>, Trouble> {
        let (stream, reached) = self.connector.connect(url).await?;
        let (requests, driver) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(stream)
            .await
            .map_err(Trouble::Exchange)?;
        Ok(Box::new(Connection { requests, driver: Driver { connection: Some(driver) }, reached }))
    }
}

/// A response whose body is still to be read.
pub(super) struct Answer {
    pub(super) head: Parts,
    body: Incoming,
    connection: Box<Connection>,
}

impl Answer {
    /// What answered.
    pub(super) const fn reached(&self) -> Reach {
        self.connection.reached
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let frame = drive(&mut self.connection.driver, self.body.frame()).await;
            match frame.transpose().map_err(Trouble::Exchange)? {
                None => return Ok(None),
                // Trailers are of no interest.
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// A connection to a receiver. Of some kilobytes, so it is handed around in a box.
#[derive(Debug)]
struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    reached: Reach,
}

/// Reads and writes when it is polled.
#[derive(Debug)]
struct Driver {
    /// Gone once it is closed, for whatever reason: the request that waits for it hears of that by itself.
    connection: Option<http1::Connection<Stream, Full<Bytes>>>,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether it is closed, as far as the socket tells now.
    async fn is_over(&mut self) -> bool {
        poll_fn(|context| {
            self.poll(context);
            Poll::Ready(self.connection.is_none())
        })
        .await
    }
}

/// Waits for `part` while driving the connection that it depends on.
async fn drive<F: Future>(driver: &mut Driver, part: F) -> F::Output {
    let mut part = pin!(part);
    poll_fn(|context| {
        if let Poll::Ready(output) = part.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        driver.poll(context);
        part.as_mut().poll(context)
    })
    .await
}

/// By scheme, host and port; the one used last stands last, with the time since.
type ByOrigin = HashMap<Box<str>, Vec<(Box<Connection>, Stopwatch)>>;

/// Connections that wait for the next request.
#[derive(Debug, Default)]
struct Idle {
    connections: Mutex<ByOrigin>,
    sweeper: OnceLock<AbortHandle>,
}

impl Idle {
    /// The one that was used last, if it is still open.
    async fn take(&self, origin: &str) -> Option<Box<Connection>> {
        loop {
            let (mut connection, since) = self.lock().get_mut(origin)?.pop()?;
            let is_usable = since.elapsed() < MAX_IDLE_TIME
                && !connection.driver.is_over().await
                && connection.requests.is_ready();
            if is_usable {
                return Some(connection);
            }
        }
    }

    fn put(self: &Arc<Self>, origin: &str, connection: Box<Connection>) {
        {
            let mut connections = self.lock();
            if connections.values().map(Vec::len).sum::<usize>() >= MAX_IDLE {
                return;
            }
            match connections.get_mut(origin) {
                Some(of_origin) => of_origin.push((connection, Stopwatch::start())),
                None => {
                    connections.insert(origin.into(), vec![(connection, Stopwatch::start())]);
                }
            }
        }
        self.sweeper.get_or_init(|| {
            let idle = Arc::downgrade(self);
            tokio::spawn(Self::sweep(idle)).abort_handle()
        });
    }

    /// Closes what was not used for a while.
    async fn sweep(idle: Weak<Self>) {
        loop {
            tokio::time::sleep(MAX_IDLE_TIME / 3).await;
            let Some(idle) = idle.upgrade() else { return };
            idle.lock().retain(|_, of_origin| {
                of_origin.retain(|(_, since)| since.elapsed() < MAX_IDLE_TIME);
                !of_origin.is_empty()
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, ByOrigin> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(sweeper) = self.sweeper.get() {
            sweeper.abort();
        }
    }
}
