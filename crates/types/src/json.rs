//! JSON exactly as JavaScript would print it.
//!
//! Receivers written after the product's published example check signatures over `JSON.stringify(req.body)`,
//! so for every body sent `JSON.stringify(JSON.parse(body)) === body` must hold. [`parse`] reads any JSON text
//! into a [`Json`] tree that already has JavaScript's view of it (number format, key order, repeated keys), and
//! refuses what JavaScript cannot hold; [`Json::render`] prints that tree without white space.
//!
//! serde_json is not enough here: it loses the text of numbers, which is needed to tell `1e400` and
//! `9007199254740993` from values that survive, and it reports only the first error, without a pointer.

mod number;
mod read;

use std::borrow::Cow;

pub use read::{Around, MAX_DEPTH, MAX_VALUES, parse, parse_within};

/// A JSON value in JavaScript's view of it. Borrows from the text it was parsed from where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as JavaScript prints it, for example `1`, `0.1`, `1e+21`.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The members of an object in JavaScript's order: integer-like keys first and ascending, then the others in
/// the order of their first appearance. Each key is there once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Object<'a> {
    /// Puts `members` into JavaScript's order; of a repeated key the first position and the last value stay.
    pub fn new(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        deduplicate(&mut members);
        if members.iter().any(|(key, _)| array_index(key).is_some()) {
            // The sort is stable, so other keys keep their order behind the integer-like ones.
            members.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
        }
        Self { members }
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// All members in JavaScript's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Takes the value of `key` out of the object.
    pub fn remove(&mut self, key: &str) -> Option<Json<'a>> {
        let at = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(at).1)
    }
}

impl<'a> Json<'a> {
    /// A whole number, for example Unix milliseconds.
    pub fn integer(value: i64) -> Self {
        Self::Number(Cow::Owned(value.to_string()))
    }

    /// A string.
    pub fn string(value: impl Into<Cow<'a, str>>) -> Self {
        Self::String(value.into())
    }

    /// The value as a whole number, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What the value is, in the words an error message uses.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The bytes `JSON.stringify` would print: no white space, JavaScript's numbers and escapes.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.render_into(&mut out);
        out
    }

    /// Appends what [`Json::render`] returns to `out`.
    pub fn render_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(text) => render_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.render_into(out);
                }
                out.push(b']');
            }
            Self::Object(object) => {
                out.push(b'{');
                for (at, (key, value)) in object.members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    render_string(key, out);
                    out.push(b':');
                    value.render_into(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Escapes as `JSON.stringify` does (ECMA-262, QuoteJSONString): the two-character escapes, `\u00xx` in lower
/// case for the other control characters below U+0020, everything else raw.
fn render_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let at = plain_len(rest);
        out.extend_from_slice(&rest[..at]);
        let Some(&byte) = rest.get(at) else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.push(b'"');
}

/// How many bytes at the beginning stand for themselves in a JSON string: no quote, backslash or control character.
///
/// Eight at a time: most of an event is text, and this is read twice for every event.
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The highest bit of each byte that is below `limit`; right up to the first such byte.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let special = below(word, 0x20) | quote | backslash;
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    at + bytes[at..].iter().position(is_special).unwrap_or(bytes.len() - at)
}

/// The integer a key stands for when JavaScript sorts it first: canonical decimal, 0 to 4294967294
/// (ECMA-262, "array index").
fn array_index(key: &str) -> Option<u32> {
    let bytes = key.as_bytes();
    if bytes.is_empty() || bytes.len() > 10 || (bytes[0] == b'0' && bytes.len() > 1) {
        return None;
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    key.parse::<u32>().ok().filter(|&index| index != u32::MAX)
}

/// Small objects are compared pairwise; larger ones through a map, so that a hostile body cannot make it quadratic.
fn deduplicate<'a>(members: &mut Vec<(Cow<'a, str>, Json<'a>)>) {
    const PAIRWISE: usize = 32;
    if members.len() <= PAIRWISE {
        let mut at = 1;
        while at < members.len() {
            let (earlier, rest) = members.split_at_mut(at);
            if let Some(first) = earlier.iter_mut().find(|(key, _)| *key == rest[0].0) {
                std::mem::swap(&mut first.1, &mut rest[0].1);
                members.remove(at);
            } else {
                at += 1;
            }
        }
        return;
    }
    let mut position = std::collections::HashMap::with_capacity(members.len());
    let mut kept: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(members.len());
    for (key, value) in members.drain(..) {
        if let Some(&at) = position.get(&key) {
            let first: &mut (Cow<'a, str>, Json<'a>) = &mut kept[at];
            first.1 = value;
        } else {
            position.insert(key.clone(), kept.len());
            kept.push((key, value));
        }
    }
    *members = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(parse(text.as_bytes()).expect("valid").render()).expect("utf-8")
    }

    #[test]
    fn white_space_goes_and_order_stays() {
        assert_eq!(canonical(" { \"b\" : 1 ,\n\"a\": [ true , null ] } "), r#"{"b":1,"a":[true,null]}"#);
    }

    #[test]
    fn integer_like_keys_come_first_and_ascending() {
        assert_eq!(
            canonical(r#"{"b":0,"10":1,"9":2,"01":3,"4294967295":4,"4294967294":5,"-1":6}"#),
            r#"{"9":2,"10":1,"4294967294":5,"b":0,"01":3,"4294967295":4,"-1":6}"#
        );
    }

    #[test]
    fn a_repeated_key_keeps_its_first_place_and_last_value() {
        assert_eq!(canonical(r#"{"a":1,"b":2,"a":3,"__proto__":4}"#), r#"{"a":3,"b":2,"__proto__":4}"#);
        let many = (0..40).fold(String::new(), |text, n| text + &format!("\"k{n}\":{n},"));
        let text = format!("{{{many}\"k3\":true}}");
        assert!(canonical(&text).contains(r#""k2":2,"k3":true,"k4":4"#));
    }

    #[test]
    fn plain_bytes_are_counted_up_to_the_first_special_one_wherever_it_stands() {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        for byte in 0..=255_u8 {
            for around in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff, b'z'] {
                for at in 0..20 {
                    let mut bytes = [around; 20];
                    bytes[at] = byte;
                    let wanted = if is_special(byte) { at } else { 20 };
                    assert_eq!(plain_len(&bytes), wanted, "{byte} at {at} among {around}");
                    assert_eq!(plain_len(&bytes[at..]), wanted - at, "{byte} first among {around}");
                }
            }
        }
        assert_eq!(plain_len(b""), 0);
    }

    #[test]
    fn strings_have_only_the_escapes_javascript_writes() {
        assert_eq!(
            canonical(r#""\u0041\/\u2028\u007f\u0001\u001f\b\f\n\r\t\"\\\ud83d\ude00é""#),
            "\"A/\u{2028}\u{7f}\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\😀é\""
        );
    }
}
