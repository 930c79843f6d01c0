//! What a button of the Webhooks panel asks for: the `value` of its `intent`, read by the server when the form
//! is posted and by the browser half when it is intercepted.

use std::fmt;

use groundswell_types::EventKind;
use groundswell_types::editor::Side;
use serde::{Deserialize, Serialize};

/// What is to be done with the Webhooks panel, after what is typed was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Nothing more than saving.
    Save,
    /// Make the draft live.
    Publish,
    /// Throw the draft away.
    Discard,
    /// Decide what both the draft and what is live changed.
    Resolve(Side),
    /// Add a row.
    Add,
    /// Something with one row.
    Row {
        /// Which.
        key: String,
        /// What.
        action: RowAction,
    },
}

/// What is to be done with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowAction {
    /// Send a test; of the row's first event when none is chosen.
    Test(Option<EventKind>),
    /// Remove the row.
    Remove,
    /// Tick all events.
    AllEvents,
    /// Tick no event.
    NoEvents,
    /// Save the typed secret.
    SaveSecret,
    /// Offer a generated secret.
    GenerateSecret,
    /// Have no secret.
    RemoveSecret,
    /// Leave the live secret as it is.
    KeepSecret,
    /// Send what is parked.
    SendParked,
    /// Discard what is parked.
    DiscardParked,
    /// End the secret before the present one.
    EndOldSecret,
    /// Enable a webhook that was disabled because it kept failing.
    Enable,
    /// Add a header.
    AddHeader,
    /// Remove the header at this place, from 0.
    RemoveHeader(usize),
}

/// The actions that are a plain word; testing takes an event as well, removing a header its place.
const WORDS: [(&str, RowAction); 14] = [
    ("test", RowAction::Test(None)),
    ("remove", RowAction::Remove),
    ("all", RowAction::AllEvents),
    ("none", RowAction::NoEvents),
    ("secret", RowAction::SaveSecret),
    ("generate", RowAction::GenerateSecret),
    ("unsecret", RowAction::RemoveSecret),
    ("keep", RowAction::KeepSecret),
    ("send", RowAction::SendParked),
    ("drop", RowAction::DiscardParked),
    ("end", RowAction::EndOldSecret),
    ("enable", RowAction::Enable),
    ("header", RowAction::AddHeader),
    ("unheader", RowAction::RemoveHeader(0)),
];

impl Intent {
    /// Something with the row `key`.
    pub fn row(key: &str, action: RowAction) -> Self {
        Self::Row { key: key.to_owned(), action }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let word = parts.next()?;
        let intent = match word {
            "save" => Self::Save,
            "publish" => Self::Publish,
            "discard" => Self::Discard,
            "add" => Self::Add,
            "mine" => Self::Resolve(Side::Mine),
            "theirs" => Self::Resolve(Side::Theirs),
            _ => {
                let &(_, mut action) = WORDS.iter().find(|(name, _)| *name == word)?;
                let key = parts.next().filter(|key| is_row_key(key))?.to_owned();
                if let RowAction::Test(event) = &mut action
                    && let Some(name) = parts.next()
                {
                    *event = Some(EventKind::parse(name)?);
                }
                if let RowAction::RemoveHeader(place) = &mut action {
                    *place = parts.next()?.parse().ok()?;
                }
                Self::Row { key, action }
            }
        };
        parts.next().is_none().then_some(intent)
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Save => formatter.write_str("save"),
            Self::Publish => formatter.write_str("publish"),
            Self::Discard => formatter.write_str("discard"),
            Self::Add => formatter.write_str("add"),
            Self::Resolve(Side::Mine) => formatter.write_str("mine"),
            Self::Resolve(Side::Theirs) => formatter.write_str("theirs"),
            Self::Row { key, action: RowAction::Test(Some(event)) } => {
                write!(formatter, "test:{key}:{event}")
            }
            Self::Row { key, action: RowAction::RemoveHeader(place) } => {
                write!(formatter, "unheader:{key}:{place}")
            }
            Self::Row { key, action } => {
                let word = WORDS.iter().find(|(_, known)| known == action).map_or("", |(word, _)| word);
                write!(formatter, "{word}:{key}")
            }
        }
    }
}

/// What was done, for the page that is shown afterwards to say: `?done=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// The draft was published.
    Published,
    /// The secret before the present one was ended.
    OldSecretEnded,
    /// A webhook was enabled.
    Enabled,
    /// A version of the history is the draft.
    Restored,
}

impl Done {
    const ALL: [Self; 4] = [Self::Published, Self::OldSecretEnded, Self::Enabled, Self::Restored];

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.to_string() == text)
    }
}

impl fmt::Display for Done {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Published => "published",
            Self::OldSecretEnded => "ended",
            Self::Enabled => "enabled",
            Self::Restored => "restored",
        })
    }
}

/// Whether `key` can name a row: 1 to 64 letters, digits, `-` and `_`.
pub fn is_row_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&key.len()) && key.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_intent_reads_back() {
        let mut intents = vec![Intent::Save, Intent::Publish, Intent::Discard, Intent::Add];
        intents.extend([Side::Mine, Side::Theirs].map(Intent::Resolve));
        intents.extend(WORDS.iter().map(|(_, action)| Intent::row("new-1", *action)));
        intents.extend(EventKind::every().map(|event| Intent::row("primary", RowAction::Test(Some(event)))));
        intents.push(Intent::row("primary", RowAction::RemoveHeader(19)));
        for intent in intents {
            assert_eq!(Intent::parse(&intent.to_string()), Some(intent.clone()), "{intent}");
        }
    }

    #[test]
    fn what_is_no_intent_is_refused() {
        for text in [
            "",
            "shout",
            "test",
            "test:",
            "test:a b",
            "test:a:NO_SUCH",
            "remove:a:b",
            "unheader:a",
            "unheader:a:b",
            "save:a",
            "add:",
        ] {
            assert_eq!(Intent::parse(text), None, "{text}");
        }
    }
}
