//! One text, taken apart.

use std::collections::BTreeMap;

use crate::CATEGORIES;

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The same for every number.
    Plain(Vec<Piece>),
    /// A form for each plural category of `count`.
    Plural(BTreeMap<&'static str, Vec<Piece>>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Words(String),
    /// Something to be filled in.
    Slot(Slot, String),
    /// An element around words: its name, its words.
    Tag(String, String),
}

/// What a placeholder is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// `{name}`.
    Text,
    /// `{name, number}`.
    Number,
    /// `{name, view}`.
    View,
    /// `<name>…</name>`.
    Tag,
}

impl Text {
    /// Reads a value of a file; says what is wrong with it.
    pub fn read(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(line) => pieces(line).map(Self::Plain),
            toml::Value::Table(table) => {
                let mut forms = BTreeMap::new();
                for (category, line) in table {
                    let Some(known) = CATEGORIES.into_iter().find(|known| known == category) else {
                        return Err(format!("`{category}` is no plural category that is known here"));
                    };
                    let line = line.as_str().ok_or("a plural form is a line")?;
                    forms.insert(known, pieces(line)?);
                }
                Ok(Self::Plural(forms))
            }
            _ => Err("a text is a line, or a table of plural forms".to_owned()),
        }
    }

    /// All its forms.
    pub fn forms(&self) -> Vec<&[Piece]> {
        match self {
            Self::Plain(pieces) => vec![pieces],
            Self::Plural(forms) => forms.values().map(Vec::as_slice).collect(),
        }
    }

    /// The form for a category; the other one where the language does not have it.
    pub fn form(&self, category: &str) -> &[Piece] {
        match self {
            Self::Plain(pieces) => pieces,
            Self::Plural(forms) => {
                forms.get(category).or_else(|| forms.get("other")).map_or(&[], Vec::as_slice)
            }
        }
    }

    /// The words of the form for any number, placeholders as they are written.
    pub fn shown(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Slot(Slot::Number, name) => format!("{{{name}, number}}"),
            Piece::Slot(Slot::View, name) => format!("{{{name}, view}}"),
            Piece::Slot(_, name) => format!("{{{name}}}"),
            Piece::Tag(name, words) => format!("<{name}>{words}</{name}>"),
        };
        self.form("other").iter().map(piece).collect()
    }
}

impl Piece {
    /// What is to be filled in here, and its name.
    pub fn slot(&self) -> Option<(Slot, &str)> {
        match self {
            Self::Words(_) => None,
            Self::Slot(slot, name) => Some((*slot, name)),
            Self::Tag(name, _) => Some((Slot::Tag, name)),
        }
    }
}

/// Takes a line apart.
fn pieces(line: &str) -> Result<Vec<Piece>, String> {
    if line.trim() != line || line.is_empty() {
        return Err("a text is not empty, and has no space at its ends".to_owned());
    }
    if line.contains(['"', '\n']) {
        return Err("has a straight quotation mark or a line break".to_owned());
    }
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['{', '}', '<', '>']) {
        if at > 0 {
            pieces.push(Piece::Words(rest[..at].to_owned()));
        }
        let (piece, after) = placeholder(&rest[at..])?;
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest.to_owned()));
    }
    Ok(pieces)
}

/// Reads the placeholder that `text` begins with; returns what follows it.
fn placeholder(text: &str) -> Result<(Piece, &str), String> {
    if let Some(inside) = text.strip_prefix('{') {
        let (inside, after) = inside.split_once('}').ok_or("a `{` is not closed")?;
        let (name, slot) = match inside.split_once(", ") {
            None => (inside, Slot::Text),
            Some((name, "number")) => (name, Slot::Number),
            Some((name, "view")) => (name, Slot::View),
            Some((_, other)) => return Err(format!("`{other}` is no kind of placeholder")),
        };
        return Ok((Piece::Slot(slot, checked(name)?), after));
    }
    let inside = text.strip_prefix('<').ok_or("has a `}` or `>` that closes nothing")?;
    let (name, inside) = inside.split_once('>').ok_or("a `<` is not closed")?;
    let (words, after) =
        inside.split_once(&format!("</{name}>")).ok_or_else(|| format!("<{name}> is not closed"))?;
    if words.is_empty() || words.contains(['{', '}', '<', '>']) {
        return Err(format!("between <{name}> and </{name}> there are words only"));
    }
    Ok((Piece::Tag(checked(name)?, words.to_owned()), after))
}

fn checked(name: &str) -> Result<String, String> {
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { Ok(name.to_owned()) } else { Err(format!("`{name}` is no name of a placeholder")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Text, String> {
        Text::read(&toml::Value::from(line))
    }

    #[test]
    fn a_line_is_taken_apart_and_put_together_again() {
        let line = "Sent {count, number} to {url} at {time, view}, or <all>show all</all>.";
        let text = read(line).expect("is valid");
        assert_eq!(text.shown(), line);
        let slots: Vec<_> = text.form("other").iter().filter_map(Piece::slot).collect();
        let wanted = [(Slot::Number, "count"), (Slot::Text, "url"), (Slot::View, "time"), (Slot::Tag, "all")];
        assert_eq!(slots, wanted);
    }

    #[test]
    fn what_is_no_text_says_why() {
        for line in [
            "",
            " a",
            "a ",
            "a {b",
            "a b}",
            "{B}",
            "{}",
            "{a, date}",
            "<a>b",
            "<a></a>",
            "<a>{b}</a>",
            "a > b",
            "a \"b\"",
            "a\nb",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(Text::read(&toml::Value::from(5)).is_err());
        assert!(Text::read(&toml::toml! { few = "a" }.into()).is_err());
    }
}
