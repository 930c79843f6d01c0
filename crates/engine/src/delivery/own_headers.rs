//! A webhook's own headers, made ready once for all its requests.

use groundswell_types::WebhookHeaders;
use http::header::{HeaderName, HeaderValue};

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

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.iter()
    }
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
