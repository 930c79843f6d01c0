//! The part of the endpoints that one lease is for.

use std::fmt;

use super::placement::mix;
use crate::store::EndpointId;

/// One of the 256 parts that endpoints are divided into. An endpoint's shard never changes: it is stored with what
/// waits, and a node that computed another one would wait for rows it never finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// How many there are: a few for each of as many nodes as one PostgreSQL can feed, and few enough that all of
    /// their leases are read at once.
    pub const COUNT: usize = 256;

    /// The shard of an endpoint, the same for ever: the upper 8 bits of SplitMix64's output for the endpoint's number.
    ///
    /// Numbers are made from the time, so the ones of a program differ in few bits; SplitMix64 lets each of them change
    /// each bit of the output with a probability of a half.
    pub fn of(endpoint: EndpointId) -> Self {
        Self(mix(endpoint.0.cast_unsigned()).to_be_bytes()[0])
    }

    /// The shard with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// From 0 to 255.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Endpoints to each shard.
    fn counts(endpoints: impl Iterator<Item = i64>) -> Vec<u32> {
        let mut counts = vec![0; Shard::COUNT];
        for endpoint in endpoints {
            counts[usize::from(Shard::of(EndpointId(endpoint)).number())] += 1;
        }
        counts
    }

    /// The sum of (observed - expected)² / expected; with 255 degrees of freedom below 377 but in 1 of 1,000,000 cases.
    fn chi_squared(counts: &[u32]) -> f64 {
        let mean = f64::from(counts.iter().sum::<u32>()) / 256.0;
        counts.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum()
    }

    #[test]
    fn an_endpoints_shard_never_changes() {
        // If this fails, whatever waits in a database is looked for in the wrong shard.
        let pinned = [
            (i64::MIN, 72),
            (-1, 228),
            (0, 226),
            (1, 145),
            (2, 151),
            (42, 189),
            (1 << 19, 25),
            (40_000_000_000_000_000, 42),
            (40_000_000_000_000_001, 147),
            (i64::MAX, 42),
        ];
        let shards = pinned.map(|(endpoint, _)| (endpoint, Shard::of(EndpointId(endpoint)).number()));
        assert_eq!(shards, pinned);
    }

    #[test]
    fn consecutive_endpoints_are_spread_evenly() {
        for first in [0, 1 << 40, -50_000] {
            let spread = chi_squared(&counts(first..first + 100_000));
            assert!(spread < 377.0, "{spread}");
        }
    }

    #[test]
    fn endpoints_made_a_millisecond_or_a_day_apart_are_spread_evenly() {
        for step in [1 << 19, 86_400_000 << 19, 8, 1_000] {
            let spread = chi_squared(&counts((0..20_000).map(|n| n * step)));
            assert!(spread < 377.0, "{step}: {spread}");
        }
    }

    proptest! {
        #[test]
        fn endpoints_of_any_time_are_spread_evenly(first: i64, step in 1_i64..1 << 45) {
            let endpoints = (0..10_000).map(|n: i64| first.wrapping_add(n.wrapping_mul(step)));
            prop_assert!(chi_squared(&counts(endpoints)) < 377.0);
        }
    }
}
