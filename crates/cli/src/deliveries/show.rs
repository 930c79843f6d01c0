//! One delivery with everything known about it.

use groundswell_types::{AttemptView, DeliveryDetail, DeliveryView};

use crate::api::{Api, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::followed::tone_of;
use crate::program::chosen;
use crate::terminal::{Output, Terminal, Tone, harmless};
use crate::times;

/// Shows one delivery with its attempts and its body.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The delivery's id, as `deliveries list` shows it.
    delivery: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub fn run(&self) -> Result<(), Failure> {
        let mut terminal = Terminal::new(&self.output);
        let api = Api::new(&self.connection)?;
        let program = chosen(&api, &self.connection)?;
        let (program, delivery) = (segment(program.id.as_str()), segment(&self.delivery));
        let text = api.get_text(&format!("/v2/campaign/{program}/deliveries/{delivery}"))?;
        if terminal.is_json() {
            return terminal.line(&text);
        }
        print(&mut terminal, &api.read(&text)?)
    }
}

fn print(terminal: &mut Terminal, detail: &DeliveryDetail) -> Result<(), Failure> {
    let DeliveryDetail { delivery, body, attempt_log, schedule, resends, reason, request: _ } = detail;
    for (name, value) in facts(terminal, delivery) {
        let name = terminal.toned(Tone::Faint, &format!("{name:9}"));
        terminal.line(&format!("{name} {value}"))?;
    }
    if let Some(reason) = reason {
        terminal.line(&harmless(reason))?;
    }
    for attempt in attempt_log {
        let line = attempt_line(terminal, attempt);
        terminal.line(&line)?;
    }
    if let (Some(next), Some(last)) = (schedule.first(), schedule.last()) {
        let (next, last) = (times::shown(*next), times::shown(*last));
        terminal
            .line(&format!("{} more attempts, the next at {next}, the last at {last} UTC", schedule.len()))?;
    }
    if !resends.is_empty() {
        let ids: Vec<String> = resends.iter().map(ToString::to_string).collect();
        terminal.line(&format!("Sent again as {}", ids.join(", ")))?;
    }
    terminal.line("")?;
    terminal.line(&harmless(body))
}

fn facts(terminal: &Terminal, delivery: &DeliveryView) -> Vec<(&'static str, String)> {
    let state = delivery.state;
    let to = delivery.payload_url.as_deref().map_or_else(|| "(deleted)".to_owned(), harmless);
    let webhook = delivery.webhook_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let mut facts = vec![
        ("delivery", terminal.toned(Tone::Strong, &delivery.id.to_string())),
        ("event", format!("{} {}", delivery.event.name(), delivery.event_id)),
        ("to", format!("{to}{webhook}")),
        ("state", terminal.toned(tone_of(state), state.as_str())),
        ("accepted", format!("{} UTC", times::shown(delivery.accepted_at))),
    ];
    if let Some(original) = delivery.resend_of {
        facts.push(("repeats", original.to_string()));
    }
    facts
}

fn attempt_line(terminal: &Terminal, attempt: &AttemptView) -> String {
    let outcome = match &attempt.response {
        Some(response) => response.status_code.to_string(),
        None => attempt.failure.map_or("no answer", |failure| failure.as_str()).to_owned(),
    };
    let tone = if attempt.success { Tone::Good } else { Tone::Bad };
    let before = if attempt.possibly_sent_before { " (possibly sent before)" } else { "" };
    format!(
        "attempt {} at {} UTC: {} in {} ms. {}{before}",
        attempt.number,
        times::shown(attempt.started_at),
        terminal.toned(tone, &outcome),
        attempt.duration_ms,
        harmless(&attempt.message),
    )
}
