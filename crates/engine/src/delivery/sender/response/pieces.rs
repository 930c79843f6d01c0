//! Responses that come in pieces, for tests and fuzzers: whatever the pieces, what is read is the same.

use super::{Head, HeadReader, Malformed, Piece};

/// What a response comes to when the connection is closed behind it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::delivery::sender) struct Read {
    /// None when it broke off before.
    pub(in crate::delivery::sender) head: Option<Head>,
    pub(in crate::delivery::sender) body: Vec<u8>,
    pub(in crate::delivery::sender) is_whole: bool,
    /// What came behind it.
    pub(in crate::delivery::sender) rest: Vec<u8>,
}

/// Reads a response that comes in pieces of these lengths.
pub(in crate::delivery::sender) fn read(
    input: &[u8],
    lengths: impl IntoIterator<Item = usize>,
) -> Result<Read, Malformed> {
    let mut lengths = lengths.into_iter();
    let (mut used, mut there) = (0, 0);
    // False at the end.
    let mut more = |there: &mut usize| {
        let length = lengths.next().unwrap_or(input.len()).max(1);
        let before = *there;
        *there = input.len().min(before + length);
        before < *there
    };
    let mut reader = HeadReader::default();
    let (head, mut body) = loop {
        match reader.read(&input[used..there])? {
            Some((head, body, length)) => {
                used += length;
                if !head.is_interim() {
                    break (head, body);
                }
            }
            None if more(&mut there) => {}
            // What came byte by byte was not looked at, since it has no end.
            None if super::parse(&input[used..])?.is_some() => unreachable!("it had one"),
            None => return Ok(Read { head: None, body: Vec::new(), is_whole: false, rest: Vec::new() }),
        }
    };
    let mut text = Vec::new();
    let is_whole = loop {
        match body.next(&input[used..there])? {
            Piece::End => break true,
            Piece::Between(length) => used += length,
            Piece::Data(length) => {
                text.extend_from_slice(&input[used..used + length]);
                used += length;
            }
            Piece::Incomplete if more(&mut there) => {}
            Piece::Incomplete => break body.ends_with_connection(),
        }
    };
    let rest = if is_whole { input[used..].to_vec() } else { Vec::new() };
    Ok(Read { head: Some(head), body: text, is_whole, rest })
}
