//! JSON Schema in words.

use std::fmt::Write as _;

use groundswell_types::EventKind;
use serde_json::Value;

use super::{list, members, str_of};
use crate::markdown::cell;
use crate::pages::events;

/// Numbers beyond this are the limits of integers, which nobody needs to read.
const LARGEST_LIMIT: u64 = 1_000_000_000;

/// The name in a reference to a schema of the document.
pub fn schema_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

/// Whether the events reference has it.
pub fn is_of_events(name: &str) -> bool {
    events_anchor(name).is_some()
}

/// Where the events reference has an object, or the data of an event.
fn events_anchor(name: &str) -> Option<String> {
    let object = events::objects().into_iter().find(|schema| schema.name == name).map(events::object_anchor);
    let data = || EventKind::every().find(|event| event.schema().name == name).map(events::anchor);
    object.or_else(data)
}

/// A schema of its own: what it is, and its fields or values.
pub fn schema(text: &mut String, schema: &Value) {
    let about = str_of(&schema["description"]);
    if !about.is_empty() {
        let _ = write!(text, "{about}\n\n");
    }
    if schema.get("properties").is_some() {
        fields(text, schema, None);
    } else if list(&schema["oneOf"]).iter().any(|one| one.get("const").is_some()) {
        text.push_str("| Value | Meaning |\n|---|---|\n");
        for one in list(&schema["oneOf"]) {
            let _ = writeln!(text, "| `{}` | {} |", str_of(&one["const"]), cell(str_of(&one["description"])));
        }
    } else {
        alternatives(text, schema);
    }
    for part in list(&schema["allOf"]) {
        let _ = write!(text, "\nAll of {}, and these:\n\n", kind(part));
    }
}

/// A schema that is one of several.
fn alternatives(text: &mut String, schema: &Value) {
    let all = if schema.get("oneOf").is_some() { list(&schema["oneOf"]) } else { list(&schema["anyOf"]) };
    let Some(first) = all.first() else {
        let _ = writeln!(text, "Type: {}.", kind(schema));
        return;
    };
    if first.get("properties").is_some() {
        // They differ in what the event's data are, which the events reference says.
        fields(text, first, Some(all));
    } else {
        let kinds: Vec<String> = all.iter().map(kind).collect();
        let _ = writeln!(text, "One of: {}.", kinds.join(", "));
    }
}

fn fields(text: &mut String, schema: &Value, alternatives: Option<&[Value]>) {
    let required = list(&schema["required"]);
    text.push_str("| Field | Type | Presence | Meaning |\n|---|---|---|---|\n");
    for (name, field) in members(&schema["properties"]) {
        let differs =
            alternatives.is_some_and(|all| all.iter().any(|other| other["properties"][name] != *field));
        let kind = match (differs, field.get("const").is_some()) {
            (true, true) => "string".to_owned(),
            (true, false) => "[object](/docs/events#all-events)".to_owned(),
            (false, _) => kind(field),
        };
        let presence = if required.iter().any(|required| required == name) { "required" } else { "optional" };
        let about = if differs && field.get("$ref").is_some() {
            "The fields of this event.".to_owned()
        } else {
            with_limits(str_of(&field["description"]), field)
        };
        let _ = writeln!(text, "| `{name}` | {kind} | {presence} | {} |", cell(&about));
    }
}

/// The type of a value.
pub fn kind(schema: &Value) -> String {
    if let Some(name) = schema_name(str_of(&schema["$ref"])) {
        return match events_anchor(name) {
            Some(anchor) => format!("[{name}](/docs/events#{anchor})"),
            None => format!("[{name}](#{name})"),
        };
    }
    for any in ["anyOf", "oneOf", "allOf"] {
        if let Some(parts) = schema[any].as_array() {
            let kinds: Vec<String> = parts.iter().map(kind).collect();
            return kinds.join(" or ");
        }
    }
    if schema.get("const").is_some() || schema.get("enum").is_some() {
        let first = schema.get("const").unwrap_or(&schema["enum"][0]);
        return if first.is_string() { "string".to_owned() } else { "integer".to_owned() };
    }
    let of_type = |name: &str| match name {
        "array" => format!("array of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        name => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => of_type(name),
        Value::Array(names) => {
            names.iter().map(|name| of_type(str_of(name))).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// What a value means, with what it can be.
pub fn with_limits(about: &str, schema: &Value) -> String {
    let mut text = about.to_owned();
    let mut add = |sentence: String| {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&sentence);
    };
    let values: Vec<String> = list(&schema["enum"])
        .iter()
        .map(|value| format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    if !values.is_empty() {
        add(format!("One of {}.", values.join(", ")));
    }
    let limit = |name: &str| schema[name].as_i64().filter(|limit| limit.unsigned_abs() < LARGEST_LIMIT);
    match (limit("minimum"), limit("maximum")) {
        (Some(least), Some(most)) if most != 65_535 => add(format!("From {least} to {most}.")),
        _ => {}
    }
    if let Some(default) = schema.get("default") {
        add(format!("`{default}` if left out."));
    }
    text
}
