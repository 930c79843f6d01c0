//! A webhook's own headers, made ready once for all its requests.

use bytes::Bytes;
use groundswell_types::WebhookHeaders;
use http::header::{HeaderName, HeaderValue};

use super::outcome::Exchange;
use super::sender::Exchanged;

/// What stands where a receiver has sent a value back.
const MASK: &str = "••••";

/// A shorter value is found in texts by chance, and is no secret that anything could keep.
const SHORTEST_HIDDEN: usize = 8;

/// So much of a value at the end of what was cut off counts as the value.
const SHORTEST_PART: usize = 4;

/// The headers in the form they are sent in. Cloning one into a request copies no text; printing one shows no value.
#[derive(Debug, Clone, Default)]
pub struct OwnHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl OwnHeaders {
    /// None.
    pub const NONE: &'static Self = &Self { headers: Vec::new() };

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Takes the values out of an answer. Receivers that show what they got send them back, and what a receiver answers
    /// is kept and shown.
    pub fn hide_in(&self, exchanged: &mut Exchanged) {
        if self.is_empty() {
            return;
        }
        for value in self.headers.iter().flat_map(|(_, value)| spellings(value)) {
            if exchanged.head.contains(&value) {
                exchanged.head = exchanged.head.replace(&value, MASK);
            }
            if let Exchange::Answer { location: Some(location), .. } = &mut exchanged.exchange
                && location.contains(&value)
            {
                *location = location.replace(&value, MASK);
            }
            exchanged.body = without(&exchanged.body, value.as_bytes());
            if exchanged.is_truncated {
                let body = &exchanged.body;
                let is_end = |length: &usize| body.ends_with(&value.as_bytes()[..*length]);
                if let Some(length) = (SHORTEST_PART..value.len()).rev().find(is_end) {
                    exchanged.body = body.slice(..body.len() - length);
                }
            }
        }
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter()
    }
}

/// A value as it may come back: as it is, in JSON, without the scheme before it.
fn spellings(value: &HeaderValue) -> impl Iterator<Item = String> {
    let value = value.to_str().unwrap_or_default();
    let token = value.split_once(' ').map(|(_, token)| token);
    let in_json = [value].into_iter().chain(token).filter(|text| text.contains(['"', '\\']));
    let in_json: Vec<String> = in_json.map(|text| text.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    let plain = [value].into_iter().chain(token).map(str::to_owned);
    in_json.into_iter().chain(plain).filter(|text| text.len() >= SHORTEST_HIDDEN)
}

fn without(text: &Bytes, value: &[u8]) -> Bytes {
    let find = |text: &[u8]| text.windows(value.len()).position(|part| part == value);
    let Some(mut at) = find(text) else { return text.clone() };
    let (mut rest, mut kept) = (&text[..], Vec::with_capacity(text.len()));
    loop {
        kept.extend_from_slice(&rest[..at]);
        kept.extend_from_slice(MASK.as_bytes());
        rest = &rest[at + value.len()..];
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    kept.extend_from_slice(rest);
    kept.into()
}

impl From<&WebhookHeaders> for OwnHeaders {
    fn from(headers: &WebhookHeaders) -> Self {
        let ready = |(name, value): (&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a checked name is a token");
            let mut value = HeaderValue::from_str(value).expect("a checked value is visible ASCII");
            value.set_sensitive(true);
            (name, value)
        };
        Self { headers: headers.expose().map(ready).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of an answer with this text in head, body and `Location`.
    fn kept(headers: &[(&str, &str)], text: &str, is_truncated: bool) -> [String; 3] {
        let own = OwnHeaders::from(&WebhookHeaders::parse(headers.iter().copied()).expect("valid"));
        let location = Some(text.to_owned());
        let mut exchanged = Exchanged {
            exchange: Exchange::Answer { status: 302, location, content_type: None },
            status: Some(302),
            head: text.to_owned(),
            body: Bytes::copy_from_slice(text.as_bytes()),
            is_truncated,
            is_restricted: false,
            retry_after: None,
            duration_ms: 1,
        };
        own.hide_in(&mut exchanged);
        let Exchange::Answer { location, .. } = exchanged.exchange else { panic!("it is an answer") };
        let body = String::from_utf8(exchanged.body.to_vec()).expect("text");
        [exchanged.head, body, location.expect("it has one")]
    }

    #[test]
    fn values_that_a_receiver_sends_back_are_not_kept() {
        let headers =
            [("authorization", "Bearer planted-token"), ("x-odd", r#"pla"nted\value"#), ("x-a", "short")];
        for (sent, wanted) in [
            ("got Bearer planted-token, planted-token", "got ••••, ••••"),
            (r#"{"x":"pla\"nted\\value"}"#, r#"{"x":"••••"}"#),
            (r#"pla"nted\value"#, "••••"),
            ("short", "short"),
            ("", ""),
        ] {
            assert_eq!(kept(&headers, sent, false), [wanted; 3].map(str::to_owned), "{sent}");
        }
        let cut = kept(&headers, "got planted-to", true);
        assert_eq!(cut[1], "got ", "the end of what was cut off");
        assert_eq!(kept(&headers, "got planted-to", false)[1], "got planted-to");
    }

    #[test]
    fn whatever_may_be_saved_can_be_sent_and_is_not_printed() {
        let characters = || (0..=127_u8).map(char::from);
        let single = |name: &str, value: &str| WebhookHeaders::parse([(name, value)]).ok();
        let names: Vec<String> = characters().map(|character| format!("x{character}")).collect();
        let values: Vec<String> = characters().map(|character| format!("v{character}v")).collect();
        let with_name = names.iter().filter_map(|name| single(name, "v"));
        let with_value = values.iter().filter_map(|value| single("x", value));
        let ready: Vec<OwnHeaders> =
            with_name.chain(with_value).map(|headers| OwnHeaders::from(&headers)).collect();
        assert_eq!(
            ready.len(),
            77 + 95,
            "26 letters in both cases, 10 digits, 15 signs; everything visible and space"
        );
        let printed = format!("{:?}", OwnHeaders::from(&single("x-api-key", "s3cret").expect("valid")));
        assert!(printed.contains("x-api-key") && !printed.contains("s3cret"), "{printed}");
    }
}
