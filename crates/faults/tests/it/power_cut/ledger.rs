//! What the database must have after each acknowledged transaction.

use std::collections::BTreeMap;

use bytes::Bytes;
use groundswell_engine::store::{Accept, Pending};
use groundswell_types::{DeliveryId, EventId};

/// A place in the record by which a transaction had been acknowledged, and what is in the database from it until the
/// next one.
#[derive(Debug)]
pub struct Milestone {
    pub position: usize,
    /// Over all rows of all tables.
    pub digest: u64,
    pub ledger: Ledger,
}

/// What the caller of the store knows to be there.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub bodies: BTreeMap<EventId, Bytes>,
    pub waiting: BTreeMap<DeliveryId, Pending>,
    /// How many attempts each delivery has had.
    pub attempts: BTreeMap<DeliveryId, i64>,
    /// The first event of each idempotency key.
    pub keys: BTreeMap<String, Accept>,
}
