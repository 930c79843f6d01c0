//! `groundswell health`: whether a server is ready, for what watches over it: a container has no other program to ask with.

use crate::api::{Probe, probe};
use crate::connection::Server;
use crate::failure::Failure;
use crate::terminal::{Output, Terminal, Tone};

/// Asks whether a server can accept and deliver events.
///
/// It is what `GET /readyz` answers, within five seconds. Exit code 1 means that it cannot, or that there is none.
#[derive(Debug, clap::Args)]
pub struct Health {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Health {
    pub fn run(&self) -> Result<(), Failure> {
        let base = self.server.base()?;
        match probe(&base) {
            Probe::Groundswell { is_ready: true, .. } => {
                let mut terminal = Terminal::new(&self.output);
                if terminal.is_json() {
                    return terminal.json(&serde_json::json!({ "ready": true }));
                }
                let word = terminal.toned(Tone::Good, "ready");
                terminal.line(&word)
            }
            Probe::Groundswell { is_ready: false, .. } => Err(Failure::passing(
                format!("{base} is not ready: it is starting, or its database is away."),
                "Its log says which; `groundswell doctor` examines the rest.",
            )),
            Probe::Other(status) => Err(Failure::new(
                format!("{base} is no Groundswell: it answered {status} to /readyz."),
                "Give its address with --url or GROUNDSWELL_URL.",
            )),
            Probe::Nothing(why) => Err(Failure::passing(
                format!("{base} cannot be reached: {why}."),
                "Is the server running? --url or GROUNDSWELL_URL says where it is.",
            )),
        }
    }
}
