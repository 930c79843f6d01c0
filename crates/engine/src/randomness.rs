//! Where chance comes from. In production from the operating system; a simulation gives a seed, and everything that
//! chance decides about delivering happens again in the same way.
//!
//! Secrets, keys and tokens do not come from here: nothing may make them predictable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

/// A source of random numbers; clones draw from the same one.
#[derive(Debug, Clone)]
pub struct Randomness(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<SmallRng>>),
}

impl Randomness {
    /// The operating system's.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The same numbers for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed)))))
    }
}

fn locked(rng: &Mutex<SmallRng>) -> MutexGuard<'_, SmallRng> {
    rng.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RngCore for Randomness {
    fn next_u32(&mut self) -> u32 {
        match &self.0 {
            Source::System => rand::rng().next_u32(),
            Source::Seeded(rng) => locked(rng).next_u32(),
        }
    }

    fn next_u64(&mut self) -> u64 {
        match &self.0 {
            Source::System => rand::rng().next_u64(),
            Source::Seeded(rng) => locked(rng).next_u64(),
        }
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => rand::rng().fill_bytes(bytes),
            Source::Seeded(rng) => locked(rng).fill_bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_over_all_clones() {
        let drawn = |seed| {
            let mut first = Randomness::seeded(seed);
            let mut second = first.clone();
            [first.next_u64(), second.next_u64(), first.next_u64()]
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert_ne!(drawn(1)[0], drawn(1)[1]);
    }
}
