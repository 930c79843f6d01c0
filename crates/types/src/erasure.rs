//! The erasing of a participant's data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ErasureId;

/// The longest id or e-mail address that can be asked for, in bytes.
const MAX_CHARS: usize = 320;

/// What says whose data is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SubjectKind {
    /// The participant's id.
    ParticipantId,
    /// Their e-mail address.
    Email,
}

impl SubjectKind {
    /// The value as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParticipantId => "participantId",
            Self::Email => "email",
        }
    }

    /// Reads the JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ParticipantId, Self::Email].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whose data is to be erased. Its text is personal data: it implements no `Debug` that shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    kind: SubjectKind,
    text: String,
}

impl Subject {
    /// Takes 1 to 320 characters without control characters; white space around them is ignored. An e-mail address has an `@`
    /// and is compared without regard to case.
    pub fn parse(kind: SubjectKind, text: &str) -> Option<Self> {
        let text = text.trim();
        let is_plain =
            !text.is_empty() && text.chars().count() <= MAX_CHARS && !text.chars().any(char::is_control);
        match kind {
            SubjectKind::ParticipantId => is_plain.then(|| Self { kind, text: text.to_owned() }),
            SubjectKind::Email => {
                (is_plain && text.contains('@')).then(|| Self { kind, text: text.to_lowercase() })
            }
        }
    }

    /// What says who it is.
    pub const fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The id, or the e-mail address in lower case.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Subject({})", self.kind.as_str())
    }
}

/// How far the erasing of a participant's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ErasureState {
    /// It is working.
    Running,
    /// Everything was looked at, and what was found is gone.
    Done,
}

/// The erasing of a participant's data from what a program has stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// How far it is.
    pub state: ErasureState,
    /// Whether a participant's id or an e-mail address was looked for.
    pub by: SubjectKind,
    /// An HMAC-SHA-256 of it under a key that only this server has: the same for the same participant, and nothing that could
    /// be found out by trying.
    pub subject_hash: String,
    /// Events whose data was erased so far.
    pub events: i64,
    /// Attempts whose answers were erased so far.
    pub attempts: i64,
    /// Deliveries that were waiting and will not be sent.
    pub cancelled: i64,
    /// Requests that were removed from the inbox.
    pub inbox_requests: i64,
    /// Events accepted until this time were looked at, in Unix milliseconds; none yet if 0.
    pub searched_until: i64,
    /// When it was asked for, in Unix milliseconds.
    pub created_at: i64,
    /// When it came to its end, in Unix milliseconds.
    pub ended_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_address_or_an_id_is_refused() {
        let parse = |kind, text| Subject::parse(kind, text).map(|subject| subject.expose().to_owned());
        assert_eq!(parse(SubjectKind::Email, " Ada@Example.com "), Some("ada@example.com".to_owned()));
        assert_eq!(parse(SubjectKind::ParticipantId, " P1 "), Some("P1".to_owned()));
        let long = "a@".repeat(200);
        for text in ["", "  ", "a\nb@c", &long] {
            assert_eq!(parse(SubjectKind::Email, text), None, "{text}");
            assert_eq!(parse(SubjectKind::ParticipantId, text), None, "{text}");
        }
        assert_eq!(parse(SubjectKind::Email, "ada"), None);
    }

    #[test]
    fn nothing_that_is_printed_for_debugging_says_who_it_is() {
        let subject = Subject::parse(SubjectKind::Email, "ada@example.com").expect("is an address");
        assert!(!format!("{subject:?}").contains("ada"));
    }
}
