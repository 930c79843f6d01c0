//! As much HTTP/1.1 as a receiver needs: requests with a content length in, responses out.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

use super::{Reply, Request};

/// Reads one request after the other from a connection.
pub struct Reader<'a> {
    stream: BufReader<&'a TcpStream>,
}

impl<'a> Reader<'a> {
    pub fn new(stream: &'a TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// The next request; none at the end of the connection or when what comes is none.
    pub fn next_request(&mut self) -> Option<Request> {
        let first = self.line()?;
        let mut parts = first.split(' ');
        let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(Request { method, path, headers, body, arrived_at_ms: 0, number: 0, connection: 0 })
    }

    /// Waits until the sender closes the connection.
    pub fn wait_for_end(&mut self) {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).is_ok_and(|bytes| bytes > 0) {}
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let bytes = self.stream.read_line(&mut line).ok()?;
        (bytes > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// The bytes of a response.
pub fn response(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").expect("writing to a string");
    }
    if reply.status == 204 || reply.status == 304 {
        head.push_str("\r\n");
        return head.into_bytes();
    }
    write!(head, "content-length: {}\r\n\r\n", reply.body.len()).expect("writing to a string");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}
