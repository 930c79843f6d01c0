//! One attempt: sign, send, judge, decide what follows, hand the outcome to the writer.

use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::{EventId, FailureClass};
use tokio::sync::mpsc;

use super::Message;
use crate::clock::Clock;
use crate::config::RetryPolicy;
use crate::delivery::outcome::{judge, retry_after_ms};
use crate::delivery::policy::{Failed, Next};
use crate::delivery::scheduler::Item;
use crate::delivery::sender::{Exchanged, Outgoing, Sender};
use crate::delivery::signer::sign;
use crate::delivery::writer::{FinishedAttempt, WriterHandle};
use crate::directory::{Directory, Endpoint};
use crate::store::{After, AttemptRecord, Pending};

/// What every attempt needs.
pub struct AttemptContext {
    pub sender: Sender,
    pub directory: Arc<Directory>,
    pub writer: WriterHandle,
    pub clock: Clock,
    pub retry: RetryPolicy,
}

/// Makes one attempt with the webhook's URL and secret as they are now.
pub(super) async fn make(
    context: &AttemptContext,
    pending: Pending,
    body: Bytes,
    outbox: &mpsc::Sender<Message>,
) {
    let endpoint = context.directory.endpoint(pending.key.endpoint_id);
    let Some(endpoint) = endpoint.filter(|endpoint| endpoint.record.is_enabled) else {
        let _ = outbox.send(Message::Dropped(pending.key)).await;
        return;
    };
    let started_at_ms = context.clock.now_ms();
    let exchanged = exchange(context, &endpoint, pending.key.delivery_id.event(), body).await;
    let attempt = match exchanged {
        Some(exchanged) => record(context, pending, exchanged, started_at_ms),
        None => AttemptRecord {
            failure: Some(FailureClass::Misconfigured),
            message: "The webhook's URL can no longer be used.".to_owned(),
            after: follow_up(context, pending, started_at_ms, None).0,
            ..blank(pending, started_at_ms)
        },
    };
    tracing::debug!(
        delivery.id = %pending.key.delivery_id,
        attempt.number = attempt.number,
        attempt.duration_ms = attempt.duration_ms,
        attempt.status_code = attempt.status_code,
        "an attempt was made"
    );
    hand_over(context, pending, attempt, outbox).await;
}

/// Ends a delivery whose body is not in the store any more.
pub(super) async fn give_up(context: &AttemptContext, pending: Pending, outbox: &mpsc::Sender<Message>) {
    tracing::error!(delivery.id = %pending.key.delivery_id, "the event of a waiting delivery is not in the store");
    let attempt = AttemptRecord {
        number: 0,
        failure: Some(FailureClass::Misconfigured),
        message: "The event's content is no longer stored.".to_owned(),
        after: After::Undeliverable,
        ..blank(pending, context.clock.now_ms())
    };
    hand_over(context, pending, attempt, outbox).await;
}

/// The slot is free only once the writer has taken the outcome: so a writer that is behind slows sending, and no
/// outcome waits outside a bounded queue.
async fn hand_over(
    context: &AttemptContext,
    pending: Pending,
    attempt: AttemptRecord,
    outbox: &mpsc::Sender<Message>,
) {
    context.writer.finish(FinishedAttempt { item: Item { pending, body: None }, attempt }).await;
    let _ = outbox.send(Message::Finished(pending.key.endpoint_id)).await;
}

async fn exchange(
    context: &AttemptContext,
    endpoint: &Endpoint,
    event: EventId,
    body: Bytes,
) -> Option<Exchanged> {
    let url = endpoint.url.as_ref()?;
    let (id, now_ms) = (event.to_string(), context.clock.now_ms());
    let secrets: Vec<_> = endpoint.record.secret.iter().collect();
    let headers = sign(&secrets, &id, now_ms, &body);
    Some(context.sender.send(Outgoing { url: url.url(), id: &id, headers: &headers, body }).await)
}

fn blank(pending: Pending, started_at_ms: i64) -> AttemptRecord {
    AttemptRecord {
        delivery_id: pending.key.delivery_id,
        endpoint_id: pending.key.endpoint_id,
        number: pending.attempts + 1,
        started_at_ms,
        duration_ms: 0,
        failure: None,
        status_code: None,
        message: String::new(),
        response_head: String::new(),
        response_body: Bytes::new(),
        is_response_truncated: false,
        after: After::Delivered,
    }
}

fn record(
    context: &AttemptContext,
    pending: Pending,
    exchanged: Exchanged,
    started_at_ms: i64,
) -> AttemptRecord {
    let verdict = judge(&exchanged.exchange);
    let mut message = if verdict.failure.is_some() { verdict.message } else { String::new() };
    let after = if verdict.failure.is_none() {
        After::Delivered
    } else {
        let asked_ms =
            exchanged.retry_after.as_deref().and_then(|value| retry_after_ms(value, context.clock.now_ms()));
        let (after, reason) = follow_up(context, pending, started_at_ms, asked_ms);
        if let Some(reason) = reason {
            message.push(' ');
            message.push_str(reason);
        }
        after
    };
    let mut response_head = String::new();
    for (name, value) in &exchanged.head {
        response_head.push_str(name);
        response_head.push_str(": ");
        response_head.push_str(value);
        response_head.push('\n');
    }
    AttemptRecord {
        duration_ms: exchanged.duration_ms,
        failure: verdict.failure,
        status_code: exchanged.status,
        message,
        response_head,
        response_body: exchanged.body,
        is_response_truncated: exchanged.is_truncated,
        after,
        ..blank(pending, started_at_ms)
    }
}

fn follow_up(
    context: &AttemptContext,
    pending: Pending,
    started_at_ms: i64,
    retry_after_ms: Option<i64>,
) -> (After, Option<&'static str>) {
    let failed = Failed {
        attempts: pending.attempts + 1,
        started_at_ms,
        now_ms: context.clock.now_ms(),
        expires_at_ms: pending.expires_at_ms,
        retry_after_ms,
    };
    match context.retry.next(failed, &mut rand::rng()) {
        Next::At(due_at_ms) => (After::Retry(due_at_ms), None),
        Next::DeadlinePassed => {
            (After::Undeliverable, Some("The deadline has passed, so no further attempt is made."))
        }
        Next::RetryAfterPastDeadline => (
            After::Undeliverable,
            Some("The receiver asked to wait until after the deadline, so no further attempt is made."),
        ),
    }
}
