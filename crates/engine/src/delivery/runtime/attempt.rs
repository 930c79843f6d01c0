//! One attempt: sign, send, judge, decide what follows, hand the outcome to the writer.

use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::{Change, FailureClass, WebhookTimeout};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Message, Settled};
use crate::changes::Changes;
use crate::clock::Clock;
use crate::cluster::Epoch;
use crate::config::RetryPolicy;
use crate::delivery::erased::Erased;
use crate::delivery::outcome::{OVERLOAD, judge, retry_after_ms};
use crate::delivery::policy::{Failed, MAX_RETRY_AFTER_MS, Next};
use crate::delivery::scheduler::{Answer, Body, Ended, Item};
use crate::delivery::sender::{Exchanged, Outgoing};
use crate::delivery::transport::Transport;
use crate::delivery::under_way::UnderWay;
use crate::delivery::writer::{FinishedAttempt, WriterHandle};
use crate::directory::{Directory, Endpoint};
use crate::meters::Meters;
use crate::nodes::Nodes;
use crate::randomness::Randomness;
use crate::store::{After, AttemptRecord, Pending};
use crate::traces::Traces;
use groundswell_types::signature::sign;

/// What every attempt needs.
pub struct AttemptContext {
    pub transport: Arc<dyn Transport>,
    pub directory: Arc<Directory>,
    pub writer: WriterHandle,
    pub clock: Clock,
    pub randomness: Randomness,
    pub retry: RetryPolicy,
    pub under_way: Arc<UnderWay>,
    pub erased: Arc<Erased>,
    pub changes: Arc<Changes>,
    pub meters: Arc<Meters>,
    pub traces: Arc<Traces>,
    pub nodes: Arc<Nodes>,
}

/// Makes one attempt with the webhook's URL, secret and headers as they are now.
pub(super) async fn make(context: &AttemptContext, mut item: Item, outbox: &mpsc::Sender<Message>) {
    let pending = item.pending;
    let endpoint = context.directory.endpoint(pending.key.endpoint_id);
    let Some(endpoint) = endpoint.filter(|endpoint| endpoint.record.is_enabled) else {
        tell(outbox, Message::Dropped(pending.key)).await;
        return;
    };
    // The last moment: after a pause of the process it may be another node's.
    let Some(epoch) = context.nodes.served.begin(pending.key.endpoint_id) else {
        tell(outbox, Message::Dropped(pending.key)).await;
        return;
    };
    let Some(body) = item.body.take() else {
        return Box::pin(give_up(context, (item, epoch), outbox)).await;
    };
    let started_at_ms = context.clock.now_ms();
    context.under_way.begin(pending.key.delivery_id, pending.attempts);
    if context.erased.has(body.event) {
        context.under_way.end([pending.key.delivery_id]);
        context.nodes.served.ended(pending.key.endpoint_id);
        tell(outbox, Message::Dropped(pending.key)).await;
        return;
    }
    if pending.attempts == 0 && !item.has_waited_for_receiver {
        context.meters.first_attempt(pending.accepted_at_ms, started_at_ms);
    }
    context.nodes.news(std::iter::once((&endpoint.record.program_id, Change::Deliveries)));
    context.changes.tell([(endpoint.flow, Change::Deliveries)]);
    let event = body.event;
    let exchanged = exchange(context, &endpoint, body).await;
    let asked_ms = exchanged.as_ref().and_then(|exchanged| asked_ms(context, exchanged));
    let attempt = match exchanged {
        Some(exchanged) => record(context, pending, exchanged, started_at_ms),
        None => AttemptRecord {
            failure: Some(FailureClass::Misconfigured),
            message: "The webhook's URL can no longer be used.".to_owned(),
            after: follow_up(context, pending, started_at_ms, None).0,
            ..blank(pending, started_at_ms)
        },
    };
    let trace = context.traces.attempted(event, &attempt);
    tracing::debug!(
        event.id = %event,
        delivery.id = %pending.key.delivery_id,
        attempt.number = attempt.number,
        attempt.duration_ms = attempt.duration_ms,
        attempt.status_code = attempt.status_code,
        "an attempt was made"
    );
    let asked_until_ms = asked_ms
        .filter(|asked_ms| *asked_ms > 0)
        .map(|asked_ms| context.clock.now_ms().saturating_add(asked_ms.min(MAX_RETRY_AFTER_MS)));
    let room = context.writer.room().await;
    let webhook = Some(endpoint);
    let finished = FinishedAttempt { item, attempt, epoch, asked_until_ms, trace, webhook };
    tell(outbox, hand_over(context, finished, room)).await;
}

/// Ends deliveries whose deadline passed while their endpoint was failing.
pub(super) async fn end_expired(
    context: &AttemptContext,
    expired: Vec<Pending>,
    outbox: &mpsc::Sender<Message>,
) {
    let now_ms = context.clock.now_ms();
    for pending in expired {
        let Some(epoch) = context.nodes.served.begin(pending.key.endpoint_id) else {
            // Its shard has gone to another node: nobody waits for this ending any more.
            tell(outbox, Message::Settled(vec![Settled { old: pending.key, retry: None }])).await;
            continue;
        };
        let health = context.directory.health(pending.key.endpoint_id);
        let since =
            health.failing_since_ms.map_or_else(String::new, |at_ms| format!(" since {}", http_date(at_ms)));
        let attempt = AttemptRecord {
            number: 0,
            message: format!(
                "The deadline passed while the endpoint was failing: nothing has succeeded{since}, in {} attempts.",
                health.consecutive_failures
            ),
            after: After::Undeliverable,
            ..blank(pending, now_ms)
        };
        if let Some(room) = context.writer.room().await {
            room.send(FinishedAttempt::ending(Item::stored(pending), epoch, attempt));
        }
    }
}

fn http_date(at_ms: i64) -> String {
    let since_epoch = std::time::Duration::from_millis(at_ms.max(0).unsigned_abs());
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since_epoch)
}

/// Ends a delivery whose body is not in the store any more.
async fn give_up(context: &AttemptContext, (item, epoch): (Item, Epoch), outbox: &mpsc::Sender<Message>) {
    let pending = item.pending;
    tracing::error!(
        event.id = (!pending.key.delivery_id.is_resend()).then(|| pending.key.delivery_id.event().to_string()),
        delivery.id = %pending.key.delivery_id,
        "the event of a waiting delivery is not in the store"
    );
    let attempt = AttemptRecord {
        number: 0,
        failure: Some(FailureClass::Misconfigured),
        message: "The event's content is no longer stored.".to_owned(),
        after: After::Undeliverable,
        ..blank(pending, context.clock.now_ms())
    };
    let room = context.writer.room().await;
    tell(outbox, hand_over(context, FinishedAttempt::ending(item, epoch, attempt), room)).await;
}

/// Tells the runtime; when it is gone the engine is stopping, and the rows stand. There is nearly always room, and a future that waits
/// for some is not to be had with every attempt.
async fn tell(outbox: &mpsc::Sender<Message>, message: Message) {
    if let Err(TrySendError::Full(message)) = outbox.try_send(message) {
        let _ = Box::pin(outbox.send(message)).await;
    }
}

/// Gives the outcome to the writer, and says what the runtime is to be told. The slot is free only once the writer has taken it: so a
/// writer that is behind slows sending, and no outcome waits outside a bounded queue.
fn hand_over(
    context: &AttemptContext,
    finished: FinishedAttempt,
    room: Option<mpsc::Permit<'_, FinishedAttempt>>,
) -> Message {
    context.meters.finished(&finished);
    let key = finished.item.pending.key;
    let answer = match (finished.attempt.failure, finished.attempt.status_code) {
        (None, _) => Answer::Success,
        (Some(FailureClass::Timeout), _) => Answer::Timeout,
        (Some(_), Some(status)) if OVERLOAD.contains(&status) => Answer::Overload,
        (Some(_), _) => Answer::Failure,
    };
    let ended = Ended { answer, duration_ms: finished.attempt.duration_ms };
    if let Some(room) = room {
        room.send(finished);
    }
    Message::Finished(key, ended)
}

async fn exchange(
    context: &AttemptContext,
    endpoint: &Endpoint,
    Body { event, bytes }: Body,
) -> Option<Exchanged> {
    let url = endpoint.url.as_ref()?;
    let (id, now_ms) = (event.to_string(), context.clock.now_ms());
    let secrets: Vec<_> = endpoint.record.valid_secrets(now_ms).collect();
    let headers = sign(&secrets, &id, now_ms, &bytes);
    let timeout = endpoint.record.timeout.map(WebhookTimeout::duration);
    let outgoing = Outgoing { url, id: &id, headers: &headers, own: &endpoint.headers, body: bytes, timeout };
    Some(context.transport.send(outgoing).await)
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
        is_response_restricted: false,
        after: After::Delivered,
    }
}

/// How long the receiver asked to wait, in milliseconds.
fn asked_ms(context: &AttemptContext, exchanged: &Exchanged) -> Option<i64> {
    retry_after_ms(exchanged.retry_after.as_deref()?, context.clock.now_ms())
}

fn record(
    context: &AttemptContext,
    pending: Pending,
    exchanged: Exchanged,
    started_at_ms: i64,
) -> AttemptRecord {
    let asked_ms = asked_ms(context, &exchanged);
    let verdict = judge(&exchanged.exchange);
    let mut message = if verdict.failure.is_some() { verdict.message } else { String::new() };
    let after = if verdict.failure.is_none() {
        After::Delivered
    } else {
        let (after, reason) = follow_up(context, pending, started_at_ms, asked_ms);
        if let Some(reason) = reason {
            message.push(' ');
            message.push_str(reason);
        }
        after
    };
    AttemptRecord {
        duration_ms: exchanged.duration_ms,
        failure: verdict.failure,
        status_code: exchanged.status,
        message,
        response_head: exchanged.head,
        response_body: exchanged.body,
        is_response_truncated: exchanged.is_truncated,
        is_response_restricted: exchanged.is_restricted,
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
    match context.retry.next(failed, &mut context.randomness.clone()) {
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
