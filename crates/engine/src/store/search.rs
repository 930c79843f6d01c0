//! What the log's filters ask of the store.

use groundswell_types::{DeliveryId, EventId, EventKind, ProgramId, StatusRange};

use super::{EndpointId, EventRecord, SMALL_BODY};

/// Which events are looked for, newest first.
#[derive(Debug, Clone)]
pub struct EventSearch {
    pub program_id: ProgramId,
    /// This one and newer ones.
    pub from: EventId,
    /// Older ones than this.
    pub before: EventId,
    pub kind: Option<EventKind>,
    /// Only those that went to this webhook.
    pub endpoint: Option<EndpointId>,
    /// Only those whose body has this text in it, by [`says`]; in lower case.
    pub text: Option<String>,
    /// At most so many events with targets are looked at; not 0.
    pub look_at: usize,
    /// At most so many are found; not 0.
    pub limit: usize,
}

/// What was found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsFound {
    pub events: Vec<EventRecord>,
    /// The oldest event that was looked at, when there may be more behind it.
    pub reached: Option<EventId>,
}

/// Which deliveries are looked for by what became of them. Answers are ids, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySearch {
    pub endpoint_id: EndpointId,
    /// This one and newer ones.
    pub from: DeliveryId,
    /// This one and older ones.
    pub to: DeliveryId,
    /// At most so many.
    pub limit: usize,
}

/// Which attempts are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsuccessful {
    /// All that did not deliver.
    Any,
    /// Those after which no other was made.
    Undeliverable,
    /// Those that were answered with such a status.
    Answered(StatusRange),
}

/// Whether an event's body has a text in it, which is in lower case (A to Z). Only bodies of up to [`SMALL_BODY`] bytes
/// are looked into, so that a search costs what its events cost and no more.
pub fn says(body: &[u8], text: &str) -> bool {
    body.len() <= SMALL_BODY && String::from_utf8_lossy(body).to_ascii_lowercase().contains(text)
}
