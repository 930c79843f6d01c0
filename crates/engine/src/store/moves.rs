//! Moving what waits at an endpoint: parking it, sending it on, discarding it. A queue may have a million rows and
//! everybody waits while a transaction runs, so a move is made in steps, each a transaction of its own.

use std::collections::BTreeSet;

use groundswell_types::DeliveryId;
use serde::{Deserialize, Serialize};

use super::{EndpointId, PARKED_DUE_MS, Pending, PendingKey};

/// What becomes of an endpoint's pending rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// The webhook was disabled: everything is parked.
    Park,
    /// What is parked goes out: due at its acceptance, with a fresh deadline.
    Release {
        /// Only deliveries with ids below this: what is parked later stays.
        before: DeliveryId,
        expires_at_ms: i64,
    },
    /// What is parked is deleted; its deliveries count as cancelled.
    Discard {
        /// Only deliveries with ids below this: what is parked later stays.
        before: DeliveryId,
    },
    /// What waits for a retry goes out: due at its acceptance, deadlines as they are.
    Advance {
        /// What was accepted up to this and is due later, Unix milliseconds.
        now_ms: i64,
        /// Tried again since the move began: these wait for another retry.
        except: BTreeSet<DeliveryId>,
    },
    /// The webhook was deleted, and everything with it.
    Delete,
}

/// A part of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveStep {
    pub endpoint_id: EndpointId,
    pub kind: Move,
    /// The last row that the step before looked at.
    pub after: Option<PendingKey>,
    /// Looks at no more rows than this.
    pub limit: usize,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Rows that are gone or stand elsewhere.
    pub rows: u64,
    /// Where the next step goes on; `None` when this was the last one.
    pub next: Option<PendingKey>,
}

/// What a move does with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
    /// It stands here instead.
    Becomes(Pending),
}

impl MoveStep {
    /// Its rows lie between these two, in the order of the queue; both excluded.
    pub(super) fn bounds(&self) -> (PendingKey, PendingKey) {
        let key = |due_at_ms, id| PendingKey {
            endpoint_id: self.endpoint_id,
            due_at_ms,
            delivery_id: DeliveryId::from_number(id),
        };
        let first_parked = key(PARKED_DUE_MS, i64::MIN);
        let (from, to) = match &self.kind {
            Move::Park => (key(i64::MIN, i64::MIN), first_parked),
            Move::Release { before, .. } | Move::Discard { before } => {
                (first_parked, PendingKey { delivery_id: *before, ..first_parked })
            }
            Move::Advance { now_ms, .. } => (key(*now_ms, i64::MAX), first_parked),
            Move::Delete => (key(i64::MIN, i64::MIN), key(PARKED_DUE_MS, i64::MAX)),
        };
        (self.after.unwrap_or(from), to)
    }

    /// What becomes of a row within the bounds.
    pub(super) fn fate(&self, row: &Pending) -> Fate {
        let due = |due_at_ms| Pending { key: PendingKey { due_at_ms, ..row.key }, ..*row };
        match &self.kind {
            Move::Park => Fate::Becomes(due(PARKED_DUE_MS)),
            Move::Release { expires_at_ms, .. } => {
                Fate::Becomes(Pending { expires_at_ms: *expires_at_ms, ..due(row.accepted_at_ms) })
            }
            Move::Advance { now_ms, except } => {
                let is_meant = row.accepted_at_ms <= *now_ms && !except.contains(&row.key.delivery_id);
                if is_meant { Fate::Becomes(due(row.accepted_at_ms)) } else { Fate::Stays }
            }
            Move::Discard { .. } | Move::Delete => Fate::Goes,
        }
    }

    /// The answer to a step that looked at `rows`.
    pub(super) fn moved(&self, rows: &[Pending], moved: usize) -> Moved {
        let next = rows.last().filter(|_| rows.len() >= self.limit).map(|row| row.key);
        Moved { rows: u64::try_from(moved).unwrap_or(u64::MAX), next }
    }
}
