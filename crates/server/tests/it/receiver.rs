//! A receiver of webhooks that keeps its own record. Plain sockets, because half of what it does no HTTP library
//! would do: stay silent, hang up, answer without end.

mod http;

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::waiting::{self, PATIENCE, now_ms};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When its last byte was read, Unix milliseconds.
    pub arrived_at_ms: i64,
    /// Counted from 1, over all paths.
    pub number: usize,
    /// The connection it came on, counted from 1 in the order they were made.
    pub connection: usize,
}

/// A request and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub request: Request,
    /// When the last byte of the answer was given to the system, and its status; none while there is no answer.
    pub answered: Option<Answered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    pub at_ms: i64,
    pub status: u16,
    /// Bytes of body the sender took before it hung up, or all.
    pub body_bytes: usize,
}

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    Answer(Reply),
    /// Answers after a while.
    AnswerAfter(Duration, Reply),
    /// Never answers.
    Silence,
    /// Closes the connection without an answer.
    HangUp,
    /// Sends the head of a 200 and then a body until the sender hangs up.
    Endless,
    /// Sends the head of a 200 and a part of the body, then nothing.
    Stall,
    /// Sends these bytes and closes.
    Raw(&'static [u8]),
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: b"noted".to_vec() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<u16> for Reaction {
    fn from(status: u16) -> Self {
        Self::Answer(Reply::status(status))
    }
}

type Behaviour = Arc<dyn Fn(&Request) -> Reaction + Send + Sync>;

struct Shared {
    exchanges: Mutex<Vec<Exchange>>,
    changed: Condvar,
    behaviour: Mutex<Behaviour>,
    connections: AtomicUsize,
    /// Who connected last.
    newest: Mutex<Option<SocketAddr>>,
    stopping: AtomicBool,
}

/// A listening receiver; stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// One that answers everything with 200.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            exchanges: Mutex::new(Vec::new()),
            changed: Condvar::new(),
            behaviour: Mutex::new(Arc::new(|_| Reaction::from(200))),
            connections: AtomicUsize::new(0),
            newest: Mutex::new(None),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// One that does with each request what `behaviour` says.
    pub fn that(behaviour: impl Fn(&Request) -> Reaction + Send + Sync + 'static) -> Self {
        let receiver = Self::start();
        receiver.behave(behaviour);
        receiver
    }

    /// From now on does what `behaviour` says.
    pub fn behave(&self, behaviour: impl Fn(&Request) -> Reaction + Send + Sync + 'static) {
        *self.shared.behaviour.lock().expect("no panic under the lock") = Arc::new(behaviour);
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of `path` here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything so far, in the order of arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.look(<[Exchange]>::to_vec)
    }

    /// Looks at everything so far without copying it.
    pub fn look<T>(&self, look: impl FnOnce(&[Exchange]) -> T) -> T {
        look(&self.shared.exchanges.lock().expect("no panic under the lock"))
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.exchanges().into_iter().map(|exchange| exchange.request).collect()
    }

    /// Connections that were made, used or not.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Tells the connections made so far from later ones, while nobody else connects: the number of the last of them,
    /// those included that the system still holds.
    pub fn mark(&self) -> usize {
        let own = TcpStream::connect(self.address).expect("it listens");
        let own = own.local_addr().expect("connected");
        waiting::until("a connection is accepted", || {
            (*self.shared.newest.lock().expect("no panic under the lock") == Some(own))
                .then(|| self.connections())
        })
    }

    /// Waits until `wanted` finds in the record what it looks for.
    pub fn until<T>(&self, what: &str, wanted: impl FnMut(&[Exchange]) -> Option<T>) -> T {
        self.within(PATIENCE, what, wanted)
    }

    /// As [`Receiver::until`], with a deadline of its own.
    pub fn within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut wanted: impl FnMut(&[Exchange]) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        let mut exchanges = self.shared.exchanges.lock().expect("no panic under the lock");
        loop {
            if let Some(found) = wanted(&exchanges) {
                return found;
            }
            let left = patience.saturating_sub(began.elapsed());
            assert!(!left.is_zero(), "{what}: not within {patience:?}; arrived: {:#?}", summary(&exchanges));
            exchanges = self.shared.changed.wait_timeout(exchanges, left).expect("no panic under the lock").0;
        }
    }

    /// Waits for `count` answered requests and returns the first so many.
    pub fn answered(&self, count: usize) -> Vec<Exchange> {
        self.until(&format!("{count} answered requests"), |exchanges| {
            let answered: Vec<_> = exchanges.iter().filter(|exchange| exchange.answered.is_some()).collect();
            (answered.len() >= count)
                .then(|| answered[..count].iter().map(|&exchange| exchange.clone()).collect())
        })
    }

    /// Waits for the request about `participant` and returns it.
    pub fn request_about(&self, participant: &str) -> Request {
        self.until(&format!("a request about {participant}"), |exchanges| {
            let mut requests = exchanges.iter().map(|exchange| &exchange.request);
            requests.find(|request| request.json()["data"]["id"] == participant).cloned()
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl Request {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    /// The event's id.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id").expect("every request has a webhook-id")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("bodies are UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("bodies are JSON")
    }
}

fn summary(exchanges: &[Exchange]) -> Vec<String> {
    let line = |exchange: &Exchange| {
        let status = exchange.answered.map(|answered| answered.status);
        let Request { path, arrived_at_ms, .. } = &exchange.request;
        format!("{arrived_at_ms} {path} {:?} {status:?}", exchange.request.header("webhook-id"))
    };
    exchanges.iter().rev().take(20).map(line).collect()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        *shared.newest.lock().expect("no panic under the lock") = stream.peer_addr().ok();
        let shared = Arc::clone(shared);
        thread::spawn(move || serve(&stream, connection, &shared));
    }
}

/// Serves one connection until the sender or the reaction ends it.
fn serve(stream: &TcpStream, connection: usize, shared: &Shared) {
    stream.set_nodelay(true).expect("a connected socket");
    let mut reader = http::Reader::new(stream);
    while let Some(mut request) = reader.next_request() {
        let at = {
            let mut exchanges = shared.exchanges.lock().expect("no panic under the lock");
            (request.number, request.connection) = (exchanges.len() + 1, connection);
            request.arrived_at_ms = now_ms();
            exchanges.push(Exchange { request: request.clone(), answered: None });
            exchanges.len() - 1
        };
        shared.changed.notify_all();
        let behaviour = Arc::clone(&shared.behaviour.lock().expect("no panic under the lock"));
        let answered = react(stream, &mut reader, behaviour(&request));
        shared.exchanges.lock().expect("no panic under the lock")[at].answered = answered;
        shared.changed.notify_all();
        if answered.is_none_or(|answered| answered.status == 0) {
            break;
        }
    }
    // The sender may have closed it already.
    let _ = stream.shutdown(Shutdown::Both);
}

fn react(stream: &TcpStream, reader: &mut http::Reader<'_>, reaction: Reaction) -> Option<Answered> {
    let mut stream = stream;
    let reply = match reaction {
        Reaction::Answer(reply) => reply,
        Reaction::AnswerAfter(delay, reply) => {
            thread::sleep(delay);
            reply
        }
        Reaction::Silence => {
            reader.wait_for_end();
            return None;
        }
        Reaction::HangUp => return None,
        Reaction::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000000000\r\n\r\n";
            stream.write_all(head).ok()?;
            let mut body_bytes = 0;
            while let Ok(written) = stream.write(&[b'x'; 4096]) {
                body_bytes += written;
            }
            return Some(Answered { at_ms: now_ms(), status: 0, body_bytes });
        }
        Reaction::Stall => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nso far").ok()?;
            reader.wait_for_end();
            return None;
        }
        Reaction::Raw(bytes) => {
            stream.write_all(bytes).ok()?;
            return Some(Answered { at_ms: now_ms(), status: 0, body_bytes: bytes.len() });
        }
    };
    stream.write_all(&http::response(&reply)).ok()?;
    Some(Answered { at_ms: now_ms(), status: reply.status, body_bytes: reply.body.len() })
}
