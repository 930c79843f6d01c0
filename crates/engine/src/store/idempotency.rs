//! Idempotency keys of a batch: what they stand for, and the answers to those who use them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use groundswell_types::EventId;

use super::{Accept, Accepted, Idempotency};

/// A program and its key.
pub(super) type Name = (Arc<str>, Arc<str>);

/// The keys of a batch and what they stand for. In the order of the table: producers' keys are random, and rows of one
/// page had better be next to each other.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<Name, FirstAnswer>);

/// What is stored under a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredAnswer {
    pub content_hash: [u8; 32],
    pub event_id: i64,
    pub deliveries: i64,
    pub accepted_at_ms: i64,
}

/// What a key stands for.
pub(super) struct FirstAnswer {
    pub content_hash: [u8; 32],
    pub event_id: EventId,
    pub deliveries: i64,
    pub accepted_at_ms: i64,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Origin {
    Stored,
    /// From this batch.
    New,
    /// From this batch, and an expired one is stored.
    Replacement,
}

impl Keys {
    /// The keys used in `accepts`.
    pub(super) fn names(accepts: &[Accept]) -> Vec<Name> {
        accepts.iter().filter_map(|accept| name(accept).map(|(name, _)| name)).collect()
    }

    /// Takes note of what is stored under a key.
    pub(super) fn insert_stored(&mut self, name: Name, stored: StoredAnswer) {
        let StoredAnswer { content_hash, event_id, deliveries, accepted_at_ms } = stored;
        let event_id = EventId::from_number(event_id);
        let origin = Origin::Stored;
        self.0.insert(name, FirstAnswer { content_hash, event_id, deliveries, accepted_at_ms, origin });
    }

    /// The answer to an accept. Its key is remembered when this is its first use, so that the batch's later accepts
    /// find it as if it were stored.
    pub(super) fn answer(&mut self, accept: &Accept) -> Accepted {
        let Some((name, idempotency)) = name(accept) else {
            return Accepted::New;
        };
        let before = self.0.get(&name);
        if let Some(first) = before
            && first.accepted_at_ms >= idempotency.valid_since_ms
        {
            return if first.content_hash == idempotency.content_hash {
                Accepted::Duplicate { event_id: first.event_id, deliveries: first.deliveries }
            } else {
                Accepted::Conflict
            };
        }
        let is_stored = before.is_some_and(|first| first.origin != Origin::New);
        let first = FirstAnswer {
            content_hash: idempotency.content_hash,
            event_id: accept.event_id,
            deliveries: i64::try_from(accept.targets.len()).unwrap_or(i64::MAX),
            accepted_at_ms: accept.accepted_at_ms,
            origin: if is_stored { Origin::Replacement } else { Origin::New },
        };
        self.0.insert(name, first);
        Accepted::New
    }

    /// The stored keys that this batch replaces.
    pub(super) fn expired(&self) -> Vec<&Name> {
        self.0.iter().filter(|(_, first)| first.origin == Origin::Replacement).map(|(name, _)| name).collect()
    }

    /// The keys that were used first in this batch.
    pub(super) fn first_used(&self) -> Vec<(&Name, &FirstAnswer)> {
        self.0.iter().filter(|(_, first)| first.origin != Origin::Stored).collect()
    }
}

fn name(accept: &Accept) -> Option<(Name, &Idempotency)> {
    let idempotency = accept.idempotency.as_ref()?;
    Some(((accept.program_id.as_str().into(), idempotency.key.as_str().into()), idempotency))
}
