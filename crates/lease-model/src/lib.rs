//! A model check of the lease protocol: two nodes that run [`Leases`](groundswell_engine::cluster::Leases) as it is,
//! a database that runs [`LeaseTable`](groundswell_engine::cluster::LeaseTable), and everything that can go wrong
//! between them, in every order, within bounds.
//!
//! What can happen: statements are delayed, lost, or executed long after the node has given up waiting; so are their
//! answers, and the ones of outcomes. Nodes stand still for any time and go on, crash, start again, leave, come later;
//! their clocks show different times and run apart. Events are accepted at any time and in another order than their
//! ids have; attempts take any time and end in any way. Every one of the disturbances among this costs one of a few
//! (`Bounds::disturbances`), and the database's clock stops at `Bounds::horizon`: that makes it finite.
//!
//! What is coarser than the truth: time goes in ticks, four of them to a lease, and a node that is not disturbed does
//! within a tick what is to be done in it. A node begins an attempt as soon as it may. A hint is acted upon at once or
//! lost. Reading what waits takes no time.

mod model;
mod recovery;
mod world;

pub use model::{
    Bounds, Clocks, DECIDED_BY_CURRENT, DECIDED_ONCE, EPOCHS_GROW, LeaseModel, NOTHING_FORGOTTEN, ONE_SERVER,
    OVER_IS_OVER, SEEN, SUCCESSOR_WRITES, Step,
};
pub use world::{Fault, Flaw, World};
