//! The reader: RFC 8259 text to a [`Json`] tree, with every number and string JavaScript cannot hold named by
//! its JSON pointer.

use std::borrow::Cow;

use super::{Json, Object, number, plain_len};
use crate::problem::{MAX_PROBLEMS, Problem, pointer_segment};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// So many values a text has at most: the end of a campaign with two thousand winners has them, each with who referred them and
/// whom they referred. Each takes up to sixty times the memory that the shortest takes as text, so a body of some megabytes could
/// have hundreds of them.
pub const MAX_VALUES: usize = 250_000;

/// Parses JSON text (RFC 8259, UTF-8, no byte order mark).
///
/// # Errors
/// All values JavaScript would change (numbers, lone surrogates), each with its pointer; or, when the text is
/// no JSON at all, the one place where reading stopped.
pub fn parse(text: &[u8]) -> Result<Json<'_>, Vec<Problem>> {
    parse_within(text, Around { levels: 0, values: 0 })
}

/// What will stand around a text that is read, and must not keep the whole from being read.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// So many levels deeper it will nest.
    pub levels: usize,
    /// So many values more there will be.
    pub values: usize,
}

/// Parses JSON text that becomes a part of other JSON, which [`parse`] can read then.
///
/// # Errors
/// As [`parse`]; its limits are those of the whole.
pub fn parse_within(text: &[u8], around: Around) -> Result<Json<'_>, Vec<Problem>> {
    let text = std::str::from_utf8(text).map_err(|error| {
        vec![Problem::new("", format!("is not valid UTF-8 at byte {}", error.valid_up_to()))]
    })?;
    let Around { levels, values } = around;
    let mut reader = Reader { text, at: 0, path: Vec::new(), levels, values, problems: Vec::new() };
    let value = match reader.document() {
        Ok(value) => value,
        Err(Stopped) => return Err(reader.problems),
    };
    if reader.problems.is_empty() { Ok(value) } else { Err(reader.problems) }
}

/// Reading cannot go on; the reason is the last problem noted.
struct Stopped;

enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    path: Vec<Step<'a>>,
    /// Those around the text.
    levels: usize,
    /// How many have begun, with those around the text.
    values: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Json<'a>, Stopped> {
        let value = self.value()?;
        self.white_space();
        if self.at < self.text.len() {
            return Err(self.stop("has text after its end"));
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Json<'a>, Stopped> {
        self.white_space();
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.stop("has more than 250,000 values"));
        }
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.stop("is not valid JSON: a value was expected")),
            None => Err(self.stop("is not valid JSON: it ends too early")),
        }
    }

    fn object(&mut self) -> Result<Json<'a>, Stopped> {
        self.enter()?;
        let mut members = Vec::with_capacity(8);
        self.white_space();
        if self.take(b'}') {
            return Ok(Json::Object(Object::default()));
        }
        loop {
            self.white_space();
            if self.peek() != Some(b'"') {
                return Err(self.stop("is not valid JSON: a key in double quotes was expected"));
            }
            let key = self.string()?;
            self.white_space();
            if !self.take(b':') {
                return Err(self.stop("is not valid JSON: `:` was expected after a key"));
            }
            self.path.push(Step::Key(key.clone()));
            let value = self.value()?;
            self.path.pop();
            members.push((key, value));
            self.white_space();
            if self.take(b'}') {
                return Ok(Json::Object(Object::new(members)));
            }
            if !self.take(b',') {
                return Err(self.stop("is not valid JSON: `,` or `}` was expected"));
            }
        }
    }

    fn array(&mut self) -> Result<Json<'a>, Stopped> {
        self.enter()?;
        let mut items = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.path.push(Step::Index(items.len()));
            items.push(self.value()?);
            self.path.pop();
            self.white_space();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return Err(self.stop("is not valid JSON: `,` or `]` was expected"));
            }
        }
    }

    /// Steps over the opening bracket. The path is as long as the nesting is deep.
    fn enter(&mut self) -> Result<(), Stopped> {
        if self.levels + self.path.len() >= MAX_DEPTH {
            return Err(self.stop("nests deeper than 128 levels"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Stopped> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.stop("is not valid JSON: a value was expected"))
        }
    }

    /// `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`
    fn number(&mut self) -> Result<Json<'a>, Stopped> {
        let from = self.at;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.stop("is not a valid JSON number"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.stop("is not a valid JSON number"));
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.stop("is not a valid JSON number"));
            }
        }
        let literal = &self.text[from..self.at];
        if let Some(canonical) = number::canonical(literal) {
            return Ok(Json::Number(canonical));
        }
        let shown: String = literal.chars().take(40).collect();
        self.note(format!("the number {shown} would change in JavaScript; send it as a string"))?;
        Ok(Json::Null)
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - from
    }

    /// Reads a string from its opening to behind its closing quote; borrows when there is no escape in it.
    fn string(&mut self) -> Result<Cow<'a, str>, Stopped> {
        self.at += 1;
        let mut owned: Option<String> = None;
        let mut plain_from = self.at;
        loop {
            self.at += plain_len(&self.text.as_bytes()[self.at..]);
            match self.peek() {
                None => return Err(self.stop("is not valid JSON: a string does not end")),
                Some(b'"') => {
                    let rest = &self.text[plain_from..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_with(String::new);
                    text.push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    let character = self.escape()?;
                    owned.get_or_insert_with(String::new).push(character);
                    plain_from = self.at;
                }
                Some(_) => {
                    return Err(self.stop("is not valid JSON: a control character must be escaped"));
                }
            }
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, Stopped> {
        let Some(byte) = self.peek() else {
            return Err(self.stop("is not valid JSON: a string does not end"));
        };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.stop("is not valid JSON: unknown escape in a string")),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Stopped> {
        let first = self.hex4()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_high = first < 0xdc00;
        if is_high && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or_else(|| self.stop("is not valid Unicode"));
            }
            self.at = before;
        }
        self.note(format!("has the lone surrogate \\u{first:04x}, which is no character"))?;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, Stopped> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.stop("is not valid JSON: `\\u` needs four hexadecimal digits")),
        }
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Notes a problem with the value at the current path; stops only when there are too many.
    fn note(&mut self, message: String) -> Result<(), Stopped> {
        let pointer = self.pointer();
        self.problems.push(Problem::new(pointer, message));
        if self.problems.len() >= MAX_PROBLEMS { Err(Stopped) } else { Ok(()) }
    }

    /// The text is no JSON: what was noted before may be a consequence of that, so only this is reported.
    fn stop(&mut self, message: &str) -> Stopped {
        let pointer = self.pointer();
        self.problems = vec![Problem::new(pointer, format!("{message} (byte {})", self.at))];
        Stopped
    }

    fn pointer(&self) -> String {
        self.path
            .iter()
            .map(|step| match step {
                Step::Key(key) => pointer_segment(key),
                Step::Index(index) => format!("/{index}"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn problems(text: &str) -> Vec<(String, String)> {
        let found = parse(text.as_bytes()).expect_err("refused");
        found.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
    }

    #[test]
    fn every_number_javascript_would_change_is_named() {
        let found = problems(r#"{"a/b":[1,9007199254740993],"~":{"c":1e400},"d":1.5}"#);
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/a~1b/1", "/~0/c"]);
        assert!(found[0].1.contains("9007199254740993"));
    }

    #[test]
    fn a_lone_surrogate_is_named() {
        for text in
            [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00x"}"#, r#"{"a":"\ud800\u0041"}"#, r#"{"a":"\ud800\ud800"}"#]
        {
            assert_eq!(problems(text)[0].0, "/a", "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1] 2",
            "{\"a\" 1}",
            "nul",
            "\u{feff}1",
            "-",
            "\"abc",
        ] {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn values_are_counted() {
        let list = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert!(parse(list(super::MAX_VALUES).as_bytes()).is_ok());
        assert!(problems(&list(super::MAX_VALUES + 1))[0].1.contains("more than 250,000 values"));
    }

    #[test]
    fn a_long_key_is_not_repeated_with_every_problem_below_it() {
        let text = format!(r#"{{"{}":[{}1e400]}}"#, "ß".repeat(100_000), "1e400,".repeat(40));
        let found = problems(&text);
        assert_eq!(found.len(), 41);
        assert!(found.iter().all(|(pointer, _)| pointer.len() < 1_100 && pointer.ends_with('…')));
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse("[".repeat(128).as_bytes()).is_err());
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        assert!(parse(deep.as_bytes()).is_ok());
        let too_deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
        assert!(parse(too_deep.as_bytes()).is_err());
    }
}
