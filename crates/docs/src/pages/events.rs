//! The events reference, made from the types that ingest checks with and Test sends.

use std::fmt::Write as _;

use groundswell_types::sample::{SampleProgram, sample_body};
use groundswell_types::schema::{Field, Kind, Presence, Schema};
use groundswell_types::{EventKind, ProgramType};

use crate::markdown::{cell, slug};
use crate::page::{About, Group};

pub const ABOUT: About = About {
    name: "events",
    title: "Events reference",
    description: "All events: when each is sent, every field of it, and the exact bytes of a sample.",
    group: Group::Reference,
};

/// When the samples happened: 2026-03-02, 10:30 UTC.
const SAMPLE_TIME_MS: i64 = 1_772_447_400_000;

/// The page's text.
pub fn text() -> String {
    let mut text = String::from(include_str!("../../text/events.md"));
    text.push_str("\n| Event | Programs | When |\n|---|---|---|\n");
    for event in EventKind::every() {
        let _ = writeln!(
            text,
            "| [`{event}`](#{}) | {} | {} |",
            anchor(event),
            programs(event),
            cell(event.description())
        );
    }
    for event in EventKind::every() {
        of_event(&mut text, event);
    }
    text.push_str(include_str!("../../text/objects.md"));
    for schema in objects() {
        of_object(&mut text, schema);
    }
    text
}

/// The anchor of an event, which other pages and the editor link to.
pub fn anchor(event: EventKind) -> String {
    event.name().to_ascii_lowercase()
}

/// The sample of an event as the page has it: what Test would send of this program at this time.
pub fn sample(event: EventKind) -> String {
    let (id, name, kind) = match (event.is_operational(), event.fits(ProgramType::Referral)) {
        (true, _) => ("ops_first", "Operational webhooks", ProgramType::Operations),
        (false, true) => ("k3x9mq", "Bring a friend", ProgramType::Referral),
        (false, false) => ("k3x9mq", "Partners", ProgramType::Affiliate),
    };
    let program = SampleProgram { id, name, kind, currency: "USD" };
    sample_body(event, program, SAMPLE_TIME_MS)
}

const fn programs(event: EventKind) -> &'static str {
    match (event.fits(ProgramType::Referral), event.fits(ProgramType::Affiliate)) {
        (true, true) => "all",
        (true, false) => "referral",
        (false, true) => "affiliate",
        (false, false) => "operational",
    }
}

fn of_event(text: &mut String, event: EventKind) {
    let body = sample(event);
    let _ = write!(
        text,
        "\n## {title} {{#{anchor}}}\n\n\
         **`{event}`** · {programs} · [JSON Schema](/v2/schemas/{event}.json)\n\n\
         {description}\n\n\
         ### Fields of data {{#{anchor}-data}}\n\n{note}",
        title = event.title(),
        anchor = anchor(event),
        programs = if event.is_operational() {
            "operational webhooks".to_owned()
        } else {
            format!("{} programs", programs(event))
        },
        description = event.description(),
        note = note(event),
    );
    table(text, event.schema().fields);
    let _ = write!(
        text,
        "\n### Sample {{#{anchor}-sample}}\n\n\
         ```json title=\"{event}, laid out for reading\"\n{pretty}\n```\n\n\
         ```json folded=\"The same as it is sent: on one line\"\n{body}\n```\n",
        anchor = anchor(event),
        pretty = pretty(&body),
    );
}

/// What the table alone does not say.
const fn note(event: EventKind) -> &'static str {
    match event {
        EventKind::ParticipantReachedAGoal => {
            "A double-sided reward comes as two events with two rewards: `reward.isReferrer` tells the referrer's from the \
             friend's. A reward that is approved by hand comes twice with the same `reward.id`: first with `approved` \
             false, then with `approved` true. Credit each `reward.id` once, when it is approved.\n\n"
        }
        EventKind::NewParticipantAdded => {
            "The participant's own fields stand directly in `data`. `referredBy` and `referrer` are there when \
             somebody referred them.\n\n"
        }
        EventKind::CommissionAdjusted => {
            "`adjustedCommission` is the commission as it is now; `adjustment` says what changed.\n\n"
        }
        EventKind::DeliveriesUndeliverable => {
            "`count` is how many were given up between `since` and `createdAt`. The log, filtered by the state undeliverable, \
             has each of them.\n\n"
        }
        EventKind::WebhookFailing | EventKind::WebhookDisabled | EventKind::ParkedDeliveriesExpiring => {
            "`notice` says which of its causes it was, as in the list of a program's notices.\n\n"
        }
        EventKind::WebhookSecretReplaced
        | EventKind::NewSignIn
        | EventKind::ParticipantFraudStatusUpdated
        | EventKind::NewCommissionAdded
        | EventKind::NewPayoutIssued
        | EventKind::CampaignEnded => "",
    }
}

fn of_object(text: &mut String, schema: &Schema) {
    let _ = write!(text, "\n## {} {{#{}}}\n\n{}\n\n", schema.name, object_anchor(schema), schema.doc.trim());
    table(text, schema.fields);
}

fn table(text: &mut String, fields: &[Field]) {
    text.push_str("| Field | Type | Presence | Meaning |\n|---|---|---|---|\n");
    for field in fields {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.name,
            kind(&field.kind),
            presence(field.presence),
            cell(&meaning(field))
        );
    }
}

const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Required => "required",
        Presence::Expected => "expected",
        Presence::Nullable => "nullable",
    }
}

fn kind(kind: &Kind) -> String {
    let object = |schema: &Schema| format!("[{}](#{})", schema.name, object_anchor(schema));
    match kind {
        Kind::Id | Kind::Text | Kind::OneOf(_) => "string".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Timestamp => "integer, Unix ms".to_owned(),
        Kind::Amount => "integer, minor unit".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::TextList => "array of strings".to_owned(),
        Kind::Map => "object".to_owned(),
        Kind::CountOrMap => "integer or object".to_owned(),
        Kind::Object(schema) => object(schema),
        Kind::List(schema) => format!("array of {}", object(schema)),
    }
}

fn meaning(field: &Field) -> String {
    let doc = field.doc.trim();
    match field.kind {
        Kind::OneOf(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("{doc} Known values: {}.", values.join(", "))
        }
        _ => doc.to_owned(),
    }
}

/// The anchor of a kind of object.
pub fn object_anchor(schema: &Schema) -> String {
    // `EarnedReward` is read as two words.
    let mut words = String::new();
    for (at, c) in schema.name.chars().enumerate() {
        if at > 0 && c.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(c);
    }
    slug(&words)
}

/// All kinds of objects that events have in them, each after the first that has it.
pub fn objects() -> Vec<&'static Schema> {
    fn visit(fields: &'static [Field], found: &mut Vec<&'static Schema>) {
        for field in fields {
            if let Kind::Object(schema) | Kind::List(schema) = field.kind
                && !found.iter().any(|known| known.name == schema.name)
            {
                found.push(schema);
                visit(schema.fields, found);
            }
        }
    }
    let mut found = Vec::new();
    for event in EventKind::every() {
        visit(event.schema().fields, &mut found);
    }
    found
}

/// JSON on many lines. The bytes that are sent are printed as JavaScript does, and so is this.
fn pretty(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).expect("samples are JSON");
    serde_json::to_string_pretty(&value).expect("JSON can be printed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_the_anchor_of_the_product_page_and_every_field_a_row() {
        let text = text();
        for event in EventKind::every() {
            assert!(
                text.contains(&format!("## {} {{#{}}}\n", event.title(), event.name().to_lowercase())),
                "{event}"
            );
            let (_, section) =
                text.split_once(&format!("{{#{}-data}}", anchor(event))).expect("the section is there");
            let (section, _) = section.split_once("\n### ").expect("the sample follows");
            for field in event.schema().fields {
                assert!(section.contains(&format!("\n| `{}` | ", field.name)), "{event}: {}", field.name);
                assert!(section.contains(&cell(field.doc)), "{event}: {}", field.doc);
            }
        }
    }

    #[test]
    fn every_object_has_a_section_with_all_its_fields() {
        let text = text();
        let names: Vec<_> = objects().iter().map(|schema| schema.name).collect();
        for wanted in [
            "Participant",
            "EarnedReward",
            "Campaign",
            "CampaignReward",
            "Commission",
            "Adjustment",
            "Payout",
        ] {
            assert!(names.contains(&wanted), "{wanted}");
        }
        for schema in objects() {
            let heading = format!("\n## {} {{#{}}}\n", schema.name, object_anchor(schema));
            let (_, section) = text.split_once(&heading).expect("the section is there");
            let section = section.split("\n## ").next().expect("there is text");
            for field in schema.fields {
                assert!(
                    section.contains(&format!("\n| `{}` | ", field.name)),
                    "{}: {}",
                    schema.name,
                    field.name
                );
            }
        }
        assert_eq!(object_anchor(&groundswell_types::payload::EARNED_REWARD), "earned-reward");
    }

    #[test]
    fn samples_are_laid_out_without_being_changed() {
        for event in EventKind::every() {
            let body = sample(event);
            assert!(text().contains(&format!("\n{body}\n")), "{event}");
            let pretty = pretty(&body);
            let tight: serde_json::Value = serde_json::from_str(&pretty).expect("it is JSON");
            assert_eq!(serde_json::to_string(&tight).expect("it prints"), body, "{event}");
        }
    }
}
