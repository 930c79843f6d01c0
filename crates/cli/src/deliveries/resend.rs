//! Sending again: some deliveries by their ids, or all that match.

use groundswell_types::{DeliveryFilter, DeliveryView, ResendSelection};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Filter;
use crate::Surroundings;
use crate::api::{Api, segment};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::program::chosen;
use crate::terminal::{Output, Terminal};

/// Sends deliveries again, with the same bytes and the same webhook-id.
///
/// Give ids, or a filter. With a filter the number of deliveries is shown first; --yes sends them. Only deliveries that
/// have ended are sent again.
#[derive(Debug, clap::Args)]
pub struct Resend {
    /// The deliveries' ids.
    #[arg(value_name = "DELIVERY")]
    deliveries: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Sends all that match the filter.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Count {
    total: i64,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    total: i64,
}

impl Resend {
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        let filter = self.filter.read((surroundings.now_ms)())?;
        let has_filter = filter != DeliveryFilter::default();
        if self.deliveries.is_empty() != has_filter {
            return Err(Failure::new(
                "It is not clear which deliveries are meant.",
                "Give their ids, or a filter such as --state undeliverable --since 2d, and not both.",
            ));
        }
        let mut terminal = Terminal::new(&self.output);
        let api = Api::new(&self.connection)?;
        let program = segment(chosen(&api, &self.connection)?.id.as_str());
        if has_filter {
            let path = format!("/v2/campaign/{program}/resends");
            let text = api.post_text(&path, &self.asked(filter)?, &[])?;
            return self.tell_of_all(&api, &text, &mut terminal);
        }
        for id in &self.deliveries {
            let path = format!("/v2/campaign/{program}/deliveries/{}/resend", segment(id));
            let text = api.post_text(&path, &json!({}), &[])?;
            if terminal.is_json() {
                terminal.line(&text)?;
                continue;
            }
            let new: DeliveryView = api.read(&text)?;
            terminal.line(&format!("{id} is queued again as {}", new.id))?;
        }
        Ok(())
    }

    /// All that match; without `--yes` they are only counted.
    fn asked(&self, filter: DeliveryFilter) -> Result<Value, Failure> {
        let mut body =
            serde_json::to_value(ResendSelection::matching(filter)).map_err(std::io::Error::from)?;
        if let Value::Object(members) = &mut body {
            members.retain(|_, value| !value.is_null());
            members.insert("dryRun".to_owned(), Value::Bool(!self.yes));
        }
        Ok(body)
    }

    fn tell_of_all(&self, api: &Api<'_>, text: &str, terminal: &mut Terminal) -> Result<(), Failure> {
        if terminal.is_json() {
            return terminal.line(text);
        }
        if self.yes {
            let Job { id, total } = api.read(text)?;
            let line =
                format!("{id} sends {total} deliveries again; the Program Editor shows how far it is.");
            return terminal.line(&line);
        }
        let Count { total } = api.read(text)?;
        terminal.line(&format!("{total} deliveries match. --yes sends them again."))
    }
}
