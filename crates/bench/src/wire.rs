//! HTTP/1.1 on keep-alive connections, no more of it than a load generator and a receiver need: one message at a
//! time, bodies with a length. Written by hand because a benchmark's own client and receiver must cost less than
//! what they measure.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FIRST_BUFFER: usize = 16 * 1024;
const LARGEST_MESSAGE: usize = 16 * 1024 * 1024;
const HEADERS: usize = 48;
const SIGNATURE: &str = groundswell_types::signature::PRODUCT_SIGNATURE;

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// Of the filled bytes, those of the last message.
    consumed: usize,
}

/// An answer.
#[derive(Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    pub body: &'a [u8],
    /// The product's signature header, if there is one.
    pub signature: Option<&'a str>,
}

/// Where the parts of a message are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    status: u16,
    head: usize,
    body: usize,
    signature: Option<(usize, usize)>,
}

impl Connection {
    /// Takes over an accepted connection.
    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; FIRST_BUFFER], filled: 0, consumed: 0 })
    }

    /// Opens a connection.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await;
        Self::new(stream.with_context(|| format!("cannot connect to {address}"))?)
    }

    /// Sends a whole message.
    pub async fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(message).await?)
    }

    /// Waits for an answer.
    pub async fn answer(&mut self) -> Result<Answer<'_>> {
        let Some(layout) = self.receive(parse_answer).await? else { bail!("the server hung up") };
        Ok(Answer { status: layout.status, body: self.body(layout) })
    }

    /// Waits for a request; none when the client has hung up.
    pub async fn request(&mut self) -> Result<Option<Request<'_>>> {
        let Some(layout) = self.receive(parse_request).await? else { return Ok(None) };
        let signature = layout.signature.and_then(|(at, bytes)| self.buffer.get(at..at + bytes));
        let signature = signature.and_then(|value| std::str::from_utf8(value).ok());
        Ok(Some(Request { body: self.body(layout), signature }))
    }

    fn body(&self, layout: Layout) -> &[u8] {
        &self.buffer[layout.head..layout.head + layout.body]
    }

    async fn receive(&mut self, parse: fn(&[u8]) -> Result<Option<Layout>>) -> Result<Option<Layout>> {
        self.buffer.copy_within(self.consumed..self.filled, 0);
        self.filled -= self.consumed;
        self.consumed = 0;
        let mut layout = None;
        loop {
            if layout.is_none() && self.filled > 0 {
                layout = parse(&self.buffer[..self.filled])?;
            }
            let wanted = layout.map_or(self.filled + 1, |layout| layout.head + layout.body);
            if self.filled >= wanted {
                self.consumed = wanted;
                return Ok(layout);
            }
            ensure!(wanted <= LARGEST_MESSAGE, "a message is too large");
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted.next_power_of_two(), 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                ensure!(self.filled == 0, "the connection ended in the middle of a message");
                return Ok(None);
            }
            self.filled += read;
        }
    }
}

fn parse_answer(bytes: &[u8]) -> Result<Option<Layout>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let body = body_bytes(response.headers)?;
    Ok(Some(Layout { status: response.code.unwrap_or(0), head, body, signature: None }))
}

fn parse_request(bytes: &[u8]) -> Result<Option<Layout>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else { return Ok(None) };
    let body = body_bytes(request.headers)?;
    let signature = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(SIGNATURE));
    let place = |value: &[u8]| (value.as_ptr().addr() - bytes.as_ptr().addr(), value.len());
    Ok(Some(Layout { status: 0, head, body, signature: signature.map(|header| place(header.value)) }))
}

fn body_bytes(headers: &[httparse::Header<'_>]) -> Result<usize> {
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(header.value)?.trim().parse();
            return length.context("a Content-Length is no number");
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("a body came in chunks, which this client does not read");
        }
    }
    Ok(0)
}
