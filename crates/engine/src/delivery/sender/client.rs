//! HTTP/1.1 over connections that are kept warm.
//!
//! The task that sends also writes and reads. A client with a task for each connection hands every request over to another
//! task and every answer back, which costs more than the request itself. An idle connection is read by nobody, so it is tried
//! before it is used again.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use thiserror::Error;
use tokio::task::{AbortHandle, coop};
use url::{Position, Url};

use super::connect::{Connector, NotConnected};
use super::connection::Connection;
use super::request::Request;
use super::response::{Body, Head, HeadReader, Malformed, Piece};
use crate::clock::Stopwatch;
use crate::delivery::guard::Reach;

/// Idle connections are closed after this.
const MAX_IDLE_TIME: Duration = Duration::from_secs(30);

/// And so long before the receiver would: a request that crosses the closing is lost, and its attempt has failed.
const CLOSING: Duration = Duration::from_secs(1);

/// More idle connections than this are not kept, over all receivers: those that were idle for longest make room.
const MAX_IDLE: usize = 1024;

/// So many at once, as each time all are looked at.
const ROOM_MADE: usize = 64;

/// Why there was no answer.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Connect(#[from] NotConnected),
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("the connection was closed before the answer was complete")]
    Closed,
    #[error(transparent)]
    Malformed(#[from] Malformed),
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
    pub(super) async fn send(&self, url: &Url, mut request: Request) -> Result<Answer, Trouble> {
        let origin = &url[..Position::BeforePath];
        // Else every connection would seem to be over.
        if !coop::has_budget_remaining() {
            tokio::task::yield_now().await;
        }
        let connection = loop {
            let Some(mut connection) = self.idle.take(origin) else {
                // Boxed, so that the future of every request need not have room for a handshake.
                let mut connection = Box::pin(self.connect(url)).await?;
                // A new one that takes nothing has something to say of that.
                let _ = connection.begin(request);
                break connection;
            };
            match connection.begin(request) {
                Ok(()) => break connection,
                // The receiver closed it while it was being taken.
                Err(unsent) => request = unsent,
            }
        };
        Answer::to_come(connection).await
    }

    /// Keeps the connection of an answer that was read to its end.
    pub(super) fn keep(&self, url: &Url, answer: Answer) {
        let mut connection = answer.connection;
        if answer.head.keeps_alive && connection.is_quiet() {
            let said = answer.head.idle_seconds.map_or(Duration::MAX, Duration::from_secs);
            connection.rest(said.saturating_sub(CLOSING).min(MAX_IDLE_TIME));
            self.idle.put(&url[..Position::BeforePath], connection);
        }
    }

    async fn connect(&self, url: &Url) -> Result<Box<Connection>, Trouble> {
        let (stream, reached) = self.connector.connect(url).await?;
        Ok(Box::new(Connection::new(stream, reached)))
    }
}

/// A response whose body is still to be read.
pub(super) struct Answer {
    pub(super) head: Head,
    body: Body,
    connection: Box<Connection>,
}

impl Answer {
    async fn to_come(mut connection: Box<Connection>) -> Result<Self, Trouble> {
        let mut reader = HeadReader::default();
        loop {
            match reader.read(&connection.input)? {
                Some((head, body, length)) => {
                    connection.input.advance(length);
                    if !head.is_interim() {
                        return Ok(Self { head, body, connection });
                    }
                }
                None if connection.fill().await? == 0 => return Err(Trouble::Closed),
                None => {}
            }
        }
    }

    /// What answered.
    pub(super) const fn reached(&self) -> Reach {
        self.connection.reached()
    }

    /// The body, but at most so many bytes of it; says whether there was more, or was to be.
    pub(super) async fn read(&mut self, most: usize) -> Result<(Bytes, bool), Trouble> {
        let mut kept = Vec::new();
        loop {
            let input = &mut self.connection.input;
            match self.body.next(input)? {
                Piece::End => return Ok((kept.into(), false)),
                Piece::Between(length) => input.advance(length),
                Piece::Data(length) => {
                    let taken = length.min(most - kept.len());
                    // With no room to spare: it is kept until it is written.
                    kept.reserve_exact(taken);
                    kept.extend_from_slice(&input[..taken]);
                    input.advance(length);
                    if taken < length {
                        return Ok((kept.into(), true));
                    }
                }
                // It is not waited for what would not be kept.
                Piece::Incomplete if kept.len() == most => return Ok((kept.into(), true)),
                Piece::Incomplete => {
                    if self.connection.fill().await? == 0 {
                        let is_whole = self.body.ends_with_connection();
                        return if is_whole { Ok((kept.into(), false)) } else { Err(Trouble::Closed) };
                    }
                }
            }
        }
    }
}

/// Connections that wait for the next request.
#[derive(Debug, Default)]
struct Idle {
    kept: Mutex<Kept<Box<Connection>>>,
    sweeper: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Kept<C> {
    /// By scheme, host and port; the one used last stands last, with the time since.
    by_origin: HashMap<Box<str>, Vec<(C, Stopwatch)>>,
    /// Of all together.
    count: usize,
}

impl<C> Default for Kept<C> {
    fn default() -> Self {
        Self { by_origin: HashMap::new(), count: 0 }
    }
}

impl<C> Kept<C> {
    fn pop(&mut self, origin: &str) -> Option<(C, Stopwatch)> {
        let popped = self.by_origin.get_mut(origin)?.pop()?;
        self.count -= 1;
        Some(popped)
    }

    fn push(&mut self, origin: &str, connection: C) {
        if self.count >= MAX_IDLE {
            self.make_room();
        }
        self.count += 1;
        let kept = (connection, Stopwatch::start());
        match self.by_origin.get_mut(origin) {
            Some(of_origin) => of_origin.push(kept),
            None => _ = self.by_origin.insert(origin.into(), vec![kept]),
        }
    }

    fn make_room(&mut self) {
        let mut since: Vec<Stopwatch> = self.by_origin.values().flatten().map(|(_, since)| *since).collect();
        let (_, last_closed, _) = since.select_nth_unstable(ROOM_MADE - 1);
        self.close(|since| since <= *last_closed);
    }

    /// Those whose last use was long enough ago.
    fn close(&mut self, is_long_ago: impl Fn(Stopwatch) -> bool) {
        self.by_origin.retain(|_, of_origin| {
            of_origin.retain(|(_, since)| !is_long_ago(*since));
            !of_origin.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
    }
}

impl Idle {
    /// The one that was used last, if it is still open.
    fn take(&self, origin: &str) -> Option<Box<Connection>> {
        loop {
            let (mut connection, since) = self.lock().pop(origin)?;
            if since.elapsed() < connection.may_idle && !connection.is_over() {
                return Some(connection);
            }
        }
    }

    fn put(self: &Arc<Self>, origin: &str, connection: Box<Connection>) {
        self.lock().push(origin, connection);
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
            idle.lock().close(|since| since.elapsed() >= MAX_IDLE_TIME);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<Box<Connection>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(sweeper) = self.sweeper.get() {
            sweeper.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_idle_for_longest_makes_room() {
        let mut kept = Kept::default();
        for number in 0..MAX_IDLE {
            kept.push(if number % 2 == 0 { "http://a.test" } else { "http://b.test" }, number);
        }
        kept.push("http://c.test", MAX_IDLE);
        assert_eq!(kept.count, MAX_IDLE - ROOM_MADE + 1);
        let mut left = Vec::new();
        for origin in ["http://a.test", "http://b.test", "http://c.test"] {
            left.extend(std::iter::from_fn(|| kept.pop(origin)).map(|(number, _)| number));
        }
        left.sort_unstable();
        assert_eq!(left, (ROOM_MADE..=MAX_IDLE).collect::<Vec<_>>());
    }
}
