//! One call: what it takes, what it answers.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Api, Call, example, list, members, str_of, words};
use crate::markdown::cell;

impl Api {
    pub fn call(&self, text: &mut String, call: &Call<'_>) {
        let operation = call.operation;
        let _ = write!(
            text,
            "\n### {} {{#{}}}\n\n**`{}`** · {}\n",
            str_of(&operation["summary"]),
            str_of(&operation["operationId"]),
            call.line(),
            scope(operation)
        );
        let about = str_of(&operation["description"]);
        if !about.is_empty() {
            let _ = write!(text, "\n{about}\n");
        }
        parameters(text, list(&operation["parameters"]));
        self.body(text, &operation["requestBody"]);
        answers(text, &operation["responses"]);
        let _ = write!(text, "\n```sh title=\"Example\"\n{}\n```\n", example::curl(&self.server(), call));
    }

    fn server(&self) -> String {
        str_of(&self.document["servers"][0]["url"]).to_owned()
    }

    fn body(&self, text: &mut String, body: &Value) {
        let Some((media_type, content)) = members(&body["content"]).next() else { return };
        let need = if body["required"] == true { "" } else { ", may be left out" };
        let schema = &content["schema"];
        let _ = write!(text, "\n**Body** · `{media_type}`{need}\n\n");
        match str_of(&schema["$ref"]) {
            "" => {
                let _ = writeln!(text, "{}", str_of(&schema["description"]));
            }
            reference => {
                let name = words::schema_name(reference).unwrap_or_default();
                words::schema(text, self.schema(name));
            }
        }
    }
}

fn answers(text: &mut String, responses: &Value) {
    text.push_str("\n**Answers**\n\n");
    let mut errors = Vec::new();
    for (status, answer) in members(responses) {
        if answer.get("$ref").is_some() {
            errors.push(format!("`{status}`"));
            continue;
        }
        let of = members(&answer["content"]).next().map(|(media_type, content)| {
            match str_of(&content["schema"]["$ref"]) {
                "" => format!(": `{media_type}`. {}", str_of(&content["schema"]["description"])),
                _ => format!(": {}", words::kind(&content["schema"])),
            }
        });
        let description = str_of(&answer["description"]).trim_end_matches('.');
        let _ = writeln!(text, "- `{status}` {description}{}", of.unwrap_or_default());
    }
    if !errors.is_empty() {
        let _ = writeln!(text, "- {}: [errors](#errors)", errors.join(" "));
    }
}

fn scope(operation: &Value) -> String {
    match str_of(&operation["security"][0]["apiKey"][0]) {
        "" => "without a key".to_owned(),
        scope => format!("scope [`{scope}`](#authentication)"),
    }
}

fn parameters(text: &mut String, parameters: &[Value]) {
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| Parameter | In | Type | Meaning |\n|---|---|---|---|\n");
    for parameter in parameters {
        let schema = &parameter["schema"];
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            str_of(&parameter["name"]),
            str_of(&parameter["in"]),
            words::kind(schema),
            cell(&words::with_limits(str_of(&parameter["description"]), schema))
        );
    }
}
