//! Test deliveries: a sample event sent for real, through the same signer, guard and client as every delivery. A
//! test is logged as a test and changes no counter and no state. It is signed with the newest secret alone, also while
//! the one before it is still valid: so a 2xx says that the receiver does without the old one.

mod limit;

use bytes::Bytes;
use groundswell_types::sample::SampleProgram;
use groundswell_types::{
    Change, EventKind, HeaderView, PayloadUrl, ProgramId, RequestView, ResponseView, Secret, TestId,
    TestView, WebhookId, WebhookTimeout,
};

pub(crate) use self::limit::TestLimit;
use crate::delivery::outcome::{judge, with_location};
use crate::delivery::own_headers::OwnHeaders;
use crate::delivery::sender::{Exchanged, Outgoing, Sender, head_lines};
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointId, StoreError, TestRecord};
use groundswell_types::signature::sign;

/// What a test is sent to.
pub(crate) struct TestTarget {
    pub url: PayloadUrl,
    pub secret: Option<Secret>,
    pub event: EventKind,
    /// None is what the configuration says.
    pub timeout: Option<WebhookTimeout>,
    pub headers: OwnHeaders,
    /// The live webhook that this is, or is a draft of.
    pub live: Option<EndpointId>,
}

impl Engine {
    /// Tests a live webhook; without `event` with the first it is subscribed to.
    pub async fn test_webhook(
        &self,
        program: &ProgramId,
        id: &WebhookId,
        event: Option<EventKind>,
    ) -> Result<TestView, EngineError> {
        let entry = self.program_entry(program)?;
        let endpoint = entry.webhook(id).ok_or(EngineError::NotFound("webhook"))?;
        let event = event.or_else(|| endpoint.record.events.first().copied()).ok_or_else(|| {
            EngineError::invalid("/event", "is required: this webhook is subscribed to no events")
        })?;
        // Whether it may be reached is decided where it is sent, as for deliveries: a receiver that cannot be is what a test is
        // to find out.
        let url = PayloadUrl::parse(&endpoint.record.url)
            .map_err(|error| EngineError::invalid("/payloadUrl", error.to_string()))?;
        let target = TestTarget {
            url,
            secret: endpoint.record.secret.clone(),
            event,
            timeout: endpoint.record.timeout,
            headers: endpoint.headers.clone(),
            live: Some(endpoint.record.id),
        };
        self.send_test(&entry, target).await
    }

    /// A test that was made before.
    pub async fn test_result(&self, program: &ProgramId, id: TestId) -> Result<TestView, EngineError> {
        let record = self.store.test(program, id).await?.ok_or(EngineError::NotFound("test"))?;
        serde_json::from_str(&record.view_json)
            .map_err(|_| EngineError::Store(StoreError::Damaged(format!("test {id} cannot be read"))))
    }

    /// Sends a test, keeps it in the log and returns what came of it. There are so many a minute at most, however they
    /// are asked for.
    pub(crate) async fn send_test(
        &self,
        entry: &ProgramEntry,
        target: TestTarget,
    ) -> Result<TestView, EngineError> {
        let started_at_ms = self.clock.now_ms();
        self.test_limit
            .take(&entry.record.id, started_at_ms)
            .map_err(|wait_ms| EngineError::TooManyTests { wait_ms })?;
        let id = self.ids.test();
        let body = sample_body(entry, target.event, started_at_ms);
        let id_text = id.to_string();
        let secrets: Vec<_> = target.secret.iter().collect();
        let headers = sign(&secrets, &id_text, started_at_ms, &body);
        let outgoing = Outgoing {
            url: target.url.url(),
            id: &id_text,
            headers: &headers,
            own: &target.headers,
            body: body.clone(),
            timeout: target.timeout.map(WebhookTimeout::duration),
        };
        let headers = shown_headers(&outgoing);
        let exchanged = self.transport.send(outgoing).await;
        let verdict = judge(&exchanged.exchange);
        let view = TestView {
            id,
            event: target.event,
            started_at: started_at_ms,
            duration_ms: exchanged.duration_ms,
            success: verdict.failure.is_none(),
            failure: verdict.failure,
            message: message(verdict.message, &exchanged),
            advice: verdict.advice.map(str::to_owned),
            request: RequestView {
                url: target.url.as_str().to_owned(),
                headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            },
            response: response_view(&exchanged),
        };
        let view_json = serde_json::to_string(&view)
            .map_err(|_| EngineError::Refused("The result cannot be shown.".to_owned()))?;
        let program_id = entry.record.id.clone();
        self.store.save_test(&TestRecord { id, program_id, started_at_ms, view_json }).await?;
        self.changes.tell([(entry.flow, Change::Deliveries)]);
        if view.success {
            self.note_accepted(&entry.record.id, target, started_at_ms).await?;
        }
        Ok(view)
    }
}

/// The bytes a test sends: the sample the documentation shows, about this program, at this time.
fn sample_body(entry: &ProgramEntry, event: EventKind, now_ms: i64) -> Bytes {
    let program = SampleProgram {
        id: entry.record.id.as_str(),
        name: &entry.record.name,
        kind: entry.record.kind,
        currency: entry.record.currency.as_str(),
    };
    Bytes::from(groundswell_types::sample::sample_body(event, program, now_ms))
}

/// What a request is sent with, for people: the values of the webhook's own headers are secrets.
pub(crate) fn shown_headers(outgoing: &Outgoing<'_>) -> Vec<HeaderView> {
    let ours = Sender::headers(outgoing)
        .map(|(name, value)| HeaderView { name: name.to_owned(), value: value.to_owned() });
    ours.chain(outgoing.own.iter().map(|(name, _)| HeaderView::masked(name.as_str()))).collect()
}

/// What is said of it, with what only the head of a restricted answer tells.
fn message(said: String, exchanged: &Exchanged) -> String {
    match exchanged.status {
        Some(status) if exchanged.is_restricted => {
            let location = head_lines(&exchanged.head).find(|(name, _)| *name == "location");
            with_location(said, status, location.map(|(_, value)| value))
        }
        _ => said,
    }
}

fn response_view(exchanged: &Exchanged) -> Option<ResponseView> {
    Some(ResponseView {
        headers: head_lines(&exchanged.head)
            .map(|(name, value)| HeaderView { name: name.to_owned(), value: value.to_owned() })
            .collect(),
        body: String::from_utf8_lossy(&exchanged.body).into_owned(),
        truncated: exchanged.is_truncated,
        restricted: exchanged.is_restricted,
        ..ResponseView::of(exchanged.status?)
    })
}
