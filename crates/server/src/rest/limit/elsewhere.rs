//! What other servers at the database have used of a key's limits.
//!
//! Of a minute and an hour it is what they have counted, as they said last. A second is over before they have said it; so each server
//! grants the part of it that it is asked for of all that is asked for everywhere, as it was of late. Where all is asked of one
//! server that grants all, and only in the first moments of an onset at several does each grant more than its part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::cluster::NodeId;
use groundswell_engine::nodes::KeyUse;
use tokio_util::sync::CancellationToken;

use super::{WINDOWS, Window};
use crate::http::AppState;

/// How often servers tell each other.
const EVERY: Duration = Duration::from_millis(250);

/// What was said is good for so long, in milliseconds: a server that is not asked any more says nothing.
const GOOD_MS: i64 = 1_200;

/// How often a key asks here.
#[derive(Debug, Default)]
pub(super) struct Asked {
    second: Window,
    before: u32,
    has_news: bool,
}

impl Asked {
    pub(super) fn count(&mut self, now_ms: i64) {
        let number = now_ms.div_euclid(WINDOWS[0].1);
        if self.second.number != number {
            self.before = if self.second.number + 1 == number { self.second.count } else { 0 };
            self.second = Window { number, count: 0 };
        }
        self.second.count = self.second.count.saturating_add(1);
        self.has_news = true;
    }

    /// A second, of late.
    pub(super) fn rate(&self, now_ms: i64) -> u32 {
        match now_ms.div_euclid(WINDOWS[0].1) - self.second.number {
            0 => self.second.count.max(self.before),
            1 => self.second.count,
            _ => 0,
        }
    }

    pub(super) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.has_news, false)
    }
}

/// What each of the others said last, and when.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<NodeId, Said>);

#[derive(Debug)]
struct Said {
    at_ms: i64,
    asked: u32,
    windows: [(i64, u32); 2],
}

impl Elsewhere {
    pub(super) fn hear(&mut self, node: NodeId, used: &KeyUse, now_ms: i64) {
        let hour = now_ms.div_euclid(WINDOWS[2].1);
        self.0.retain(|_, said| said.windows[1].0 == hour);
        self.0.insert(node, Said { at_ms: now_ms, asked: used.asked, windows: used.windows });
    }

    /// Whether others have used it in this hour.
    pub(super) fn has_this_hour(&self, hour: i64) -> bool {
        self.0.values().any(|said| said.windows[1].0 == hour)
    }

    /// How much of each window's limit is others', when the key asks so often here.
    pub(super) fn used(
        &self,
        (own, own_rate): (&[Window; 3], u32),
        per_second: u32,
        now_ms: i64,
    ) -> [u32; 3] {
        if self.0.is_empty() {
            return [0; 3];
        }
        let is_good = |said: &&Said| (0..=GOOD_MS).contains(&(now_ms - said.at_ms));
        let asked: u64 = self.0.values().filter(is_good).map(|said| u64::from(said.asked)).sum();
        let own_rate = u64::from(own_rate.max(1));
        let part = (u64::from(per_second) * own_rate).div_ceil(own_rate + asked);
        let count = |at: usize| {
            let same = self.0.values().filter(|said| said.windows[at - 1].0 == own[at].number);
            same.fold(0_u32, |sum, said| sum.saturating_add(said.windows[at - 1].1))
        };
        [per_second.saturating_sub(u32::try_from(part).unwrap_or(u32::MAX)), count(1), count(2)]
    }
}

/// Tells other servers what keys have used here, until stopped.
pub async fn tell(state: AppState, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let engine = Arc::clone(&state.engine);
        engine.say_used(|| state.rate_limiter.take_news(engine.now_ms()));
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::RateLimit;

    use super::*;
    use crate::rest::limit::RateLimiter;

    /// Two servers that tell each other every 250 ms; so many requests a second at each, for so long. What each has granted.
    fn granted(limit: RateLimit, rates: [i64; 2], seconds: i64) -> [u32; 2] {
        let servers = [(); 2].map(|()| RateLimiter::new(Some(limit)));
        let mut granted = [0; 2];
        let from_ms = 3_600_000_i64 * 1_000;
        for ms in 0..seconds * 1_000 {
            let now_ms = from_ms + ms;
            if ms % 250 == 0 {
                let news = [0, 1].map(|at: usize| servers[at].take_news(now_ms));
                let [one, two] = news;
                servers[1].hear(NodeId::new(1), one, now_ms);
                servers[0].hear(NodeId::new(2), two, now_ms);
            }
            for at in 0..2 {
                if ms * rates[at] / 1_000 != (ms + 1) * rates[at] / 1_000 {
                    let standing = servers[at].count("key", None, now_ms).expect("it has limits");
                    granted[at] += u32::from(standing.exceeded().is_none());
                }
            }
        }
        granted
    }

    const LIMIT: RateLimit = RateLimit { second: 50, minute: 100_000, hour: 100_000 };

    #[test]
    fn all_that_is_asked_of_one_server_is_granted_there() {
        assert_eq!(granted(LIMIT, [200, 0], 10), [500, 0]);
        assert_eq!(granted(LIMIT, [0, 200], 10), [0, 500]);
    }

    #[test]
    fn several_servers_grant_together_what_one_would_but_for_the_first_moments() {
        for rates in [[200, 200], [200, 50], [400, 60], [60, 400]] {
            let [one, two] = granted(LIMIT, rates, 20);
            let together = one + two;
            assert!((1_000..=1_000 + 80).contains(&together), "{rates:?}: {one} + {two}");
        }
    }

    #[test]
    fn nobody_is_refused_while_all_together_ask_for_less() {
        assert_eq!(granted(LIMIT, [20, 25], 10), [200, 250]);
    }

    #[test]
    fn a_minutes_limit_is_of_all_together() {
        let limit = RateLimit { second: 1_000, minute: 600, hour: 100_000 };
        let [one, two] = granted(limit, [40, 40], 30);
        assert!((600..=620).contains(&(one + two)), "{one} + {two}");
        let limit = RateLimit { second: 1_000, minute: 100_000, hour: 600 };
        let [one, two] = granted(limit, [40, 40], 30);
        assert!((600..=620).contains(&(one + two)), "{one} + {two}");
    }

    #[test]
    fn what_a_server_said_is_good_for_a_moment_only() {
        let limiter = RateLimiter::new(Some(LIMIT));
        let used = KeyUse { key: "key".to_owned(), asked: 1_000, windows: [(0, 0), (0, 0)] };
        limiter.hear(NodeId::new(7), vec![used], 0);
        let left = |now_ms: i64| {
            (0..100)
                .filter(|_| limiter.count("key", None, now_ms).is_some_and(|one| one.exceeded().is_none()))
                .count()
        };
        assert!(left(500) < 10);
        assert_eq!(left(3_000), 50);
    }
}
