//! A small reader of JSON, for what our own server wrote. It reads a text into a [`Value`] once, and what is compiled anew for
//! every type is only how it is made of one ([`FromJson`]): fields are taken by the names that they have in Rust, of which
//! those in JSON differ in capitals and underscores alone. What serde's derive makes of a type is ten times as large, since it goes
//! through the text with a place for every field that it may meet. Errors say nothing, since nobody is shown them. Numbers are
//! whole, as all numbers of pages are.

mod types;
mod value;

use std::fmt;

pub use value::{Fields, FromFields, FromJson, Value};
pub(crate) use value::{read_fields, read_variants};

/// The text is not JSON, or not of that type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unreadable")
    }
}

impl std::error::Error for Unreadable {}

/// Reads a value.
pub fn read<T: FromJson>(text: &str) -> Result<T, Unreadable> {
    T::from_json(parse(text)?).ok_or(Unreadable)
}

fn parse(text: &str) -> Result<Value, Unreadable> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value()?;
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

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Unreadable> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Unreadable);
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Unreadable> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let (literal, _) = rest.split_at(end.unwrap_or(rest.len()));
        self.at += literal.len();
        if literal.is_empty() {
            return Err(Unreadable);
        }
        Ok(literal.parse().map_or(Value::OtherNumber, Value::Number))
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

    /// Steps over the comma before a member or element, unless it is the `first`; false when there is none.
    fn next(&mut self, first: &mut bool, end: u8) -> Result<bool, Unreadable> {
        if self.take(end) {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn value(&mut self) -> Result<Value, Unreadable> {
        let mut first = true;
        match self.peek() {
            b'"' => self.string().map(Value::Text),
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                while self.next(&mut first, b'}')? {
                    let name = self.string()?;
                    self.expect(b':')?;
                    members.push((name, self.value()?));
                }
                Ok(Value::Members(members))
            }
            b'[' => {
                self.at += 1;
                let mut elements = Vec::new();
                while self.next(&mut first, b']')? {
                    elements.push(self.value()?);
                }
                Ok(Value::Elements(elements))
            }
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            _ => self.number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        webhook_id: String,
        count: i64,
        code: Option<u16>,
        is_on: bool,
        kinds: Vec<Kind>,
        pairs: Vec<(String, i64)>,
        #[serde(flatten)]
        more: More,
    }

    #[derive(Debug, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    struct More {
        at_ms: i64,
        of: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Serialize)]
    #[serde(rename_all = "camelCase")]
    enum Kind {
        AtRest,
        Named(String),
        Moving { how_fast: u16, tags: Vec<String> },
    }

    read_fields!(Row: flat more { webhook_id, count, code, is_on or default, kinds, pairs });
    read_fields!(More { at_ms, of });
    read_variants!(Kind { AtRest, Named(String), Moving { how_fast, tags } });

    fn row() -> Row {
        Row {
            webhook_id: "a \"quoted\" \\ /\u{8}\u{c}\n\r\t\u{1} ü 🌊".to_owned(),
            count: i64::MIN,
            code: Some(u16::MAX),
            is_on: true,
            kinds: vec![
                Kind::AtRest,
                Kind::Named(String::new()),
                Kind::Moving { how_fast: 7, tags: vec!["x".to_owned()] },
            ],
            pairs: vec![("a".to_owned(), 1), ("b".to_owned(), 2)],
            more: More { at_ms: i64::MAX, of: Some(Kind::AtRest) },
        }
    }

    #[test]
    fn what_serde_json_writes_is_read_back() {
        for text in [serde_json::to_string(&row()), serde_json::to_string_pretty(&row())] {
            assert_eq!(read(&text.expect("writes")), Ok(row()));
        }
        let outcomes: Vec<Result<Option<()>, Kind>> = vec![Ok(None), Ok(None), Err(Kind::AtRest)];
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
    fn what_an_older_server_leaves_out_is_nothing_or_as_agreed() {
        let text = r#"{"webhookId":"a","count":1,"kinds":[],"pairs":[],"atMs":2}"#;
        let more = More { at_ms: 2, of: None };
        let (kinds, pairs) = (Vec::new(), Vec::new());
        let row = Row { webhook_id: "a".to_owned(), count: 1, code: None, is_on: false, kinds, pairs, more };
        assert_eq!(read(text), Ok(row));
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
            r#"{"atMs":"1"}"#,
            r#"{"atMs":1.5}"#,
            r#"{"atMs":9223372036854775808}"#,
            r#"{"atMs":1,"of":"else"}"#,
            r#"{"atMs":1,"of":"named"}"#,
            r#"{"atMs":1,"of":{"atRest":1}}"#,
            r#"{"atMs":1,"of":{"named":"a","atRest":null}}"#,
            r#"{"atMs":1,"of":{"moving":{"howFast":65536,"tags":[]}}}"#,
        ] {
            assert_eq!(read::<More>(text), Err(Unreadable), "{text}");
        }
    }
}
