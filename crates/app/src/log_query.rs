//! What the log's URL says: which deliveries are listed, and what is open beside them.

use std::fmt::Write as _;

use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{
    DeliveryFilter, DeliveryId, DeliveryState, EventKind, ProgramId, ResendJobId, StatusRange, WebhookId,
};

use crate::time;

/// How many deliveries a page has.
pub const PAGE: usize = 50;

/// The query of the log's URL, as far as it makes sense; the rest is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    pub filter: DeliveryFilter,
    /// Where this page of the list begins.
    pub next: Option<DeliveryId>,
    /// The delivery in the side panel.
    pub delivery: Option<DeliveryId>,
    /// The resend job whose end is shown.
    pub job: Option<ResendJobId>,
    /// Whether sending all that match again is asked for, and to be confirmed.
    pub asks_to_resend: bool,
}

impl LogQuery {
    /// Reads a query, without its question mark.
    pub fn parse(query: &str) -> Self {
        let members: Vec<(String, String)> = query
            .split('&')
            .filter_map(|member| member.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        let get = |name: &str| members.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim());
        Self {
            filter: DeliveryFilter {
                state: get("state").and_then(DeliveryState::parse),
                event: get("event").and_then(EventKind::parse),
                webhook_id: get("webhook").and_then(|text| WebhookId::parse(text).ok()),
                status: get("status").and_then(|text| StatusRange::parse(text).ok()),
                since: get("since").and_then(time::parse_utc),
                until: get("until").and_then(time::parse_utc),
                text: get("text").map(str::to_owned),
            },
            next: get("next").and_then(|text| DeliveryId::parse(text).ok()),
            delivery: get("delivery").and_then(|text| DeliveryId::parse(text).ok()),
            job: get("job").and_then(|text| ResendJobId::parse(text).ok()),
            asks_to_resend: get("resend") == Some("all"),
        }
    }

    /// What [`LogQuery::parse`] reads; empty when nothing is asked for.
    pub fn query(&self) -> String {
        let DeliveryFilter { state, event, webhook_id, status, since, until, text } = &self.filter;
        let mut members = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            members.extend(value.map(|value| format!("{name}={}", encoded(&value))));
        };
        add("state", state.map(|state| state.as_str().to_owned()));
        add("event", event.map(|event| event.name().to_owned()));
        add("webhook", webhook_id.as_ref().map(ToString::to_string));
        add("status", status.map(|status| status.to_string()));
        add("since", since.map(time::machine));
        add("until", until.map(time::machine));
        add("text", text.clone());
        add("next", self.next.map(|id| id.to_string()));
        add("resend", self.asks_to_resend.then(|| "all".to_owned()));
        add("job", self.job.map(|id| id.to_string()));
        add("delivery", self.delivery.map(|id| id.to_string()));
        members.join("&")
    }

    /// The URL of a program's log that says this.
    pub fn url(&self, program: &ProgramId) -> String {
        let query = self.query();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("/programs/{program}/deliveries{separator}{query}")
    }

    /// The URL that exports what the filter lets through; `format` is `csv` or `ndjson`.
    pub fn export_url(&self, program: &ProgramId, format: &str) -> String {
        let query = Self { filter: self.filter.clone(), ..Self::default() }.query();
        let separator = if query.is_empty() { "" } else { "&" };
        format!("/programs/{program}/deliveries/export?format={format}{separator}{query}")
    }

    /// What decides about the list: the same page with nothing open beside it.
    #[must_use]
    pub fn list(&self) -> Self {
        Self { filter: self.filter.clone(), next: self.next, ..Self::default() }
    }

    /// What the server is asked for.
    pub fn wanted(&self) -> DeliveryQuery {
        DeliveryQuery { filter: self.filter.clone(), next_id: self.next, newer_than: None, limit: Some(PAGE) }
    }

    /// Whether some deliveries are left out.
    pub fn is_filtered(&self) -> bool {
        self.filter != DeliveryFilter::default()
    }
}

/// As browsers write a form's value into a URL, but for what needs no escape there.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A name or value of a query (URL Standard, section 5.1).
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> ProgramId {
        ProgramId::parse("pabc").expect("valid")
    }

    #[test]
    fn a_url_reads_back() {
        let query = LogQuery {
            filter: DeliveryFilter {
                state: Some(DeliveryState::Retrying),
                event: Some(EventKind::CampaignEnded),
                webhook_id: WebhookId::parse("primary").ok(),
                status: StatusRange::parse("5xx").ok(),
                since: Some(1_785_067_445_123),
                until: Some(1_785_067_500_000),
                text: Some("ada+1@example.com & 100% „ü“".to_owned()),
            },
            next: Some(DeliveryId::from_number(17)),
            delivery: Some(DeliveryId::from_number(18)),
            job: Some(ResendJobId::from_number(3)),
            asks_to_resend: true,
        };
        let url = query.url(&program());
        assert_eq!(
            url,
            "/programs/pabc/deliveries?state=retrying&event=CAMPAIGN_ENDED&webhook=primary&status=5xx\
             &since=2026-07-26T12:04:05.123Z&until=2026-07-26T12:05:00.000Z\
             &text=ada%2B1@example.com%20%26%20100%25%20%E2%80%9E%C3%BC%E2%80%9C&next=dlv_000000000000h\
             &resend=all&job=rsj_0000000000003&delivery=dlv_000000000000j"
        );
        assert_eq!(LogQuery::parse(url.split_once('?').expect("a query").1), query);
        assert_eq!(LogQuery::default().url(&program()), "/programs/pabc/deliveries");
        assert_eq!(
            query.list().export_url(&program(), "csv"),
            url.replace("deliveries?", "deliveries/export?format=csv&")
                .split("&next")
                .next()
                .unwrap_or_default()
        );
    }

    #[test]
    fn a_form_without_javascript_is_understood() {
        let query = LogQuery::parse(
            "text=+Ada+Lovelace+&state=&event=&webhook=&status=500-504&since=2026-07-26T12%3A04&until=",
        );
        let filter = DeliveryFilter {
            text: Some("Ada Lovelace".to_owned()),
            status: StatusRange::parse("500-504").ok(),
            since: Some(1_785_067_440_000),
            ..DeliveryFilter::default()
        };
        assert_eq!(query, LogQuery { filter, ..LogQuery::default() });
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        let query = "state=lost&event=&next=17&delivery=x&a=b&status=5&since=yesterday&job=1&resend=one&x";
        assert_eq!(LogQuery::parse(query), LogQuery::default());
        assert_eq!(LogQuery::parse(""), LogQuery::default());
        assert_eq!(LogQuery::parse("text=100%&b=%f").filter.text.as_deref(), Some("100%"));
        assert_eq!(LogQuery::parse("text=%€1").filter.text.as_deref(), Some("%€1"));
    }
}
