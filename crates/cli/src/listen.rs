//! `groundswell listen`: a program's events at a developer's machine, without a public URL.

mod forward;
pub(crate) mod messages;

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::Duration;

use groundswell_types::{EventKind, PayloadUrl, Secret};
use serde_json::json;

use self::forward::{Forwarded, Forwarder};
use self::messages::{Message, Messages, StreamedEvent};
use crate::Surroundings;
use crate::api::{Api, query, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::program::chosen;
use crate::terminal::{Output, Terminal, Tone, harmless};
use crate::times;
use crate::trigger;

/// The wait before connecting again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);

const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Brings a program's events to a server on this machine, as they are accepted.
///
/// Each event is posted with exactly the bytes that a webhook gets, signed with a secret of this listening: the webhooks'
/// own secrets stay where they are. No webhook and no public URL is needed. After a lost connection it goes on behind the
/// last event, so none is missed and none comes twice. Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub struct Listen {
    /// Where to post events to, for example http://localhost:8080/webhooks.
    #[arg(long, value_name = "URL", value_parser = target)]
    forward_to: PayloadUrl,
    /// Only these events, comma-separated.
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = trigger::event)]
    events: Vec<EventKind>,
    /// The secret to sign with, the one your receiver has; without it a new one is made and printed.
    #[arg(long, env = "GROUNDSWELL_WEBHOOK_SECRET", value_name = "SECRET", value_parser = secret, hide_env_values = true)]
    secret: Option<Secret>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

fn target(text: &str) -> Result<PayloadUrl, String> {
    PayloadUrl::parse(text).map_err(|error| error.to_string())
}

/// Reads a secret.
pub fn secret(text: &str) -> Result<Secret, String> {
    Secret::parse(text).map_err(|error| error.to_string())
}

fn not_understood(error: &std::io::Error) -> Failure {
    Failure::new(
        format!("What the stream says is not understood ({error})."),
        "Server and command line may be of different versions; `groundswell --version` tells this one's.",
    )
}

impl Listen {
    pub fn run(self, surroundings: &Surroundings) -> Result<(), Failure> {
        let api = Api::new(&self.connection)?;
        let program = chosen(&api, &self.connection)?;
        let is_given = self.secret.is_some();
        let secret =
            self.secret.clone().unwrap_or_else(|| Secret::from_random(&(surroundings.random_bytes)()));
        let names: Vec<&str> = self.events.iter().map(|kind| kind.name()).collect();
        let mut listening = Listening {
            api: &api,
            path: format!("/v2/campaign/{}/events/stream", segment(program.id.as_str())),
            events: (!names.is_empty()).then(|| names.join(",")),
            after: None,
            forwarder: Forwarder::new(self.forward_to, secret.clone(), surroundings.now_ms),
            terminal: Terminal::new(&self.output),
        };
        // Before anything is said: with a wrong key or no server there is nothing to listen to.
        let mut messages = listening.open()?;
        listening.greet(&program.name, &secret, is_given)?;
        loop {
            listening.hear(&mut messages)?;
            messages = listening.reopen()?;
        }
    }
}

struct Listening<'a> {
    api: &'a Api<'a>,
    path: String,
    events: Option<String>,
    /// Everything up to this event was heard.
    after: Option<String>,
    forwarder: Forwarder,
    terminal: Terminal,
}

impl Listening<'_> {
    /// Opens the stream behind what was heard. The first message says where it begins: with it in hand nothing is lost,
    /// whatever happens to the connection.
    fn open(&mut self) -> Result<Messages<crate::api::Stream>, Failure> {
        let asked = query([("after", self.after.clone()), ("events", self.events.clone())]);
        let mut messages = Messages::new(self.api.stream(&format!("{}{asked}", self.path))?);
        let first = messages.next().ok().flatten();
        let broke =
            || Failure::passing(format!("{} ended the stream at once.", self.api.base()), "Try again.");
        self.after = Some(first.ok_or_else(broke)?.id);
        Ok(messages)
    }

    /// Forwards events until the connection ends.
    fn hear(&mut self, messages: &mut Messages<crate::api::Stream>) -> Result<(), Failure> {
        loop {
            let Message { id, event } = match messages.next() {
                Ok(Some(message)) => message,
                Err(error) if error.kind() == ErrorKind::InvalidData => return Err(not_understood(&error)),
                Ok(None) | Err(_) => return Ok(()),
            };
            if let Some(event) = event {
                let forwarded = self.forwarder.forward(&event);
                self.tell(&event, &forwarded)?;
            }
            self.after = Some(id);
        }
    }

    /// Tries until there is a stream again; fails when there will be none.
    fn reopen(&mut self) -> Result<Messages<crate::api::Stream>, Failure> {
        let mut wait = FIRST_WAIT;
        self.remark(Tone::Doubtful, "The connection is gone; connecting again …")?;
        loop {
            sleep(wait);
            match self.open() {
                Ok(messages) => {
                    self.remark(Tone::Faint, "Connected again; nothing was missed.")?;
                    return Ok(messages);
                }
                Err(failure) if failure.is_passing() => wait = (wait * 2).min(LONGEST_WAIT),
                Err(failure) => return Err(failure),
            }
        }
    }

    fn greet(&mut self, program: &str, secret: &Secret, is_given: bool) -> Result<(), Failure> {
        let to = self.forwarder.target().to_owned();
        if self.terminal.is_json() {
            let secret = (!is_given).then(|| secret.expose());
            return self.terminal.json(&json!({ "listening": true, "forwardTo": to, "secret": secret }));
        }
        let program = self.terminal.toned(Tone::Strong, &harmless(program));
        self.terminal.line(&format!("Listening to {program}, forwarding to {to}. Ctrl-C ends it."))?;
        if is_given {
            return self.terminal.line("Signed with the secret given.");
        }
        let shown = self.terminal.toned(Tone::Strong, secret.expose());
        self.terminal.line(&format!("Signed with a secret of this listening: {shown}"))
    }

    fn tell(&mut self, event: &StreamedEvent, forwarded: &Forwarded) -> Result<(), Failure> {
        let Forwarded { status, duration_ms, trouble, at_ms } = forwarded;
        if self.terminal.is_json() {
            return self.terminal.json(&json!({
                "id": event.id, "event": event.event, "createdAt": event.created_at,
                "status": status, "durationMs": duration_ms, "error": trouble,
            }));
        }
        let (tone, outcome) = match (status, trouble) {
            (Some(status @ 200..300), None) => (Tone::Good, status.to_string()),
            (Some(status), None) => (Tone::Bad, status.to_string()),
            (_, Some(trouble)) => (Tone::Bad, harmless(trouble)),
            (None, None) => (Tone::Bad, "no answer".to_owned()),
        };
        let line = format!(
            "{} {} {} {} in {duration_ms} ms",
            self.terminal.toned(Tone::Faint, &times::shown(*at_ms)),
            harmless(&event.event),
            self.terminal.toned(Tone::Faint, &harmless(&event.id)),
            self.terminal.toned(tone, &outcome),
        );
        self.terminal.line(&line)
    }

    /// Beside the events: for people alone.
    fn remark(&mut self, tone: Tone, text: &str) -> Result<(), Failure> {
        if self.terminal.is_json() {
            return Ok(());
        }
        let text = self.terminal.toned(tone, text);
        self.terminal.line(&text)
    }
}
