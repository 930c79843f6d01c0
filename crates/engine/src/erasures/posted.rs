//! Whether a request that an inbox has got is about somebody. Pure.
//!
//! Anybody may post anything there, so nothing is said of its shape: an id or an address counts wherever it stands as a word
//! of its own, in the body, in headers, in JSON within a form or within JSON. So more is found than must be: what an inbox
//! has is worth little and goes after a day, and what is overlooked stays. Bodies that are compressed, in base64 or in UTF-16
//! are not looked into.

use std::borrow::Cow;

use groundswell_types::{Subject, SubjectKind};
use url::form_urlencoded;

use crate::store::InboxRequestRecord;

/// Whether anything of the request says the subject.
pub(super) fn is_about(request: &InboxRequestRecord, subject: &Subject) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    let headers = request.headers.iter().flat_map(|header| [header.name.as_str(), &header.value]);
    let mut texts = headers.chain(request.webhook_id.as_deref()).chain([&*body]);
    texts.any(|text| says(text, subject))
}

/// As the text stands, and as JSON, JSON within JSON, a form, and JSON within a form mean it.
pub(crate) fn says(text: &str, subject: &Subject) -> bool {
    let (is_escaped, is_encoded) = (text.contains('\\'), text.contains(['%', '+']));
    let says_escaped = || {
        let as_json = unescaped(text);
        has(&as_json, subject) || has(&unescaped(&as_json), subject)
    };
    let says_encoded = || {
        form_urlencoded::parse(text.as_bytes())
            .flat_map(|(name, value)| [name, value])
            .any(|part| has(&part, subject) || has(&unescaped(&part), subject))
    };
    has(text, subject) || (is_escaped && says_escaped()) || (is_encoded && says_encoded())
}

fn has(text: &str, subject: &Subject) -> bool {
    match subject.kind() {
        SubjectKind::Email => has_word(&text.to_lowercase(), subject.expose()),
        SubjectKind::ParticipantId => has_word(text, subject.expose()),
    }
}

/// Also where it begins within what looked like it and was part of another word: `a/a` in `xa/a/a`.
fn has_word(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].find(word).map(|found| from + found) {
        let (mut before, mut after) = (text[..at].chars().rev(), text[at + word.len()..].chars());
        if !goes_on(before.next(), before.next()) && !goes_on(after.next(), after.next()) {
            return true;
        }
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// Whether a word goes on with `next`. A full stop is part of a word that goes on behind it.
fn goes_on(next: Option<char>, behind: Option<char>) -> bool {
    next.is_some_and(|next| {
        next.is_alphanumeric()
            || matches!(next, '_' | '-' | '+' | '@')
            || (next == '.' && behind.is_some_and(char::is_alphanumeric))
    })
}

/// The text with JSON's escapes resolved, whether it is JSON or not: JSON that is broken, or one of many lines, is looked into
/// as well.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    // A character beyond U+FFFF is two escapes.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        units.extend(before.encode_utf16());
        let mut behind = after.chars();
        match behind.next() {
            Some('u') => {
                let digits = behind.as_str().get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                units.push(digits.unwrap_or(u16::from(b'u')));
                rest = behind.as_str().get(digits.map_or(0, |_| 4)..).unwrap_or_default();
                continue;
            }
            Some('b' | 'f' | 'n' | 'r' | 't') => units.push(u16::from(b' ')),
            Some(other) => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
            None => {}
        }
        rest = behind.as_str();
    }
    units.extend(rest.encode_utf16());
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// A request with these headers and this body, for tests and fuzzers.
#[cfg(any(test, fuzzing))]
pub(super) fn request(headers: &[(&str, &str)], body: &[u8]) -> InboxRequestRecord {
    use groundswell_types::{HeaderView, InboxRequestId, ProgramId, SchemeCheck, SignatureCheck};

    let header =
        |(name, value): &(&str, &str)| HeaderView { name: (*name).to_owned(), value: (*value).to_owned() };
    InboxRequestRecord {
        id: InboxRequestId::from_number(1),
        program_id: ProgramId::parse("p").expect("an id"),
        received_at_ms: 1,
        method: "POST".to_owned(),
        is_own: false,
        webhook_id: None,
        event: None,
        check: SignatureCheck {
            webhook_id: None,
            product: SchemeCheck::Missing,
            standard: SchemeCheck::Missing,
        },
        headers: headers.iter().map(header).collect(),
        body: bytes::Bytes::copy_from_slice(body),
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::{Subject, SubjectKind};

    use super::{is_about, request};
    use crate::store::InboxRequestRecord;

    fn by(kind: SubjectKind, text: &str) -> impl Fn(&str) -> bool {
        let subject = Subject::parse(kind, text).expect("is one");
        move |body| is_about(&request(&[], body.as_bytes()), &subject)
    }

    #[test]
    fn an_address_is_found_in_whatever_was_posted() {
        let finds = by(SubjectKind::Email, "ada+b@example.com");
        for body in [
            r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"email":"Ada+B@Example.com"}}"#,
            r#"{"user":{"contacts":[{"ada+b@example.com":true}]}}"#,
            r#"{"mail":"\u0061da\u002bb\u0040example.com"}"#,
            r#"{"twice":"ada+b@example.com","twice":"somebody else"}"#,
            r#"{"within":"{\"mail\":\"ada\\u002bb@example.com\"}"}"#,
            "{\"line\":1}\n{\"mail\":\"ada+b@example.com\"}\n",
            r#"{"broken": "ada+b@example.com", "#,
            r#"[12345678901234567890, "\nada+b@example.com"]"#,
            "email=ada%2Bb%40example.com&x=1",
            "email=%61da%2bb@example.com",
            "payload=%7B%22mail%22%3A%22ada%5Cu002bb%40example.com%22%7D",
            "--x\r\ncontent-disposition: form-data; name=\"mail\"\r\n\r\nada+b@example.com\r\n--x--",
            "<mail>ada+b@example.com</mail>",
            "Ada <ada+b@example.com>, who asks.",
            "Ask ada+b@example.com.",
        ] {
            assert!(finds(body), "{body}");
        }
        for body in
            ["", "ada@example.com", "xada+b@example.com", "ada+b@example.com.au", "ada+b@example.community"]
        {
            assert!(!finds(body), "{body}");
        }
    }

    #[test]
    fn an_id_is_found_as_a_word_of_its_own() {
        let finds = by(SubjectKind::ParticipantId, "p1");
        for body in [
            r#"{"whoever":"p1"}"#,
            r#"{"of":{"p1":{}}}"#,
            "id=p1",
            "p1",
            "/participants/p1?x",
            r#""\u00701\ud83d\ude00""#,
        ] {
            assert!(finds(body), "{body}");
        }
        for body in ["P1", "p10", "xp1", "p1-2", "p1_2", "p1.2", "p1@example.com", r"\u007", r"p\"] {
            assert!(!finds(body), "{body}");
        }
        assert!(by(SubjectKind::ParticipantId, "42")(r#"{"id":42}"#));
        assert!(!by(SubjectKind::ParticipantId, "42")(r#"{"id":142,"share":0.42}"#));
        assert!(by(SubjectKind::ParticipantId, "a/a")("xa/a/a"));
        assert!(!by(SubjectKind::ParticipantId, "a/a")("xa/a/ax"));
        assert!(by(SubjectKind::ParticipantId, "ß!ß")("xß!ß!ß"));
        assert!(by(SubjectKind::ParticipantId, r#""""#)(r#"{"w"\"\""it"#));
        assert!(by(SubjectKind::ParticipantId, "\u{1f600}")(r#"{"id":"\ud83d\ude00"}"#));
    }

    #[test]
    fn headers_are_looked_into_and_what_is_no_text() {
        let subject = Subject::parse(SubjectKind::Email, "ada@example.com").expect("is one");
        let referer = [("referer", "https://example.com/?mail=ada%40example.com")];
        assert!(is_about(&request(&referer, b""), &subject));
        assert!(is_about(&request(&[("x-user", "ada@example.com")], b""), &subject));
        assert!(is_about(&request(&[], b"\xe9\xff ada@example.com \0"), &subject));
        assert!(!is_about(&request(&[("host", "example.com")], b"\xff"), &subject));
        let of_webhook = InboxRequestRecord { webhook_id: Some("p1".to_owned()), ..request(&[], b"") };
        let subject = Subject::parse(SubjectKind::ParticipantId, "p1").expect("is one");
        assert!(is_about(&of_webhook, &subject));
    }
}
