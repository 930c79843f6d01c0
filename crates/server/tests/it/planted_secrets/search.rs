//! Secrets in every spelling they could have.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Looks for many secrets in all their spellings at once.
pub struct Search {
    needles: Vec<Needle>,
    /// The needles that begin with these two bytes, by them.
    starts: Vec<Vec<usize>>,
}

struct Needle {
    /// Which of the secrets.
    secret: usize,
    spelling: &'static str,
    bytes: Vec<u8>,
}

impl Search {
    /// Looks for these; they are named by their places in this list.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Vec::new();
        for (secret, text) in secrets.into_iter().enumerate() {
            let all = spellings(text).into_iter();
            needles.extend(all.map(|(spelling, bytes)| Needle { secret, spelling, bytes }));
        }
        let mut starts = vec![Vec::new(); 1 << 16];
        for (at, needle) in needles.iter().enumerate() {
            starts[start(&needle.bytes)].push(at);
        }
        Self { needles, starts }
    }

    /// The secrets that are in there, each once, with the first spelling that is found.
    pub fn in_bytes(&self, bytes: &[u8]) -> BTreeMap<usize, &'static str> {
        let mut found = BTreeMap::new();
        for at in 0..bytes.len().saturating_sub(1) {
            for needle in &self.starts[start(&bytes[at..])] {
                let Needle { secret, spelling, bytes: needle } = &self.needles[*needle];
                if bytes[at..].starts_with(needle) {
                    found.entry(*secret).or_insert(*spelling);
                }
            }
        }
        found
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn spellings(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    });
    let quoted = |text: &str| {
        let json = serde_json::to_string(text).expect("a text");
        json[1..json.len() - 1].to_owned()
    };
    let json = quoted(secret);
    let html = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let mut all = vec![
        ("itself", secret.to_owned()),
        ("JSON in JSON", quoted(&json)),
        ("HTML", html(secret)),
        ("HTML with numbers", html(secret).replace("&quot;", "&#34;")),
        ("JSON in HTML", html(&json)),
        ("hexadecimal", hex.clone()),
        ("capital hexadecimal", hex.to_uppercase()),
        ("part of a URL", percent(bytes, "%20")),
        ("form", percent(bytes, "+")),
    ];
    for skipped in 0..3 {
        all.push(("base64", within(&STANDARD_NO_PAD, bytes, skipped)));
        all.push(("base64 of URLs", within(&URL_SAFE_NO_PAD, bytes, skipped)));
    }
    all.push(("JSON", json));
    all.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// What of a secret's base64 does not depend on what stands around it, when `skipped` bytes of a group are before it.
fn within(engine: &impl base64::Engine, bytes: &[u8], skipped: usize) -> String {
    let first = (3 - skipped) % 3;
    let whole = (bytes.len() - first) / 3 * 3;
    engine.encode(&bytes[first..first + whole])
}

fn percent(bytes: &[u8], space: &str) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' ' => text.push_str(space),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            _ => write!(text, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    text
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret = "planted & \"secret\"+<1>";
    let search = Search::of(["another one", secret]);
    let hex = "706c616e746564202620227365637265742";
    for text in [
        format!("x{secret}x"),
        serde_json::json!({ "a": secret }).to_string(),
        serde_json::json!({ "a": serde_json::json!({ "b": secret }).to_string() }).to_string(),
        "x planted &amp; &quot;secret&quot;+&lt;1>".to_owned(),
        "a=planted+%26+%22secret%22%2B%3C1%3E&b".to_owned(),
        "planted%20%26%20%22secret%22%2B%3C1%3E".to_owned(),
        format!("{hex}22b3c313e"),
        STANDARD_NO_PAD.encode(secret),
        STANDARD_NO_PAD.encode(format!("a{secret}b")),
        STANDARD_NO_PAD.encode(format!("ab{secret}")),
        URL_SAFE_NO_PAD.encode(format!("abc:{secret}")),
    ] {
        assert_eq!(search.in_bytes(text.as_bytes()).keys().collect::<Vec<_>>(), [&1], "{text}");
    }
    assert!(search.in_bytes(b"planted & secret").is_empty());
    assert!(search.in_bytes(b"").is_empty());
}
