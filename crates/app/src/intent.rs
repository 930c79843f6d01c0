//! What a button of the Webhooks panel asks for: the `value` of its `intent`, read by the server when the form
//! is posted and by the browser half when it is intercepted.

use std::fmt;

use groundswell_types::EventKind;

/// What is to be done with the Webhooks panel, after what is typed was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Nothing more than saving.
    Save,
    /// Make the draft live.
    Publish,
    /// Throw the draft away.
    Discard,
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
}

/// The actions that are a plain word; testing takes an event as well.
const WORDS: [(&str, RowAction); 10] = [
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
            _ => {
                let &(_, mut action) = WORDS.iter().find(|(name, _)| *name == word)?;
                let key = parts.next().filter(|key| is_row_key(key))?.to_owned();
                if let RowAction::Test(event) = &mut action
                    && let Some(name) = parts.next()
                {
                    *event = Some(EventKind::parse(name)?);
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
            Self::Row { key, action: RowAction::Test(Some(event)) } => {
                write!(formatter, "test:{key}:{event}")
            }
            Self::Row { key, action } => {
                let word = WORDS.iter().find(|(_, known)| known == action).map_or("", |(word, _)| word);
                write!(formatter, "{word}:{key}")
            }
        }
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
        intents.extend(WORDS.iter().map(|(_, action)| Intent::row("new-1", *action)));
        intents.extend(EventKind::ALL.map(|event| Intent::row("primary", RowAction::Test(Some(event)))));
        for intent in intents {
            assert_eq!(Intent::parse(&intent.to_string()), Some(intent.clone()), "{intent}");
        }
    }

    #[test]
    fn what_is_no_intent_is_refused() {
        for text in
            ["", "shout", "test", "test:", "test:a b", "test:a:NO_SUCH", "remove:a:b", "save:a", "add:"]
        {
            assert_eq!(Intent::parse(text), None, "{text}");
        }
    }
}
