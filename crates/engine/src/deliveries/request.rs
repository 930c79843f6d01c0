//! What a delivery is sent with, for showing. Requests are not kept: all of it follows from the event and the webhook.

use bytes::Bytes;
use groundswell_types::{EventId, RequestHead};

use crate::delivery::sender::Outgoing;
use crate::directory::Endpoint;
use crate::test_deliveries::shown_headers;
use groundswell_types::signature::SignedHeaders;

/// The head of a request with an event to a webhook at a time, Unix milliseconds; none when its URL cannot be requested.
pub(super) fn head(endpoint: &Endpoint, event: EventId, at_ms: i64) -> Option<RequestHead> {
    let url = endpoint.url.as_ref()?;
    let masked = |name: &str| endpoint.record.secret.as_ref().map(|_| format!("<value of {name}>"));
    let headers = SignedHeaders {
        timestamp: at_ms.div_euclid(1000).to_string(),
        product: masked("growsurf-signature"),
        standard: masked("webhook-signature"),
    };
    let id = event.to_string();
    let own = &endpoint.headers;
    let outgoing = Outgoing { url, id: &id, headers: &headers, own, body: Bytes::new(), timeout: None };
    Some(RequestHead { url: url.as_str().to_owned(), headers: shown_headers(&outgoing) })
}
