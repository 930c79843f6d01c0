//! How many letters somebody can have written, and how many an address can get because somebody wants it so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::activity::HOUR_MS;

/// So many are counted; beyond that there are no more.
const MANY: usize = 20_000;

/// The longest time over which anything is limited.
const LONGEST_MS: i64 = 24 * HOUR_MS;

/// So many at most, within so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit<'a> {
    /// Who or what is counted.
    pub of: &'a str,
    pub most: usize,
    pub within_ms: i64,
}

/// Counts letters. In memory: a restart forgets them.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<HashMap<String, VecDeque<i64>>>);

impl Limits {
    /// Counts one for each, or says that there were too many for one of them.
    pub(super) fn take(&self, limits: &[Limit<'_>], now_ms: i64) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MANY {
            counted.retain(|_, times| times.back().is_some_and(|at| now_ms - at < LONGEST_MS));
        }
        for Limit { of, most, within_ms } in limits {
            let Some(times) = counted.get_mut(*of) else { continue };
            while times.front().is_some_and(|at| now_ms - at >= *within_ms) {
                times.pop_front();
            }
            if times.len() >= *most {
                return false;
            }
        }
        if counted.len() >= MANY {
            return false;
        }
        for Limit { of, .. } in limits {
            counted.entry((*of).to_owned()).or_default().push_back(now_ms);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_and_an_address_have_so_many_questions() {
        let limits = Limits::default();
        let take = |team: &str, email: &str, now_ms| {
            let team = Limit { of: team, most: 20, within_ms: HOUR_MS };
            limits.take(&[team, Limit { of: email, most: 3, within_ms: 24 * HOUR_MS }], now_ms)
        };
        for _ in 0..3 {
            assert!(take("team_1", "ada@example.com", 0));
        }
        assert!(!take("team_2", "ada@example.com", 1));
        for number in 3..20 {
            assert!(take("team_1", &format!("{number}@example.com"), 2), "{number}");
        }
        assert!(!take("team_1", "grace@example.com", 3));
        assert!(take("team_1", "grace@example.com", HOUR_MS));
        assert!(!take("team_2", "ada@example.com", HOUR_MS));
        assert!(take("team_2", "ada@example.com", 24 * HOUR_MS));
    }

    #[test]
    fn only_so_many_are_counted_and_old_ones_make_room() {
        let limits = Limits::default();
        let take = |of: &str, now_ms| limits.take(&[Limit { of, most: 1, within_ms: HOUR_MS }], now_ms);
        for number in 0..MANY {
            assert!(take(&number.to_string(), 0));
        }
        assert!(!take("one more", 1));
        assert!(take("one more", LONGEST_MS));
    }
}
