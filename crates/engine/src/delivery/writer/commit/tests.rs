//! What the runtime is told of outcomes that come late.

use bytes::Bytes;
use groundswell_types::FailureClass;

use super::super::tests::{Fixture, fixture};
use super::*;
use crate::cluster::Epoch;
use crate::store::{After, AttemptRecord};

const ENDPOINT: EndpointId = EndpointId(3);

/// A failed attempt at a delivery.
pub fn failed(delivery: i64) -> FinishedAttempt {
    let key =
        PendingKey { endpoint_id: ENDPOINT, due_at_ms: 0, delivery_id: DeliveryId::from_number(delivery) };
    let pending = Pending { key, attempts: 0, accepted_at_ms: 0, expires_at_ms: i64::MAX };
    let attempt = AttemptRecord {
        delivery_id: key.delivery_id,
        endpoint_id: ENDPOINT,
        number: 1,
        started_at_ms: 0,
        duration_ms: 5,
        failure: Some(FailureClass::Timeout),
        status_code: None,
        message: String::new(),
        response_head: String::new(),
        response_body: Bytes::new(),
        is_response_truncated: false,
        is_response_restricted: false,
        after: After::Retry(1_000),
    };
    FinishedAttempt::ending(Item::stored(pending), Epoch::default(), attempt)
}

/// What the runtime is told when two attempts turn out to be so.
async fn told(whose: Whose) -> Vec<Message> {
    let Fixture { mut writer, mut inbox, .. } = fixture().await;
    let finished = vec![failed(1), failed(2)];
    let (batch, _) = writer.batch_of(Vec::new(), &finished);
    let fates = vec![Fate::Committed(whose), Fate::Committed(whose)];
    writer.settle((finished, Duration::ZERO), &batch, fates).await;
    let mut told = Vec::new();
    while let Ok(message) = inbox.try_recv() {
        told.push(message);
    }
    told
}

#[tokio::test]
async fn what_was_fenced_in_a_shard_that_is_taken_anew_has_its_endpoint_read_again() {
    let messages = told(Whose::Another).await;
    assert!(
        matches!(messages.as_slice(), [Message::Settled(settled), Message::Opened(ENDPOINT)] if settled.len() == 2),
        "once the attempts are settled, and once: {}",
        messages.len()
    );
    for whose in [Whose::Ours, Whose::Nobody] {
        assert!(matches!(told(whose).await.as_slice(), [Message::Settled(_)]), "{whose:?}");
    }
}
