//! What a payload consists of, as data: ingest validates with it, and the documentation is made from it.
//!
//! The tables stand beside the typed structs in [`crate::payload`], written by the same macro, so that they cannot
//! say different things.

#[cfg(feature = "schema")]
mod json_schema;
#[cfg(feature = "schema")]
mod texts;

use std::borrow::Cow;

use crate::json::{Json, Object};
use crate::problem::{MAX_PROBLEMS, Problem, pointer_segment};

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
    /// What it is, in a sentence.
    pub fn description(&self) -> &'static str {
        self.doc.trim()
    }

    /// The schema itself and every other one that its members lead to, each once, in the order in which they are first
    /// met: members refer to one another in circles (a participant has a referrer, who is a participant).
    pub fn reachable(&'static self) -> Vec<&'static Self> {
        let mut found = vec![self];
        let mut at = 0;
        while let Some(schema) = found.get(at).copied() {
            for next in schema.fields.iter().filter_map(|field| field.kind.schema()) {
                if !found.iter().any(|known| std::ptr::eq(*known, next)) {
                    found.push(next);
                }
            }
            at += 1;
        }
        found
    }

    /// Checks `object` against the schema and adds everything wrong with it to `problems`, each with its pointer
    /// below `pointer`; ends after one more than [`MAX_PROBLEMS`].
    pub fn check(&self, object: &Object<'_>, pointer: &str, problems: &mut Vec<Problem>) {
        for field in self.fields {
            if problems.len() > MAX_PROBLEMS {
                return;
            }
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

impl Field {
    /// What it means, in a sentence.
    pub fn description(&self) -> &'static str {
        self.doc.trim()
    }

    /// Whether ingest refuses an object without it.
    pub fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }

    /// Whether its value may be null.
    pub fn is_nullable(&self) -> bool {
        self.presence == Presence::Nullable
    }
}

impl Kind {
    /// The type in a word or two, for tables: `string`, `integer`, `Participant`, `array of CampaignReward`.
    pub fn type_name(&self) -> Cow<'static, str> {
        match self {
            Self::Id | Self::Text | Self::OneOf(_) => "string".into(),
            Self::Integer | Self::Timestamp | Self::Amount => "integer".into(),
            Self::Number => "number".into(),
            Self::Boolean => "boolean".into(),
            Self::TextList => "array of strings".into(),
            Self::Map => "object".into(),
            Self::CountOrMap => "integer or object".into(),
            Self::Object(schema) => schema.name.into(),
            Self::List(schema) => format!("array of {}", schema.name).into(),
        }
    }

    /// The values that are known, where any other is allowed as well; none for other kinds.
    pub fn known_values(&self) -> &'static [&'static str] {
        match self {
            Self::OneOf(known) => known,
            _ => &[],
        }
    }

    /// The schema of the object, or of each object in the array.
    pub fn schema(&self) -> Option<&'static Schema> {
        match self {
            Self::Object(schema) | Self::List(schema) => Some(schema),
            _ => None,
        }
    }

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
                    if problems.len() > MAX_PROBLEMS {
                        break;
                    }
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

#[cfg(test)]
mod tests {
    use crate::EventKind;

    #[test]
    fn every_member_of_every_event_says_what_it_means() {
        for kind in EventKind::ALL {
            let schemas = kind.schema().reachable();
            assert_eq!(schemas[0].name, kind.schema().name);
            for schema in schemas {
                let texts = schema.fields.iter().map(super::Field::description);
                for text in texts.chain([schema.description()]) {
                    assert!(text.ends_with('.') && !text.starts_with(' '), "{}: {text:?}", schema.name);
                }
            }
        }
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_is_reached_once() {
        let names: Vec<&str> =
            EventKind::NewParticipantAdded.schema().reachable().iter().map(|one| one.name).collect();
        assert_eq!(names, ["NewParticipantAdded", "Participant", "Campaign", "CampaignReward"]);
    }
}
