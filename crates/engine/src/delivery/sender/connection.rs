//! A connection to a receiver: one request goes out while its answer is awaited.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes, BytesMut};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;
use tokio_util::io::poll_read_buf;

use super::connect::Stream;
use crate::delivery::guard::Reach;

/// A body that is not larger is written together with its head.
const SMALL_BODY: usize = 16 * 1024;

/// There is room for this much before it is read.
const ROOM: usize = 1024;

/// So much room is made when there is less.
const MORE_ROOM: usize = 4 * 1024;

/// A request as it goes out. Writing it takes what is written from its front.
#[derive(Debug, Default)]
pub(super) struct Request {
    first: Bytes,
    rest: Bytes,
}

impl Request {
    /// Of a head, with the empty line behind it, and a body.
    pub(super) fn new(mut head: Vec<u8>, body: Bytes) -> Self {
        if body.len() > SMALL_BODY {
            return Self { first: head.into(), rest: body };
        }
        head.extend_from_slice(&body);
        Self { first: head.into(), rest: Bytes::new() }
    }

    const fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    fn front(&mut self) -> &mut Bytes {
        if self.first.is_empty() { &mut self.rest } else { &mut self.first }
    }
}

/// What is written to and read from. Handed around in a box.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TokioIo<Stream>,
    reached: Reach,
    /// What of the request has not been written.
    output: Request,
    /// Whether something is written that a layer of the stream may still have.
    is_unflushed: bool,
    /// Whether writing has failed. What the receiver had to say may still come.
    is_deaf: bool,
    /// What was read and not used.
    pub(super) input: BytesMut,
}

impl Connection {
    pub(super) fn new(stream: Stream, reached: Reach) -> Self {
        Self {
            stream: TokioIo::new(stream),
            reached,
            output: Request::default(),
            is_unflushed: false,
            is_deaf: false,
            input: BytesMut::new(),
        }
    }

    /// Who is at the other end.
    pub(super) const fn reached(&self) -> Reach {
        self.reached
    }

    /// Begins to write a request; gives it back when nothing of it could be written. What cannot be written at once, `fill` writes.
    pub(super) fn begin(&mut self, request: Request) -> Result<(), Request> {
        self.output = request;
        let before = self.output.first.len();
        self.poll_write(&mut Context::from_waker(Waker::noop()));
        if self.is_deaf && self.output.first.len() == before {
            return Err(std::mem::take(&mut self.output));
        }
        Ok(())
    }

    /// Reads more; 0 is the end. Writes meanwhile what is left of the request: a receiver may wait for that, or answer
    /// before it has come.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|context| {
            self.poll_write(context);
            self.poll_read(context)
        })
        .await
    }

    /// Whether it cannot take another request, as far as the socket tells now: it is closed, or somebody has not said or not
    /// heard everything yet.
    pub(super) fn is_over(&mut self) -> bool {
        self.is_deaf
            || !self.output.is_empty()
            || !self.input.is_empty()
            || self.poll_read(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() - self.input.len() < ROOM {
            self.input.reserve(MORE_ROOM);
        }
        poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input)
    }

    /// Writes what can be written now.
    fn poll_write(&mut self, context: &mut Context<'_>) {
        while !self.is_deaf && !self.output.is_empty() {
            let front = self.output.front();
            match Pin::new(&mut self.stream).poll_write(context, front) {
                Poll::Pending => return,
                Poll::Ready(Ok(written @ 1..)) => front.advance(written),
                Poll::Ready(_) => self.is_deaf = true,
            }
            self.is_unflushed = true;
        }
        if self.is_unflushed && !self.is_deaf {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(_)) => self.is_deaf = true,
            }
        }
    }
}
