//! What the log's URL says: which deliveries are listed, and which of them is open.

use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{DeliveryId, DeliveryState, EventKind, ProgramId, WebhookId};
use leptos_router::params::ParamsMap;

/// How many deliveries a page has.
const PAGE: usize = 50;

/// The query of the log's URL, as far as it makes sense; the rest is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    pub state: Option<DeliveryState>,
    pub event: Option<EventKind>,
    pub webhook: Option<WebhookId>,
    /// Where this page of the list begins.
    pub next: Option<DeliveryId>,
    /// The delivery in the side panel.
    pub delivery: Option<DeliveryId>,
}

impl LogQuery {
    /// Reads a URL's query.
    pub fn read(params: &ParamsMap) -> Self {
        let get = |name: &str| params.get(name).filter(|value| !value.is_empty());
        Self {
            state: get("state").and_then(|text| DeliveryState::parse(&text)),
            event: get("event").and_then(|text| EventKind::parse(&text)),
            webhook: get("webhook").and_then(|text| WebhookId::parse(&text).ok()),
            next: get("next").and_then(|text| DeliveryId::parse(&text).ok()),
            delivery: get("delivery").and_then(|text| DeliveryId::parse(&text).ok()),
        }
    }

    /// The URL of a program's log that says this. No value needs escaping: they are words and ids.
    pub fn url(&self, program: &ProgramId) -> String {
        let mut members = Vec::new();
        let mut add =
            |name: &str, value: Option<String>| members.extend(value.map(|value| format!("{name}={value}")));
        add("state", self.state.map(|state| state.as_str().to_owned()));
        add("event", self.event.map(|event| event.name().to_owned()));
        add("webhook", self.webhook.as_ref().map(ToString::to_string));
        add("next", self.next.map(|id| id.to_string()));
        add("delivery", self.delivery.map(|id| id.to_string()));
        let separator = if members.is_empty() { "" } else { "?" };
        format!("/programs/{program}/deliveries{separator}{}", members.join("&"))
    }

    /// What the server is asked for.
    pub fn wanted(&self) -> DeliveryQuery {
        DeliveryQuery {
            state: self.state,
            event: self.event,
            webhook_id: self.webhook.clone(),
            next_id: self.next,
            limit: Some(PAGE),
        }
    }

    /// Whether some deliveries are left out.
    pub const fn is_filtered(&self) -> bool {
        self.state.is_some() || self.event.is_some() || self.webhook.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back() {
        let program = ProgramId::parse("pabc").expect("valid");
        let query = LogQuery {
            state: Some(DeliveryState::Retrying),
            event: Some(EventKind::CampaignEnded),
            webhook: WebhookId::parse("primary").ok(),
            next: Some(DeliveryId::from_number(17)),
            delivery: Some(DeliveryId::from_number(18)),
        };
        let url = query.url(&program);
        assert_eq!(
            url,
            "/programs/pabc/deliveries?state=retrying&event=CAMPAIGN_ENDED&webhook=primary&next=dlv_000000000000h\
             &delivery=dlv_000000000000j"
        );
        let mut params = ParamsMap::new();
        for member in url.split_once('?').expect("a query").1.split('&') {
            let (name, value) = member.split_once('=').expect("a value");
            params.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(LogQuery::read(&params), query);
        assert_eq!(LogQuery::default().url(&program), "/programs/pabc/deliveries");
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        let mut params = ParamsMap::new();
        for (name, value) in [("state", "lost"), ("event", ""), ("next", "17"), ("delivery", "x"), ("a", "b")]
        {
            params.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(LogQuery::read(&params), LogQuery::default());
    }
}
