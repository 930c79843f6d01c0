//! Reading what bodies say: every problem with its pointer, unknown keys ignored.

use std::fmt::Display;

use groundswell_types::json::{self, Json, Object};
use groundswell_types::{
    AffectedComponent, Component, ComponentStatus, EventKind, HeaderPlace, InvalidScope, Problem, RateLimit,
    Scope, Scopes, WebhookHeaders, pointer_segment,
};

use super::answer::Failed;

/// The members of a request's JSON object, read one by one; problems gather.
pub struct Fields<'a> {
    object: Object<'a>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Reads a JSON object; no body at all is an empty one.
    pub fn parse(body: &'a [u8]) -> Result<Self, Failed> {
        if body.trim_ascii().is_empty() {
            return Ok(Self { object: Object::default(), problems: Vec::new() });
        }
        match json::parse(body).map_err(Failed::invalid)? {
            Json::Object(object) => Ok(Self { object, problems: Vec::new() }),
            other => {
                let message = format!("must be a JSON object, but is {}", other.kind_name());
                Err(Failed::invalid(vec![Problem::new("", message)]))
            }
        }
    }

    /// Notes a problem with the member `name`.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(format!("/{name}"), message));
    }

    /// Notes a problem with every member that is none of these.
    pub fn only(&mut self, names: &[&str]) {
        for (name, _) in self.object.iter().filter(|(name, _)| !names.contains(name)) {
            let message = format!("is not known here; known are {}", names.join(", "));
            self.problems.push(Problem::new(pointer_segment(name), message));
        }
    }

    /// Whether the member is there, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some()
    }

    /// Whether the member is there and null.
    pub fn is_null(&self, name: &str) -> bool {
        matches!(self.object.get(name), Some(Json::Null))
    }

    /// Whether the member is there and an empty string.
    pub fn is_empty_text(&self, name: &str) -> bool {
        self.object.get(name).and_then(Json::as_str).is_some_and(str::is_empty)
    }

    /// A string, when the member is there.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.object.get(name)? {
            Json::String(text) => Some(text.clone().into_owned()),
            other => {
                let message = format!("must be a string, but is {}", other.kind_name());
                self.problem(name, message);
                None
            }
        }
    }

    /// What `parse` makes of a string, when the member is there and not null.
    pub fn parsed<T, Why: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Why>,
    ) -> Option<T> {
        if self.is_null(name) {
            return None;
        }
        let text = self.text(name)?;
        parse(&text).map_err(|why| self.problem(name, why.to_string())).ok()
    }

    /// What `parse` makes of each string of a list, when the member is there.
    pub fn texts<T, Why: Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, Why>,
    ) -> Option<Vec<T>> {
        let items = match self.object.get(name)? {
            Json::Array(items) => items,
            other => {
                let message = format!("must be an array of strings, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let parsed: Vec<Result<T, String>> = (items.iter())
            .map(|item| match item.as_str() {
                Some(text) => parse(text).map_err(|why| why.to_string()),
                None => Err(format!("must be a string, but is {}", item.kind_name())),
            })
            .collect();
        for (at, item) in parsed.iter().enumerate() {
            if let Err(why) = item {
                self.problems.push(Problem::new(format!("/{name}/{at}"), why.clone()));
            }
        }
        parsed.into_iter().collect::<Result<_, _>>().ok()
    }

    /// A boolean, when the member is there.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.object.get(name)? {
            Json::Bool(value) => Some(*value),
            other => {
                let message = format!("must be true or false, but is {}", other.kind_name());
                self.problem(name, message);
                None
            }
        }
    }

    /// A whole number, when the member is there.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let value = self.object.get(name)?;
        let number = value.as_i64();
        if number.is_none() {
            let message = format!("must be a whole number, but is {}", value.kind_name());
            self.problem(name, message);
        }
        number
    }

    /// The name of an event, when the member is there.
    pub fn event(&mut self, name: &str) -> Option<EventKind> {
        let text = self.text(name)?;
        let kind = EventKind::parse(&text);
        if kind.is_none() {
            self.problem(name, event_names());
        }
        kind
    }

    /// A list of events, when the member is there.
    pub fn events(&mut self, name: &str) -> Option<Vec<EventKind>> {
        let items = match self.object.get(name)? {
            Json::Array(items) => items,
            other => {
                let message = format!("must be an array of event names, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let parsed: Vec<Option<EventKind>> =
            items.iter().map(|item| item.as_str().and_then(EventKind::parse)).collect();
        for (at, event) in parsed.iter().enumerate() {
            if event.is_none() {
                self.problems.push(Problem::new(format!("/{name}/{at}"), event_names()));
            }
        }
        parsed.into_iter().collect()
    }

    /// A list of what a key may do, when the member is there.
    pub fn scopes(&mut self, name: &str) -> Option<Scopes> {
        let items = match self.object.get(name)? {
            Json::Array(items) => items,
            other => {
                let message = format!("must be an array of scopes, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let parsed: Vec<_> =
            items.iter().map(|item| item.as_str().map_or(Err(InvalidScope), Scope::parse)).collect();
        for (at, scope) in parsed.iter().enumerate() {
            if let Err(why) = scope {
                self.problems.push(Problem::new(format!("/{name}/{at}"), why.to_string()));
            }
        }
        parsed.into_iter().collect::<Result<_, _>>().ok()
    }

    /// Requests per second, minute and hour, when the member is there.
    pub fn rate_limit(&mut self, name: &str) -> Option<RateLimit> {
        let object = match self.object.get(name)? {
            Json::Object(object) => object,
            other => {
                let message = format!("must be an object, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let window = |window: &str| {
            let number =
                object.get(window).and_then(Json::as_i64).and_then(|number| u32::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or_else(|| {
                let message = format!("must be a whole number from 1 to {}", u32::MAX);
                Problem::new(format!("/{name}/{window}"), message)
            })
        };
        match [window("second"), window("minute"), window("hour")] {
            [Ok(second), Ok(minute), Ok(hour)] => Some(RateLimit { second, minute, hour }),
            windows => {
                self.problems.extend(windows.into_iter().filter_map(Result::err));
                None
            }
        }
    }

    /// A list of components and how they are, when the member is there.
    pub fn affected(&mut self, name: &str) -> Option<Vec<AffectedComponent>> {
        let items = match self.object.get(name)? {
            Json::Array(items) => items,
            other => {
                let message = format!("must be an array of components, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let words = |words: &[&str]| format!("must be one of {}", words.join(", "));
        let text = |item: &Json<'_>, member: &str| match item {
            Json::Object(object) => object.get(member).and_then(Json::as_str).map(str::to_owned),
            _ => None,
        };
        let mut affected = Vec::new();
        let mut problems = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let component = text(item, "component").and_then(|text| Component::parse(&text));
            let status = text(item, "status").and_then(|text| ComponentStatus::parse(&text));
            if component.is_none() {
                let known: Vec<&str> = Component::ALL.iter().map(|one| one.as_str()).collect();
                problems.push(Problem::new(format!("/{name}/{at}/component"), words(&known)));
            }
            if status.is_none() {
                let known: Vec<&str> = ComponentStatus::ALL.iter().map(|one| one.as_str()).collect();
                problems.push(Problem::new(format!("/{name}/{at}/status"), words(&known)));
            }
            affected.extend(
                component.zip(status).map(|(component, status)| AffectedComponent { component, status }),
            );
        }
        let is_good = problems.is_empty();
        self.problems.extend(problems);
        is_good.then_some(affected)
    }

    /// An object of header names and values, when the member is there; null is an empty one. Problems are named by the
    /// header's name: both its name and its value are one member.
    pub fn headers(&mut self, name: &str) -> Option<WebhookHeaders> {
        let members = match self.object.get(name)? {
            Json::Null => return Some(WebhookHeaders::NONE),
            Json::Object(members) => members,
            other => {
                let message =
                    format!("must be an object of header names and values, but is {}", other.kind_name());
                self.problem(name, message);
                return None;
            }
        };
        let pointer = |header: &str| format!("/{name}{}", pointer_segment(header));
        let mut pairs = Vec::new();
        let mut problems = Vec::new();
        for (header, value) in members.iter() {
            if let Some(value) = value.as_str() {
                pairs.push((header, value));
            } else {
                let is = value.kind_name();
                let message =
                    format!("must be a string, but is {is}; to remove a header, send all the others");
                problems.push(Problem::new(pointer(header), message));
            }
        }
        let parsed = WebhookHeaders::parse(pairs.iter().copied());
        for found in parsed.as_ref().err().into_iter().flatten() {
            let place = match found.place {
                HeaderPlace::All => format!("/{name}"),
                HeaderPlace::Name(at) | HeaderPlace::Value(at) => pointer(pairs[at].0),
            };
            problems.push(Problem::new(place, found.why.to_string()));
        }
        let is_good = problems.is_empty();
        self.problems.extend(problems);
        parsed.ok().filter(|_| is_good)
    }

    /// Fails when there was any problem.
    pub fn finish(self) -> Result<(), Failed> {
        if self.problems.is_empty() { Ok(()) } else { Err(Failed::invalid(self.problems)) }
    }
}

/// What an event's name has to be.
pub fn event_names() -> String {
    format!("must be one of {}", EventKind::every().map(EventKind::name).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn every_problem_is_named_and_unknown_keys_are_ignored() {
        let mut fields = Fields::parse(br#"{"a":1,"b":"x","events":["CAMPAIGN_ENDED","NO",3],"more":[]}"#)
            .expect("an object");
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.boolean("b"), None);
        assert_eq!(fields.events("events"), None);
        assert_eq!(fields.text("c"), None);
        let failed = fields.finish().expect_err("problems");
        let pointers: Vec<&str> = failed.errors.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b", "/events/1", "/events/2"]);
    }

    /// JSON of any form, often nearly what some member has to be.
    fn value() -> impl Strategy<Value = String> {
        let usual = [
            "null",
            "true",
            "5",
            "1.5",
            "1e300",
            r#""CAMPAIGN_ENDED""#,
            r#""webhooks""#,
            "[]",
            "{}",
            r#"{"component":"deliveries","status":"down"}"#,
            r#"{"second":1,"minute":2,"hour":3}"#,
            r#"{"x-key":"a value","host":"b","":"c"}"#,
        ];
        let text = any::<String>().prop_map(|text| serde_json::Value::from(text).to_string());
        let one = prop_oneof![select(usual.to_vec()).prop_map(str::to_owned), text];
        one.prop_recursive(3, 12, 4, |inner| {
            let list =
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
            let names = select(&["component", "status", "second", "x-other", "a/b~c"][..]);
            let member = (names, inner).prop_map(|(name, value)| format!("\"{name}\":{value}"));
            let object =
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(",")));
            prop_oneof![list, object]
        })
    }

    /// Whether there is a value, and where the problems are.
    fn read<T>(body: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> (bool, Vec<String>) {
        let mut fields = Fields::parse(body.as_bytes()).expect("an object");
        let is_there = read(&mut fields).is_some();
        let problems = fields.finish().err().map(|failed| failed.errors).unwrap_or_default();
        (is_there, problems.into_iter().map(|problem| problem.pointer).collect())
    }

    proptest! {
        #[test]
        fn a_member_is_read_or_has_a_problem(value in value()) {
            let body = format!(r#"{{"m":{value},"other":{value}}}"#);
            for (is_there, problems) in [
                read(&body, |fields| fields.text("m")),
                read(&body, |fields| fields.texts("m", Scope::parse)),
                read(&body, |fields| fields.boolean("m")),
                read(&body, |fields| fields.integer("m")),
                read(&body, |fields| fields.event("m")),
                read(&body, |fields| fields.events("m")),
                read(&body, |fields| fields.scopes("m")),
                read(&body, |fields| fields.rate_limit("m")),
                read(&body, |fields| fields.affected("m")),
                read(&body, |fields| fields.headers("m")),
            ] {
                prop_assert_eq!(is_there, problems.is_empty(), "{}: {:?}", body, problems);
                prop_assert!(problems.iter().all(|pointer| pointer == "/m" || pointer.starts_with("/m/")));
            }
        }
    }
}
