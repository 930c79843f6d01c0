//! Idempotency keys: what they were used for, and the answers to those who use them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use groundswell_types::EventId;
use sqlx::SqliteConnection;

use super::Values;
use crate::store::list::{List, Marks};
use crate::store::query::Columns;
use crate::store::{Accept, Accepted, Idempotency, StoreError};

static FIRST_ANSWERS: List = List::new(
    "
    SELECT program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms
    FROM idempotency
    WHERE (program_id, idempotency_key) IN (VALUES ",
    2,
    ")",
    Marks::Anonymous,
);

static DELETE: List = List::new(
    "
    DELETE FROM idempotency
    WHERE (program_id, idempotency_key) IN (VALUES ",
    2,
    ")",
    Marks::Anonymous,
);

static INSERT: List = List::new(
    "
    INSERT OR ROLLBACK INTO idempotency
        (program_id, idempotency_key, content_hash, event_id, deliveries, accepted_at_ms)
    VALUES ",
    6,
    "",
    Marks::Anonymous,
);

/// A program and its key.
type Name = (Arc<str>, Arc<str>);

/// The keys of a batch and what they stand for. In the order of the table: producers' keys are random, and rows of one
/// page had better be next to each other.
pub(super) struct Keys(BTreeMap<Name, FirstAnswer>);

/// What a key stands for.
struct FirstAnswer {
    content_hash: [u8; 32],
    event_id: EventId,
    deliveries: i64,
    accepted_at_ms: i64,
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
    /// Reads what is stored under the keys of `accepts`.
    pub(super) async fn find(
        connection: &mut SqliteConnection,
        accepts: &[Accept],
    ) -> Result<Self, StoreError> {
        let names: Vec<_> = accepts.iter().filter_map(|accept| name(accept).map(|(name, _)| name)).collect();
        let rows = FIRST_ANSWERS.fetch(connection, &names, bind_name).await?;
        let mut keys = BTreeMap::new();
        for row in &rows {
            let first = FirstAnswer {
                content_hash: row.hash(2)?,
                event_id: EventId::from_number(row.int(3)?),
                deliveries: row.int(4)?,
                accepted_at_ms: row.int(5)?,
                origin: Origin::Stored,
            };
            keys.insert((row.text(0)?.into(), row.text(1)?.into()), first);
        }
        Ok(Self(keys))
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

    /// Writes the keys that were used first in this batch.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let expired = self.0.iter().filter(|(_, first)| first.origin == Origin::Replacement);
        let expired: Vec<_> = expired.map(|(name, _)| name).collect();
        DELETE.execute(connection, &expired, |values, name| bind_name(values, name)).await?;
        let new: Vec<_> = self.0.iter().filter(|(_, first)| first.origin != Origin::Stored).collect();
        let bind = |values: &mut Values, (name, first): &(&Name, &FirstAnswer)| {
            bind_name(values, name);
            values.blob(first.content_hash.to_vec());
            values.int(first.event_id.number()).int(first.deliveries).int(first.accepted_at_ms);
        };
        INSERT.execute(connection, &new, bind).await
    }
}

fn name(accept: &Accept) -> Option<(Name, &Idempotency)> {
    let idempotency = accept.idempotency.as_ref()?;
    Some(((accept.program_id.as_str().into(), idempotency.key.as_str().into()), idempotency))
}

fn bind_name(values: &mut Values, (program, key): &Name) {
    values.text(Arc::clone(program)).text(Arc::clone(key));
}
