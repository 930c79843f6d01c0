//! The whole engine under one seed.
//!
//! Scheduler, writer, runtime, use cases: all of it runs as in production, on timers that stand still until nothing
//! else is to be done, over the in-memory store and a network of its own making. A seed decides what producers and
//! owners do, how receivers behave, what the disk does, when the clock jumps and at which await the power is cut; so
//! days pass in a second, and every run can be had again. [`auditor`] reads what happened and says what of the
//! delivery contract was broken.

pub mod auditor;
mod ledger;
mod network;
mod owner;
pub mod plan;
mod power;
mod producer;
mod run;
pub mod several;
mod store;
pub mod trace;
mod world;

pub use run::{Run, run};

use auditor::Violation;
use plan::Plan;

/// Runs a plan twice and says what was wrong; one seed must give one trace.
pub fn check(plan: &Plan) -> Result<Run, Vec<Violation>> {
    same_twice(|| run(plan.clone()), |run| auditor::audit(&run.plan, &run.trace))
}

fn same_twice(run: impl Fn() -> Run, audit: impl Fn(&Run) -> Vec<Violation>) -> Result<Run, Vec<Violation>> {
    let first = run();
    let violations = audit(&first);
    if !violations.is_empty() {
        return Err(violations);
    }
    let second = run();
    match first.trace.iter().zip(&second.trace).position(|(one, other)| one != other) {
        None if first.trace.len() == second.trace.len() => Ok(first),
        at => {
            let at = at.unwrap_or(first.trace.len().min(second.trace.len()));
            Err(vec![Violation::diverged(first.trace.get(at), second.trace.get(at))])
        }
    }
}
