//! What a delivery is sent with, for showing. Requests are not kept: all of it follows from the event and the webhook.

use bytes::Bytes;
use groundswell_types::{EventId, HeaderView, RequestHead};

use crate::delivery::sender::{Outgoing, Sender};
use crate::delivery::signer::SignedHeaders;
use crate::directory::Endpoint;

/// The head of a request with an event to a webhook at a time, Unix milliseconds; none when its URL cannot be requested.
pub(super) fn head(endpoint: &Endpoint, event: EventId, at_ms: i64) -> Option<RequestHead> {
    let url = endpoint.url.as_ref()?.url();
    let masked = |name: &str| endpoint.record.secret.as_ref().map(|_| format!("<value of {name}>"));
    let headers = SignedHeaders {
        timestamp: at_ms.div_euclid(1000).to_string(),
        product: masked("growsurf-signature"),
        standard: masked("webhook-signature"),
    };
    let id = event.to_string();
    let outgoing = Outgoing { url, id: &id, headers: &headers, body: Bytes::new(), timeout: None };
    let headers = Sender::headers(&outgoing).into_iter();
    let headers = headers.map(|(name, value)| HeaderView { name: name.to_owned(), value }).collect();
    Some(RequestHead { url: url.as_str().to_owned(), headers })
}
