//! The headers of a draft's row: stored form, checks, difference to what is live in words.
//!
//! A value goes into the draft once and stays there; the browser names it by the header's key from then on.

use groundswell_types::editor::{HeaderDraft, HeaderState};
use groundswell_types::{HeaderPlace, InvalidHeader, MAX_HEADERS, Problem, WebhookHeaders};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// Keys of live headers are their names behind this.
const LIVE_PREFIX: &str = "live-";

/// What is longer is not even kept as a draft.
const MAX_DRAFT_NAME_BYTES: usize = 256;
const MAX_DRAFT_VALUE_BYTES: usize = 16 * 1024;

/// A header as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredHeader {
    key: String,
    /// As typed.
    pub name: String,
    value: StoredValue,
}

/// What a draft does to a header's value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredValue {
    /// It is that of the live header that the key names, if it names one.
    Kept,
    Set(String),
}

/// What is live.
pub(super) fn of_live(live: &WebhookHeaders) -> Vec<StoredHeader> {
    of_names(live.names())
}

/// Headers of those names in lower case, with the values that are live.
pub(super) fn of_names(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<StoredHeader> {
    let header = |name: &str| StoredHeader {
        key: format!("{LIVE_PREFIX}{name}"),
        name: name.to_owned(),
        value: StoredValue::Kept,
    };
    names.into_iter().map(|name| header(name.as_ref())).collect()
}

/// What was typed, with the values of the headers as they were stored before. `pointer` is the row's.
pub(super) fn merge(
    typed: Vec<HeaderDraft>,
    before: &[StoredHeader],
    pointer: &str,
) -> Result<Vec<StoredHeader>, EngineError> {
    if typed.len() > MAX_HEADERS {
        return Err(EngineError::invalid(&format!("{pointer}/headers"), InvalidHeader::TooMany.to_string()));
    }
    let mut merged: Vec<StoredHeader> = Vec::with_capacity(typed.len());
    for (at, header) in typed.into_iter().enumerate() {
        let refused = |member: &str, why: String| {
            Err(EngineError::invalid(&format!("{pointer}/headers/{at}/{member}"), why))
        };
        if !is_key(&header.key) || merged.iter().any(|other| other.key == header.key) {
            return refused("key", "must be a key of its own".to_owned());
        }
        if header.name.len() > MAX_DRAFT_NAME_BYTES {
            return refused("name", InvalidHeader::NameLength.to_string());
        }
        let value = header.value.map(|value| value.0).filter(|value| !value.is_empty());
        if value.as_ref().is_some_and(|value| value.len() > MAX_DRAFT_VALUE_BYTES) {
            return refused("value", InvalidHeader::ValueLength.to_string());
        }
        let known = || before.iter().find(|old| old.key == header.key);
        let value = match value {
            Some(value) => StoredValue::Set(value),
            None => known().map_or(StoredValue::Kept, |old| old.value.clone()),
        };
        merged.push(StoredHeader { key: header.key, name: header.name, value });
    }
    Ok(merged)
}

fn is_key(key: &str) -> bool {
    if let Some(name) = key.strip_prefix(LIVE_PREFIX) {
        return WebhookHeaders::parse([(name, "v")]).is_ok();
    }
    (1..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The headers as they are shown; `live` is what is live at the row's webhook.
pub(super) fn view(stored: &[StoredHeader], live: &WebhookHeaders) -> Vec<HeaderDraft> {
    let header = |header: &StoredHeader| HeaderDraft {
        key: header.key.clone(),
        name: header.name.clone(),
        value: None,
        state: match (&header.value, header.value(live)) {
            (StoredValue::Set(_), _) => HeaderState::New,
            (StoredValue::Kept, Some(_)) => HeaderState::Kept,
            (StoredValue::Kept, None) => HeaderState::Missing,
        },
    };
    stored.iter().map(header).collect()
}

/// The headers the row would be sent with, or everything that is wrong with them; pointers are within the row.
pub(super) fn effective(
    stored: &[StoredHeader],
    live: &WebhookHeaders,
) -> Result<WebhookHeaders, Vec<Problem>> {
    let pairs = stored.iter().map(|header| (header.name.trim(), header.value(live).unwrap_or_default()));
    WebhookHeaders::parse(pairs).map_err(|problems| {
        let problem = |place, why: InvalidHeader| match place {
            HeaderPlace::All => Problem::new("/headers", why.to_string()),
            HeaderPlace::Name(at) => Problem::new(format!("/headers/{at}/name"), why.to_string()),
            HeaderPlace::Value(at) => Problem::new(format!("/headers/{at}/value"), why.to_string()),
        };
        problems.into_iter().map(|found| problem(found.place, found.why)).collect()
    })
}

/// What is wrong with headers whose row has come to another host than its live webhook: values that are live are secrets of
/// that host's, so they do not go along, and whoever changes a URL does not get to see them.
pub(super) fn given_for_another_host(
    problems: Vec<Problem>,
    stored: &[StoredHeader],
    live: &WebhookHeaders,
) -> Vec<Problem> {
    let explained = |problem: Problem| {
        let place = problem.pointer.strip_prefix("/headers/").and_then(|rest| rest.strip_suffix("/value"));
        let header = place.and_then(|at| stored.get(at.parse::<usize>().ok()?));
        match header {
            Some(header) if header.value == StoredValue::Kept && header.value(live).is_some() => {
                Problem::new(problem.pointer, InvalidHeader::OtherHost.to_string())
            }
            _ => problem,
        }
    };
    problems.into_iter().map(explained).collect()
}

impl StoredHeader {
    fn value<'a>(&'a self, live: &'a WebhookHeaders) -> Option<&'a str> {
        match &self.value {
            StoredValue::Set(value) => Some(value),
            StoredValue::Kept => live.expose_value(self.key.strip_prefix(LIVE_PREFIX)?),
        }
    }
}

/// What the headers of the webhook `name` become, in words; nothing when they are as they are live.
pub(super) fn changes(stored: &[StoredHeader], live: &WebhookHeaders, name: &str) -> Vec<String> {
    let Ok(wanted) = effective(stored, live) else { return vec![format!("Change the headers of {name}.")] };
    let is_new = |header: &&str| live.expose_value(header).is_none();
    let is_gone = |header: &&str| wanted.expose_value(header).is_none();
    let has_changed =
        |header: &&str| !is_new(header) && wanted.expose_value(header) != live.expose_value(header);
    let mut words = Vec::new();
    let mut say = |headers: Vec<&str>, sentence: fn(&str, &str) -> String| {
        if !headers.is_empty() {
            words.push(sentence(name, &headers.join(", ")));
        }
    };
    say(wanted.names().filter(is_new).collect(), |name, list| {
        format!("Send {name} also the headers: {list}.")
    });
    say(wanted.names().filter(has_changed).collect(), |name, list| {
        format!("Send {name} other values of the headers: {list}.")
    });
    say(live.names().filter(is_gone).collect(), |name, list| {
        format!("No longer send {name} the headers: {list}.")
    });
    words
}

#[cfg(test)]
mod tests {
    use groundswell_types::editor::TypedValue;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> WebhookHeaders {
        WebhookHeaders::parse(pairs.iter().copied()).expect("valid")
    }

    fn typed(key: &str, name: &str, value: Option<&str>) -> HeaderDraft {
        let value = value.map(|value| TypedValue(value.to_owned()));
        HeaderDraft { key: key.to_owned(), name: name.to_owned(), value, state: HeaderState::Missing }
    }

    fn merged(typed: Vec<HeaderDraft>, before: &[StoredHeader]) -> Vec<StoredHeader> {
        merge(typed, before, "/rows/0").expect("merges")
    }

    #[test]
    fn a_value_stays_until_another_is_typed_whatever_becomes_of_the_name() {
        let live = headers(&[("x-a", "1"), ("x-b", "2")]);
        let first = merged(
            vec![typed("live-x-b", "X-C", None), typed("new-1", "x-d", Some("4")), typed("new-2", "", None)],
            &of_live(&live),
        );
        // Saved again without values, and with an empty one; the second is called otherwise by now.
        let second = merged(
            vec![
                typed("live-x-b", "X-C", Some("")),
                typed("new-1", "x-e", None),
                typed("new-2", "x-f", None),
            ],
            &first,
        );
        let states: Vec<_> =
            view(&second, &live).into_iter().map(|header| (header.name, header.state)).collect();
        let wanted = [("X-C", HeaderState::Kept), ("x-e", HeaderState::New), ("x-f", HeaderState::Missing)];
        assert_eq!(states, wanted.map(|(name, state)| (name.to_owned(), state)));
        let problems = effective(&second, &live).expect_err("one has no value");
        assert_eq!(problems, [Problem::new("/headers/2/value", InvalidHeader::NoValue.to_string())]);
        assert_eq!(effective(&second[..2], &live), Ok(headers(&[("x-c", "2"), ("x-e", "4")])));
    }

    #[test]
    fn changes_are_told_by_name_and_without_values() {
        let live = headers(&[("x-a", "1"), ("x-b", "2"), ("x-c", "3")]);
        assert_eq!(changes(&of_live(&live), &live, "U"), [] as [&str; 0]);
        let stored = merged(
            vec![
                typed("live-x-a", "x-a", None),
                typed("live-x-b", "x-b", Some("5")),
                typed("n", "x-d", Some("4")),
            ],
            &of_live(&live),
        );
        let wanted = [
            "Send U also the headers: x-d.",
            "Send U other values of the headers: x-b.",
            "No longer send U the headers: x-c.",
        ];
        assert_eq!(changes(&stored, &live, "U"), wanted);
        let broken = merged(vec![typed("n", "host", Some("x"))], &[]);
        assert_eq!(changes(&broken, &live, "U"), ["Change the headers of U."]);
    }

    #[test]
    fn what_is_no_draft_is_refused_with_its_place() {
        let refused = |typed: Vec<HeaderDraft>| match merge(typed, &[], "/rows/1") {
            Err(EngineError::Invalid(problems)) => problems[0].pointer.clone(),
            other => panic!("{:?}", other.map(|headers| headers.len())),
        };
        let one = |key: &str| typed(key, "x-a", None);
        for key in ["", "a b", "live-", "live-host", &"x".repeat(41)] {
            assert_eq!(refused(vec![one(key)]), "/rows/1/headers/0/key", "{key}");
        }
        assert_eq!(refused(vec![one("n"), one("n")]), "/rows/1/headers/1/key");
        assert_eq!(refused(vec![typed("n", &"x".repeat(257), None)]), "/rows/1/headers/0/name");
        let long = "v".repeat(MAX_DRAFT_VALUE_BYTES + 1);
        assert_eq!(refused(vec![typed("n", "x", Some(&long))]), "/rows/1/headers/0/value");
        assert_eq!(refused((0..21).map(|at| one(&format!("n{at}"))).collect()), "/rows/1/headers");
    }
}
