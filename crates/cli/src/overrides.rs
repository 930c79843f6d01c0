//! `participant.email=ada@example.com`: members of a sample that are to be otherwise.

use std::str::FromStr;

use groundswell_types::json::{self, Json};
use serde_json::Value;
use thiserror::Error;

use crate::spelling::did_you_mean;

/// A path within `data`, and the value there.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    path: Vec<String>,
    value: Value,
}

/// Why an override cannot be.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidOverride {
    /// It has another form.
    #[error("write it as path=value, for example participant.email=ada@example.com")]
    NoEquals,
    /// A part of the path is empty.
    #[error("the path `{0}` has an empty part")]
    EmptyPart(String),
    /// The path leads through something that has no members.
    #[error("`{at}` is {kind}, so it has no `{member}`")]
    NoMembers { at: String, kind: &'static str, member: String },
    /// The path leads through something that is not there.
    #[error("there is no `{member}` in {at}. {meant}Give the object whole, as in {member}={{…}}, to add one")]
    Missing { at: String, member: String, meant: String },
}

impl FromStr for Override {
    type Err = InvalidOverride;

    /// The value is JSON when it can be read as such, else a text.
    fn from_str(text: &str) -> Result<Self, InvalidOverride> {
        let (path, value) = text.split_once('=').ok_or(InvalidOverride::NoEquals)?;
        let path = path.trim();
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(InvalidOverride::EmptyPart(path.to_owned()));
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { path: parts, value })
    }
}

impl Override {
    /// Puts the value into its place in `data`. The last part of the path may be new, the others lead through objects and
    /// arrays that are there: one that is not there is more likely misspelt than wanted.
    pub fn apply(&self, data: &mut Value) -> Result<(), InvalidOverride> {
        let Some((last, through)) = self.path.split_last() else { return Ok(()) };
        let mut place = data;
        for (depth, part) in through.iter().enumerate() {
            let at = || location(&self.path[..depth]);
            let known = keys(place);
            place = match place {
                Value::Object(members) => members.get_mut(part),
                Value::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                other => return Err(no_members(other, at(), part)),
            }
            .ok_or_else(|| InvalidOverride::Missing {
                at: at(),
                member: part.clone(),
                meant: did_you_mean(part, known.iter().map(String::as_str)),
            })?;
        }
        let at = || location(through);
        match place {
            Value::Object(members) => {
                members.insert(last.clone(), self.value.clone());
            }
            Value::Array(items) => {
                let item = last.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                let missing =
                    || InvalidOverride::Missing { at: at(), member: last.clone(), meant: String::new() };
                *item.ok_or_else(missing)? = self.value.clone();
            }
            other => return Err(no_members(other, at(), last)),
        }
        Ok(())
    }
}

fn keys(value: &Value) -> Vec<String> {
    value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
}

fn location(path: &[String]) -> String {
    if path.is_empty() { "data".to_owned() } else { path.join(".") }
}

fn no_members(value: &Value, at: String, member: &str) -> InvalidOverride {
    let text = value.to_string();
    let kind = json::parse(text.as_bytes()).map_or("no object", |json: Json<'_>| json.kind_name());
    InvalidOverride::NoMembers { at, kind, member: member.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(text: &str) -> Result<Value, String> {
        let mut data = json!({
            "participant": { "email": "a@example.com", "metadata": {} },
            "reward": { "approved": true },
            "winners": [{ "id": "p1" }],
        });
        let one = Override::from_str(text).map_err(|error| error.to_string())?;
        one.apply(&mut data).map_err(|error| error.to_string())?;
        Ok(data)
    }

    #[test]
    fn values_are_json_where_they_can_be_and_text_elsewhere() {
        let data = |text: &str| applied(text).expect("it fits");
        assert_eq!(data("participant.email=x@y.z")["participant"]["email"], "x@y.z");
        assert_eq!(data("reward.approved=false")["reward"]["approved"], false);
        assert_eq!(data("participant.referralCount=7")["participant"]["referralCount"], 7);
        assert_eq!(data("participant.lastName=\"7\"")["participant"]["lastName"], "7");
        assert_eq!(data("participant.notes=a=b")["participant"]["notes"], "a=b");
        assert_eq!(data("participant.metadata.plan=pro")["participant"]["metadata"]["plan"], "pro");
        assert_eq!(data("winners.0.id=p2")["winners"][0]["id"], "p2");
        assert_eq!(data("participant={\"id\":\"p3\"}")["participant"], json!({ "id": "p3" }));
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_and_what_was_meant() {
        for (text, said) in [
            ("participant.email.x=1", "`participant.email` is a string, so it has no `x`"),
            ("reward.approved.by.whom=1", "`reward.approved` is a boolean, so it has no `by`"),
            ("particpant.email=x", "there is no `particpant` in data. Did you mean `participant`?"),
            ("winners.1.id=x", "there is no `1` in winners"),
            ("winners.9=x", "there is no `9` in winners"),
            ("participant..email=x", "has an empty part"),
            ("participant.email", "path=value"),
        ] {
            let error = applied(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
