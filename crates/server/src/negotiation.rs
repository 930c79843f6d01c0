//! What a client says of itself that decides how a file is sent: which encodings it takes, and which version it has.

use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderName, IF_NONE_MATCH};

/// Whether the client takes a content coding, written in small letters: it names it, or `*` and not it, with a weight
/// above nothing (RFC 9110, section 12.5.3). A client that says nothing is not given any.
pub fn takes(request: &HeaderMap, coding: &str) -> bool {
    let wants = |name: &str| elements(request, &ACCEPT_ENCODING).find_map(|one| weight(one, name));
    wants(coding).or_else(|| wants("*")).unwrap_or(false)
}

/// Whether the client has what this strong tag names: a list of tags, weak ones as good as strong ones, or a star
/// (RFC 9110, section 13.1.2).
pub fn has(request: &HeaderMap, tag: &[u8]) -> bool {
    elements(request, &IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag)
}

/// The elements of a header that is a list, in however many lines.
fn elements<'a>(request: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = request.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// If an element is about this coding, whether its weight is above nothing.
fn weight(element: &str, coding: &str) -> Option<bool> {
    let mut parts = element.split(';').map(str::trim);
    parts.next().filter(|name| name.eq_ignore_ascii_case(coding))?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some(weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn takes_gzip(said: &[&'static str]) -> bool {
        let lines = said.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_static(line)));
        takes(&lines.collect(), "gzip")
    }

    #[test]
    fn who_names_a_coding_takes_it() {
        for said in ["gzip", "br, gzip;q=0.1", "GZIP", "br;q=1.0 , gzip ; q=0.001", "*", "br, *;q=0.5"] {
            assert!(takes_gzip(&[said]), "{said}");
        }
        assert!(takes_gzip(&["br", "gzip"]));
    }

    #[test]
    fn who_gives_it_no_weight_or_does_not_name_it_does_not() {
        for said in
            ["", "br", "gzip;q=0", "gzip;q=0.000, br", "gzip;q=0, *", "*;q=0", "x-gzipped", "gzip;q=much"]
        {
            assert!(!takes_gzip(&[said]), "{said}");
        }
        assert!(!takes_gzip(&[]));
    }
}
