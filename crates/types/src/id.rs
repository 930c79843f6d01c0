//! Identifiers. Each kind of thing has a type of its own, so that one cannot be passed for another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a valid {kind} id")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

impl InvalidId {
    fn new(kind: &'static str, text: &str) -> Self {
        Self { kind, text: text.chars().take(64).collect() }
    }
}

/// Crockford's base32 in lower case: no i, l, o, u, and texts of one length sort like their numbers.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 13 characters hold the 63 bits of a non-negative i64.
const NUMBER_CHARS: usize = 13;

fn encode(number: i64) -> String {
    let mut rest = number.unsigned_abs();
    let mut text = [b'0'; NUMBER_CHARS];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(rest & 31).unwrap_or(0)];
        rest >>= 5;
    }
    text.iter().map(|&byte| char::from(byte)).collect()
}

fn decode(text: &str) -> Option<i64> {
    if text.len() != NUMBER_CHARS {
        return None;
    }
    let mut number: u128 = 0;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        number = (number << 5) | digit as u128;
    }
    i64::try_from(number).ok()
}

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $bits:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps the number the id is stored as; it must not be negative.
            pub const fn from_number(number: i64) -> Self {
                Self(number)
            }

            /// The number the id is stored as.
            pub const fn number(self) -> i64 {
                self.0
            }

            #[doc = concat!("Reads the public form, `", $prefix, "` and 13 characters.")]
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .filter(|number| number >> $bits == 0)
                    .map(Self)
                    .ok_or_else(|| InvalidId::new($kind, text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "{}"), encode(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

numbered_id! {
    /// An event, and the `webhook-id` of every request that carries it: the key receivers deduplicate with.
    /// Never used twice. Below 2^60, so that a delivery id fits beside it.
    EventId, "event", "evt_", 60
}

numbered_id! {
    /// One event on its way to one webhook: the event's number × 8 + the webhook's slot at acceptance.
    DeliveryId, "delivery", "dlv_", 63
}

numbered_id! {
    /// A test delivery.
    TestId, "test", "test_", 60
}

numbered_id! {
    /// A notice to a webhook's owner.
    NoticeId, "notice", "ntc_", 60
}

numbered_id! {
    /// Many resends, made in the background.
    ResendJobId, "resend job", "rsj_", 60
}

numbered_id! {
    /// A request that an inbox has got.
    InboxRequestId, "inbox request", "inr_", 60
}

numbered_id! {
    /// An entry of the audit log.
    AuditId, "audit log entry", "aud_", 60
}

numbered_id! {
    /// The erasing of a participant's data.
    ErasureId, "erasure", "era_", 60
}

numbered_id! {
    /// An incident, or a maintenance.
    IncidentId, "incident", "inc_", 60
}

numbered_id! {
    /// Something that was said of an incident or a maintenance.
    IncidentUpdateId, "incident update", "upd_", 60
}

/// No event has so many webhooks.
const RESEND_SLOT: i64 = 7;

impl DeliveryId {
    /// The delivery of `event` to the webhook in `slot` (0 to 6) of those it was accepted for.
    pub const fn new(event: EventId, slot: u8) -> Self {
        Self(event.0 * 8 + (slot & 7) as i64)
    }

    /// The delivery that repeats another one; `number` is an id of the same kind as events have, and of no event.
    pub const fn of_resend(number: EventId) -> Self {
        Self(number.0 * 8 + RESEND_SLOT)
    }

    /// Whether it repeats another delivery; then its event cannot be told from the id.
    pub const fn is_resend(self) -> bool {
        self.0 & 7 == RESEND_SLOT
    }

    /// The event that is delivered, unless it is a resend.
    pub const fn event(self) -> EventId {
        EventId(self.0 >> 3)
    }

    /// Which of the event's webhooks it goes to.
    pub fn slot(self) -> usize {
        usize::try_from(self.0 & 7).unwrap_or(0)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes 1 to 64 ASCII letters, digits, `_` and `-`.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
                    return Err(InvalidId::new($kind, text));
                }
                Ok(Self(text.to_owned()))
            }

            /// The id as it stands in URLs and JSON.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// A referral or affiliate program ("campaign" in the REST API).
    ProgramId, "program"
}

text_id! {
    /// The public id of a webhook within its program: `primary`, or generated.
    WebhookId, "webhook"
}

text_id! {
    /// People who work on the same programs: `team_…`.
    TeamId, "team"
}

text_id! {
    /// Somebody who can sign in: `usr_…`.
    UserId, "user"
}

impl TeamId {
    /// The team that every server has.
    pub fn first() -> Self {
        Self("team_first".to_owned())
    }
}

impl UserId {
    /// Who is signed in by the first link: the first owner of the first team.
    pub fn first() -> Self {
        Self("usr_first".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_sort_like_their_numbers() {
        let numbers = [0, 1, 31, 32, 1 << 40, (1 << 60) - 1];
        let texts: Vec<String> = numbers.iter().map(|&n| EventId::from_number(n).to_string()).collect();
        assert!(texts.is_sorted());
        for (number, text) in numbers.iter().zip(&texts) {
            assert_eq!(EventId::parse(text).map(EventId::number), Ok(*number));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in
            ["", "evt_", "dlv_0000000000000", "evt_000000000000", "evt_000000000000u", "evt_zzzzzzzzzzzzz"]
        {
            assert!(EventId::parse(text).is_err(), "{text}");
        }
        // A delivery's id would have no room for it.
        let too_high = EventId::from_number(1 << 60).to_string();
        assert!(EventId::parse(&too_high).is_err() && DeliveryId::parse("dlv_7zzzzzzzzzzzz").is_ok());
        assert!(ProgramId::parse("a/b").is_err());
        assert!(ProgramId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_delivery_knows_its_event_and_slot() {
        let event = EventId::from_number((1 << 60) - 1);
        let delivery = DeliveryId::new(event, 4);
        assert_eq!((delivery.event(), delivery.slot()), (event, 4));
    }
}
