//! The API reference, made from the OpenAPI document that the server serves.

mod call;
mod example;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::markdown::{cell, slug};
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "api",
    title: "API reference",
    description: "Every call of the REST API with its parameters, bodies, answers and an example; keys, errors, limits, paging.",
    group: Group::Reference,
};

/// The OpenAPI document, and what is read from it again and again.
struct Api {
    document: Value,
}

/// A call of the API.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

/// The page's text.
pub fn text(public_url: &str) -> String {
    let api = Api { document: groundswell_openapi::document(public_url) };
    let mut text = String::from(include_str!("../../text/api.md"));
    api.errors(&mut text);
    for tag in list(&api.document["tags"]) {
        api.group(&mut text, tag);
    }
    text.push_str("\n## Objects {#objects}\n\nWhat the calls take and answer, beside the [objects of events](/docs/events#objects).\n");
    for name in api.shown_schemas() {
        let _ = write!(text, "\n### {name} {{#{name}}}\n\n");
        words::schema(&mut text, api.schema(&name));
    }
    text
}

impl Api {
    fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    /// The statuses an error can have, with what they mean.
    fn errors(&self, text: &mut String) {
        text.push_str("\n| Status | Meaning |\n|---|---|\n");
        for (_, answer) in members(&self.document["components"]["responses"]) {
            let status = error_status(answer);
            let _ = writeln!(text, "| {status} | {} |", cell(str_of(&answer["description"])));
        }
    }

    fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        members(&self.document["paths"]).flat_map(|(path, methods)| {
            members(methods).map(move |(method, operation)| Call { method, path, operation })
        })
    }

    /// The calls of a group: a list of them first, then each.
    fn group(&self, text: &mut String, tag: &Value) {
        let name = str_of(&tag["name"]);
        let calls: Vec<Call<'_>> = self.calls().filter(|call| call.operation["tags"][0] == name).collect();
        if calls.is_empty() {
            return;
        }
        let _ = write!(
            text,
            "\n## {name} {{#{}}}\n\n{}\n\n| What it does | Call |\n|---|---|\n",
            slug(name),
            str_of(&tag["description"])
        );
        for call in &calls {
            let Call { operation, .. } = call;
            let _ = writeln!(
                text,
                "| [{}](#{}) | `{}` |",
                str_of(&operation["summary"]),
                str_of(&operation["operationId"]),
                call.line()
            );
        }
        for call in &calls {
            self.call(text, call);
        }
    }

    /// The names of all schemas that something on this page has in it and that are not the events' own.
    fn shown_schemas(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for call in self.calls() {
            self.collect(&call.operation["requestBody"], &mut found);
            for (status, answer) in members(&call.operation["responses"]) {
                if status.starts_with('2') {
                    self.collect(&answer["content"], &mut found);
                }
            }
        }
        self.collect(&self.document["components"]["responses"], &mut found);
        found
    }

    fn collect(&self, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                let name = object.get("$ref").and_then(Value::as_str).and_then(words::schema_name);
                if let Some(name) = name
                    && !words::is_of_events(name)
                    && found.insert(name.to_owned())
                {
                    self.collect(self.schema(name), found);
                }
                object.values().for_each(|value| self.collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| self.collect(value, found)),
            _ => {}
        }
    }
}

impl Call<'_> {
    /// Method and path.
    fn line(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }
}

/// The status that all bodies of an error have in them.
fn error_status(answer: &Value) -> u64 {
    let (_, content) = members(&answer["content"]).next().unwrap_or(("", &Value::Null));
    list(&content["schema"]["allOf"])
        .iter()
        .find_map(|part| part["properties"]["status"]["const"].as_u64())
        .unwrap_or_default()
}

fn str_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_on_the_page_with_its_parameters_answers_and_an_example() {
        let text = text("https://webhooks.example.com");
        let api = Api { document: groundswell_openapi::document("https://webhooks.example.com") };
        assert!(api.calls().count() > 25);
        for call in api.calls() {
            let heading = format!("{{#{}}}\n\n**`{}`**", str_of(&call.operation["operationId"]), call.line());
            let (_, section) = text.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
            let section = section.split("\n### ").next().expect("there is text");
            for parameter in list(&call.operation["parameters"]) {
                assert!(
                    section.contains(&format!("| `{}` |", str_of(&parameter["name"]))),
                    "{heading}: {parameter}"
                );
            }
            for (status, _) in members(&call.operation["responses"]) {
                assert!(section.contains(&format!("`{status}`")), "{heading}: {status}");
            }
            assert!(section.contains("curl "), "{heading}");
        }
    }

    #[test]
    fn every_schema_of_the_page_has_all_its_fields() {
        let text = text("https://webhooks.example.com");
        let api = Api { document: groundswell_openapi::document("https://webhooks.example.com") };
        let names = api.shown_schemas();
        assert!(names.contains("Webhook") && names.contains("ApiError") && !names.contains("Participant"));
        for name in names {
            let (_, section) =
                text.split_once(&format!("### {name} {{#{name}}}\n")).expect("it has a section");
            let section = section.split("\n### ").next().expect("there is text");
            for (field, _) in members(&api.schema(&name)["properties"]) {
                assert!(section.contains(&format!("| `{field}` |")), "{name}: {field}");
            }
        }
    }

    #[test]
    fn errors_have_their_statuses() {
        let text = text("https://webhooks.example.com");
        for row in ["| 400 | `BAD_REQUEST`: ", "| 401 | `UNAUTHORIZED`: ", "| 429 | ", "| 507 | "] {
            assert!(text.contains(row), "{row}");
        }
    }
}
