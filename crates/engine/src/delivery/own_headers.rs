//! A webhook's own headers, made ready once for all its requests.

mod spelled;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use groundswell_types::WebhookHeaders;
use http::header::{HeaderName, HeaderValue};

use super::outcome::Exchange;
use super::sender::Exchanged;

/// A shorter value is found in texts by chance, and is no secret that anything could keep.
const SHORTEST_HIDDEN: usize = 8;

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
        for value in self.headers.iter().flat_map(|(_, value)| values(value)) {
            let without = |text: &[u8], is_cut_off| spelled::without(text, &value, is_cut_off);
            if let Some(head) = without(exchanged.head.as_bytes(), false) {
                exchanged.head = String::from_utf8_lossy(&head).into_owned();
            }
            if let Exchange::Answer { location: Some(location), .. } = &mut exchanged.exchange
                && let Some(kept) = without(location.as_bytes(), false)
            {
                *location = String::from_utf8_lossy(&kept).into_owned();
            }
            if let Some(body) = without(&exchanged.body, exchanged.is_truncated) {
                exchanged.body = body.into();
            }
        }
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter()
    }
}

/// What of a value may come back: all of it, what follows its scheme, and of a name and a password both and the password. The
/// longest is first.
fn values(value: &HeaderValue) -> impl Iterator<Item = Vec<u8>> {
    let value = value.as_bytes();
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(at) => (&value[..at], Some(&value[at + 1..])),
        None => (value, None),
    };
    let pair =
        token.filter(|_| scheme.eq_ignore_ascii_case(b"basic")).and_then(|token| BASE64.decode(token).ok());
    let password = pair
        .as_ref()
        .and_then(|pair| pair.iter().position(|byte| *byte == b':').map(|at| pair[at + 1..].to_vec()));
    let as_sent = [Some(value), token].into_iter().flatten().map(<[u8]>::to_vec);
    let all: Vec<_> = as_sent.chain(pair).chain(password).collect();
    all.into_iter().filter(|value| value.len() >= SHORTEST_HIDDEN)
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
    use bytes::Bytes;

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
        let headers = [
            ("authorization", "Bearer planted-token"),
            ("x-odd", r#"pla"nted\value"#),
            ("x-a", "short"),
            ("proxy", "basic YWRhOnBsYW50ZWQtcGFzc3dvcmQ="),
        ];
        for (sent, wanted) in [
            ("got Bearer planted-token, planted-token", "got ••••, ••••"),
            (r#"{"x":"pla\"nted\\value"}"#, r#"{"x":"••••"}"#),
            (r#"pla"nted\value"#, "••••"),
            ("%22planted-token%22", "%22••••%22"),
            ("ada:planted-password, YWRhOnBsYW50ZWQtcGFzc3dvcmQ=", "••••, ••••"),
            ("signed in with planted-password", "signed in with ••••"),
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
