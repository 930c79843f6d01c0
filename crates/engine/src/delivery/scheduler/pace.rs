//! How much an endpoint takes at once: its adaptive cap, its latency, and which lane it belongs to.

use super::Ended;
use super::turns::Lane;

/// Mean latency above this makes an endpoint slow.
const SLOW_MS: u32 = 5_000;

/// With a mean latency above this, an endpoint that has all its requests under way is what deliveries wait for.
const LEISURELY_MS: u32 = 250;

/// What an attempt is expected to take before any was made.
const FIRST_GUESS_MS: u32 = 50;

/// How an attempt ended, as far as pace is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 2xx.
    Success,
    /// It failed, but not for being asked too much.
    Failure,
    /// `429`, `502`, `503` or `504`: the endpoint is to be asked less.
    Overload,
    /// There was no answer in time.
    Timeout,
}

/// Remembered for as long as the process runs and the endpoint is enabled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    cap: u16,
    has_answered: bool,
    has_timed_out: bool,
    /// On average.
    latency_ms: u32,
    /// How much longer than the receiver took its slots were held for, on average, in microseconds: what this server took
    /// before and after. An hour and more is an hour.
    own_us: u32,
    reduced_at_ms: i64,
}

/// Every endpoint that was tried has one.
const _: () = assert!(size_of::<Pace>() <= 24);

impl Default for Pace {
    fn default() -> Self {
        Self {
            cap: 1,
            has_answered: false,
            has_timed_out: false,
            latency_ms: FIRST_GUESS_MS,
            own_us: 0,
            reduced_at_ms: i64::MIN,
        }
    }
}

impl Pace {
    /// Requests under way at once.
    pub(super) fn cap(&self, most: usize) -> usize {
        usize::from(self.cap).min(most)
    }

    /// What an attempt is expected to take, in milliseconds.
    pub(super) fn cost_ms(&self) -> i64 {
        i64::from(self.latency_ms.max(1))
    }

    /// Whether what waits behind its requests waits for it from the first moment on.
    pub(super) fn is_leisurely(&self) -> bool {
        self.has_timed_out || self.latency_ms > LEISURELY_MS
    }

    /// Whether the time of its slots goes by at the receiver, and not at this server. Before the first attempt has ended
    /// nothing says that it goes by here.
    pub(super) fn takes_the_time(&self) -> bool {
        self.has_timed_out
            || !self.has_answered
            || self.latency_ms.max(1).saturating_mul(1_000) >= self.own_us
    }

    /// Whether it has to share a limit with others that are slow or do not answer.
    pub(super) fn is_penalized(&self) -> bool {
        self.has_timed_out || self.latency_ms > SLOW_MS
    }

    pub(super) fn lane(&self, is_held: bool) -> Lane {
        if is_held || self.is_penalized() {
            Lane::Penalty
        } else if self.has_answered {
            Lane::Usual
        } else {
            Lane::Unproven
        }
    }

    /// After an attempt: successes widen the cap by one each, which doubles it every round trip; being asked too much
    /// halves it, once a round trip.
    pub(super) fn note(&mut self, ended: Ended, now_ms: i64, most: usize) {
        let Ended { answer, duration_ms } = ended;
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        self.latency_ms = if self.has_answered || self.has_timed_out {
            nearer(self.latency_ms, duration_ms)
        } else {
            whole(duration_ms)
        };
        match answer {
            Answer::Success => {
                self.cap = self.cap.saturating_add(1).min(most);
                self.has_timed_out = false;
            }
            Answer::Failure => {}
            Answer::Overload | Answer::Timeout => {
                if now_ms.saturating_sub(duration_ms) > self.reduced_at_ms {
                    self.cap = (self.cap / 2).max(1);
                    self.reduced_at_ms = now_ms;
                }
                self.has_timed_out |= answer == Answer::Timeout;
            }
        }
        self.has_answered |= answer != Answer::Timeout;
    }

    /// After an attempt whose slot was held for longer than its receiver took.
    pub(super) fn note_own(&mut self, own_ms: i64) {
        self.own_us = nearer(self.own_us, own_ms.max(0).saturating_mul(1_000));
    }

    /// After a breaker closed, or for a new URL: 1, 2, 4 … at once.
    pub(super) fn restart(&mut self) {
        *self = Self { cap: 1, ..*self };
    }
}

/// A mean, a fifth nearer to what was seen last.
fn nearer(mean: u32, seen: i64) -> u32 {
    let mean = i64::from(mean);
    whole(mean + (seen - mean) / 5)
}

fn whole(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_doubles_every_round_trip_up_to_the_most() {
        let mut pace = Pace::default();
        let mut caps = vec![];
        for round in 0..8 {
            let under_way = pace.cap(64);
            caps.push(under_way);
            for _ in 0..under_way {
                pace.note(Ended { answer: Answer::Success, duration_ms: 10 }, round * 10, 64);
            }
        }
        assert_eq!(caps, [1, 2, 4, 8, 16, 32, 64, 64]);
    }

    #[test]
    fn being_asked_too_much_halves_it_once_a_round_trip() {
        let mut pace = Pace { cap: 64, has_answered: true, ..Pace::default() };
        for _ in 0..10 {
            pace.note(Ended { answer: Answer::Overload, duration_ms: 100 }, 1_000, 64);
        }
        assert_eq!(pace.cap(64), 32);
        pace.note(Ended { answer: Answer::Overload, duration_ms: 100 }, 1_200, 64);
        assert_eq!(pace.cap(64), 16);
        for now_ms in 13..100 {
            pace.note(Ended { answer: Answer::Timeout, duration_ms: 10 }, now_ms * 100, 64);
        }
        assert_eq!(pace.cap(64), 1);
    }

    #[test]
    fn lanes_follow_behaviour() {
        let mut pace = Pace::default();
        assert_eq!(pace.lane(false), Lane::Unproven);
        pace.note(Ended { answer: Answer::Failure, duration_ms: 10 }, 0, 64);
        assert_eq!(pace.lane(false), Lane::Usual, "an answer in time, whatever it says");
        assert_eq!(pace.lane(true), Lane::Penalty);
        pace.note(Ended { answer: Answer::Timeout, duration_ms: 15_000 }, 20_000, 64);
        assert_eq!(pace.lane(false), Lane::Penalty);
        for _ in 0..20 {
            pace.note(Ended { answer: Answer::Success, duration_ms: 10 }, 30_000, 64);
        }
        assert_eq!(pace.lane(false), Lane::Usual);
        for _ in 0..20 {
            pace.note(Ended { answer: Answer::Success, duration_ms: 8_000 }, 90_000, 64);
        }
        assert_eq!(pace.lane(false), Lane::Penalty, "slow");
    }
}
