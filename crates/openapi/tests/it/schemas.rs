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
        let outcome = validator(kind).validate(&body).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{kind}");
    }
}

/// Whoever makes types from the schema loses nothing that is sent: members of samples are all described.
#[test]
fn every_member_of_a_sample_is_described() {
    /// The pointers below `at` of members that the schema does not name.
    fn undescribed(value: &Value, schema: &Value, root: &Value, at: &str) -> Vec<String> {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).expect("it is defined"),
            None => schema,
        };
        if let (Some(branches), Value::Object(_)) = (schema["anyOf"].as_array(), value) {
            return undescribed(value, &branches[0], root, at);
        }
        match value {
            Value::Object(members) if schema.get("properties").is_some() => members
                .iter()
                .flat_map(|(name, member)| {
                    let at = format!("{at}/{name}");
                    match schema["properties"].get(name) {
                        Some(schema) => undescribed(member, schema, root, &at),
                        None => vec![at],
                    }
                })
                .collect(),
            Value::Array(items) => {
                items.iter().flat_map(|item| undescribed(item, &schema["items"], root, at)).collect()
            }
            _ => Vec::new(),
        }
    }
    for (kind, body) in samples() {
        let schema = event_schema(kind);
        assert_eq!(undescribed(&body, &schema, &schema, ""), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn the_schemas_are_as_published() {
    for kind in EventKind::ALL {
        insta::assert_json_snapshot!(kind.name(), event_schema(kind));
    }
}
