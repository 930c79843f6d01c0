//! An HTTP server that answers events as a test wants, and remembers what arrived.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use groundswell_client::types::{EventId, ProgramId};
use groundswell_client::{Client, ClientBuilder, NewEvent, RetryPolicy};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

pub const API_KEY: &str = "gsk_of-a-test";

/// Quick enough not to wait for, and long enough for a slow machine.
pub const QUICK: RetryPolicy = RetryPolicy {
    first_wait: Duration::from_millis(5),
    longest_wait: Duration::from_millis(50),
    give_up_after: Duration::from_secs(20),
};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    pub at: Instant,
}

/// What comes back.
pub enum Reply {
    Answer(u16, String),
    /// With `Retry-After: 1`.
    NotNow,
    /// The connection is closed instead.
    Cut,
    /// Nothing, ever.
    Nothing,
    /// As soon as the semaphore has a permit.
    When(Arc<Semaphore>, u16, String),
}

pub struct TestServer {
    pub url: String,
    seen: watch::Receiver<Vec<Seen>>,
    most: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// What a server with a disk would have on it: ids by idempotency key.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<HashMap<String, i64>>);

impl Seen {
    pub fn key(&self) -> &str {
        self.headers["idempotency-key"].to_str().expect("a text")
    }

    pub fn lines(&self) -> Vec<Value> {
        self.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The participants of a batch.
    pub fn ids(&self) -> Vec<String> {
        self.lines().iter().map(|line| line["data"]["id"].as_str().expect("an id").to_owned()).collect()
    }

    pub fn line_keys(&self) -> Vec<String> {
        self.lines().iter().map(|line| line["idempotencyKey"].as_str().expect("a key").to_owned()).collect()
    }
}

impl Ledger {
    pub fn accept(&self, key: &str) -> Value {
        let mut ids = self.0.lock().expect("not poisoned");
        let next = i64::try_from(ids.len()).expect("few");
        let duplicate = ids.contains_key(key);
        let id = EventId::from_number(*ids.entry(key.to_owned()).or_insert(next));
        json!({"id": id, "deliveries": 1, "duplicate": duplicate})
    }

    /// The answer to a batch whose lines are all accepted.
    pub fn accept_all(&self, seen: &Seen) -> Reply {
        answer_lines(202, seen.line_keys().iter().map(|key| self.accept(key)))
    }

    pub fn len(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }
}

/// The answer to a batch, from what is said of each line.
pub fn answer_lines(status: u16, results: impl Iterator<Item = Value>) -> Reply {
    let mut body = String::new();
    for (index, mut result) in results.enumerate() {
        result["index"] = index.into();
        body.push_str(&result.to_string());
        body.push('\n');
    }
    Reply::Answer(status, body)
}

/// An error as the server describes it.
pub fn error(status: u16, code: &str, problems: &Value) -> Value {
    json!({"name": "AnError", "code": code, "message": "It is so.", "status": status, "timestamp": 1,
        "supportUrl": "http://a.example", "errors": problems})
}

impl TestServer {
    /// `answer` gets the request's number, from 1, and the request.
    pub async fn start(answer: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, seen) = watch::channel(Vec::new());
        let most = Arc::default();
        let state = State { seen: sender, now: AtomicUsize::new(0), most: Arc::clone(&most), answer };
        let task = tokio::spawn(serve(listener, Arc::new(state)));
        Self { url, seen, most, task }
    }

    /// Everything that arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn arrived(&self, requests: usize) {
        let mut seen = self.seen.clone();
        seen.wait_for(|seen| seen.len() >= requests).await.expect("the server runs");
    }

    /// The most requests that were without an answer at the same time.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub fn builder(&self) -> ClientBuilder {
        Client::builder(&self.url, API_KEY).retry(QUICK)
    }

    pub fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct State<A> {
    seen: watch::Sender<Vec<Seen>>,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
    answer: A,
}

async fn serve<A>(listener: TcpListener, state: Arc<State<A>>)
where
    A: Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| state.counted(request));
            // A connection that is cut on purpose is an error here.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl<A: Fn(usize, &Seen) -> Reply> State<A> {
    async fn counted(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let response = self.one(request).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        response
    }

    async fn one(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let arrived = Seen {
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).expect("text"),
            at: Instant::now(),
        };
        self.seen.send_modify(|seen| seen.push(arrived.clone()));
        let number = self.seen.borrow().len();
        let response = Response::builder();
        let response = match (self.answer)(number, &arrived) {
            Reply::Answer(status, body) => response.status(status).body(body.into()),
            Reply::NotNow => response.status(503).header("retry-after", "1").body(Full::default()),
            Reply::Cut => return Err(io::Error::other("cut on purpose")),
            Reply::Nothing => std::future::pending().await,
            Reply::When(gate, status, body) => {
                gate.acquire().await.expect("never closed").forget();
                response.status(status).body(body.into())
            }
        };
        Ok(response.expect("a response"))
    }
}

pub fn program() -> ProgramId {
    ProgramId::parse("4pdlhb").expect("an id")
}

/// A participant joined.
pub fn joined(id: &str) -> NewEvent {
    NewEvent::parse(json!({"event": "NEW_PARTICIPANT_ADDED", "data": {"id": id}})).expect("an event")
}
