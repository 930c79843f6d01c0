//! Streams of server-sent events, as they are on the wire.

use std::io::BufRead;

/// The next line, with its end; none when the stream has ended in order. What says how long the pieces are is lines, too.
pub fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let bytes = stream.read_line(&mut line).expect("it says something in time");
    assert!(bytes > 0, "the connection broke without an end");
    (line != "0\r\n").then_some(line)
}
