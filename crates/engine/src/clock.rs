//! The only place that asks for the time. Everything else gets it from here or as an argument, so that tests and
//! simulations can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A clock that differs by less from a better one, in milliseconds, is left as it is: machines that keep their time by NTP
/// are closer together, and a clock that is moved now and then is worse than one that is a little off.
pub const TOLERANCE_MS: i64 = 250;

/// A clock that tells Unix milliseconds.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// The machine's, and so much more.
    Corrected(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
    Timers {
        start: Instant,
        at_start_ms: Arc<AtomicI64>,
    },
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The machine's clock, until a better one is known ([`Clock::correct`]).
    pub fn correctable() -> Self {
        Self(Source::Corrected(Arc::default()))
    }

    /// A better clock says `now_ms`, give or take `doubt_ms`. One that can be corrected, or goes with timers, is moved there, with
    /// all its clones, if it differs by more than that and [`TOLERANCE_MS`]; returns by how many milliseconds.
    pub fn correct(&self, now_ms: i64, doubt_ms: i64) -> Option<i64> {
        let ahead_ms = match &self.0 {
            Source::Corrected(ahead_ms) | Source::Timers { at_start_ms: ahead_ms, .. } => ahead_ms,
            Source::System | Source::Manual(_) => return None,
        };
        let off_ms = now_ms.saturating_sub(self.now_ms());
        if off_ms.saturating_abs() <= TOLERANCE_MS.saturating_add(doubt_ms) {
            return None;
        }
        ahead_ms.fetch_add(off_ms, Ordering::SeqCst);
        Some(off_ms)
    }

    /// A clock that stands at `now_ms` until [`Clock::set`].
    pub fn manual(now_ms: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now_ms))))
    }

    /// A clock that says `now_ms` now and from then on goes with the timers of the runtime it is made in: when they
    /// are paused and advance by themselves, so does it. [`Clock::set`] makes it jump, the timers do not.
    pub fn of_timers(now_ms: i64) -> Self {
        Self(Source::Timers { start: Instant::now(), at_start_ms: Arc::new(AtomicI64::new(now_ms)) })
    }

    /// Moves the clock and all its clones; the machine's clock cannot be moved.
    pub fn set(&self, now_ms: i64) {
        match &self.0 {
            Source::System | Source::Corrected(_) => {}
            Source::Manual(now) => now.store(now_ms, Ordering::SeqCst),
            Source::Timers { start, at_start_ms } => {
                at_start_ms.store(now_ms.saturating_sub(millis(start.elapsed())), Ordering::SeqCst);
            }
        }
    }

    /// Time that only goes forward, for what is compared with nothing but itself.
    pub fn uptime(&self) -> Uptime {
        match &self.0 {
            Source::System | Source::Corrected(_) => Uptime(None),
            Source::Manual(_) | Source::Timers { .. } => Uptime(Some(Instant::now())),
        }
    }

    /// Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                millis(since)
            }
            Source::Corrected(ahead_ms) => {
                Self::system().now_ms().saturating_add(ahead_ms.load(Ordering::SeqCst))
            }
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::Timers { start, at_start_ms } => {
                at_start_ms.load(Ordering::SeqCst).saturating_add(millis(start.elapsed()))
            }
        }
    }
}

/// Milliseconds from anywhere that only go forward, and on while the machine sleeps (`CLOCK_BOOTTIME`). Where the clock is
/// not the machine's, those of the runtime's timers.
#[derive(Debug, Clone, Copy)]
pub struct Uptime(Option<Instant>);

impl Uptime {
    /// Now.
    pub fn now_ms(self) -> i64 {
        self.0.map_or_else(
            || {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000)
            },
            |start| millis(start.elapsed()),
        )
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When it was `duration` ago, by the machine's clock: for those who are told when something was, and decide nothing by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
pub fn ago(duration: Duration) -> SystemTime {
    let now = SystemTime::now();
    now.checked_sub(duration).unwrap_or(now)
}

/// Measures how long something takes, on the clock that timers go by: the machine's monotonic one, or a paused one. Of two the one that was
/// started first is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since the start in whole milliseconds.
    pub fn elapsed_ms(&self) -> i64 {
        millis(self.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_corrected_with_its_clones_when_it_is_off_for_sure() {
        let clock = Clock::correctable();
        let clone = clock.clone();
        let off_ms = |ms: i64, doubt_ms| clock.correct(Clock::system().now_ms() + ms, doubt_ms);
        assert_eq!(off_ms(TOLERANCE_MS - 100, 0), None);
        assert_eq!(off_ms(TOLERANCE_MS + 900, 1_000), None, "the answer took too long to tell");
        assert!(off_ms(420_000, 10).is_some_and(|ms| (ms - 420_000).abs() < 100));
        assert!((clone.now_ms() - Clock::system().now_ms() - 420_000).abs() < 100);
        assert_eq!(off_ms(420_000, 0), None);
        assert!(off_ms(-420_000, 10).is_some_and(|ms| (ms + 840_000).abs() < 200));
        assert!((clone.now_ms() - Clock::system().now_ms() + 420_000).abs() < 100);
        assert_eq!(Clock::system().correct(0, 0), None);
        assert_eq!(Clock::manual(5).correct(1_000_000, 0), None);
    }

    #[test]
    fn a_clock_of_timers_goes_with_them_and_jumps_alone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let clock = Clock::of_timers(1_000);
            let watch = Stopwatch::start();
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert_eq!((clock.now_ms(), watch.elapsed_ms()), (61_000, 60_000));
            clock.set(5_000);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!((clock.now_ms(), watch.elapsed_ms()), (6_000, 61_000));
            assert_eq!(clock.correct(6_000 + TOLERANCE_MS, 0), None);
            assert_eq!(clock.correct(9_000, 10), Some(3_000));
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!((clock.now_ms(), watch.elapsed_ms()), (10_000, 62_000));
        });
    }
}
