//! What a connection waits for and since when, noted where it happens: as bytes come and go, and as requests begin and
//! answers end. Nothing here asks for the time; the ticks are counted elsewhere.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::{Answer, Answers};

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Answer what has begun, and close.
    Finish,
    /// Close at once.
    End,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A request that has not begun.
    Idle,
    /// The rest of a request's head; of a new connection also its beginning.
    Head,
    /// Its answer, and whatever that needs, the request's body among it.
    Busy,
}

impl Phase {
    const BITS: u32 = 2;

    const fn of(bits: u64) -> Self {
        match bits & ((1 << Self::BITS) - 1) {
            0 => Self::Idle,
            1 => Self::Head,
            _ => Self::Busy,
        }
    }
}

/// One connection, as it looks from outside.
#[derive(Debug)]
pub struct Watch {
    /// Ticks since the listener began.
    now: Arc<AtomicU64>,
    /// A phase, and above it the tick it began in.
    phase: AtomicU64,
    /// The tick from which on the client has taken nothing of what is to be written, plus one; 0 while it takes it.
    stuck: AtomicU64,
    /// How many kinds of orders there were; a later one is stricter.
    orders: AtomicU8,
    ordered: Notify,
}

impl Watch {
    /// Of a connection that was just accepted.
    pub fn new(now: Arc<AtomicU64>) -> Self {
        let watch = Self {
            now,
            phase: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            orders: AtomicU8::new(0),
            ordered: Notify::new(),
        };
        watch.enter(Phase::Head);
        watch
    }

    /// What it waits for, and since which tick.
    pub fn phase(&self) -> (Phase, u64) {
        let bits = self.phase.load(Ordering::Relaxed);
        (Phase::of(bits), bits >> Phase::BITS)
    }

    /// Since which tick the client has taken nothing.
    pub fn stuck_since(&self) -> Option<u64> {
        self.stuck.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Tells it what to do; less than it was told before changes nothing.
    pub fn tell(&self, order: Order) {
        let order = order as u8 + 1;
        if self.orders.fetch_max(order, Ordering::Relaxed) < order {
            self.ordered.notify_one();
        }
    }

    /// Whether it is about to end anyway.
    pub fn is_told_to(&self, order: Order) -> bool {
        self.orders.load(Ordering::Relaxed) > order as u8
    }

    /// Waits for the next thing to do.
    pub async fn order(&self) -> Order {
        self.ordered.notified().await;
        if self.is_told_to(Order::End) { Order::End } else { Order::Finish }
    }

    fn enter(&self, phase: Phase) {
        let since = self.now.load(Ordering::Relaxed);
        self.phase.store(since << Phase::BITS | phase as u64, Ordering::Relaxed);
    }

    fn got_bytes(&self) {
        if self.phase().0 == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn note_write<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let is_stuck = self.stuck.load(Ordering::Relaxed) != 0;
        match &written {
            Poll::Pending if !is_stuck => {
                self.stuck.store(self.now.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            Poll::Ready(_) if is_stuck => self.stuck.store(0, Ordering::Relaxed),
            _ => {}
        }
        written
    }
}

/// A connection whose reads and writes are noted.
pub struct Watched {
    io: TokioIo<TcpStream>,
    watch: Arc<Watch>,
}

impl Watched {
    /// Nothing has been read yet.
    pub fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        Self { io: TokioIo::new(stream), watch }
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(context, buffer));
        self.watch.got_bytes();
        Poll::Ready(read)
    }
}

impl Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watch.note_write(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, pieces);
        self.watch.note_write(written)
    }
}

/// The server behind a connection whose requests and answers are noted.
pub struct Watching<Front> {
    front: Front,
    watch: Arc<Watch>,
}

impl<Front: Answers> Watching<Front> {
    /// Answers with `front`.
    pub const fn new(front: Front, watch: Arc<Watch>) -> Self {
        Self { front, watch }
    }
}

impl<Front: Answers> hyper::service::Service<Request<Incoming>> for Watching<Front> {
    type Response = Response<Noted>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.watch.enter(Phase::Busy);
        let answer = self.front.answer(request.map(Body::new));
        Answering { answer, watch: Some(Arc::clone(&self.watch)) }
    }
}

/// An answer that is being made.
pub struct Answering {
    answer: Answer,
    watch: Option<Arc<Watch>>,
}

impl Future for Answering {
    type Output = Result<Response<Noted>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answer.as_mut().poll(context));
        let watch = self.watch.take();
        Poll::Ready(Ok(response.map(|body| Noted { body, watch })))
    }
}

/// An answer's body, whose end is noted: hyper drops it when it has taken all of it.
pub struct Noted {
    body: Body,
    watch: Option<Arc<Watch>>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.enter(Phase::Idle);
        }
    }
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
