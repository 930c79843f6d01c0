//! What people call a webhook.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A name of 1 to 80 characters without control characters. It is for people; nothing is found by it, and two webhooks may
/// have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookName {
    text: String,
}

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// Empty, or longer than [`WebhookName::MAX_CHARACTERS`].
    #[error("must have 1 to {} characters; use a shorter name", WebhookName::MAX_CHARACTERS)]
    Length,
    /// Has control characters in it.
    #[error("must not contain control characters such as line breaks; remove them")]
    ControlCharacter,
}

impl WebhookName {
    /// The longest, in characters (Unicode scalar values).
    pub const MAX_CHARACTERS: usize = 80;

    /// Reads a name as a user typed it; white space around it is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > Self::MAX_CHARACTERS {
            return Err(InvalidName::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        Ok(Self { text: text.to_owned() })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for WebhookName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl TryFrom<String> for WebhookName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<WebhookName> for String {
    fn from(name: WebhookName) -> Self {
        name.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_up_to_80_characters_of_any_script() {
        let longest = "ü".repeat(80);
        for (text, wanted) in [(" CRM ", "CRM"), ("販売 🎉", "販売 🎉"), (&*longest, &*longest)] {
            assert_eq!(WebhookName::parse(text).as_ref().map(WebhookName::as_str), Ok(wanted));
        }
        for text in ["", "  ", &*"ü".repeat(81)] {
            assert_eq!(WebhookName::parse(text), Err(InvalidName::Length), "{text}");
        }
        for text in ["a\nb", "a\0", "a\u{9b}b"] {
            assert_eq!(WebhookName::parse(text), Err(InvalidName::ControlCharacter), "{text:?}");
        }
        assert!(serde_json::from_str::<WebhookName>("\"\"").is_err());
    }
}
