//! What a connection waits for and since when, noted where it happens: as bytes come and go, and as requests begin and
//! answers end. Nothing here asks for the time; the ticks are counted elsewhere.

use std::convert::Infallible;
use std::future::{Future, pending};
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
    /// The rest of a request's body, without which nothing is done.
    Body,
    /// An answer to a request that is being worked on.
    Busy,
    /// The client, which takes an answer that has begun.
    Answer,
    /// Its own end: it was chosen to go.
    Over,
}

impl Phase {
    const BITS: u32 = 3;

    const fn of(bits: u64) -> Self {
        match bits & ((1 << Self::BITS) - 1) {
            0 => Self::Idle,
            1 => Self::Head,
            2 => Self::Body,
            3 => Self::Busy,
            4 => Self::Answer,
            _ => Self::Over,
        }
    }
}

/// A body of which so much comes in each tick has waited for nothing. With the usual ticks this is the pace that bodies have to
/// keep when the room for them is short.
const PACE_BYTES: u64 = 64 * 1024;

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

    /// Ends it if it is still in the phase in which it was seen. A request that has come meanwhile is worked on and answered; one
    /// that comes afterwards never begins. So nobody is left not knowing what was done.
    pub fn end_if_still(&self, (phase, since): (Phase, u64)) -> bool {
        let (seen, over) = (since << Phase::BITS | phase as u64, since << Phase::BITS | Phase::Over as u64);
        let is_still = self.phase.compare_exchange(seen, over, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_still {
            self.tell(Order::End);
        }
        is_still
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Whether it may: one that was chosen to go may nothing more.
    fn enter(&self, phase: Phase) -> bool {
        self.change(|was| was != Phase::Over, (phase, self.now()))
    }

    fn change(&self, may: impl Fn(Phase) -> bool, (phase, since): (Phase, u64)) -> bool {
        let next = since << Phase::BITS | phase as u64;
        let change = |bits| may(Phase::of(bits)).then_some(next);
        self.phase.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }

    fn got_bytes(&self) {
        if self.phase().0 == Phase::Idle {
            self.change(|was| was == Phase::Idle, (Phase::Head, self.now()));
        }
    }

    /// Of the body there is no more yet. After the answer has begun that holds nobody up.
    fn lacks_body(&self) {
        if self.phase().0 == Phase::Busy {
            self.change(|was| was == Phase::Busy, (Phase::Body, self.now()));
        }
    }

    /// The body has come on by what takes so many ticks at a good pace. What came faster than that is not kept in its favour.
    fn got_body(&self, ticks: u64) {
        let (phase, since) = self.phase();
        if phase == Phase::Body {
            let since = since.saturating_add(ticks).min(self.now());
            self.change(|was| was == Phase::Body, (Phase::Body, since));
        }
    }

    /// The body is here, or nobody wants the rest of it. Says whether the request may be worked on.
    fn has_body(&self) -> bool {
        match self.phase().0 {
            Phase::Body => self.change(|was| was == Phase::Body, (Phase::Busy, self.now())),
            phase => phase != Phase::Over,
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
        let answer = if self.watch.enter(Phase::Busy) {
            let watch = &self.watch;
            let arriving = |body| Body::new(Arriving { body, watch: Arc::clone(watch), bytes: 0 });
            self.front.answer(request.map(arriving))
        } else {
            // The connection is about to be closed.
            Box::pin(pending())
        };
        Answering { answer, watch: Some(Arc::clone(&self.watch)) }
    }
}

/// A request's body, of which is noted that it is waited for.
struct Arriving {
    body: Incoming,
    watch: Arc<Watch>,
    /// What has come and is not yet noted: less than [`PACE_BYTES`].
    bytes: u64,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            self.watch.lacks_body();
            return Poll::Pending;
        };
        if let Some(Ok(frame)) = &frame
            && !self.body.is_end_stream()
        {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.bytes >= PACE_BYTES {
                self.watch.got_body(self.bytes / PACE_BYTES);
                self.bytes %= PACE_BYTES;
            }
        } else if !self.watch.has_body() {
            // Nothing begins any more on a connection that is about to be closed.
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.watch.has_body();
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
        if let Some(watch) = &watch {
            watch.enter(Phase::Answer);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_is_not_ended_and_what_is_ended_does_not_begin() {
        let watch = Watch::new(Arc::default());
        let head = watch.phase();
        assert!(watch.enter(Phase::Busy));
        assert!(!watch.end_if_still(head), "its head has come meanwhile");
        watch.lacks_body();
        let body = watch.phase();
        assert_eq!(body.0, Phase::Body);
        assert!(watch.has_body());
        assert!(!watch.end_if_still(body), "its body has come meanwhile");
        assert!(!watch.is_told_to(Order::End));
        watch.lacks_body();
        assert!(watch.end_if_still(watch.phase()));
        assert!(!watch.has_body(), "that comes too late");
        assert!(!watch.enter(Phase::Busy));
        assert!(watch.is_told_to(Order::End));
    }

    #[test]
    fn a_body_that_is_read_beside_its_answer_holds_nobody_up() {
        let watch = Watch::new(Arc::default());
        watch.enter(Phase::Answer);
        watch.lacks_body();
        assert_eq!(watch.phase().0, Phase::Answer);
    }

    #[test]
    fn a_body_that_keeps_its_pace_is_as_young_as_its_last_piece_and_no_younger() {
        let now = Arc::new(AtomicU64::new(10));
        let watch = Watch::new(Arc::clone(&now));
        watch.enter(Phase::Busy);
        watch.lacks_body();
        now.store(15, Ordering::Relaxed);
        watch.got_body(2);
        assert_eq!(watch.phase(), (Phase::Body, 12));
        watch.got_body(100);
        assert_eq!(watch.phase(), (Phase::Body, 15));
    }
}
