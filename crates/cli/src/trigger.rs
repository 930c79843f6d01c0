//! `groundswell trigger`: a sample event, through the front door.

use groundswell_types::sample::{SampleProgram, sample_body};
use groundswell_types::{EventKind, Program};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Surroundings;
use crate::api::{Api, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::followed;
use crate::overrides::Override;
use crate::program::chosen;
use crate::spelling::did_you_mean;
use crate::terminal::{Output, Terminal, Tone};

/// 2026-01-01T00:00:00Z. With a key, the sample's times are always the same: a repeat must be the same event.
const FIXED_TIME_MS: i64 = 1_767_225_600_000;

/// Sends a sample event to a program, as if it had happened.
///
/// The event is accepted, stored and delivered to the program's webhooks like any other. Its data is the sample that the
/// documentation shows; --override changes single members of it.
#[derive(Debug, clap::Args)]
pub struct Trigger {
    /// Which event, for example NEW_PARTICIPANT_ADDED.
    #[arg(value_name = "EVENT", value_parser = event)]
    event: EventKind,
    /// Another value for a member of the data, for example participant.email=ada@example.com or reward.approved=false. The
    /// value is JSON where it can be read as JSON, and a text elsewhere.
    #[arg(long = "override", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
    /// A repeat with the same key within seven days is recognised and not sent again.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Waits for what becomes of its deliveries, and fails when one of them does.
    #[arg(long)]
    follow: bool,
    /// How long to wait with --follow, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "follow")]
    timeout: u32,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
    deliveries: i64,
    duplicate: bool,
}

/// Reads the name of an event.
pub fn event(text: &str) -> Result<EventKind, String> {
    let name = text.trim().to_ascii_uppercase().replace('-', "_");
    EventKind::parse(&name).ok_or_else(|| {
        let names = EventKind::ALL.map(EventKind::name);
        format!("{}The events are {}", did_you_mean(text, names), names.join(", "))
    })
}

impl Trigger {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        let mut terminal = Terminal::new(&self.output);
        let api = Api::new(&self.connection)?;
        let program = chosen(&api, &self.connection)?;
        let now_ms = if self.idempotency_key.is_some() { FIXED_TIME_MS } else { (surroundings.now_ms)() };
        let body = self.body(&program, now_ms)?;
        let path = format!("/v2/campaign/{}/events", segment(program.id.as_str()));
        let key = self.idempotency_key.as_deref().map(|key| ("idempotency-key", key));
        let answer = api.post_text(&path, &body, key.as_slice())?;
        let accepted: Accepted = api.read(&answer)?;
        if terminal.is_json() && !self.follow {
            return terminal.line(&answer);
        }
        if !terminal.is_json() {
            self.tell(&mut terminal, &accepted)?;
        }
        if !self.follow {
            return Ok(());
        }
        let followed = followed::Followed {
            program: program.id.as_str(),
            event: &accepted.id,
            deliveries: accepted.deliveries,
            timeout_ms: i64::from(self.timeout) * 1000,
        };
        followed::follow(&api, &followed, &mut terminal, surroundings.now_ms)
    }

    /// What is posted: `event` and `data`. When it happened is when it is accepted.
    fn body(&self, program: &Program, now_ms: i64) -> Result<Value, Failure> {
        let sample = SampleProgram {
            id: program.id.as_str(),
            name: &program.name,
            kind: program.kind,
            currency: program.currency.as_str(),
        };
        let text = sample_body(self.event, sample, now_ms);
        let mut envelope: Value = serde_json::from_str(&text).map_err(std::io::Error::from)?;
        let mut data = envelope["data"].take();
        for one in &self.overrides {
            let failed = |error| Failure::new(format!("An override cannot be: {error}."), shape(&data));
            one.apply(&mut data.clone()).map_err(failed)?;
            // It has just been tried.
            let _ = one.apply(&mut data);
        }
        Ok(json!({ "event": self.event.name(), "data": data }))
    }

    fn tell(&self, terminal: &mut Terminal, accepted: &Accepted) -> Result<(), Failure> {
        let id = terminal.toned(Tone::Strong, &accepted.id);
        let deliveries = match accepted.deliveries {
            0 => "no webhook is subscribed to it".to_owned(),
            1 => "1 delivery".to_owned(),
            count => format!("{count} deliveries"),
        };
        let repeat = if accepted.duplicate { ", a repeat: nothing was sent again" } else { "" };
        terminal.line(&format!("{} {id}: {deliveries}{repeat}", self.event.name()))
    }
}

/// The members that can be overridden, two levels deep.
fn shape(data: &Value) -> String {
    let Value::Object(members) = data else { return String::new() };
    let mut paths = Vec::new();
    for (name, value) in members {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                let inner: Vec<&str> = inner.keys().map(String::as_str).collect();
                paths.push(format!("  {name}: {}", inner.join(", ")));
            }
            _ => paths.push(format!("  {name}")),
        }
    }
    format!("The sample has:\n{}", paths.join("\n"))
}

#[cfg(test)]
mod tests {
    use groundswell_types::{ProgramType, json};

    use super::*;

    #[test]
    fn an_event_is_read_in_any_spelling_and_a_mistake_is_answered_with_what_was_meant() {
        assert_eq!(event("campaign-ended"), Ok(EventKind::CampaignEnded));
        let error = event("NEW_PARTICIPANT_ADED").expect_err("misspelt");
        assert!(error.starts_with("Did you mean `NEW_PARTICIPANT_ADDED`?"), "{error}");
        let error = event("x").expect_err("none");
        assert!(error.starts_with("The events are PARTICIPANT_REACHED_A_GOAL, "), "{error}");
    }

    #[test]
    fn samples_stay_as_they_are_but_for_what_is_overridden() {
        // What was read as JSON and is written as JSON has every number and key where it was.
        for kind in EventKind::ALL {
            let program = SampleProgram { id: "p", name: "P", kind: ProgramType::Referral, currency: "USD" };
            let text = sample_body(kind, program, 1_767_225_600_123);
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let again = value.to_string();
            assert_eq!(json::parse(again.as_bytes()).expect("JSON").render(), text.as_bytes());
        }
    }
}
