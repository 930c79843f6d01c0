//! Requests as bytes.

use bytes::{Buf as _, Bytes};
use http::header::ACCEPT;
use url::Position;

use super::{Outgoing, Sender};

/// A body that is not larger is written together with its head.
const SMALL_BODY: usize = 16 * 1024;

/// A request as it goes out. Writing it takes what is written from its front.
#[derive(Debug, Default)]
pub(super) struct Request {
    first: Bytes,
    rest: Bytes,
}

impl Request {
    /// What goes out (RFC 9112, section 3); `None` when the URL has no place in a request.
    pub(super) fn of(outgoing: &Outgoing<'_>) -> Option<Self> {
        let url = outgoing.url;
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let target =
            Some(&url[Position::BeforePath..Position::AfterQuery]).filter(|target| is_word(target))?;
        let host = Some(&url[Position::BeforeHost..Position::AfterPort]).filter(|host| is_word(host))?;
        // With room for a body of usual size.
        let mut head = Vec::with_capacity(2_048);
        for part in ["POST ", target, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        // It is the only one that may have been saved as the webhook's own.
        if !outgoing.own.iter().any(|(name, _)| name == ACCEPT) {
            head.extend_from_slice(b"accept: */*\r\n");
        }
        let mut line = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        for (name, value) in Sender::headers(outgoing) {
            line(name, value.as_bytes());
        }
        for (name, value) in outgoing.own.iter() {
            line(name.as_str(), value.as_bytes());
        }
        line("content-length", outgoing.body.len().to_string().as_bytes());
        head.extend_from_slice(b"\r\n");
        Some(Self::new(head, outgoing.body.clone()))
    }

    /// Of a head, with the empty line behind it, and a body.
    fn new(mut head: Vec<u8>, body: Bytes) -> Self {
        if body.len() > SMALL_BODY {
            return Self { first: head.into(), rest: body };
        }
        head.extend_from_slice(&body);
        Self { first: head.into(), rest: Bytes::new() }
    }

    /// Whether all of it is written.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    /// What is written next.
    pub(super) fn front(&mut self) -> &mut Bytes {
        if self.first.is_empty() { &mut self.rest } else { &mut self.first }
    }

    /// So much of the front is written. What is written whole is given back: an idle connection keeps nothing of its last request.
    pub(super) fn advance(&mut self, written: usize) {
        let front = self.front();
        front.advance(written);
        if front.is_empty() {
            *front = Bytes::new();
        }
    }
}
