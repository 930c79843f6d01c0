//! Several nodes on one database: which of them delivers what. No I/O, no clock.
//!
//! Endpoints are hashed to [`Shard`]s once and for ever. A node may deliver to a shard's endpoints while it holds the
//! shard's lease; [`Placement`] says which of the living nodes ought to hold which, and [`Leases`] is what one node
//! does about it. The rows all of this is about are in the database, on the database's clock; [`LeaseTable`] says what
//! its statements do.
//!
//! **Nothing depends on any clock but how soon things happen and how often they happen twice.** A lease has an epoch,
//! which counts up whenever the shard is taken, and whatever a node writes of its attempts is checked against it in the
//! same transaction (fencing). So what a node that was thought dead still brings changes nothing that its successor
//! has to know. `crates/lease-model` checks this for all that can happen within its bounds.

mod leases;
mod placement;
mod shard;
mod table;

pub use self::leases::{Action, Leases, StopReason, Timing};
pub use self::placement::Placement;
pub use self::shard::Shard;
pub use self::table::{
    Asked, Epoch, Fence, Lease, LeaseRow, LeaseTable, NodeId, NodeRow, Presence, Snapshot,
};
