//! What a receiver answers, read from bytes: a response's head, and where its body ends (RFC 9112, sections 4 to 7). No
//! input or output; the grammar of lines is httparse's.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Header, ParserConfig, Status};
use thiserror::Error;

/// At most this much of a response's head is kept.
const MAX_KEPT: usize = 8 * 1024;

/// What of a head is kept by itself is no longer than this: it stands in what is said of the answer.
const MAX_TEXT: usize = 2 * 1024;

/// A head must fit into this.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What is behind a body's chunks must fit into this, and so must all that is between them and says nothing.
const MAX_BETWEEN_BYTES: usize = 8 * 1024;

/// The length of a chunk and the end of its line take no more.
const SIZE_LINE_BYTES: usize = 18;

/// So many heads may come before the answer's.
const MAX_INTERIM: u32 = 100;

/// Empty lines before a head must fit into this; there should be none.
const MAX_EMPTY_BYTES: usize = 16;

/// A head has no more fields than this.
const MAX_FIELDS: usize = 100;

/// It is not HTTP/1.1, or what it says of its end can be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("what came back is not HTTP")]
pub(super) struct Malformed;

/// A response's head, as far as anybody wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Its fields, `name: value` and a line feed each, names in lower case; at most [`MAX_KEPT`] bytes.
    pub(super) lines: String,
    /// Whether there was more than is kept.
    pub(super) is_cut: bool,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) retry_after: Option<String>,
    /// Whether the connection can take another request once the body has been read.
    pub(super) keeps_alive: bool,
    /// The receiver closes it when it is idle for so many seconds, if it says so (RFC 2068, 19.7.1.1).
    pub(super) idle_seconds: Option<u64>,
}

/// Reads heads, one after the other.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// So much of the input has no end of a head in it. What a receiver sends byte by byte is not parsed anew for each.
    without_end: usize,
    interim: u32,
}

impl HeadReader {
    /// The head at the beginning of `input`, what body it has, and its length; nothing while it is incomplete. Without a head, the
    /// next call must come with the same input and more; after one, without it.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<Option<(Head, Body, usize)>, Malformed> {
        if input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count() > MAX_EMPTY_BYTES {
            return Err(Malformed);
        }
        let may_be_complete = self.without_end == 0 || has_end(&input[self.without_end.saturating_sub(3)..]);
        if may_be_complete && let Some((head, body, length)) = parse(input)? {
            self.without_end = 0;
            self.interim += u32::from(head.is_interim());
            let is_within = length <= MAX_HEAD_BYTES && self.interim <= MAX_INTERIM;
            return if is_within { Ok(Some((head, body, length))) } else { Err(Malformed) };
        }
        self.without_end = input.len();
        if input.len() < MAX_HEAD_BYTES { Ok(None) } else { Err(Malformed) }
    }
}

impl Head {
    /// Whether it only comes before the answer, like "100 Continue". Nobody has asked for another protocol, so 101 is an answer.
    pub(super) const fn is_interim(&self) -> bool {
        matches!(self.status, 100 | 102..=199)
    }
}

/// Whether there is an empty line in it.
fn has_end(input: &[u8]) -> bool {
    let mut feeds = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    feeds.any(|at| matches!(&input[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

fn parse(input: &[u8]) -> Result<Option<(Head, Body, usize)>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, input, &mut fields);
    let Status::Complete(length) = parsed.map_err(|_| Malformed)? else { return Ok(None) };
    let (Some(status @ 100..), Some(version)) = (response.code, response.version) else {
        return Err(Malformed);
    };
    let fields = Fields { is_1_0: version == 0, all: response.headers };
    let (body, is_clear) = fields.body(status)?;
    let (lines, is_cut) = fields.kept();
    let head = Head {
        status,
        lines,
        is_cut,
        location: fields.text("location"),
        content_type: fields.text("content-type"),
        retry_after: fields.text("retry-after"),
        keeps_alive: is_clear && fields.keep_alive() && !matches!(body, Body::UntilClose),
        idle_seconds: fields.idle_seconds(),
    };
    Ok(Some((head, body, length)))
}

/// The fields of a head.
struct Fields<'a> {
    is_1_0: bool,
    all: &'a [Header<'a>],
}

impl<'a> Fields<'a> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.all.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The members of a field that is a list, however many lines it has.
    fn members(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    /// The first of that name, unless it is too long to mean anything.
    fn text(&self, name: &'static str) -> Option<String> {
        let value = self.values(name).next().filter(|value| value.len() <= MAX_TEXT)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    fn kept(&self) -> (String, bool) {
        let mut kept = String::with_capacity(256);
        for field in self.all {
            let value = String::from_utf8_lossy(field.value);
            if kept.len() + field.name.len() + value.len() > MAX_KEPT {
                return (kept, true);
            }
            let begin = kept.len();
            kept.push_str(field.name);
            kept[begin..].make_ascii_lowercase();
            for part in [": ", &value, "\n"] {
                kept.push_str(part);
            }
        }
        (kept, false)
    }

    fn keep_alive(&self) -> bool {
        let says =
            |word: &str| self.members("connection").any(|said| said.eq_ignore_ascii_case(word.as_bytes()));
        !says("close") && (!self.is_1_0 || says("keep-alive"))
    }

    fn idle_seconds(&self) -> Option<u64> {
        self.members("keep-alive").find_map(|said| {
            let (name, value) = said.split_at_checked("timeout=".len())?;
            if name.eq_ignore_ascii_case(b"timeout=") { digits(value) } else { None }
        })
    }

    /// Where the body ends (RFC 9112, 6.3), and whether nothing can come behind it that the receiver takes for a part of it.
    fn body(&self, status: u16) -> Result<(Body, bool), Malformed> {
        let mut coding = self.members("transfer-encoding").peekable();
        if matches!(status, 100..=199 | 204 | 304) {
            let announces =
                coding.peek().is_some() || self.members("content-length").any(|said| said != b"0");
            // What speaks another protocol now takes no further request.
            return Ok((Body::Length(0), !announces && status != 101));
        }
        if coding.peek().is_some() {
            // It did not exist then, so what was before the receiver may have read another end.
            if self.is_1_0 {
                return Err(Malformed);
            }
            // Empty members say nothing (RFC 9110, 5.6.1.2).
            let last = coding.filter(|said| !said.is_empty()).last();
            let is_chunked = last.is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
            let body = if is_chunked { Body::CHUNKED } else { Body::UntilClose };
            // The length says nothing, but what stands between may have taken it for right.
            return Ok((body, self.values("content-length").next().is_none()));
        }
        Ok((self.content_length()?.map_or(Body::UntilClose, Body::Length), true))
    }

    /// Said more than once, it must be the same.
    fn content_length(&self) -> Result<Option<u64>, Malformed> {
        let mut length = None;
        for said in self.members("content-length") {
            let said = digits(said).ok_or(Malformed)?;
            if length.replace(said).is_some_and(|other| other != said) {
                return Err(Malformed);
            }
        }
        Ok(length)
    }
}

/// Digits alone: no sign, which the standard library takes.
fn digits(text: &[u8]) -> Option<u64> {
    let text =
        std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

/// What of a body is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// In chunks, of which this comes next; so much between those so far said nothing.
    Chunked { next: Chunk, idle: usize },
    /// All that comes.
    UntilClose,
}

/// What comes next of a body in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    Size,
    /// So many bytes, and the end of the line behind them.
    Data(u64),
    LineEnd,
    Trailers,
    Nothing,
}

/// What a piece of input is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes between others: to be dropped.
    Between(usize),
    /// So many bytes of the body.
    Data(usize),
    /// The body was over before it.
    End,
    /// More is needed to tell.
    Incomplete,
}

impl Body {
    const CHUNKED: Self = Self::Chunked { next: Chunk::Size, idle: 0 };

    /// What the beginning of `input` is, which the next call must come without.
    pub(super) fn next(&mut self, input: &[u8]) -> Result<Piece, Malformed> {
        match self {
            Self::UntilClose => Ok(some_data(input.len())),
            Self::Length(left) => Ok(take(left, input)),
            Self::Chunked { next, idle } => {
                let piece = next.next(input)?;
                if let Piece::Between(length) = piece {
                    *idle += length.saturating_sub(SIZE_LINE_BYTES);
                    // Of one alone as of one that comes in pieces.
                    if length.max(*idle) > MAX_BETWEEN_BYTES {
                        return Err(Malformed);
                    }
                }
                Ok(piece)
            }
        }
    }

    /// What it means that the connection is closed now.
    pub(super) const fn ends_with_connection(self) -> bool {
        matches!(self, Self::UntilClose)
    }
}

impl Chunk {
    fn next(&mut self, input: &[u8]) -> Result<Piece, Malformed> {
        match self {
            Self::Size => {
                // To httparse no digits at all are 0.
                if input.first().is_some_and(|first| !first.is_ascii_hexdigit()) {
                    return Err(Malformed);
                }
                let Status::Complete((length, size)) =
                    httparse::parse_chunk_size(input).map_err(|_| Malformed)?
                else {
                    return incomplete(input);
                };
                // To httparse a line feed alone is a part of what may be behind the size, to others the end of the line.
                if input[..length - 1].contains(&b'\n') {
                    return Err(Malformed);
                }
                *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                Ok(Piece::Between(length))
            }
            Self::Data(left) => match take(left, input) {
                Piece::End => {
                    *self = Self::LineEnd;
                    self.next(input)
                }
                piece => Ok(piece),
            },
            Self::LineEnd => match input {
                [b'\r', b'\n', ..] => {
                    *self = Self::Size;
                    Ok(Piece::Between(2))
                }
                [] | [b'\r'] => Ok(Piece::Incomplete),
                _ => Err(Malformed),
            },
            Self::Trailers => {
                let mut fields = [EMPTY_HEADER; MAX_FIELDS];
                match httparse::parse_headers(input, &mut fields).map_err(|_| Malformed)? {
                    Status::Complete((length, _)) => {
                        *self = Self::Nothing;
                        Ok(Piece::Between(length))
                    }
                    Status::Partial => incomplete(input),
                }
            }
            Self::Nothing => Ok(Piece::End),
        }
    }
}

fn some_data(length: usize) -> Piece {
    if length == 0 { Piece::Incomplete } else { Piece::Data(length) }
}

/// As much as is there of what is left.
fn take(left: &mut u64, input: &[u8]) -> Piece {
    if *left == 0 {
        return Piece::End;
    }
    let length = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= length as u64;
    some_data(length)
}

fn incomplete(input: &[u8]) -> Result<Piece, Malformed> {
    if input.len() < MAX_BETWEEN_BYTES { Ok(Piece::Incomplete) } else { Err(Malformed) }
}

#[cfg(any(test, fuzzing))]
mod pieces;
#[cfg(fuzzing)]
pub(super) use self::pieces::read as read_in_pieces;
#[cfg(test)]
mod tests;
