//! The OpenAPI document as a whole.

use std::collections::BTreeSet;

use groundswell_openapi::document;
use groundswell_types::{ErrorCode, EventKind};
use serde_json::Value;

const URL: &str = "https://hooks.example.com";

/// Every call with its method and path.
fn calls(document: &Value) -> Vec<(String, &Value)> {
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, call) in methods.as_object().expect("methods") {
            calls.push((format!("{} {path}", method.to_uppercase()), call));
        }
    }
    calls
}

/// Calls `visit` with every object of the document and its JSON pointer.
fn each_object(value: &Value, at: &str, visit: &mut dyn FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(at, members);
            for (name, member) in members {
                each_object(member, &format!("{at}/{}", name.replace('/', "~1")), visit);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                each_object(item, &format!("{at}/{place}"), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn the_document_is_as_published() {
    insta::assert_json_snapshot!("document", document(URL));
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_in_use() {
    let document = document(URL);
    let mut references = BTreeSet::new();
    each_object(&document, "", &mut |_, object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            references.insert(reference.trim_start_matches('#').to_owned());
        }
    });
    for reference in &references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().expect("components").keys() {
            assert!(
                references.contains(&format!("/components/{kind}/{name}")),
                "nothing refers to {kind}/{name}"
            );
        }
    }
}

#[test]
fn every_schema_is_one() {
    let document = document(URL);
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for (name, schema) in schemas {
        assert!(schema["description"].is_string(), "{name} does not say what it is");
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_call_says_what_it_does_and_has_a_name_of_its_own() {
    let document = document(URL);
    let mut names = BTreeSet::new();
    for (call, operation) in calls(&document) {
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{call}");
        let name = operation["operationId"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let with_key = !operation["security"].as_array().expect("security").is_empty();
        assert_eq!(with_key, operation["responses"]["401"].is_object(), "{call}");
        let in_braces = call.matches('{').count();
        let in_path = operation["parameters"]
            .as_array()
            .map_or(0, |parameters| parameters.iter().filter(|parameter| parameter["in"] == "path").count());
        assert_eq!(in_braces, in_path, "{call}");
    }
}

#[test]
fn every_link_leads_to_a_call_and_fills_its_path() {
    let document = document(URL);
    let calls = calls(&document);
    each_object(&document["paths"], "", &mut |at, object| {
        let Some(Value::Object(links)) = object.get("links") else { return };
        for (name, link) in links {
            let (call, _) =
                calls.iter().find(|(_, call)| call["operationId"] == link["operationId"]).expect(name);
            for parameter in link["parameters"].as_object().expect("parameters").keys() {
                assert!(call.contains(&format!("{{{parameter}}}")), "{at}: {name} has no {parameter}");
            }
        }
    });
}

#[test]
fn every_error_that_can_be_answered_is_described() {
    let document = document(URL);
    let responses = document["components"]["responses"].as_object().expect("responses");
    let described: BTreeSet<String> = responses
        .values()
        .flat_map(|response| {
            let narrower = &response["content"]["application/json"]["schema"]["allOf"][1];
            narrower["properties"]["code"]["enum"].as_array().expect("codes").clone()
        })
        .map(|code| code.as_str().expect("a code").to_owned())
        .collect();
    for code in ErrorCode::ALL {
        // No call answers these: they say that there is no such call.
        let is_of_no_call = matches!(code, ErrorCode::MethodNotAllowed | ErrorCode::NotImplemented);
        let name = serde_json::to_value(code).expect("a code is text");
        assert_eq!(described.contains(name.as_str().expect("text")), !is_of_no_call, "{name}");
        let response = responses.get(code.name());
        assert!(
            is_of_no_call
                || response
                    .is_some_and(|one| one["description"].as_str().is_some_and(|text| text.len() > 20))
        );
    }
}

#[test]
fn all_events_are_webhooks_with_their_headers() {
    let document = document(URL);
    let webhooks = document["webhooks"].as_object().expect("webhooks");
    assert_eq!(webhooks.len(), EventKind::every().count());
    for kind in EventKind::every() {
        let post = &webhooks[kind.name()]["post"];
        let headers: Vec<&str> = post["parameters"]
            .as_array()
            .expect("headers")
            .iter()
            .map(|header| header["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(headers, ["GrowSurf-Signature", "webhook-id", "webhook-timestamp", "webhook-signature"]);
        let content = &post["requestBody"]["content"]["application/json"];
        assert_eq!(content["example"]["event"], kind.name());
    }
}

#[test]
fn examples_fit_what_they_are_examples_of() {
    let document = document(URL);
    let mut seen = 0;
    each_object(&document, "", &mut |at, object| {
        let Some(schema) = object.get("schema") else { return };
        let of_name = object.get("examples").and_then(Value::as_object);
        let several =
            of_name.into_iter().flat_map(|examples| examples.values().map(|example| &example["value"]));
        for example in object.get("example").into_iter().chain(several) {
            let mut whole = serde_json::json!({ "components": document["components"] });
            whole.as_object_mut().expect("an object").extend(schema.as_object().expect("a schema").clone());
            let validator = jsonschema::draft202012::new(&whole).expect("a schema");
            validator.validate(example).unwrap_or_else(|error| panic!("{at}: {error}"));
            seen += 1;
        }
    });
    assert!(seen > 40, "only {seen} examples were found");
}

#[test]
fn the_server_is_where_it_is_said_to_be() {
    assert_eq!(document("https://a.example/")["servers"][0]["url"], "https://a.example");
}
