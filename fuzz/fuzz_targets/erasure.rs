//! Whom an erasure finds: an address or an id in the first line, how it is spelled in the second, and behind them what else
//! there is of the event or of what was posted. Whatever that is, it keeps nobody from being found.

#![no_main]

#[path = "../expand.rs"]
mod expand;

use std::fmt::Write as _;

use groundswell_engine::fuzzing::{event_is_about, posted_is_about};
use groundswell_types::{Subject, SubjectKind, json};
use libfuzzer_sys::fuzz_target;

/// In bytes. An inbox takes more of a request, but nothing else is reached by that, and each is gone through many times.
const LONGEST: usize = 8 * 1024;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let who = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let spelling = lines.next().unwrap_or_default();
    let rest = expand::expand(lines.next().unwrap_or_default(), LONGEST);
    let kind = if who.contains('@') { SubjectKind::Email } else { SubjectKind::ParticipantId };
    let Some(subject) = Subject::parse(kind, &who) else { return };
    event_is_about(&rest, &subject);
    let escaped = escaped(who.trim(), spelling);
    in_an_event(&escaped, &rest, &subject);
    in_what_was_posted((&escaped, spelling.len()), &rest, &subject);
});

/// The inside of a JSON string that means the text: each of its characters is as it is, or escaped in one of the ways that JSON
/// has, by a byte each.
fn escaped(text: &str, spelling: &[u8]) -> String {
    let mut written = String::new();
    let mut choices = spelling.iter().cycle();
    for character in text.chars() {
        let choice = choices.next().copied().unwrap_or_default() % 4;
        match character {
            '"' | '\\' if choice < 2 => written.extend(['\\', character]),
            '/' if choice == 1 => written.push_str("\\/"),
            _ if choice < 2 => written.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = if choice == 2 {
                        write!(written, "\\u{unit:04x}")
                    } else {
                        write!(written, "\\u{unit:04X}")
                    };
                }
            }
        }
    }
    written
}

/// As the whole value of a member that can have it, beside whatever JSON.
fn in_an_event(escaped: &str, rest: &[u8], subject: &Subject) {
    let other = json::parse(rest).map(|json| json.render()).ok().filter(|text| !nests(text));
    let other = other.and_then(|text| String::from_utf8(text).ok()).unwrap_or("null".to_owned());
    for data in [
        format!(r#"{{"id":"p","other":{other},"{}":"{escaped}"}}"#, member(subject)),
        format!(r#"{{"{}":"{escaped}","id":"p","other":{other}}}"#, member(subject)),
        format!(r#"{{"id":"p","other":[{other},{{"email":"a@b.c","{}":"{escaped}"}}]}}"#, member(subject)),
    ] {
        let event = format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","createdAt":1,"data":{data}}}"#);
        assert!(event_is_about(event.as_bytes(), subject), "{event}");
    }
}

/// Whether there is hardly room around it.
fn nests(text: &[u8]) -> bool {
    text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > json::MAX_DEPTH - 5
}

const fn member(subject: &Subject) -> &'static str {
    match subject.kind() {
        SubjectKind::Email => "mail",
        SubjectKind::ParticipantId => "participantId",
    }
}

/// As a string of JSON that may be broken, of JSON within JSON, or of JSON in a form's field, with whatever around it.
fn in_what_was_posted((escaped, form): (&str, usize), rest: &[u8], subject: &Subject) {
    let (before, after) = rest.split_at(rest.len() / 2);
    let string = format!("\"{escaped}\"");
    let said = match form % 3 {
        0 => string,
        1 => format!("\"{}\"", string.replace('\\', r"\\").replace('"', "\\\"")),
        _ => format!("&{}&", url::form_urlencoded::byte_serialize(string.as_bytes()).collect::<String>()),
    };
    let body = [before, said.as_bytes(), after].concat();
    assert!(posted_is_about(&body, subject), "{said} in {}", String::from_utf8_lossy(&body));
    posted_is_about(rest, subject);
}
