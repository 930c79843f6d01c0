//! Records for tests, told apart by small numbers.

use bytes::Bytes;
use groundswell_engine::store::{
    Accept, Accepted, After, AttemptRecord, Batch, EndpointId, EndpointRecord, Idempotency, Move, MoveStep,
    OldSecret, Outcome, Pending, PendingKey, ProgramRecord, SettingsChange, Store, Target, WebhooksChange,
};
use groundswell_types::editor::ChangedBy;
use groundswell_types::{
    Currency, DeliveryId, EventId, EventKind, FailureClass, ProgramId, ProgramStatus, ProgramType, Secret,
    WebhookHeaders, WebhookId, WebhookName, WebhookTimeout,
};

/// When every event of these tests is accepted, if it says nothing else.
pub const ACCEPTED_AT_MS: i64 = 1_000_000;

pub fn program(number: i64) -> ProgramId {
    ProgramId::parse(&format!("program{number}")).expect("a valid id")
}

pub fn event(number: i64) -> EventId {
    EventId::from_number(number)
}

pub fn delivery(event_number: i64, slot: u8) -> DeliveryId {
    DeliveryId::new(event(event_number), slot)
}

pub fn endpoint(number: i64) -> EndpointId {
    EndpointId(number)
}

pub fn key(endpoint_number: i64, due_at_ms: i64, delivery_id: DeliveryId) -> PendingKey {
    PendingKey { endpoint_id: endpoint(endpoint_number), due_at_ms, delivery_id }
}

/// An event of program 1.
pub fn accept(number: i64, endpoints: &[i64]) -> Accept {
    Accept {
        event_id: event(number),
        program_id: program(1),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: ACCEPTED_AT_MS - number,
        accepted_at_ms: ACCEPTED_AT_MS,
        expires_at_ms: ACCEPTED_AT_MS + 5000,
        body: Bytes::from(format!("{{\"number\":{number}}}")),
        targets: endpoints.iter().map(|id| Target { endpoint_id: endpoint(*id), is_parked: false }).collect(),
        idempotency: None,
    }
}

/// The same with an idempotency key; `content` stands for what was sent.
pub fn keyed(accept: Accept, key: &str, content: u8) -> Accept {
    let idempotency = Idempotency {
        key: key.to_owned(),
        content_hash: [content; 32],
        valid_since_ms: accept.accepted_at_ms - 1000,
    };
    Accept { idempotency: Some(idempotency), ..accept }
}

pub fn accepts(accepts: impl IntoIterator<Item = Accept>) -> Batch {
    Batch { accepts: accepts.into_iter().collect(), ..Batch::default() }
}

pub fn outcomes(outcomes: impl IntoIterator<Item = Outcome>) -> Batch {
    Batch { outcomes: outcomes.into_iter().collect(), ..Batch::default() }
}

/// Accepts an event of program 1 for each number, all for the given endpoints.
pub async fn accept_all(store: &dyn Store, numbers: impl IntoIterator<Item = i64>, endpoints: &[i64]) {
    let batch = accepts(numbers.into_iter().map(|number| accept(number, endpoints)));
    let answers = store.commit(&batch).await.expect("the batch commits");
    assert!(answers.iter().all(|answer| *answer == Accepted::New));
}

/// What is due at an endpoint, parked deliveries left out.
pub async fn queue(store: &dyn Store, endpoint_number: i64) -> Vec<Pending> {
    store.pending(endpoint(endpoint_number), None, 10_000).await.expect("the queue is read")
}

/// The next attempt of a pending delivery, and that it succeeded.
pub fn delivered(pending: &Pending) -> Outcome {
    Outcome { attempt: attempt(pending, After::Delivered), remove: vec![pending.key], insert: None }
}

/// The next attempt of a pending delivery, and that it failed and is due again.
pub fn retried(pending: &Pending, due_at_ms: i64) -> Outcome {
    let attempt = attempt(pending, After::Retry(due_at_ms));
    let key = PendingKey { due_at_ms, ..pending.key };
    let insert = Pending { key, attempts: attempt.number, ..*pending };
    Outcome { attempt, remove: vec![pending.key], insert: Some(insert) }
}

/// The next attempt of a pending delivery.
pub fn attempt(pending: &Pending, after: After) -> AttemptRecord {
    let is_success = after == After::Delivered;
    AttemptRecord {
        delivery_id: pending.key.delivery_id,
        endpoint_id: pending.key.endpoint_id,
        number: pending.attempts + 1,
        started_at_ms: pending.accepted_at_ms + pending.attempts * 100,
        duration_ms: 12,
        failure: (!is_success).then_some(FailureClass::Status),
        status_code: Some(if is_success { 200 } else { 500 }),
        message: if is_success { String::new() } else { "answered 500".to_owned() },
        response_head: "content-type: text/plain".to_owned(),
        response_body: Bytes::from_static(b"\x00\xff body"),
        is_response_truncated: false,
        is_response_restricted: false,
        after,
    }
}

pub fn program_record(number: i64) -> ProgramRecord {
    ProgramRecord {
        id: program(number),
        team_id: groundswell_types::TeamId::first(),
        name: format!("Program {number}"),
        kind: ProgramType::Affiliate,
        status: ProgramStatus::InProgress,
        currency: Currency::default(),
        created_at_ms: 100 + number,
        webhooks_version: 0,
        retention: None,
    }
}

pub async fn create_program(store: &dyn Store, number: i64) {
    store
        .apply(&SettingsChange::CreateProgram(program_record(number)))
        .await
        .expect("the program is created");
}

/// A webhook of program 1.
pub fn endpoint_record(number: i64, public_id: &str) -> EndpointRecord {
    EndpointRecord {
        id: endpoint(number),
        program_id: program(1),
        public_id: WebhookId::parse(public_id).expect("a valid id"),
        url: format!("https://example.com/{number}"),
        events: vec![EventKind::NewParticipantAdded, EventKind::CampaignEnded],
        is_enabled: true,
        auto_disabled: false,
        secret: Some(Secret::parse("hunter2").expect("a valid secret")),
        created_at_ms: 200 + number,
        parked_at_ms: None,
        timeout: None,
        headers: WebhookHeaders::default(),
        old_secret: None,
        name: None,
    }
}

pub fn headers(pairs: &[(&str, &str)]) -> WebhookHeaders {
    WebhookHeaders::parse(pairs.iter().copied()).expect("valid headers")
}

pub fn old_secret(ends_at_ms: i64) -> OldSecret {
    let secret = Secret::parse("hunter1").expect("a valid secret");
    OldSecret { secret, ends_at_ms, new_accepted_at_ms: None }
}

pub fn name(text: &str) -> WebhookName {
    WebhookName::parse(text).expect("a valid name")
}

pub fn timeout(seconds: i64) -> WebhookTimeout {
    WebhookTimeout::try_from(seconds).expect("a valid timeout")
}

/// A change of program 1's webhooks that changes nothing yet.
pub fn change(version: i64) -> WebhooksChange {
    WebhooksChange {
        program_id: program(1),
        version,
        upserts: Vec::new(),
        deletes: Vec::new(),
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: ACCEPTED_AT_MS,
    }
}

/// Makes a move in steps of `limit` rows; answers how many rows each step moved.
pub async fn move_in_steps(store: &dyn Store, endpoint_number: i64, kind: Move, limit: usize) -> Vec<u64> {
    let mut moved = Vec::new();
    let mut step = MoveStep { endpoint_id: endpoint(endpoint_number), kind, after: None, limit };
    loop {
        let made = store.move_pending(&step).await.expect("the step is made");
        moved.push(made.rows);
        let Some(next) = made.next else { return moved };
        step.after = Some(next);
    }
}

pub async fn park(store: &dyn Store, endpoint_number: i64) {
    move_in_steps(store, endpoint_number, Move::Park, 1_000).await;
}

pub async fn apply(store: &dyn Store, change: WebhooksChange) {
    store.apply(&SettingsChange::Webhooks(change)).await.expect("the change is applied");
}
