//! `groundswell deliveries`: what became of events, and sending again.

mod resend;
mod show;

use groundswell_types::{DeliveryFilter, DeliveryState, DeliveryView, EventKind, StatusRange, WebhookId};
use serde::Deserialize;
use serde_json::Value;

use crate::Surroundings;
use crate::api::{Api, query, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::followed::tone_of;
use crate::program::chosen;
use crate::spelling::did_you_mean;
use crate::table;
use crate::terminal::{Output, Terminal, Tone, harmless};
use crate::times;
use crate::trigger;

/// Shows what became of events, and sends again.
#[derive(Debug, clap::Args)]
pub struct Deliveries {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Show(show::Show),
    Resend(resend::Resend),
}

/// Which deliveries.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Filter")]
struct Filter {
    /// Only those in this state, for example undeliverable.
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<DeliveryState>,
    /// Only those of this event.
    #[arg(long, value_name = "EVENT", value_parser = trigger::event)]
    event: Option<EventKind>,
    /// Only those to this webhook, for example primary.
    #[arg(long, value_name = "ID", value_parser = webhook)]
    webhook: Option<WebhookId>,
    /// Only those whose last answer had such a status: 500, 5xx or 500-504.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<StatusRange>,
    /// Only those accepted then or later: 2026-03-01, 2026-03-01T12:00:00Z (UTC), 90m or 2d ago, or Unix milliseconds.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those accepted before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those with this event's or delivery's id, or with this text in the event.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// Lists deliveries, newest first.
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// How many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Goes on where a list ended: the id that it names.
    #[arg(long, value_name = "ID")]
    next_id: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

fn state(text: &str) -> Result<DeliveryState, String> {
    DeliveryState::parse(&text.to_lowercase()).ok_or_else(|| {
        let names = DeliveryState::ALL.map(DeliveryState::as_str);
        format!("{}The states are {}", did_you_mean(text, names), names.join(", "))
    })
}

fn webhook(text: &str) -> Result<WebhookId, String> {
    WebhookId::parse(text).map_err(|error| error.to_string())
}

fn status(text: &str) -> Result<StatusRange, String> {
    StatusRange::parse(text).map_err(|error| error.to_string())
}

impl Deliveries {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        match &self.command {
            Command::List(list) => list.run(surroundings),
            Command::Show(show) => show.run(),
            Command::Resend(resend) => resend.run(surroundings),
        }
    }
}

impl Filter {
    fn read(&self, now_ms: i64) -> Result<DeliveryFilter, Failure> {
        let time = |name: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            let refused = || {
                Failure::new(
                    format!("`{text}` is no time for --{name}."),
                    "Write 2026-03-01, 2026-03-01T12:00:00Z, how long ago (90m, 2d), or Unix milliseconds.",
                )
            };
            times::parse(text, now_ms).map(Some).ok_or_else(refused)
        };
        Ok(DeliveryFilter {
            state: self.state,
            event: self.event,
            webhook_id: self.webhook.clone(),
            status: self.status,
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            text: self.text.clone(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    deliveries: Vec<Value>,
    next_id: Option<String>,
}

impl List {
    fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        /// The server's largest page.
        const PAGE: usize = 100;
        let mut terminal = Terminal::new(&self.output);
        let api = Api::new(&self.connection)?;
        let filter = self.filter.read((surroundings.now_ms)())?;
        let program = chosen(&api, &self.connection)?;
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut found, mut next_id) = (Vec::new(), self.next_id.clone());
        loop {
            let limit = (wanted - found.len()).min(PAGE).to_string();
            let path = format!("/v2/campaign/{}/deliveries", segment(program.id.as_str()));
            let page: Page = api.get(&format!("{path}{}", asked(&filter, &limit, next_id)))?;
            found.extend(page.deliveries);
            next_id = page.next_id;
            // A page may have fewer than wanted, or none, and yet not be the last.
            if next_id.is_none() || found.len() >= wanted {
                break;
            }
        }
        if terminal.is_json() {
            return terminal.json(&serde_json::json!({ "deliveries": found, "nextId": next_id }));
        }
        let views: Vec<DeliveryView> = found
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(std::io::Error::from)?;
        print(&mut terminal, &views, next_id.as_deref())
    }
}

fn asked(filter: &DeliveryFilter, limit: &str, next_id: Option<String>) -> String {
    query([
        ("state", filter.state.map(|state| state.as_str().to_owned())),
        ("event", filter.event.map(|event| event.name().to_owned())),
        ("webhookId", filter.webhook_id.as_ref().map(ToString::to_string)),
        ("status", filter.status.map(|status| status.to_string())),
        ("since", filter.since.map(|at_ms| at_ms.to_string())),
        ("until", filter.until.map(|at_ms| at_ms.to_string())),
        ("text", filter.text.clone()),
        ("limit", Some(limit.to_owned())),
        ("nextId", next_id),
    ])
}

fn print(terminal: &mut Terminal, views: &[DeliveryView], next_id: Option<&str>) -> Result<(), Failure> {
    if views.is_empty() {
        return terminal.line("No deliveries.");
    }
    let rows: Vec<[String; 7]> = views.iter().map(row).collect();
    let mut lines =
        table::lines(["ACCEPTED (UTC)", "DELIVERY", "EVENT", "STATE", "ANSWER", "TRIES", "TO"], &rows)
            .into_iter();
    if let Some(head) = lines.next() {
        let head = terminal.toned(Tone::Faint, &head);
        terminal.line(&head)?;
    }
    for (line, view) in lines.zip(views) {
        // The colour is put in when the columns stand: it has no width.
        let state = view.state.as_str();
        let toned = line.replacen(state, &terminal.toned(tone_of(view.state), state), 1);
        terminal.line(&toned)?;
    }
    match next_id {
        Some(id) => {
            let more = terminal.toned(Tone::Faint, &format!("There are more: --next-id {id}"));
            terminal.line(&more)
        }
        None => Ok(()),
    }
}

fn row(view: &DeliveryView) -> [String; 7] {
    let answer = match (view.last_status_code, view.last_failure) {
        (Some(status), _) => status.to_string(),
        (None, Some(failure)) => failure.as_str().to_owned(),
        (None, None) => "-".to_owned(),
    };
    [
        times::shown(view.accepted_at),
        view.id.to_string(),
        view.event.name().to_owned(),
        view.state.as_str().to_owned(),
        answer,
        view.attempts.to_string(),
        view.payload_url.as_deref().map_or_else(|| "(deleted)".to_owned(), harmless),
    ]
}
