//! Reading what proxies say of whom they were called by. Pure, and without a word of the crate around it: the fuzzers
//! include this file as it is.

use std::net::{IpAddr, SocketAddr};

/// `203.0.113.7, 10.0.0.1`
pub fn x_forwarded_for(value: &str) -> Vec<Option<IpAddr>> {
    value.split(',').map(|hop| address(hop.trim())).collect()
}

/// `for=203.0.113.7;proto=https, for="[2001:db8::1]:4711"` (RFC 7239, section 4).
pub fn forwarded(value: &str) -> Vec<Option<IpAddr>> {
    pieces(value, ',')
        .into_iter()
        .map(|element| {
            if !is_closed(element) {
                return None;
            }
            let pairs = pieces(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
            let mut of_client = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
            match (of_client.next(), of_client.next()) {
                (Some((_, node)), None) => address(node.trim().trim_matches('"')),
                _ => None,
            }
        })
        .collect()
}

/// The parts between separators that stand outside quotes. A quote that is not closed goes to the end, so what a client
/// began with one swallows what a proxy appended, and is then not [closed](is_closed).
fn pieces(text: &str, separator: char) -> Vec<&str> {
    let mut quotes = Quotes::default();
    text.split(move |character| !quotes.hold(character) && character == separator).collect()
}

/// Whether every quote in it is closed. If one is not, nothing in it is to be believed: it holds what somebody else wrote.
fn is_closed(text: &str) -> bool {
    let mut quotes = Quotes::default();
    for character in text.chars() {
        quotes.hold(character);
    }
    !quotes.is_open
}

/// Whether the place in a text is within a quoted string (RFC 9110, section 5.6.4).
#[derive(Default)]
struct Quotes {
    is_open: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Goes on by a character; whether that is within quotes.
    fn hold(&mut self, character: char) -> bool {
        let is_literal = std::mem::take(&mut self.is_escaped);
        self.is_escaped = self.is_open && !is_literal && character == '\\';
        if character == '"' && !is_literal {
            self.is_open = !self.is_open;
        }
        self.is_open
    }
}

/// An address with or without a port, an IPv6 one with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}
