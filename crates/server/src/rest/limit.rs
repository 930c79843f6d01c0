//! Rate limits per API key, with the product's headers. Fixed windows of a second, a minute and an hour.
//!
//! Events are taken by every server at one database, so they tell each other four times a second what keys have used (`elsewhere`).

mod elsewhere;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::nodes::KeyUse;
use groundswell_types::{ApiError, ErrorCode, RateLimit};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

pub use self::elsewhere::tell;
use self::elsewhere::{Asked, Elsewhere};
use super::answer::{Context, Failed, OverLimit};

const WINDOWS: [(&str, i64); 3] = [("Second", 1_000), ("Minute", 60_000), ("Hour", 3_600_000)];

/// There are not many more at a time.
const MANY_KEYS: usize = 2_000;

/// Counts requests.
#[derive(Debug)]
pub struct RateLimiter {
    /// Of keys that have no limits of their own; none is without limits.
    usual: Option<RateLimit>,
    keys: Mutex<HashMap<String, Counted>>,
}

/// Of a key.
#[derive(Debug, Default)]
struct Counted {
    windows: [Window; 3],
    asked: Asked,
    elsewhere: Elsewhere,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    count: u32,
}

/// The body of the answer to a request over a limit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limited {
    #[serde(flatten)]
    error: ApiError,
    policy_name: String,
}

impl AsRef<ApiError> for Limited {
    fn as_ref(&self) -> &ApiError {
        &self.error
    }
}

/// Where a key stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    limits: [u32; 3],
    counts: [u32; 3],
    /// Until each window ends.
    left_ms: [i64; 3],
}

impl RateLimiter {
    /// Nothing counted yet.
    pub fn new(usual: Option<RateLimit>) -> Self {
        Self { usual, keys: Mutex::new(HashMap::new()) }
    }

    /// Counts a request of the key with this id, if it has limits. One that is over a limit uses up nothing.
    pub fn count(&self, key_id: &str, own: Option<RateLimit>, now_ms: i64) -> Option<Standing> {
        let limit = own.or(self.usual)?;
        let limits = [limit.second, limit.minute, limit.hour];
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { windows, asked, elsewhere } = known(&mut keys, key_id, now_ms);
        asked.count(now_ms);
        let mut left_ms = [0; 3];
        for ((window, (_, length_ms)), left_ms) in windows.iter_mut().zip(WINDOWS).zip(&mut left_ms) {
            let number = now_ms.div_euclid(length_ms);
            if window.number != number {
                *window = Window { number, count: 0 };
            }
            *left_ms = length_ms - now_ms.rem_euclid(length_ms);
        }
        let others = elsewhere.used((windows, asked.rate(now_ms)), limit.second, now_ms);
        let mut counts = [0; 3];
        for ((count, window), others) in counts.iter_mut().zip(&*windows).zip(others) {
            *count = window.count.saturating_add(others).saturating_add(1);
        }
        if counts.iter().zip(&limits).all(|(count, limit)| count <= limit) {
            for window in windows {
                window.count = window.count.saturating_add(1);
            }
        }
        Some(Standing { limits, counts, left_ms })
    }

    /// What another server at the database has counted of keys.
    pub fn hear(&self, node: NodeId, used: Vec<KeyUse>, now_ms: i64) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for used in used {
            known(&mut keys, &used.key, now_ms).elsewhere.hear(node, &used, now_ms);
        }
    }

    /// What others have not been told of the keys that were used here.
    pub fn take_news(&self, now_ms: i64) -> Vec<KeyUse> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let use_of = |(key, Counted { windows, asked, .. }): (&String, &mut Counted)| {
            asked.take_news().then(|| KeyUse {
                key: key.clone(),
                asked: asked.rate(now_ms),
                windows: [1, 2].map(|at| (windows[at].number, windows[at].count)),
            })
        };
        keys.iter_mut().filter_map(use_of).collect()
    }
}

fn known<'a>(keys: &'a mut HashMap<String, Counted>, key_id: &str, now_ms: i64) -> &'a mut Counted {
    if !keys.contains_key(key_id) {
        if keys.len() >= MANY_KEYS {
            // Most of them were revoked, or are not used any more.
            let hour = now_ms.div_euclid(WINDOWS[2].1);
            keys.retain(|_, counted| {
                counted.windows[2].number == hour || counted.elsewhere.has_this_hour(hour)
            });
        }
        keys.insert(key_id.to_owned(), Counted::default());
    }
    keys.entry(key_id.to_owned()).or_default()
}

impl Standing {
    /// The longest window whose limit is exceeded.
    pub fn exceeded(&self) -> Option<usize> {
        (0..3).rev().find(|&at| self.counts[at] > self.limits[at])
    }

    /// The answer to a request over the limit of window `at`.
    pub fn refuse(&self, at: usize, context: &Context) -> Response {
        let (name, _) = WINDOWS[at];
        let message = format!("More than {} requests per {}.", self.limits[at], name.to_lowercase());
        let error = Failed::new(ErrorCode::RateLimit, message).body(context);
        let body = Limited { error, policy_name: name.to_uppercase() };
        let mut response = context.error(StatusCode::TOO_MANY_REQUESTS, &body);
        let headers = response.headers_mut();
        insert(headers, &format!("growsurf-retry-after-{name}-milliseconds"), self.left_ms[at]);
        headers.insert(RETRY_AFTER, HeaderValue::from((self.left_ms[at] + 999) / 1000));
        response
    }

    /// The headers every answer to the key carries.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        for (at, (name, _)) in WINDOWS.iter().enumerate() {
            insert(headers, &format!("growsurf-ratelimit-{name}-limit"), i64::from(self.limits[at]));
            let remaining = self.limits[at].saturating_sub(self.counts[at]);
            insert(headers, &format!("growsurf-ratelimit-{name}-remaining"), i64::from(remaining));
        }
    }
}

/// The answer to a request over another limit than the key's of requests.
pub fn refuse(over: OverLimit, error: ApiError, context: &Context) -> Response {
    let body = Limited { error, policy_name: over.policy.to_owned() };
    let mut response = context.error(StatusCode::TOO_MANY_REQUESTS, &body);
    let headers = response.headers_mut();
    insert(headers, "growsurf-retry-after-minute-milliseconds", over.wait_ms);
    headers.insert(RETRY_AFTER, HeaderValue::from((over.wait_ms + 999) / 1000));
    response
}

fn insert(headers: &mut HeaderMap, name: &str, value: i64) {
    if let Ok(name) = HeaderName::try_from(name.to_ascii_lowercase()) {
        headers.insert(name, HeaderValue::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_do_as_much_as_its_limits_and_no_more() {
        let limiter = RateLimiter::new(Some(RateLimit { second: 2, minute: 3, hour: 100 }));
        assert_eq!(limiter.count("a", None, 1_000).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("a", None, 1_500).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("a", None, 1_999).expect("it has limits").exceeded(), Some(0));
        assert_eq!(limiter.count("b", None, 1_999).expect("it has limits").exceeded(), None);
        // The refused request used up nothing: one is left in this minute.
        assert_eq!(limiter.count("a", None, 2_000).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("a", None, 3_000).expect("it has limits").exceeded(), Some(1));
        assert_eq!(limiter.count("a", None, 60_000).expect("it has limits").exceeded(), None);
    }

    #[test]
    fn a_key_may_have_limits_of_its_own() {
        let limiter = RateLimiter::new(Some(RateLimit { second: 1, minute: 1, hour: 1 }));
        let own = Some(RateLimit { second: 2, minute: 2, hour: 2 });
        assert_eq!(limiter.count("a", own, 1_000).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("a", own, 1_000).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("a", own, 1_000).expect("it has limits").exceeded(), Some(2));
        assert_eq!(limiter.count("b", None, 1_000).expect("it has limits").exceeded(), None);
        assert_eq!(limiter.count("b", None, 1_000).expect("it has limits").exceeded(), Some(2));
    }

    #[test]
    fn a_key_with_limits_of_its_own_has_them_where_others_have_none() {
        let limiter = RateLimiter::new(None);
        assert_eq!(limiter.count("a", None, 1_000), None);
        let own = Some(RateLimit { second: 1, minute: 1, hour: 1 });
        let standing = |now_ms| limiter.count("b", own, now_ms).expect("it has limits").exceeded();
        assert_eq!((standing(1_000), standing(1_000)), (None, Some(2)));
    }

    #[test]
    fn the_headers_say_what_is_left() {
        let limiter = RateLimiter::new(Some(RateLimit { second: 2, minute: 3, hour: 100 }));
        let mut headers = HeaderMap::new();
        limiter.count("a", None, 1_000).expect("it has limits").add_headers(&mut headers);
        assert_eq!(headers["GrowSurf-RateLimit-Minute-Limit"], "3");
        assert_eq!(headers["GrowSurf-RateLimit-Minute-Remaining"], "2");
        assert_eq!(headers.len(), 6);
    }
}
