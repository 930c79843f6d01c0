//! From committed to delivered: the writer commits, the scheduler decides, the sender sends, the runtime joins them.

pub mod breaker;
pub(crate) mod destinations;
pub(crate) mod erased;
pub mod guard;
pub mod outcome;
pub mod own_headers;
pub mod policy;
pub mod runtime;
pub mod scheduler;
pub mod sender;
pub mod transport;
pub mod under_way;
pub mod writer;
