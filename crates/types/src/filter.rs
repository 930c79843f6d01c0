//! Which deliveries of a program's log are meant.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::delivery::DeliveryState;
use crate::event::EventKind;
use crate::id::WebhookId;

/// A text to look for has at most this many characters.
pub const MAX_SEARCH_CHARS: usize = 200;

/// Of the deliveries of a program those that fit everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those of this event.
    pub event: Option<EventKind>,
    /// Only those to this webhook.
    pub webhook_id: Option<WebhookId>,
    /// Only those whose last answer had such a status.
    pub status: Option<StatusRange>,
    /// Only those accepted at this time or later, in Unix milliseconds.
    pub since: Option<i64>,
    /// Only those accepted before this time, in Unix milliseconds.
    pub until: Option<i64>,
    /// Only those with this event id or delivery id (with its resends), or whose event's body has this text in it, as a
    /// participant's id or e-mail address; upper and lower case of A to Z are the same.
    pub text: Option<String>,
}

/// HTTP status codes from one to another, both included; 100 to 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusRange {
    from: u16,
    to: u16,
}

/// A text that is no status code and no range of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a status code like 500, a class like 5xx, or a range like 500-504")]
pub struct InvalidStatusRange;

impl StatusRange {
    /// Reads `500`, `5xx` or `500-504`.
    pub fn parse(text: &str) -> Result<Self, InvalidStatusRange> {
        let text = text.trim();
        let code = |text: &str| {
            let text = text.trim();
            let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            let code = text.parse::<u16>().ok().filter(|code| is_code && *code >= 100);
            code.ok_or(InvalidStatusRange)
        };
        if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            let hundred = code(&format!("{class}00"))?;
            return Ok(Self { from: hundred, to: hundred + 99 });
        }
        let (from, to) = text.split_once(['-', '–']).unwrap_or((text, text));
        let range = Self { from: code(from)?, to: code(to)? };
        if range.from <= range.to { Ok(range) } else { Err(InvalidStatusRange) }
    }

    /// The lowest.
    pub const fn from(self) -> u16 {
        self.from
    }

    /// The highest.
    pub const fn to(self) -> u16 {
        self.to
    }

    /// Whether a status code is one of them.
    pub const fn contains(self, code: u16) -> bool {
        self.from <= code && code <= self.to
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = *self;
        if from == to {
            write!(formatter, "{from}")
        } else if from % 100 == 0 && to == from + 99 {
            write!(formatter, "{}xx", from / 100)
        } else {
            write!(formatter, "{from}-{to}")
        }
    }
}

impl Serialize for StatusRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_status_codes_reads_back() {
        for (text, from, to) in
            [("500", 500, 500), ("5xx", 500, 599), ("500-504", 500, 504), ("100-999", 100, 999)]
        {
            let range = StatusRange::parse(text).expect("valid");
            assert_eq!((range.from(), range.to(), range.to_string()), (from, to, text.to_owned()));
        }
        assert_eq!(StatusRange::parse(" 4XX ").map(|range| range.to_string()), Ok("4xx".to_owned()));
        assert_eq!(StatusRange::parse("400 – 499").map(|range| range.to_string()), Ok("4xx".to_owned()));
        let range = StatusRange::parse("5xx").expect("valid");
        assert_eq!([499, 500, 599, 600].map(|code| range.contains(code)), [false, true, true, false]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "xx", "0xx", "50", "1000", "504-500", "5x", "five", "-500", "500-", "99xx", "+500"] {
            assert_eq!(StatusRange::parse(text), Err(InvalidStatusRange), "{text}");
        }
    }
}
