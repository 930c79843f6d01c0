//! How many tests a program may send: each is a request to wherever somebody wants it to go, so that many of them would
//! be a scan or a flood.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use groundswell_types::ProgramId;

/// So many in any minute.
pub(crate) const TESTS_PER_MINUTE: usize = 20;

const MINUTE_MS: i64 = 60_000;

/// With more programs than this those that have sent nothing for a minute are forgotten.
const MANY_PROGRAMS: usize = 1_000;

/// When the tests of the last minute were sent, oldest first, for each program.
#[derive(Debug, Default)]
pub(crate) struct TestLimit {
    sent_ms: Mutex<BTreeMap<ProgramId, VecDeque<i64>>>,
}

impl TestLimit {
    /// Counts a test, unless it is one too many; then says how long to wait, in milliseconds.
    pub(crate) fn take(&self, program: &ProgramId, now_ms: i64) -> Result<(), i64> {
        let mut sent_ms = self.sent_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if sent_ms.len() >= MANY_PROGRAMS {
            sent_ms.retain(|_, times| times.back().is_some_and(|last| is_recent(*last, now_ms)));
        }
        let times = sent_ms.entry(program.clone()).or_default();
        times.retain(|at_ms| is_recent(*at_ms, now_ms));
        match times.front() {
            Some(oldest) if times.len() >= TESTS_PER_MINUTE => Err(oldest + MINUTE_MS - now_ms),
            _ => {
                times.push_back(now_ms);
                Ok(())
            }
        }
    }
}

/// What lies ahead is from before the clock went back, and must not forbid tests until it is there again.
fn is_recent(at_ms: i64, now_ms: i64) -> bool {
    (now_ms - MINUTE_MS < at_ms) && at_ms <= now_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(id: &str) -> ProgramId {
        ProgramId::parse(id).expect("a valid id")
    }

    #[test]
    fn in_any_minute_there_are_twenty_for_each_program() {
        let limit = TestLimit::default();
        let take = |id, now_ms| limit.take(&program(id), now_ms);
        for number in 0..20 {
            assert_eq!(take("p1", 100_000 + number), Ok(()));
        }
        assert_eq!(take("p1", 100_020), Err(59_980));
        assert_eq!(take("p2", 100_020), Ok(()));
        // Over the turn of a minute on the clock, too; and one that was refused uses up nothing.
        assert_eq!(take("p1", 159_999), Err(1));
        assert_eq!(take("p1", 160_000), Ok(()));
        assert_eq!(take("p1", 160_000), Err(1));
        assert_eq!(take("p1", 50_000), Ok(()), "the clock went back");
    }

    #[test]
    fn programs_that_test_no_more_are_forgotten() {
        let limit = TestLimit::default();
        for number in 0..MANY_PROGRAMS {
            assert_eq!(limit.take(&program(&format!("p{number}")), 0), Ok(()));
        }
        assert_eq!(limit.take(&program("last"), MINUTE_MS), Ok(()));
        assert_eq!(limit.sent_ms.lock().expect("nobody panicked").len(), 1);
    }
}
