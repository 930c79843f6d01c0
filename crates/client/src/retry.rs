//! When a failed attempt is made again, and when no more.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::error::Failure;

/// How long to wait between attempts, and for how long to make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first failure; each further one is twice as long. Of every wait a random share of up to a half
    /// is left out, so that many clients do not come back at the same moment. 200 ms by default.
    pub first_wait: Duration,
    /// No wait grows beyond this, unless the server asks for more. 15 s by default.
    pub longest_wait: Duration,
    /// For so long attempts are begun, counted from the first one; a wait that would end later is not begun either. Then
    /// the last failure is the result. 2 minutes by default.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(15),
            give_up_after: Duration::from_mins(2),
        }
    }
}

impl RetryPolicy {
    /// The wait after so many failures, at least 1. `asked` is what the server wants at least, `chance` is from 0 to 1.
    fn wait(&self, failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        let wait = full.mul_f64(1.0 - chance / 2.0);
        // Whoever was refused together was told the same time; a little of chance spreads them over it.
        asked.map_or(wait, |asked| wait.max(asked.saturating_add(self.first_wait.mul_f64(chance))))
    }
}

/// The attempts for one request.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    deadline: Instant,
    attempts: u32,
}

/// No further attempt is made.
#[derive(Debug)]
pub(crate) struct OutOfTime;

impl Retries {
    /// Starts the time after which it gives up.
    pub(crate) fn begin(policy: RetryPolicy) -> Self {
        Self { policy, deadline: sleep(policy.give_up_after).deadline(), attempts: 0 }
    }

    /// How many attempts were made.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Makes an attempt when it is its turn, which may not be before the deadline. One that is under way is not cut short:
    /// it may be the one that succeeds, and has a timeout of its own.
    pub(crate) async fn attempt<T>(
        &mut self,
        turns: &Semaphore,
        attempt: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Ok(_turn) = timeout_at(self.deadline, turns.acquire()).await else {
            return Err(Failure::NoTurn);
        };
        self.attempts += 1;
        attempt.await.inspect_err(|failure| {
            let error: &dyn std::error::Error = failure;
            tracing::debug!(attempt = self.attempts, error, "an attempt to submit events has failed");
        })
    }

    /// Waits until the next attempt is due.
    pub(crate) async fn wait(&self, asked: Option<Duration>) -> Result<(), OutOfTime> {
        let wait = self.policy.wait(self.attempts, asked, rand::random());
        let due = sleep(wait).deadline();
        if due >= self.deadline {
            return Err(OutOfTime);
        }
        sleep_until(due).await;
        Ok(())
    }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date, which counts from the answer's own `Date`, so
/// that clocks need not agree.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(1),
        give_up_after: Duration::from_secs(10),
    };

    #[test]
    fn waits_double_up_to_the_longest_and_chance_takes_half_at_most() {
        let ms = |failures, chance| POLICY.wait(failures, None, chance).as_millis();
        assert_eq!([1, 2, 3, 4, 5, 6].map(|failures| ms(failures, 0.0)), [100, 200, 400, 800, 1000, 1000]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|failures| ms(failures, 1.0)), [50, 100, 200, 400, 500, 500]);
        assert_eq!(ms(u32::MAX, 0.0), 1000);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        let ms = |asked, chance| POLICY.wait(1, Some(Duration::from_millis(asked)), chance).as_millis();
        assert_eq!((ms(5_000, 0.0), ms(5_000, 0.5), ms(1, 0.0)), (5_000, 5_050, 100));
        let huge = POLICY.wait(1, Some(Duration::MAX), 1.0);
        assert_eq!(huge, Duration::MAX);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_by_the_clock_of_the_answer() {
        let read = |asked: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, asked.parse().expect("a header"));
            if let Some(date) = date {
                headers.insert(DATE, date.parse().expect("a header"));
            }
            retry_after(&headers)
        };
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read(" 7 ", None), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999999999999999", None), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT", date), Some(Duration::from_mins(1)));
        assert_eq!(read("Sun, 06 Nov 1994 08:40:37 GMT", date), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
        assert_eq!(read("soon", date), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_begun_until_the_deadline_and_not_beyond() {
        let began = Instant::now();
        let turns = Semaphore::new(1);
        let mut retries = Retries::begin(POLICY);
        while retries.wait(None).await.is_ok() {
            let outcome = retries.attempt(&turns, async { Err::<(), _>(Failure::Timeout) }).await;
            assert!(outcome.is_err());
        }
        assert!(began.elapsed() < POLICY.give_up_after && began.elapsed() >= Duration::from_secs(9));
        assert!(retries.attempts() >= 12, "{}", retries.attempts());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_under_way_at_the_deadline_may_still_succeed() {
        let mut retries = Retries::begin(POLICY);
        let slow = async {
            sleep(Duration::from_secs(11)).await;
            Ok(5)
        };
        assert_eq!(retries.attempt(&Semaphore::new(1), slow).await.ok(), Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_get_its_turn_is_none() {
        let began = Instant::now();
        let mut retries = Retries::begin(POLICY);
        let outcome = retries.attempt(&Semaphore::new(0), async { Ok(()) }).await;
        assert!(matches!(outcome, Err(Failure::NoTurn)), "{outcome:?}");
        assert_eq!((retries.attempts(), began.elapsed().as_secs()), (0, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_not_begun() {
        let began = Instant::now();
        let retries = Retries::begin(POLICY);
        assert!(retries.wait(Some(Duration::from_secs(11))).await.is_err());
        assert!(retries.wait(Some(Duration::MAX)).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
