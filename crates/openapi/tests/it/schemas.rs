//! The schemas of the events, and the samples against them.

use groundswell_openapi::event_schema;
use groundswell_types::sample::{SampleProgram, sample_body};
use groundswell_types::{EventKind, ProgramType};
use jsonschema::Validator;
use serde_json::Value;

const NOW_MS: i64 = 1_700_000_000_000;

/// Every sample there is: each event for each type of program that has it, as it is sent.
fn samples() -> impl Iterator<Item = (EventKind, Value)> {
    ProgramType::ALL.into_iter().flat_map(|program_type| {
        EventKind::fitting(program_type).map(move |kind| {
            let program =
                SampleProgram { id: "pied4piper", name: "Pied Piper", kind: program_type, currency: "USD" };
            (kind, serde_json::from_str(&sample_body(kind, program, NOW_MS)).expect("a sample is JSON"))
        })
    })
}

/// The validator for such an event's body.
pub fn validator(kind: EventKind) -> Validator {
    let schema = event_schema(kind);
    if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
        panic!("{kind}: {error}");
    }
    jsonschema::draft202012::new(&schema).expect("a schema that refers to nothing else")
}

#[test]
fn every_sample_fits_its_schema_and_no_other() {
    for (kind, body) in samples() {
        for other in EventKind::ALL {
            assert_eq!(validator(other).is_valid(&body), other == kind, "{kind} by the schema of {other}");
        }
        let validator = validator(kind);
        for error in validator.iter_errors(&body) {
            panic!("{kind}: {} {error}", error.instance_path());
        }
    }
}

/// Whoever makes types from the schema loses nothing that is sent: members of samples are all described.
#[test]
fn every_member_of_a_sample_is_described() {
    fn undescribed(value: &Value, schema: &Value, root: &Value, at: &str, found: &mut Vec<String>) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).expect("it is defined"),
            None => schema,
        };
        if let (Some(branches), Value::Object(_)) = (schema["anyOf"].as_array(), value) {
            return undescribed(value, &branches[0], root, at, found);
        }
        match value {
            Value::Object(members) if schema.get("properties").is_some() => {
                for (name, member) in members {
                    let at = format!("{at}/{name}");
                    match schema["properties"].get(name) {
                        Some(schema) => undescribed(member, schema, root, &at, found),
                        None => found.push(at),
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    undescribed(item, &schema["items"], root, at, found);
                }
            }
            _ => {}
        }
    }
    for (kind, body) in samples() {
        let schema = event_schema(kind);
        let mut found = Vec::new();
        undescribed(&body, &schema, &schema, "", &mut found);
        assert!(found.is_empty(), "{kind}: {found:?}");
    }
}

#[test]
fn the_schemas_are_as_published() {
    for kind in EventKind::ALL {
        insta::assert_json_snapshot!(kind.name(), event_schema(kind));
    }
}
