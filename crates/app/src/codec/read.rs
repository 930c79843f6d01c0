//! A small reader of JSON, for what our own server wrote. Made to be small where it is compiled anew for every type: errors
//! say nothing, since nobody is shown them, and a field or a variant is found by its place among the names, so that a type
//! needs no comparisons of its own. That place is only right as long as no type has aliases (`xtask/tests/tidy` sees to it).
//! Numbers are whole, as all numbers of pages are.

mod access;

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

use access::{Elements, Fields, Members, Variant};

type Names = &'static [&'static str];

/// The text is not JSON, or not of that type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unreadable")
    }
}

impl std::error::Error for Unreadable {}

impl Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: serde::de::Unexpected<'_>, _: &dyn serde::de::Expected) -> Self {
        Self
    }

    fn invalid_value(_: serde::de::Unexpected<'_>, _: &dyn serde::de::Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn serde::de::Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: Names) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: Names) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// Reads a value.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    let mut reader = Reader { text, at: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.peek() == 0 { Ok(value) } else { Err(Unreadable) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is no white space; 0 at the end, which JSON has nowhere.
    fn peek(&mut self) -> u8 {
        let rest = &self.text.as_bytes()[self.at..];
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space;
        rest.get(space).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unreadable> {
        if self.take(byte) { Ok(()) } else { Err(Unreadable) }
    }

    fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        self.peek();
        if !self.text[self.at..].starts_with(word) {
            return Err(Unreadable);
        }
        self.at += word.len();
        Ok(())
    }

    fn bool(&mut self) -> Result<bool, Unreadable> {
        if self.peek() == b't' {
            self.word("true").map(|()| true)
        } else {
            self.word("false").map(|()| false)
        }
    }

    /// Steps over a number.
    fn literal(&mut self) -> Result<&str, Unreadable> {
        self.peek();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let (literal, _) = rest.split_at(end.unwrap_or(rest.len()));
        self.at += literal.len();
        if literal.is_empty() { Err(Unreadable) } else { Ok(literal) }
    }

    fn number(&mut self) -> Result<i64, Unreadable> {
        self.literal()?.parse().map_err(|_| Unreadable)
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        self.expect(b'"')?;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(['"', '\\']).ok_or(Unreadable)?;
            string.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(string);
            }
            string.push(self.escaped()?);
        }
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Result<char, Unreadable> {
        let byte = *self.text.as_bytes().get(self.at).ok_or(Unreadable)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Unreadable),
        })
    }

    fn unicode(&mut self) -> Result<char, Unreadable> {
        let first = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(Unreadable);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Err(Unreadable);
        }
        self.at += 2;
        let second = self.hexadecimal()?.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(Unreadable)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second).ok_or(Unreadable)
    }

    fn hexadecimal(&mut self) -> Result<u32, Unreadable> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Unreadable)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Unreadable)
    }

    /// The place of the next string among `names`.
    fn name(&mut self, names: Names) -> Result<Option<u64>, Unreadable> {
        let name = self.string()?;
        Ok((0..).zip(names).find_map(|(place, known)| (*known == name).then_some(place)))
    }

    /// Steps over the comma before a member or element, unless it is the `first`; false when there is none.
    fn next(&mut self, first: &mut bool, end: u8) -> Result<bool, Unreadable> {
        if self.peek() == end {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn skip(&mut self) -> Result<(), Unreadable> {
        let mut first = true;
        match self.peek() {
            b'"' => self.string().map(drop),
            b'{' => {
                self.at += 1;
                while self.next(&mut first, b'}')? {
                    self.string()?;
                    self.expect(b':')?;
                    self.skip()?;
                }
                self.expect(b'}')
            }
            b'[' => {
                self.at += 1;
                while self.next(&mut first, b']')? {
                    self.skip()?;
                }
                self.expect(b']')
            }
            b'n' => self.word("null"),
            b't' | b'f' => self.bool().map(drop),
            _ => self.literal().map(drop),
        }
    }
}

/// All kinds of numbers are read as one; whether it fits is for the visitor to say.
macro_rules! numbers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            visitor.visit_i64(self.number()?)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Unreadable;

    numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    numbers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.peek() {
            b'"' => self.deserialize_string(visitor),
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            _ => self.deserialize_i64(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.peek() != b'n' {
            return visitor.visit_some(self);
        }
        self.word("null")?;
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.word("null")?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.expect(b'[')?;
        let value = visitor.visit_seq(Elements { reader: self, first: true })?;
        self.expect(b']')?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.expect(b'{')?;
        let value = visitor.visit_map(Members { reader: self, first: true })?;
        self.expect(b'}')?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.expect(b'{')?;
        let value = visitor.visit_map(Fields { reader: self, first: true, names })?;
        self.expect(b'}')?;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: Names,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let has_contents = self.take(b'{');
        let place = self.name(names)?.ok_or(Unreadable)?;
        if has_contents {
            self.expect(b':')?;
        }
        let value = visitor.visit_enum(Variant { reader: self, place })?;
        if has_contents {
            self.expect(b'}')?;
        }
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { f32 f64 char bytes byte_buf unit_struct tuple_struct }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        webhook_id: String,
        count: i64,
        code: Option<u16>,
        #[serde(default)]
        is_on: bool,
        kinds: Vec<Kind>,
        pairs: Vec<(String, i64)>,
        by_name: BTreeMap<String, u32>,
        #[serde(flatten)]
        more: More,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct More {
        at_ms: i64,
        of: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Kind {
        AtRest,
        Named(String),
        Between(i64, i64),
        Moving { how_fast: u8, tags: Vec<String> },
    }

    fn row() -> Row {
        Row {
            webhook_id: "a \"quoted\" \\ /\u{8}\u{c}\n\r\t\u{1} ü 🌊".to_owned(),
            count: i64::MIN,
            code: Some(u16::MAX),
            is_on: true,
            kinds: vec![
                Kind::AtRest,
                Kind::Named(String::new()),
                Kind::Between(-1, 2),
                Kind::Moving { how_fast: 7, tags: vec!["x".to_owned()] },
            ],
            pairs: vec![("a".to_owned(), 1), ("b".to_owned(), 2)],
            by_name: BTreeMap::from([("one".to_owned(), 1), ("two".to_owned(), 2)]),
            more: More { at_ms: i64::MAX, of: Some(Kind::AtRest) },
        }
    }

    #[test]
    fn what_serde_json_writes_is_read_back() {
        for text in [serde_json::to_string(&row()), serde_json::to_string_pretty(&row())] {
            assert_eq!(read(&text.expect("writes")), Ok(row()));
        }
        let outcomes: [Result<Option<()>, Kind>; 3] = [Ok(None), Ok(None), Err(Kind::AtRest)];
        let text = serde_json::to_string(&outcomes).expect("writes");
        assert_eq!(read(&text), Ok(outcomes));
    }

    #[test]
    fn characters_may_be_escaped() {
        assert_eq!(read(r#""\u0041\ud83c\udf0a\/""#), Ok("A🌊/".to_owned()));
        for text in
            [r#""\ud83c""#, r#""\ud83c\u0041""#, r#""\udf0a""#, r#""\u00""#, r#""\x""#, r#""\"#, "\"a"]
        {
            assert_eq!(read::<String>(text), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn what_a_newer_server_adds_is_passed_over() {
        let text = r#"{"new":{"a":[1,-2.5e3,"]}",null,true,{}],"b":[]},"atMs":1,"newer":false}"#;
        assert_eq!(read(text), Ok(More { at_ms: 1, of: None }));
    }

    #[test]
    fn what_does_not_fit_is_unreadable() {
        for text in [
            "",
            "{",
            "{}",
            r#"{"atMs":1"#,
            r#"{"atMs":1}}"#,
            r#"{"atMs":1,}"#,
            r#"{"atMs" 1}"#,
            r#"{"atMs":1 "of":null}"#,
            r#"{"atMs":1,"atMs":1}"#,
            r#"{"atMs":"1"}"#,
            r#"{"atMs":1.5}"#,
            r#"{"atMs":9223372036854775808}"#,
            r#"{"atMs":1,"of":"else"}"#,
            r#"{"atMs":1,"of":{"between":[1]}}"#,
            r#"{"atMs":1,"of":{"between":[1,2,3]}}"#,
            r#"{"atMs":1,"of":{"moving":{"howFast":256,"tags":[]}}}"#,
        ] {
            assert_eq!(read::<More>(text), Err(Unreadable), "{text}");
        }
    }
}
