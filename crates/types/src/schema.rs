//! What a payload consists of, as data: ingest validates with it, and the documentation is made from it.
//!
//! The tables stand beside the typed structs in [`crate::payload`], written by the same macro, so that they cannot
//! say different things.

use crate::json::{Json, Object};
use crate::problem::{Problem, pointer_segment};

/// The members of one kind of object. Members that are not named here are allowed, kept and passed on.
#[derive(Debug)]
pub struct Schema {
    /// The name of the type, for example `Participant`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// The known members in the order in which the product prints them.
    pub fields: &'static [Field],
}

/// One known member of an object.
#[derive(Debug)]
pub struct Field {
    /// The key in JSON.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// What its value has to be.
    pub kind: Kind,
    /// Whether it may be absent or null.
    pub presence: Presence,
}

/// Whether a member may be absent or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Must be there: the id of what the event is about.
    Required,
    /// Full payloads have it, ingest does not insist; null is no value for it.
    Expected,
    /// May be null or absent even in a full payload.
    Nullable,
}

/// What the value of a member has to be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A string that is not empty.
    Id,
    /// Any string.
    Text,
    /// A string; the known values are listed, others are allowed.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// A whole number: Unix milliseconds.
    Timestamp,
    /// A whole number in the minor unit of a currency.
    Amount,
    /// Any number.
    Number,
    /// true or false.
    Boolean,
    /// An array of strings.
    TextList,
    /// An object with members of the producer's choice.
    Map,
    /// A whole number, or an object of whole numbers by channel.
    CountOrMap,
    /// An object of a known kind.
    Object(&'static Schema),
    /// An array of objects of a known kind.
    List(&'static Schema),
}

impl Schema {
    /// Checks `object` against the schema and adds everything wrong with it to `problems`, each with its pointer
    /// below `pointer`.
    pub fn check(&self, object: &Object<'_>, pointer: &str, problems: &mut Vec<Problem>) {
        for field in self.fields {
            let here = || format!("{pointer}{}", pointer_segment(field.name));
            match (object.get(field.name), field.presence) {
                (None, Presence::Required) => {
                    problems.push(Problem::new(here(), format!("is required: {}", field.kind.description())));
                }
                (None, _) | (Some(Json::Null), Presence::Nullable) => {}
                (Some(value), _) => field.kind.check(value, &here, problems),
            }
        }
    }
}

impl Kind {
    /// What is expected, in words.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Id => "a string that is not empty",
            Self::Text | Self::OneOf(_) => "a string",
            Self::Integer => "a whole number",
            Self::Timestamp => "a whole number, Unix milliseconds",
            Self::Amount => "a whole number, in the currency's minor unit",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::TextList => "an array of strings",
            Self::Map | Self::Object(_) => "an object",
            Self::CountOrMap => "a whole number, or an object of whole numbers",
            Self::List(_) => "an array of objects",
        }
    }

    fn check(&self, value: &Json<'_>, here: &dyn Fn() -> String, problems: &mut Vec<Problem>) {
        let fits = match (self, value) {
            (Self::Id, Json::String(text)) => !text.is_empty(),
            (Self::Integer | Self::Timestamp | Self::Amount | Self::CountOrMap, Json::Number(_)) => {
                value.as_i64().is_some()
            }
            (Self::TextList, Json::Array(items)) => items.iter().all(|item| matches!(item, Json::String(_))),
            (Self::CountOrMap, Json::Object(counts)) => {
                counts.iter().all(|(_, count)| count.as_i64().is_some())
            }
            (Self::Text | Self::OneOf(_), Json::String(_))
            | (Self::Number, Json::Number(_))
            | (Self::Boolean, Json::Bool(_))
            | (Self::Map, Json::Object(_)) => true,
            (Self::Object(schema), Json::Object(object)) => {
                schema.check(object, &here(), problems);
                true
            }
            (Self::List(schema), Json::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    let pointer = format!("{}/{at}", here());
                    match item {
                        Json::Object(object) => schema.check(object, &pointer, problems),
                        other => problems.push(Problem::new(
                            pointer,
                            format!("must be an object, but is {}", other.kind_name()),
                        )),
                    }
                }
                true
            }
            _ => false,
        };
        if !fits {
            let found = match value {
                Json::String(text) if text.is_empty() => "an empty string".to_owned(),
                Json::Number(text) => format!("the number {text}"),
                other => other.kind_name().to_owned(),
            };
            let message = format!("must be {}, but is {found}", self.description());
            problems.push(Problem::new(here(), message));
        }
    }
}
