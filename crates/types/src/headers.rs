//! Headers that a webhook's owner adds to its requests. Their values are secrets: they go in, and never come out.

use std::fmt;

use thiserror::Error;

/// A webhook has at most this many headers of its own.
pub const MAX_HEADERS: usize = 20;
/// A header's name has at most this many bytes.
pub const MAX_HEADER_NAME_BYTES: usize = 128;
/// A header's value has at most this many bytes.
pub const MAX_HEADER_VALUE_BYTES: usize = 4 * 1024;
/// Names and values of a webhook's headers have at most this many bytes together: many receivers take no more.
pub const MAX_HEADERS_BYTES: usize = 8 * 1024;

/// Names that are not the owner's to set, and why. A name that is added later makes databases unreadable that have it:
/// a migration has to remove it there.
const RESERVED: [(&str, Reserved); 16] = [
    ("accept-encoding", Reserved::Content),
    ("connection", Reserved::Connection),
    ("content-encoding", Reserved::Content),
    ("content-length", Reserved::Content),
    ("content-type", Reserved::Content),
    ("expect", Reserved::Content),
    ("growsurf-signature", Reserved::Signature),
    ("host", Reserved::Host),
    ("http2-settings", Reserved::Connection),
    ("keep-alive", Reserved::Connection),
    ("te", Reserved::Connection),
    ("trailer", Reserved::Connection),
    ("transfer-encoding", Reserved::Connection),
    ("upgrade", Reserved::Connection),
    ("user-agent", Reserved::Agent),
    ("webhook-signature", Reserved::Signature),
];

/// Beginnings of names that are not the owner's to set. The last three are this server's, also where nothing has the
/// name yet.
const RESERVED_PREFIXES: [(&str, Reserved); 4] = [
    ("proxy-", Reserved::Connection),
    ("webhook-", Reserved::Own("webhook-")),
    ("growsurf-", Reserved::Own("growsurf-")),
    ("groundswell-", Reserved::Own("groundswell-")),
];

/// The headers of a webhook's own, in the order they were given; no name twice.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WebhookHeaders {
    headers: Vec<WebhookHeader>,
}

/// A checked header. The name is in lower case, as it is sent; names mean the same in any case (RFC 9110, section 5.1).
#[derive(Clone, PartialEq, Eq)]
struct WebhookHeader {
    name: String,
    value: String,
}

/// One thing wrong with a list of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderProblem {
    /// Where.
    pub place: HeaderPlace,
    /// What.
    pub why: InvalidHeader,
}

/// A part of a list of headers; they are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPlace {
    /// The list as a whole.
    All,
    /// The name of one.
    Name(usize),
    /// The value of one.
    Value(usize),
}

/// Why headers cannot be sent, with the remedy. Nothing of a value is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidHeader {
    /// There is no name.
    #[error("enter the header's name, for example x-api-key")]
    NoName,
    /// The name is longer than [`MAX_HEADER_NAME_BYTES`].
    #[error("has a name of more than {MAX_HEADER_NAME_BYTES} characters; use a shorter one")]
    NameLength,
    /// The name is no token (RFC 9110, section 5.6.2).
    #[error("has a name with {0:?} in it; use letters, digits and hyphens only")]
    NameCharacter(char),
    /// The name is not the owner's to set.
    #[error("{0}")]
    Reserved(Reserved),
    /// The name is there before, in whichever case.
    #[error("is there twice, since names mean the same in upper and lower case; remove one of them")]
    Repeated,
    /// There is no value.
    #[error("has no value; enter one, or remove the header")]
    NoValue,
    /// The value was given for a URL with another scheme, host or port.
    #[error("has a value that was given for another host; enter it again, or remove the header")]
    OtherHost,
    /// The value is longer than [`MAX_HEADER_VALUE_BYTES`].
    #[error("has a value of more than 4,096 characters; use a shorter one")]
    ValueLength,
    /// The value has something else in it than visible ASCII characters and spaces.
    #[error(
        "has a value with a line break or another character that is no printable ASCII; encode it, for example as base64"
    )]
    ValueCharacter,
    /// HTTP does not count space around a value as a part of it (RFC 9110, section 5.5).
    #[error("has a value that begins or ends with a space, which HTTP drops; remove the space")]
    ValueSpace,
    /// There are more than [`MAX_HEADERS`].
    #[error("has more than {MAX_HEADERS} headers; remove some")]
    TooMany,
    /// They have more than [`MAX_HEADERS_BYTES`] together.
    #[error("has names and values of more than 8,192 bytes together; shorten or remove some")]
    TooLarge,
}

/// Why a name is not the owner's to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reserved {
    /// It is for each connection (RFC 9110, section 7.6.1), or frames the message.
    #[error("is about the connection, which is managed for you; remove it")]
    Connection,
    /// It says what the body is, or how an answer may come.
    #[error("goes with the body, which is the same for every webhook; remove it, or use another name")]
    Content,
    /// Where the request goes.
    #[error("follows from the URL; remove it, and change the URL if it is to be another")]
    Host,
    /// It signs.
    #[error("is made from the secret; remove it, and set the webhook's secret instead")]
    Signature,
    /// It tells a receiver's operator who is calling, and whom to ask when something is wrong: a caller that can be
    /// disguised cannot be allowed, or blocked, by it.
    #[error(
        "says who is calling, which is this server; remove it, or use another name, for example x-client"
    )]
    Agent,
    /// It begins as this server's own do.
    #[error(
        "begins with `{0}`, as this server's own headers do; use another name, for example one with `x-` before it"
    )]
    Own(&'static str),
}

impl WebhookHeaders {
    /// No headers.
    pub const NONE: Self = Self { headers: Vec::new() };

    /// Checks names and values, as they were typed. Everything that is wrong is named.
    pub fn parse<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<HeaderProblem>> {
        let mut parsed = Self::default();
        let mut problems = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        for (at, (name, value)) in headers.into_iter().enumerate() {
            count += 1;
            bytes += name.len() + value.len();
            let name = name.to_ascii_lowercase();
            let mut note = |place, checked: Result<(), InvalidHeader>| {
                problems.extend(checked.err().map(|why| HeaderProblem { place, why }));
            };
            let is_repeated = parsed.headers.iter().any(|other| other.name == name);
            let unique = if is_repeated { Err(InvalidHeader::Repeated) } else { Ok(()) };
            note(HeaderPlace::Name(at), check_name(&name).and(unique));
            note(HeaderPlace::Value(at), check_value(value));
            parsed.headers.push(WebhookHeader { name, value: value.to_owned() });
        }
        let all = |why| HeaderProblem { place: HeaderPlace::All, why };
        problems.extend((count > MAX_HEADERS).then(|| all(InvalidHeader::TooMany)));
        problems.extend((bytes > MAX_HEADERS_BYTES).then(|| all(InvalidHeader::TooLarge)));
        if problems.is_empty() { Ok(parsed) } else { Err(problems) }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.headers.len()
    }

    /// The names, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|header| header.name.as_str())
    }

    /// Names and values, for storing and for sending them.
    pub fn expose(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// The value of a header by its name in lower case, for storing and for sending it.
    pub fn expose_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }
}

impl fmt::Debug for WebhookHeaders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.names().map(|name| (name, format_args!("…")))).finish()
    }
}

/// Checks a name in lower case.
fn check_name(name: &str) -> Result<(), InvalidHeader> {
    if name.is_empty() {
        return Err(InvalidHeader::NoName);
    }
    if name.len() > MAX_HEADER_NAME_BYTES {
        return Err(InvalidHeader::NameLength);
    }
    if let Some(character) = name.chars().find(|character| !is_token_character(*character)) {
        return Err(InvalidHeader::NameCharacter(character));
    }
    let exactly = RESERVED.iter().find(|(reserved, _)| *reserved == name);
    let by_prefix = || RESERVED_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    exactly.or_else(by_prefix).map_or(Ok(()), |(_, why)| Err(InvalidHeader::Reserved(*why)))
}

/// RFC 9110, section 5.6.2.
const fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~'
        )
}

fn check_value(value: &str) -> Result<(), InvalidHeader> {
    if value.is_empty() {
        return Err(InvalidHeader::NoValue);
    }
    if value.len() > MAX_HEADER_VALUE_BYTES {
        return Err(InvalidHeader::ValueLength);
    }
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(InvalidHeader::ValueCharacter);
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err(InvalidHeader::ValueSpace);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, value: &str) -> Option<(HeaderPlace, String)> {
        let problems = WebhookHeaders::parse([(name, value)]).err()?;
        assert_eq!(problems.len(), 1, "{problems:?}");
        Some((problems[0].place, problems[0].why.to_string()))
    }

    #[test]
    fn names_are_tokens_that_are_not_ours() {
        for good in
            ["x-api-key", "Authorization", "cookie", "x", "!#$%&'*+-.^_`|~09az", "accept", "x-webhook-id"]
        {
            assert_eq!(problem(good, "v"), None, "{good}");
        }
        assert_eq!(problem(&"x".repeat(128), "v"), None);
        for (bad, wanted) in [
            ("", "enter the header's name"),
            (&*"x".repeat(129), "more than 128 characters"),
            ("x api", "a name with ' ' in it"),
            ("x:", "a name with ':' in it"),
            ("x\r\ny", "a name with '\\r' in it"),
            ("schlüssel", "a name with 'ü' in it"),
            ("Host", "follows from the URL"),
            ("Content-Length", "goes with the body"),
            ("content-type", "goes with the body"),
            ("content-encoding", "goes with the body"),
            ("accept-encoding", "goes with the body"),
            ("expect", "goes with the body"),
            ("Connection", "about the connection"),
            ("keep-alive", "about the connection"),
            ("proxy-authorization", "about the connection"),
            ("te", "about the connection"),
            ("trailer", "about the connection"),
            ("transfer-encoding", "about the connection"),
            ("upgrade", "about the connection"),
            ("user-agent", "says who is calling"),
            ("GrowSurf-Signature", "made from the secret"),
            ("webhook-signature", "made from the secret"),
            ("webhook-id", "begins with `webhook-`"),
            ("webhook-timestamp", "begins with `webhook-`"),
            ("webhook-anything", "begins with `webhook-`"),
            ("Groundswell-X", "begins with `groundswell-`"),
            ("growsurf-x", "begins with `growsurf-`"),
        ] {
            let (place, why) = problem(bad, "v").unwrap_or_else(|| panic!("{bad} is taken"));
            assert_eq!(place, HeaderPlace::Name(0), "{bad}");
            assert!(why.contains(wanted), "{bad}: {why}");
        }
    }

    #[test]
    fn values_are_visible_ascii() {
        for good in ["v", "Bearer a.b-c_d~e", "a  b", "\"{}\"", &"v".repeat(4096)] {
            assert_eq!(problem("x-a", good), None, "{good}");
        }
        for (bad, wanted) in [
            ("", "has no value"),
            (&*"v".repeat(4097), "more than 4,096"),
            ("a\r\nx-b: c", "line break"),
            ("a\nb", "line break"),
            ("a\0", "printable ASCII"),
            ("a\tb", "printable ASCII"),
            ("a\u{7f}", "printable ASCII"),
            ("grün", "printable ASCII"),
            (" a", "begins or ends with a space"),
            ("a ", "begins or ends with a space"),
        ] {
            let (place, why) = problem("x-a", bad).unwrap_or_else(|| panic!("{bad} is taken"));
            assert_eq!(place, HeaderPlace::Value(0), "{bad}");
            assert!(why.contains(wanted), "{bad}: {why}");
        }
    }

    #[test]
    fn a_list_has_each_name_once_and_limits() {
        let repeated = WebhookHeaders::parse([("x-a", "1"), ("X-A", "2")]).expect_err("twice");
        assert_eq!(repeated, [HeaderProblem { place: HeaderPlace::Name(1), why: InvalidHeader::Repeated }]);
        let names: Vec<String> = (0..21).map(|number| format!("x-{number}")).collect();
        let list = |count: usize| WebhookHeaders::parse(names[..count].iter().map(|name| (&**name, "v")));
        assert_eq!(list(20).map(|headers| headers.len()), Ok(20));
        assert_eq!(
            list(21),
            Err(vec![HeaderProblem { place: HeaderPlace::All, why: InvalidHeader::TooMany }])
        );
        let large = "v".repeat(4093);
        assert!(WebhookHeaders::parse([("x-a", &*large), ("x-b", &*large)]).is_ok(), "8,192 bytes");
        let larger = format!("{large}v");
        assert_eq!(
            WebhookHeaders::parse([("x-a", &*large), ("x-b", &*larger)]),
            Err(vec![HeaderProblem { place: HeaderPlace::All, why: InvalidHeader::TooLarge }])
        );
    }

    #[test]
    fn values_are_not_printed() {
        let headers = WebhookHeaders::parse([("X-Api-Key", "s3cret")]).expect("valid");
        assert_eq!(format!("{headers:?}"), r#"{"x-api-key": …}"#);
        assert_eq!(headers.expose_value("x-api-key"), Some("s3cret"));
    }
}
