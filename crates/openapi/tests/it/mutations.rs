//! Ingest and the schemas refuse the same things: what one of them takes the other takes too.

use groundswell_openapi::event_schema;
use groundswell_types::json::{self, Json};
use groundswell_types::sample::{SampleProgram, sample_body};
use groundswell_types::{EventKind, ProgramType};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// Something that is done to a sample.
#[derive(Debug, Clone)]
enum Mutation {
    /// A member goes.
    Remove,
    /// A member becomes something else.
    Replace(Value),
    /// An object gets a member that nobody knows.
    Add(Value),
}

/// Values of every kind, with those at the edges of what is allowed.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(json!("")),
        "[a-z@.]{1,12}".prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        Just(json!(9_007_199_254_740_991_i64)),
        Just(json!(-9_007_199_254_740_991_i64)),
        Just(json!(0.5)),
        Just(json!(2.0)),
        Just(json!(1e300)),
        Just(json!([])),
        Just(json!(["a", "b"])),
        Just(json!(["a", 1])),
        Just(json!([{}])),
        Just(json!([{ "id": "a" }, { "id": "" }])),
        Just(json!({})),
        Just(json!({ "id": "a" })),
        Just(json!({ "id": 5 })),
        Just(json!({ "email": 3, "facebook": 4 })),
        Just(json!({ "email": 3.5 })),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![Just(Mutation::Remove), value().prop_map(Mutation::Replace), value().prop_map(Mutation::Add),]
}

/// The pointers of all members, and of items of arrays, below `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, member) in members {
        let at = format!("{at}/{name}");
        pointers(member, &at, found);
        found.push(at);
    }
}

/// Does it at one of the members of `data`.
fn mutate(event: &mut Value, place: Index, mutation: Mutation) {
    let mut found = Vec::new();
    pointers(&event["data"], "/data", &mut found);
    let Some(pointer) = (!found.is_empty()).then(|| place.get(&found).clone()) else { return };
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has segments");
    match (event.pointer_mut(parent).expect("it was found there"), mutation) {
        (Value::Object(members), Mutation::Remove) => {
            members.shift_remove(name);
        }
        (Value::Object(members), Mutation::Replace(value)) => {
            members.insert(name.to_owned(), value);
        }
        (Value::Object(members), Mutation::Add(value)) => {
            members.insert(format!("{name}Anew"), value);
        }
        (Value::Array(items), mutation) => {
            let at: usize = name.parse().expect("an index");
            match mutation {
                Mutation::Remove => {
                    items.remove(at);
                }
                Mutation::Replace(value) => items[at] = value,
                Mutation::Add(value) => items.push(value),
            }
        }
        _ => unreachable!("only objects and arrays have members"),
    }
}

/// What ingest finds wrong with the data of an event.
fn problems(kind: EventKind, event: &Value) -> Vec<String> {
    let text = event["data"].to_string();
    let parsed = json::parse(text.as_bytes()).expect("JavaScript can hold all of it");
    let Json::Object(data) = parsed else { return vec!["no object".to_owned()] };
    let mut problems = Vec::new();
    kind.schema().check(&data, "/data", &mut problems);
    problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect()
}

fn sample(kind: EventKind) -> Value {
    let program_type =
        if kind.fits(ProgramType::Referral) { ProgramType::Referral } else { ProgramType::Affiliate };
    let program = SampleProgram { id: "pied4piper", name: "Pied Piper", kind: program_type, currency: "USD" };
    serde_json::from_str(&sample_body(kind, program, 1_700_000_000_000)).expect("a sample is JSON")
}

fn validators() -> Vec<Validator> {
    EventKind::ALL.into_iter().map(super::schemas::validator).collect()
}

/// Every member of every sample, removed, and replaced by each kind of value: nothing is left to chance.
#[test]
fn ingest_and_schema_agree_on_every_member_of_every_sample() {
    let values = [
        Value::Null,
        json!(true),
        json!(""),
        json!("text"),
        json!(1),
        json!(1.5),
        json!([]),
        json!([1]),
        json!(["a"]),
        json!({}),
        json!({ "id": "a" }),
    ];
    let mut refused = 0;
    for (kind, validator) in EventKind::ALL.into_iter().zip(validators()) {
        let whole = sample(kind);
        let mut found = Vec::new();
        pointers(&whole["data"], "/data", &mut found);
        for pointer in &found {
            let all = values.iter().cloned().map(Mutation::Replace).chain([Mutation::Remove]);
            for mutation in all {
                let mut event = whole.clone();
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer has segments");
                match (event.pointer_mut(parent).expect("it was found there"), &mutation) {
                    (Value::Object(members), Mutation::Remove) => {
                        members.shift_remove(name);
                    }
                    (_, Mutation::Replace(value)) => {
                        *event.pointer_mut(pointer).expect("it was found there") = value.clone();
                    }
                    _ => continue,
                }
                let problems = problems(kind, &event);
                assert_eq!(
                    validator.is_valid(&event),
                    problems.is_empty(),
                    "{kind} {pointer} {mutation:?}: {problems:?}"
                );
                refused += usize::from(!problems.is_empty());
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

proptest! {
    #[test]
    fn ingest_and_schema_agree_on_any_mutations(
        which in 0..EventKind::ALL.len(),
        mutations in prop::collection::vec((any::<Index>(), mutation()), 1..6),
    ) {
        let kind = EventKind::ALL[which];
        let mut event = sample(kind);
        for (place, mutation) in mutations {
            mutate(&mut event, place, mutation);
        }
        let problems = problems(kind, &event);
        let validator = jsonschema::draft202012::new(&event_schema(kind)).expect("a schema");
        prop_assert_eq!(validator.is_valid(&event), problems.is_empty(), "{}: {:?}", event, problems);
    }
}
