//! Events on their way to the server, and the keys that make sending them again safe.

use std::fmt;

use groundswell_types::payload::{
    CampaignEnded, CommissionAdjusted, NewCommissionAdded, NewParticipantAdded, NewPayoutIssued,
    ParticipantFraudStatusUpdated, ParticipantReachedAGoal,
};
use groundswell_types::{Envelope, Event, EventData};
use serde_json::{Map, Value};
use thiserror::Error;

/// The largest event the server takes, in bytes as sent: 4 MiB.
pub const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

const MAX_KEY_BYTES: usize = 255;

/// The name of an event for the server, which stores each name once per program and remembers it for 7 days.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// A text that is no [`IdempotencyKey`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an idempotency key has 1 to 255 printable ASCII characters, without a space at either end")]
pub struct InvalidKey;

impl IdempotencyKey {
    /// Reads a key: 1 to 255 printable ASCII characters, as it travels in an HTTP header.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let is_key = is_printable && !text.is_empty() && text.len() <= MAX_KEY_BYTES && text.trim() == text;
        if is_key { Ok(Self(text)) } else { Err(InvalidKey) }
    }

    /// A key that nobody else has.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()))
    }

    /// The key as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An event to submit. Made from a payload, whose time is then that of acceptance, from an [`Event`], or from JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    members: Map<String, Value>,
    key: Option<IdempotencyKey>,
}

/// JSON that cannot be an event. The server says what else may be wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidEvent {
    /// It is no object.
    #[error("an event is an object with `event` and `data`")]
    NoObject,
    /// Its `idempotencyKey` is none.
    #[error("idempotencyKey: {0}")]
    Key(#[source] InvalidKey),
}

impl NewEvent {
    /// Takes `{"event", "data", "createdAt"?, "idempotencyKey"?}`. The server checks the rest.
    pub fn parse(json: Value) -> Result<Self, InvalidEvent> {
        let Value::Object(mut members) = json else { return Err(InvalidEvent::NoObject) };
        let key = match members.remove("idempotencyKey") {
            None | Some(Value::Null) => None,
            Some(Value::String(key)) => Some(IdempotencyKey::parse(key).map_err(InvalidEvent::Key)?),
            Some(_) => return Err(InvalidEvent::Key(InvalidKey)),
        };
        Ok(Self { members, key })
    }

    /// The same event with a key of the caller's; otherwise it gets a random one.
    #[must_use]
    pub fn with_key(self, key: IdempotencyKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same event with the time it happened, in Unix milliseconds; otherwise that is when it is accepted.
    #[must_use]
    pub fn at(mut self, created_at_ms: i64) -> Self {
        self.members.insert("createdAt".to_owned(), created_at_ms.into());
        self
    }

    /// The key it was given.
    pub fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    /// Key and text as a request of its own has them.
    pub(crate) fn into_request(self) -> (IdempotencyKey, String) {
        let key = self.key.unwrap_or_else(IdempotencyKey::random);
        (key, Value::Object(self.members).to_string())
    }

    /// Key and text as a line of a batch has them, without the line's end.
    pub(crate) fn into_line(self) -> (IdempotencyKey, String) {
        let key = self.key.unwrap_or_else(IdempotencyKey::random);
        let mut members = self.members;
        members.insert("idempotencyKey".to_owned(), key.as_str().into());
        (key, Value::Object(members).to_string())
    }
}

impl From<Event> for NewEvent {
    fn from(event: Event) -> Self {
        let envelope = Envelope::try_from(event).expect("payloads are made of what JSON has");
        let mut members = Map::new();
        members.insert("event".to_owned(), envelope.event.name().into());
        members.insert("createdAt".to_owned(), envelope.created_at.into());
        members.insert("data".to_owned(), Value::Object(envelope.data));
        Self { members, key: None }
    }
}

impl From<EventData> for NewEvent {
    fn from(data: EventData) -> Self {
        let mut event = Self::from(Event { created_at: 0, data });
        event.members.shift_remove("createdAt");
        event
    }
}

macro_rules! from_payloads {
    ($($name:ident),+) => {$(
        impl From<$name> for NewEvent {
            fn from(data: $name) -> Self {
                EventData::$name(Box::new(data)).into()
            }
        }
    )+};
}

from_payloads!(
    ParticipantReachedAGoal,
    NewParticipantAdded,
    ParticipantFraudStatusUpdated,
    NewCommissionAdded,
    CommissionAdjusted,
    NewPayoutIssued,
    CampaignEnded
);

#[cfg(test)]
mod tests {
    use groundswell_types::sample::{SampleProgram, sample};
    use groundswell_types::{EventKind, ProgramType};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_event_is_sent_as_the_server_reads_it() {
        for kind in EventKind::ALL {
            let program =
                SampleProgram { id: "4pdlhb", name: "Acme", kind: ProgramType::Referral, currency: "USD" };
            let event = sample(kind, program, 1_700_000_000_000);
            let (_, text) = NewEvent::from(event.clone()).into_request();
            assert_eq!(serde_json::from_str::<Event>(&text).expect("an event"), event);
            let (_, text) = NewEvent::from(event.data).into_request();
            let members: Map<String, Value> = serde_json::from_str(&text).expect("an object");
            assert_eq!(members.keys().collect::<Vec<_>>(), ["event", "data"]);
        }
    }

    #[test]
    fn a_line_carries_its_key_and_is_one_line() {
        let event = NewEvent::parse(json!({"event": "X", "data": {"note": "a\nb"}, "idempotencyKey": "k-1"}));
        let (key, line) = event.expect("an event").at(5).into_line();
        assert_eq!(key.as_str(), "k-1");
        assert_eq!(line, r#"{"event":"X","data":{"note":"a\nb"},"createdAt":5,"idempotencyKey":"k-1"}"#);
    }

    #[test]
    fn an_event_without_a_key_gets_one_of_its_own() {
        let event = NewEvent::from(NewParticipantAdded::default());
        let (first, second) = (event.clone().into_request().0, event.into_request().0);
        assert_ne!(first, second);
        assert_eq!(IdempotencyKey::parse(first.as_str()), Ok(first));
    }

    #[test]
    fn what_is_no_key_or_event_is_refused() {
        for text in ["", " a", "a ", "ä", "a\n", "a\0", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(text), Err(InvalidKey), "{text:?}");
        }
        assert_eq!(NewEvent::parse(json!([])), Err(InvalidEvent::NoObject));
        assert_eq!(NewEvent::parse(json!({"idempotencyKey": 5})), Err(InvalidEvent::Key(InvalidKey)));
    }
}
