//! Keys for the REST API: what one may do, and how it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::ProgramId;

/// What every key begins with, so that scanners for leaked keys find it.
pub const API_KEY_PREFIX: &str = "gsk_";

/// The most characters of a key's name.
pub const MAX_API_KEY_NAME_CHARS: usize = 100;

/// One thing a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading: programs, webhooks, deliveries, inboxes.
    Read,
    /// Posting events.
    Events,
    /// Changing programs, webhooks and inboxes, testing, sending again. Includes [`Scope::Read`].
    Webhooks,
    /// Everything, with API keys and sign-in links.
    Admin,
}

/// A scope's name is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be read, events, webhooks or admin")]
pub struct InvalidScope;

impl Scope {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Events, Self::Webhooks, Self::Admin];

    /// As REST has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Scope::as_str`] writes.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidScope)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a key may do. As JSON it is an array of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// What a key may do when nothing else is said, as those of the hosted product: all but making keys.
    pub const USUAL: Self = Self(Scope::Read.bit() | Scope::Events.bit() | Scope::Webhooks.bit());

    /// Everything.
    pub const ALL: Self = Self(Scope::Admin.bit());

    /// Whether nothing is allowed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this very scope was given.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether what needs `scope` is allowed.
    pub const fn allow(self, scope: Scope) -> bool {
        self.contains(scope)
            || self.contains(Scope::Admin)
            || matches!(scope, Scope::Read) && self.contains(Scope::Webhooks)
    }

    /// Those that were given.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Reads names with commas between them, as [`Scopes`] prints them.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        text.split(',').map(Scope::parse).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            if at > 0 {
                formatter.write_str(",")?;
            }
            formatter.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

/// Requests that one key may make in each window; each at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateLimit {
    /// In a second.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_294_967_295_u32)))]
    pub second: u32,
    /// In a minute.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_294_967_295_u32)))]
    pub minute: u32,
    /// In an hour.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_294_967_295_u32)))]
    pub hour: u32,
}

/// A limit is not written as it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be like 100/2000/50000: requests per second, minute and hour")]
pub struct InvalidRateLimit;

impl RateLimit {
    /// Reads three numbers with `/` between them, as [`RateLimit`] prints them.
    pub fn parse(text: &str) -> Result<Self, InvalidRateLimit> {
        let parts: Vec<Option<u32>> = text.split('/').map(|part| part.trim().parse().ok()).collect();
        match parts[..] {
            [Some(second), Some(minute), Some(hour)] if second.min(minute).min(hour) > 0 => {
                Ok(Self { second, minute, hour })
            }
            _ => Err(InvalidRateLimit),
        }
    }
}

impl RateLimit {
    /// Whether `other` is nowhere above this one.
    pub const fn allows(self, other: Self) -> bool {
        other.second <= self.second && other.minute <= self.minute && other.hour <= self.hour
    }
}

impl Default for RateLimit {
    /// Generous for automation, far below what a runaway loop does.
    fn default() -> Self {
        Self { second: 1_000, minute: 30_000, hour: 1_000_000 }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.second, self.minute, self.hour)
    }
}

/// A key as it is shown: never its text, but in the answer that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// `key_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Scope>"))]
    pub scopes: Scopes,
    /// The one program it is good for; null is all.
    pub campaign_id: Option<ProgramId>,
    /// Its own limits; null are the server's.
    pub rate_limit: Option<RateLimit>,
    /// The last four characters of its text, to recognise it by; null for keys from before they were kept.
    pub ends_with: Option<String>,
    /// When it was made, in Unix milliseconds.
    pub created_at: i64,
    /// When it was last used, in Unix milliseconds, to the minute; null is never.
    pub last_used_at: Option<i64>,
}

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKey {
    /// What people are to call it: 1 to [`MAX_API_KEY_NAME_CHARS`] characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Scopes,
    /// The one program it is good for; null is all.
    pub campaign_id: Option<ProgramId>,
    /// Its own limits; null are the server's.
    pub rate_limit: Option<RateLimit>,
}

impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreatedApiKey").field("view", &self.view).finish_non_exhaustive()
    }
}

/// A key that was made. Its text is shown this once; being a secret, it is not in the `Debug` output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedApiKey {
    /// The key as it is shown from now on.
    #[serde(flatten)]
    pub view: ApiKey,
    /// Its text.
    pub key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_printed() {
        assert_eq!(Scopes::USUAL.to_string(), "read,events,webhooks");
        assert_eq!(Scopes::parse("webhooks,read,events"), Ok(Scopes::USUAL));
        assert_eq!(Scopes::parse("read,write"), Err(InvalidScope));
        assert_eq!(Scopes::parse(""), Err(InvalidScope));
        let json = serde_json::to_string(&Scopes::USUAL).expect("names");
        assert_eq!(json, r#"["read","events","webhooks"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).expect("the same"), Scopes::USUAL);
    }

    #[test]
    fn a_scope_allows_itself_and_what_it_includes() {
        let allowed = |scope: Scope| {
            let scopes = Scopes::from_iter([scope]);
            Scope::ALL.into_iter().filter(|one| scopes.allow(*one)).map(Scope::as_str).collect::<Vec<_>>()
        };
        assert_eq!(allowed(Scope::Read), ["read"]);
        assert_eq!(allowed(Scope::Events), ["events"]);
        assert_eq!(allowed(Scope::Webhooks), ["read", "webhooks"]);
        assert_eq!(allowed(Scope::Admin), ["read", "events", "webhooks", "admin"]);
    }

    #[test]
    fn a_rate_limit_is_three_numbers_above_zero() {
        assert_eq!(RateLimit::parse("1/2/3").map(|limit| limit.to_string()), Ok("1/2/3".to_owned()));
        for text in ["", "1/2", "1/2/0", "1/2/3/4", "a/b/c", "-1/2/3"] {
            assert_eq!(RateLimit::parse(text), Err(InvalidRateLimit), "{text}");
        }
    }
}
