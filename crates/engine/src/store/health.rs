//! How this server has been. Part of [`super::Store`].
//!
//! Written apart from the writer, a few rows every ten seconds; like any write it waits for its turn, and so tells how
//! writing goes.

use async_trait::async_trait;
use groundswell_types::{Component, ComponentStatus};

use super::{EndpointId, StoreError};

/// More rows than these of a kind are not read: the newest are. Only a server that starts again all the time has so many.
pub const HEALTH_ROWS: usize = 20_000;

/// A run of something, from its beginning to its last heartbeat. Ids are unique among all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatRecord {
    pub id: i64,
    pub began_at_ms: i64,
    pub last_at_ms: i64,
    /// Deliveries that were due when it began.
    pub waiting: i64,
    /// When all of those had been tried, but for what was withdrawn with its webhook.
    pub caught_up_at_ms: Option<i64>,
}

/// A time in which a component was not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TroubleRecord {
    pub id: i64,
    pub component: Component,
    pub status: ComponentStatus,
    pub began_at_ms: i64,
    pub until_ms: i64,
}

/// Deliveries whose first attempt began in a slot of time, after at most so many microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitRecord {
    pub slot: i64,
    /// [`i64::MAX`] for what exceeds all bounds.
    pub up_to_us: i64,
    pub deliveries: i64,
}

/// What a heartbeat writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Replace what their ids had before.
    pub heartbeats: Vec<HeartbeatRecord>,
    /// The same.
    pub troubles: Vec<TroubleRecord>,
    /// Added to what is there.
    pub waits: Vec<WaitRecord>,
    /// Runs and troubles that ended before, Unix milliseconds, are forgotten.
    pub forget_before_ms: i64,
    /// Waits in slots before are forgotten.
    pub forget_before_slot: i64,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait HealthStore: Send + Sync + 'static {
    /// Writes a heartbeat in one transaction.
    async fn beat(&self, beat: &Beat) -> Result<(), StoreError>;

    /// All runs, by their beginning; at most the newest [`HEALTH_ROWS`].
    async fn heartbeats(&self) -> Result<Vec<HeartbeatRecord>, StoreError>;

    /// All troubles, by their beginning; at most the newest [`HEALTH_ROWS`].
    async fn troubles(&self) -> Result<Vec<TroubleRecord>, StoreError>;

    /// How many deliveries there were in all slots from `first_slot` on, by bound, ascending.
    async fn waits(&self, first_slot: i64) -> Result<Vec<(i64, i64)>, StoreError>;

    /// How many deliveries of these endpoints are due by a time, Unix milliseconds, counting to `cap` each.
    async fn count_due(&self, endpoints: &[EndpointId], by_ms: i64, cap: i64) -> Result<i64, StoreError>;
}
