//! Posting an event to the developer's machine, as a webhook would get it.

use std::time::Duration;

use groundswell_types::signature::{
    PRODUCT_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign,
};
use groundswell_types::{PayloadUrl, Secret};

use super::messages::StreamedEvent;
use crate::api::{self, AGENT};

/// As long as the slowest webhook has.
const LIMIT: Duration = Duration::from_secs(30);

/// Posts to one URL, signed with one secret.
pub struct Forwarder {
    agent: ureq::Agent,
    target: PayloadUrl,
    secret: Secret,
    now_ms: fn() -> i64,
}

/// What came of an event.
#[derive(Debug)]
pub struct Forwarded {
    pub status: Option<u16>,
    /// Why there is no answer.
    pub trouble: Option<String>,
    pub at_ms: i64,
    pub duration_ms: i64,
}

impl Forwarder {
    pub fn new(target: PayloadUrl, secret: Secret, now_ms: fn() -> i64) -> Self {
        let config = api::client().timeout_global(Some(LIMIT)).build();
        Self { agent: config.into(), target, secret, now_ms }
    }

    /// Where to, as it was typed.
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    /// Posts an event, once. What goes wrong is the result.
    pub fn forward(&self, event: &StreamedEvent) -> Forwarded {
        let at_ms = (self.now_ms)();
        let signed = sign(&[&self.secret], &event.id, at_ms, event.body.as_bytes());
        let mut request = self
            .agent
            .post(self.target.url().as_str())
            .header("content-type", "application/json")
            .header("user-agent", AGENT)
            .header(WEBHOOK_ID, &event.id)
            .header(WEBHOOK_TIMESTAMP, &signed.timestamp);
        for (name, value) in [(WEBHOOK_SIGNATURE, &signed.standard), (PRODUCT_SIGNATURE, &signed.product)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        // As far as a webhook's answer is read.
        let answer = request.send(event.body.as_bytes()).and_then(|mut response| {
            let status = response.status().as_u16();
            match response.body_mut().with_config().limit(16 * 1024).read_to_vec() {
                Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => Ok(status),
                Err(error) => Err(error),
            }
        });
        let duration_ms = (self.now_ms)().saturating_sub(at_ms).max(0);
        match answer {
            Ok(status) => Forwarded { status: Some(status), trouble: None, at_ms, duration_ms },
            Err(error) => Forwarded { status: None, trouble: Some(api::reason(&error)), at_ms, duration_ms },
        }
    }
}
