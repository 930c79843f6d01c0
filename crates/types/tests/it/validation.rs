//! The schemas: what ingest refuses, and that every refusal names the place.

use groundswell_types::json::Json;
use groundswell_types::schema::{Field, Kind, Presence, Schema};
use groundswell_types::{Event, EventKind, pointer_segment};
use serde_json::{Value, json};

use crate::events;

/// The pointers of everything wrong with `data`, in order.
fn wrong_places(kind: EventKind, data: &Value) -> Vec<String> {
    let text = data.to_string();
    let Json::Object(object) = events::read(&text) else { panic!("data is an object") };
    let mut problems = Vec::new();
    kind.schema().check(&object, "/data", &mut problems);
    problems.into_iter().map(|problem| problem.pointer).collect()
}

/// The sample of `kind` with every known member filled in, so that each can be spoilt.
fn full_data(kind: EventKind) -> Value {
    let mut data = Value::Object(events::envelope(kind, events::program_type(kind)).data);
    fill(kind.schema(), &mut data, 2);
    data
}

/// Adds what is missing; participants contain participants, so only `levels` deep.
fn fill(schema: &Schema, object: &mut Value, levels: usize) {
    for field in schema.fields {
        let member = &mut object[field.name];
        if member.is_null() {
            *member = fitting(field.kind, levels);
        }
        match (field.kind, levels) {
            (_, 0) => {}
            (Kind::Object(inner), _) => fill(inner, member, levels - 1),
            (Kind::List(inner), _) => {
                for item in member.as_array_mut().expect("a list") {
                    fill(inner, item, levels - 1);
                }
            }
            _ => {}
        }
    }
}

fn fitting(kind: Kind, levels: usize) -> Value {
    let object = |schema: &Schema| {
        let mut object = json!({ "id": "x" });
        if levels > 0 {
            fill(schema, &mut object, levels - 1);
        }
        object
    };
    match kind {
        Kind::Id | Kind::Text | Kind::OneOf(_) => json!("x"),
        Kind::Integer | Kind::Timestamp | Kind::Amount | Kind::CountOrMap => json!(3),
        Kind::Number => json!(1.5),
        Kind::Boolean => json!(true),
        Kind::TextList => json!(["x"]),
        Kind::Map => json!({}),
        Kind::Object(schema) => object(schema),
        Kind::List(schema) => json!([object(schema)]),
    }
}

/// Values that do not fit `kind`, each with the pointers below the member that must be named.
fn misfits(kind: Kind) -> Vec<(Value, Vec<&'static str>)> {
    let here = |value: Value| (value, vec![""]);
    let fit: &[Value] = match kind {
        Kind::Id | Kind::Text | Kind::OneOf(_) => &[json!("x")],
        Kind::Integer | Kind::Timestamp | Kind::Amount => &[json!(1)],
        Kind::Number => &[json!(1), json!(1.5)],
        Kind::Boolean => &[json!(true)],
        Kind::TextList => &[json!([])],
        Kind::Map => &[json!({})],
        Kind::CountOrMap => &[json!(1), json!({})],
        Kind::Object(_) | Kind::List(_) => &[],
    };
    let one_of_each = [json!("x"), json!(1), json!(1.5), json!(true), json!([]), json!({})];
    let mut misfits: Vec<_> =
        one_of_each.into_iter().filter(|value| !fit.contains(value)).map(here).collect();
    match kind {
        Kind::Id => misfits.push(here(json!(""))),
        Kind::Integer | Kind::Timestamp | Kind::Amount => {
            misfits.push(here(json!(1e21)));
            misfits.push(here(json!("1")));
        }
        Kind::TextList => misfits.push(here(json!(["x", 1]))),
        Kind::CountOrMap => misfits.push(here(json!({ "email": "2" }))),
        Kind::Object(schema) => {
            misfits.retain(|(value, _)| !value.is_object());
            if schema.fields.iter().any(|field| field.name == "id") {
                misfits.push((json!({}), vec!["/id"]));
                misfits.push((json!({ "id": 5 }), vec!["/id"]));
            }
        }
        Kind::List(_) => {
            misfits.retain(|(value, _)| !value.is_array());
            misfits.push((json!(["x", { "id": "x" }, {}]), vec!["/0", "/2/id"]));
        }
        _ => {}
    }
    misfits
}

/// Every known member of `schema` within `data`, with its JSON pointer, as far as `data` has them.
fn members(schema: &'static Schema, data: &Value, pointer: &str, found: &mut Vec<(String, &'static Field)>) {
    for field in schema.fields {
        let Some(value) = data.get(field.name) else { continue };
        let here = format!("{pointer}{}", pointer_segment(field.name));
        match field.kind {
            Kind::Object(inner) => members(inner, value, &here, found),
            Kind::List(inner) => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    members(inner, item, &format!("{here}/{at}"), found);
                }
            }
            _ => {}
        }
        found.push((here, field));
    }
}

fn replaced(data: &Value, pointer: &str, value: Value) -> Value {
    let mut data = data.clone();
    *data.pointer_mut(pointer).expect("the member is there") = value;
    data
}

fn without(data: &Value, pointer: &str, name: &str) -> Value {
    let mut data = data.clone();
    let parent = pointer.rsplit_once('/').expect("a pointer has a slash").0;
    data.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").shift_remove(name);
    data
}

#[test]
fn every_sample_passes_its_schema() {
    for envelope in events::all() {
        let kind = envelope.event;
        assert_eq!(wrong_places(kind, &Value::Object(envelope.data)), Vec::<String>::new(), "{kind}");
    }
    for kind in EventKind::ALL {
        assert_eq!(wrong_places(kind, &full_data(kind)), Vec::<String>::new(), "{kind} with every member");
    }
}

#[test]
fn every_member_of_another_type_is_named_by_its_pointer() {
    let mut checked = 0;
    for kind in EventKind::ALL {
        let data = full_data(kind);
        let mut places = Vec::new();
        members(kind.schema(), &data, "", &mut places);
        for (pointer, field) in places {
            for (misfit, below) in misfits(field.kind) {
                let wanted: Vec<String> = below.iter().map(|rest| format!("/data{pointer}{rest}")).collect();
                assert_eq!(
                    wrong_places(kind, &replaced(&data, &pointer, misfit.clone())),
                    wanted,
                    "{kind} {misfit}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 2000, "only {checked} members were spoilt: the samples have become thin");
}

#[test]
fn only_the_ids_of_what_an_event_is_about_are_required() {
    for kind in EventKind::ALL {
        let data = full_data(kind);
        let mut places = Vec::new();
        members(kind.schema(), &data, "", &mut places);
        for (pointer, field) in places {
            let name = format!("/data{pointer}");
            let absent = wrong_places(kind, &without(&data, &pointer, field.name));
            let null = wrong_places(kind, &replaced(&data, &pointer, Value::Null));
            match field.presence {
                Presence::Required => assert_eq!((absent, null), (vec![name.clone()], vec![name]), "{kind}"),
                Presence::Expected => assert_eq!((absent, null), (vec![], vec![name]), "{kind}"),
                Presence::Nullable => assert_eq!((absent, null), (vec![], vec![]), "{kind} {pointer}"),
            }
        }
    }
}

#[test]
fn the_least_that_is_accepted_is_the_ids_of_what_the_event_is_about() {
    let id = json!({ "id": "x" });
    for (kind, data) in [
        (EventKind::ParticipantReachedAGoal, json!({ "participant": id, "reward": id })),
        (EventKind::NewParticipantAdded, id.clone()),
        (EventKind::ParticipantFraudStatusUpdated, json!({ "participant": id })),
        (EventKind::NewCommissionAdded, json!({ "participant": id, "commission": id })),
        (EventKind::CommissionAdjusted, json!({ "participant": id, "adjustedCommission": id })),
        (EventKind::NewPayoutIssued, json!({ "participant": id, "payout": id })),
        (EventKind::CampaignEnded, id.clone()),
    ] {
        assert_eq!(wrong_places(kind, &data), Vec::<String>::new(), "{kind}");
        assert!(!wrong_places(kind, &json!({})).is_empty(), "{kind}");
    }
}

#[test]
fn several_problems_are_all_named() {
    let data =
        json!({ "participant": { "id": "", "isWinner": 1 }, "payout": [], "campaign": { "rewards": [7] } });
    assert_eq!(
        wrong_places(EventKind::NewPayoutIssued, &data),
        [
            "/data/participant/id",
            "/data/participant/isWinner",
            "/data/campaign/id",
            "/data/campaign/rewards/0",
            "/data/payout"
        ]
    );
}

#[test]
fn unknown_members_and_values_pass() {
    let data = json!({
        "id": "p1", "shoeSize": 43.5, "referralSource": "CARRIER_PIGEON", "": [null], "a/b~c": { "deep": [[{}]] },
        "campaign": { "id": "c1", "type": "LOYALTY", "owner": { "id": 9 } },
    });
    assert_eq!(wrong_places(EventKind::NewParticipantAdded, &data), Vec::<String>::new());
}

#[test]
fn whatever_passes_the_schema_fits_the_typed_payload_too() {
    for kind in EventKind::ALL {
        let data = full_data(kind);
        let mut places = Vec::new();
        members(kind.schema(), &data, "", &mut places);
        let candidates = [
            json!("x"),
            json!(1),
            json!(1.5),
            json!(1e30),
            json!(true),
            json!(["x"]),
            json!({ "a": 1 }),
            json!(null),
        ];
        for (pointer, _) in places {
            for value in &candidates {
                let data = replaced(&data, &pointer, value.clone());
                if !wrong_places(kind, &data).is_empty() {
                    continue;
                }
                let envelope = json!({ "event": kind, "createdAt": 1, "data": data });
                let event: Result<Event, _> = serde_json::from_str(&events::canonical(&envelope.to_string()));
                assert!(event.is_ok(), "{kind} {pointer} = {value}: {}", event.expect_err("an error"));
            }
        }
    }
}

#[test]
fn a_campaign_with_a_thousand_winners_can_end() {
    let mut data = full_data(EventKind::CampaignEnded);
    let metadata: Value = (0..10).map(|number| (format!("field{number}"), json!("value"))).collect();
    let mut winner = data["winners"][0].take();
    for whose in ["referrer", "referee"] {
        winner[whose]["metadata"] = metadata.clone();
    }
    winner["metadata"] = metadata;
    data["winners"] = vec![winner; 1_000].into();
    assert!(data.to_string().len() < 4 * 1024 * 1024, "it is no larger than events may be");
    assert_eq!(wrong_places(EventKind::CampaignEnded, &data), [""; 0]);
}
