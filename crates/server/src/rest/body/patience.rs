//! How long a body is waited for that arrives slowly.
//!
//! Nobody is hurried while there is room enough: a line may be slow. When there is little, bodies that hold it have to come
//! on, all the time: whoever sends most of one at once and then a byte now and then holds the room for nothing.

use std::time::Duration;

/// How often it is looked whether there is room enough.
const LOOK: Duration = Duration::from_secs(1);

/// What is little, when room is short.
const SLOWEST_BYTES_PER_SECOND: u32 = 64 * 1024;

/// How much room for bodies there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    Ample,
    Short,
}

/// How long is too long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Without a byte.
    pub(super) silence: Duration,
    /// With less than there should have come meanwhile, when room is short.
    pub(super) grace: Duration,
    /// For the whole body.
    pub(super) read: Duration,
}

/// What is left of it.
#[derive(Debug)]
pub(super) struct Patience {
    limits: Limits,
    silence: Duration,
    grace: Duration,
    read: Duration,
}

impl Patience {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, silence: limits.silence, grace: limits.grace, read: limits.read }
    }

    /// How long to wait for the next piece before asking again; none when there is no patience left.
    pub(super) fn next_wait(&self, supply: Supply) -> Option<Duration> {
        let grace = if supply == Supply::Short { self.grace } else { LOOK };
        let wait = self.silence.min(self.read).min(grace).min(LOOK);
        (!wait.is_zero()).then_some(wait)
    }

    /// It was waited for so long.
    pub(super) fn waited(&mut self, time: Duration, supply: Supply) {
        self.silence = self.silence.saturating_sub(time);
        self.read = self.read.saturating_sub(time);
        self.grace = match supply {
            Supply::Short => self.grace.saturating_sub(time),
            Supply::Ample => self.limits.grace,
        };
    }

    /// So many bytes have come. More than was wanted is not saved up.
    pub(super) fn arrived(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / SLOWEST_BYTES_PER_SECOND;
        self.silence = self.limits.silence;
        self.grace = self.grace.saturating_add(earned).min(self.limits.grace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        silence: Duration::from_secs(10),
        grace: Duration::from_secs(10),
        read: Duration::from_mins(2),
    };

    /// For how long it is waited when so many bytes come at once, and then some every few seconds.
    fn waited(supply: Supply, at_once: usize, (bytes, every): (usize, Duration)) -> Duration {
        let mut patience = Patience::new(LIMITS);
        patience.arrived(at_once);
        let (mut waited, mut since) = (Duration::ZERO, Duration::ZERO);
        while let Some(wait) = patience.next_wait(supply) {
            let wait = wait.min(every.saturating_sub(since));
            patience.waited(wait, supply);
            (waited, since) = (waited + wait, since + wait);
            if since >= every {
                patience.arrived(bytes);
                since = Duration::ZERO;
            }
        }
        waited
    }

    #[test]
    fn a_byte_now_and_then_is_too_little_when_room_is_short_however_much_came_before() {
        let trickle = (1, Duration::from_secs(9));
        for at_once in [0, 1, 8 << 20] {
            let short = waited(Supply::Short, at_once, trickle);
            assert!((10..11).contains(&short.as_secs()), "{short:?} after {at_once} bytes");
            assert_eq!(waited(Supply::Ample, at_once, trickle), LIMITS.read);
        }
    }

    #[test]
    fn what_comes_on_is_waited_for_and_what_stops_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(waited(Supply::Short, 0, (64 * 1024, second)), LIMITS.read);
        assert!(waited(Supply::Short, 0, (32 * 1024, second)) <= 2 * LIMITS.grace);
        for supply in [Supply::Ample, Supply::Short] {
            assert_eq!(waited(supply, 8 << 20, (1, LIMITS.read)), LIMITS.silence);
        }
    }

    #[test]
    fn whoever_is_slow_has_the_grace_from_when_room_gets_short() {
        let mut patience = Patience::new(LIMITS);
        for _ in 0..60 {
            patience.waited(Duration::from_secs(1), Supply::Ample);
            patience.arrived(9 * 1024);
        }
        for _ in 0..9 {
            patience.waited(Duration::from_secs(1), Supply::Short);
            patience.arrived(1);
        }
        assert!(patience.next_wait(Supply::Short).is_some());
        patience.waited(Duration::from_secs(1), Supply::Short);
        assert_eq!(patience.next_wait(Supply::Ample), Some(LOOK));
        assert!(patience.next_wait(Supply::Short).is_some_and(|wait| wait < Duration::from_millis(1)));
    }
}
