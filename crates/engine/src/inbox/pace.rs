//! How much an inbox takes: a second's worth at a time, and a burst of some seconds'.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use groundswell_types::ProgramId;

/// Milliseconds from one request to the next, over time: 10 a second.
const EVERY_MS: i64 = 100;

/// So far ahead of that pace may a burst be: 50 requests at once.
const BURST_MS: i64 = 50 * EVERY_MS;

/// For each program until when its requests would take at an even pace. One that lies in the past says nothing.
#[derive(Debug, Default)]
pub(super) struct Pace {
    until_ms: Mutex<BTreeMap<ProgramId, i64>>,
}

impl Pace {
    /// Counts a request, unless it is too much.
    pub(super) fn admits(&self, program: &ProgramId, now_ms: i64) -> bool {
        let mut until_ms = self.until_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let until = until_ms.get(program).copied().unwrap_or(now_ms);
        // A clock that went back must not close the inbox.
        let until = if until > now_ms + BURST_MS { now_ms } else { until.max(now_ms) };
        if until + EVERY_MS > now_ms + BURST_MS {
            return false;
        }
        until_ms.insert(program.clone(), until + EVERY_MS);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_ten_a_second_for_each_program() {
        let (pace, [one, other]) =
            (Pace::default(), ["p1", "p2"].map(|id| ProgramId::parse(id).expect("a valid id")));
        let taken = |program, now_ms| (0..100).filter(|_| pace.admits(program, now_ms)).count();
        assert_eq!(taken(&one, 10_000), 50);
        assert_eq!(taken(&one, 10_000), 0);
        assert_eq!(taken(&other, 10_000), 50);
        assert_eq!(taken(&one, 11_000), 10);
        assert_eq!(taken(&one, 60_000), 50);
        assert_eq!(taken(&one, 1_000), 50, "the clock went back");
    }
}
