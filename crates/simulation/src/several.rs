//! Several nodes of the real engine on one state, under one seed.
//!
//! Each node has a runtime of its own, as a process has: dropping it is a crash, and one that is not run for a while, and
//! whose clock then leaps, is a process that was stopped and goes on late. The runtimes are run in turns, some milliseconds
//! each, in an order that is drawn; so all nodes go by one time, and a seed decides everything. What they share is the
//! in-memory store, each by its own handle behind a way that fails, and a post that loses, delays and repeats what they
//! say to each other. [`auditor`] reads what happened.

pub mod auditor;
mod node;
pub mod plan;
mod run;
mod words;

pub use self::run::run;

use self::plan::Several;
use crate::auditor::Violation;
use crate::run::Run;

/// Runs a plan twice and says what was wrong; one seed must give one trace.
pub fn check(several: &Several) -> Result<Run, Vec<Violation>> {
    crate::same_twice(|| run(several.clone()), |run| auditor::audit(several, &run.trace))
}
