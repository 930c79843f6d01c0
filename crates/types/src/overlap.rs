//! How long a secret that is replaced stays valid beside the new one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// So long requests are signed with both, from when the new one becomes live. As JSON it is the seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum SecretOverlap {
    /// The old one ends at once.
    #[default]
    None,
    /// 1 hour.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
}

/// No such overlap can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 0, 3600 (1 hour), 86400 (24 hours) or 604800 (7 days) seconds")]
pub struct InvalidOverlap;

impl SecretOverlap {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Hour, Self::Day, Self::Week];

    /// 0, 3600, 86400 or 604800.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }

    /// The same in milliseconds.
    pub const fn milliseconds(self) -> i64 {
        self.seconds() * 1_000
    }
}

impl TryFrom<i64> for SecretOverlap {
    type Error = InvalidOverlap;

    fn try_from(seconds: i64) -> Result<Self, InvalidOverlap> {
        Self::ALL.into_iter().find(|overlap| overlap.seconds() == seconds).ok_or(InvalidOverlap)
    }
}

impl From<SecretOverlap> for i64 {
    fn from(overlap: SecretOverlap) -> Self {
        overlap.seconds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_one_of_four_numbers_of_seconds() {
        for overlap in SecretOverlap::ALL {
            assert_eq!(SecretOverlap::try_from(overlap.seconds()), Ok(overlap));
            let json = serde_json::to_string(&overlap).expect("a number");
            assert_eq!(json, overlap.seconds().to_string());
        }
        for seconds in [-1, 1, 3_599, 86_401, i64::MAX] {
            assert_eq!(SecretOverlap::try_from(seconds), Err(InvalidOverlap), "{seconds}");
        }
    }
}
