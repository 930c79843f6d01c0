//! A call as a line for the shell.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Call, list, members, str_of};

/// Bodies up to this length stay on one line.
const LINE_CHARS: usize = 72;

/// The call with curl, with the examples of the document.
pub fn curl(server: &str, call: &Call<'_>) -> String {
    let operation = call.operation;
    let mut path = call.path.to_owned();
    for parameter in list(&operation["parameters"]).iter().filter(|parameter| parameter["in"] == "path") {
        let name = str_of(&parameter["name"]);
        let example = parameter.get("example").or_else(|| parameter["schema"]["examples"].get(0));
        let example = example
            .and_then(Value::as_str)
            .map_or_else(|| format!("${}", name.to_uppercase()), str::to_owned);
        path = path.replace(&format!("{{{name}}}"), &example);
    }
    let method = match call.method {
        "get" => String::new(),
        // With a body, curl posts by itself.
        "post" if operation.get("requestBody").is_some() => String::new(),
        method => format!("-X {} ", method.to_uppercase()),
    };
    let mut line = format!("curl {method}{server}{path}");
    if !str_of(&operation["security"][0]["apiKey"][0]).is_empty() {
        line.push_str(" \\\n  -H \"Authorization: Bearer $KEY\"");
    }
    for parameter in list(&operation["parameters"]).iter().filter(|parameter| parameter["in"] == "header") {
        let name = str_of(&parameter["name"]);
        let example = parameter["example"].as_str().unwrap_or("joined-p1");
        let _ = write!(line, " \\\n  -H \"{name}: {example}\"");
    }
    if let Some((media_type, content)) = members(&operation["requestBody"]["content"]).next() {
        let _ = write!(line, " \\\n  -H \"Content-Type: {media_type}\"");
        let option = if media_type == "application/json" { "-d" } else { "--data-binary" };
        let body = printed(&body(content)).replace('\'', "'\\''");
        let _ = write!(line, " \\\n  {option} '{body}'");
    }
    line
}

/// The example; of several, somebody who joins, since every program has that.
fn body(content: &Value) -> Value {
    let of_joining = &content["examples"]["NEW_PARTICIPANT_ADDED"]["value"];
    let all = [&content["example"], of_joining].into_iter();
    all.chain(members(&content["examples"]).map(|(_, example)| &example["value"]))
        .find(|example| !example.is_null())
        .cloned()
        .unwrap_or_default()
}

fn printed(body: &Value) -> String {
    let short = match body {
        Value::String(text) => return text.clone(),
        body => body.to_string(),
    };
    if short.len() <= LINE_CHARS { short } else { serde_json::to_string_pretty(body).unwrap_or(short) }
}
