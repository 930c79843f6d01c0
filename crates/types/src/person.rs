//! People, the teams they work in, and what they may do there.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What somebody may do in a team. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees programs, webhooks and the delivery log; changes nothing.
    Viewer,
    /// Sets webhooks up, tests, publishes, resends.
    Editor,
    /// Decides who is in the team, and about its keys; sees the audit log.
    Owner,
}

impl Role {
    /// All roles, the one that may least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The role as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// Reads what [`Role::as_str`] gives.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// RFC 5321: 64 before the at sign, 255 behind it; a path is at most 256 with its angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

/// An e-mail address, in lower case: what differs in case alone is one person's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text that is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an e-mail address such as ada@example.com")]
pub struct InvalidEmail;

impl Email {
    /// Takes what HTML's `<input type=email>` takes, at most 254 bytes, with a dot in its domain or none.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_good = text.len() <= MAX_EMAIL_BYTES
            && (1..=64).contains(&local.len())
            && local.bytes().all(is_local)
            && domain.split('.').all(is_label);
        if is_good { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A browser that somebody is signed in with, for them to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// `ses_…`. Says nothing of what the browser holds.
    pub id: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
    /// Where it began.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
    /// Unix milliseconds.
    pub began_at: i64,
    /// Unix milliseconds, to some minutes.
    pub last_seen_at: i64,
}

/// What somebody is to sign in with from now on, as they typed it. Not to be printed.
#[derive(Clone, Copy)]
pub struct SignInChange<'a> {
    /// Their e-mail address.
    pub email: &'a str,
    /// Empty to keep the one there is.
    pub new_password: &'a str,
    /// Of whoever has one.
    pub present_password: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_read_back_and_grow() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert!(Role::ALL.is_sorted());
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        assert_eq!(
            Email::parse(" Ada@Example.COM ").map(|email| email.to_string()),
            Ok("ada@example.com".into())
        );
        assert!(Email::parse("ops@localhost").is_ok());
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "ada@exämple.com",
            "a\n@b.c",
            &long,
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text}");
        }
    }
}
