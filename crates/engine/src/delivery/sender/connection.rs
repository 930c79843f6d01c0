//! A connection to a receiver: one request goes out while its answer is awaited.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop;
use tokio_util::io::poll_read_buf;

use super::connect::Stream;
use super::request::Request;
use crate::delivery::guard::Reach;

/// There is room for this much before it is read.
const ROOM: usize = 1024;

/// So much room is made when there is less.
const MORE_ROOM: usize = 4 * 1024;

/// An idle connection keeps less room than this.
const MOST_AT_REST: usize = 16 * 1024;

/// What is written to and read from. Handed around in a box.
#[derive(Debug)]
pub(super) struct Connection<S = TokioIo<Stream>> {
    stream: S,
    reached: Reach,
    /// What of the request has not been written.
    output: Request,
    /// Whether something is written that a layer of the stream may still have.
    is_unflushed: bool,
    /// Whether writing has failed. What the receiver had to say may still come.
    is_deaf: bool,
    /// What was read and not used.
    pub(super) input: BytesMut,
    /// It may be idle for so long and be used again.
    pub(super) may_idle: Duration,
}

impl Connection {
    pub(super) fn new(stream: Stream, reached: Reach) -> Self {
        Self::over(TokioIo::new(stream), reached)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn over(stream: S, reached: Reach) -> Self {
        Self {
            stream,
            reached,
            output: Request::default(),
            is_unflushed: false,
            is_deaf: false,
            input: BytesMut::new(),
            may_idle: Duration::MAX,
        }
    }

    /// Who is at the other end.
    pub(super) const fn reached(&self) -> Reach {
        self.reached
    }

    /// Begins to write a request; gives it back when the first write fails. Over TLS a part of it may have gone out then, but never all.
    /// What cannot be written at once, `fill` writes.
    pub(super) fn begin(&mut self, request: Request) -> Result<(), Request> {
        self.output = request;
        let before = self.output.front().len();
        self.poll_write(&mut Context::from_waker(Waker::noop()));
        if self.is_deaf && self.output.front().len() == before {
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

    /// Whether everything was said and heard, as far as is known without looking.
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_deaf && !self.is_unflushed && self.output.is_empty() && self.input.is_empty()
    }

    /// Whether it cannot take another request, as far as the socket tells now: it is closed, or somebody has not said or not
    /// heard everything yet. A task that may do nothing more is told that it is over.
    pub(super) fn is_over(&mut self) -> bool {
        // Within what a task may do at once: a receiver that sends what only TLS sees, like its tickets, could be read for ever.
        let says = |this: &mut Self| this.poll_read(&mut Context::from_waker(Waker::noop())).is_ready();
        !self.is_quiet() || says(self) || !coop::has_budget_remaining()
    }

    /// Before it waits for its next request, not for longer than `may_idle`: what a long answer has taken is given back.
    pub(super) fn rest(&mut self, may_idle: Duration) {
        self.may_idle = may_idle;
        if self.input.try_reclaim(MOST_AT_REST) {
            self.input = BytesMut::new();
        }
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
            match Pin::new(&mut self.stream).poll_write(context, self.output.front()) {
                Poll::Pending => return,
                Poll::Ready(Ok(written @ 1..)) => self.output.advance(written),
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

#[cfg(test)]
mod tests {
    use std::task::ready;

    use super::*;

    /// A receiver that sends without end what is no part of an answer.
    struct Murmur;

    impl AsyncRead for Murmur {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            loop {
                ready!(coop::poll_proceed(context)).made_progress();
            }
        }
    }

    impl AsyncWrite for Murmur {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_connection_on_which_something_never_ends_is_over() {
        let looked = tokio::spawn(async { Connection::over(Murmur, Reach::Public).is_over() });
        assert!(looked.await.expect("it ends"));
    }
}
