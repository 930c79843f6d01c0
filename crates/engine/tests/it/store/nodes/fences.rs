//! What becomes of the outcomes of a node that has lost their shard.

use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, FailureClass, NoticeId, NoticeKind};

use groundswell_engine::cluster::{Epoch, Lease, Shard};
use groundswell_engine::store::{
    Accept, After, AttemptRecord, Batch, Committed, EndpointId, EndpointRecord, EraseStep, HealthRecord,
    Move, MoveStep, Moved, NoticeRecord, Outcome, PARKED_DUE_MS, Pending, PendingKey, SettingsVersion, Store,
    StoreError, WebhooksChange,
};

use super::super::make;
use super::{LONG_MS, Nodes, asked, cluster, lead, take};

const ENDPOINT: EndpointId = EndpointId(10);

fn delivery(event: i64) -> DeliveryId {
    DeliveryId::new(EventId::from_number(event), 0)
}

fn key(event: i64, due_at_ms: i64) -> PendingKey {
    PendingKey { endpoint_id: ENDPOINT, due_at_ms, delivery_id: delivery(event) }
}

fn outcome(event: i64, number: i64, after: After) -> Outcome {
    let failure = (after != After::Delivered).then_some(FailureClass::Timeout);
    let attempt = AttemptRecord {
        delivery_id: delivery(event),
        endpoint_id: ENDPOINT,
        number,
        started_at_ms: 5,
        duration_ms: 1,
        failure,
        status_code: None,
        message: String::new(),
        response_head: "x: 1".to_owned(),
        response_body: Bytes::new(),
        is_response_truncated: false,
        is_response_restricted: false,
        after,
    };
    Outcome { attempt, remove: vec![key(event, 1)], insert: None }
}

/// The delivery is due again.
fn retry(event: i64, number: i64, due_at_ms: i64) -> Outcome {
    let pending =
        Pending { key: key(event, due_at_ms), attempts: number, accepted_at_ms: 1, expires_at_ms: 9 };
    Outcome { insert: Some(pending), ..outcome(event, number, After::Retry(due_at_ms)) }
}

fn batch(outcomes: Vec<Outcome>, epoch: Epoch) -> Batch {
    Batch { epochs: vec![epoch; outcomes.len()], outcomes, ..Batch::default() }
}

/// The second node has taken the endpoint's shard from the first, and there are deliveries of events 1 to 4.
struct Taken<'n> {
    old: &'n Arc<dyn Store>,
    new: &'n Arc<dyn Store>,
    before: Lease,
    now: Lease,
}

impl<'n> Taken<'n> {
    async fn of(nodes: &'n Nodes) -> Self {
        let (old, new, shard) = (&nodes.one, &nodes.two, Shard::of(ENDPOINT));
        let before = take(old, [shard], 0).await[0];
        let accept = |number| Accept { accepted_at_ms: 1, ..make::accept(number, &[10]) };
        old.commit(&make::accepts((1..=4).map(accept))).await.expect("commits");
        let now = take(new, [shard], LONG_MS).await[0];
        Self { old, new, before, now }
    }

    /// What the first one still brings, of attempts that it began before the second one.
    async fn late(&self, mut outcomes: Vec<Outcome>) -> Committed {
        for outcome in &mut outcomes {
            outcome.attempt.started_at_ms -= 1;
        }
        cluster(self.old).commit(&batch(outcomes, self.before.epoch)).await.expect("commits")
    }

    async fn current(&self, outcomes: Vec<Outcome>) -> Committed {
        cluster(self.new).commit(&batch(outcomes, self.now.epoch)).await.expect("commits")
    }

    /// The events whose deliveries wait, and when they are due.
    async fn waiting(&self) -> Vec<(i64, i64)> {
        let pending = self.new.pending(ENDPOINT, None, 9).await.expect("reads");
        let mut waiting: Vec<_> =
            pending.iter().map(|row| (row.key.delivery_id.event().number(), row.key.due_at_ms)).collect();
        waiting.sort_unstable();
        waiting
    }

    /// The attempts of an event's delivery.
    async fn log(&self, event: i64) -> Vec<(i64, After)> {
        let in_full = self.new.attempts_in_full(delivery(event)).await.expect("reads");
        let brief = self.new.attempts(&[delivery(event)]).await.expect("reads");
        let told = |attempts: &[AttemptRecord]| -> Vec<(i64, After)> {
            attempts.iter().map(|attempt| (attempt.number, attempt.after)).collect()
        };
        assert_eq!(told(&in_full), told(&brief));
        told(&in_full)
    }
}

pub async fn what_a_node_brings_that_has_the_shard_is_written(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    let committed = nodes
        .current(vec![outcome(1, 1, After::Delivered), retry(2, 1, 7), outcome(3, 1, After::Undeliverable)])
        .await;
    assert_eq!(committed, Committed::default());
    assert_eq!(nodes.waiting().await, [(2, 7), (4, 1)]);
}

pub async fn of_what_comes_late_only_successes_count(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    let committed = nodes
        .late(vec![
            outcome(1, 1, After::Delivered),
            retry(2, 1, 7),
            outcome(3, 1, After::Undeliverable),
            outcome(4, 0, After::Cancelled),
        ])
        .await;
    assert_eq!(committed.stale, [nodes.before]);
    assert_eq!(nodes.waiting().await, [(2, 1), (3, 1), (4, 1)]);
    assert_eq!(nodes.log(1).await, [(1, After::Delivered)]);
    assert_eq!(nodes.log(2).await, [(1, After::Fenced)]);
    assert_eq!(nodes.log(3).await, [(1, After::Fenced)]);
    assert_eq!(nodes.log(4).await, [], "an ending that did not come to be");
    // And the new owner's attempts of the same numbers stand beside them.
    nodes.current(vec![retry(2, 1, 7), outcome(3, 1, After::Delivered)]).await;
    assert_eq!(nodes.log(2).await, [(1, After::Fenced), (1, After::Retry(7))]);
    assert_eq!(nodes.log(3).await, [(1, After::Fenced), (1, After::Delivered)]);
    assert_eq!(nodes.waiting().await, [(2, 7), (4, 1)]);
}

pub async fn a_late_success_ends_the_delivery_wherever_it_stands(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    nodes.current(vec![retry(1, 1, 7)]).await;
    nodes.late(vec![outcome(1, 1, After::Delivered)]).await;
    assert_eq!(nodes.waiting().await, [(2, 1), (3, 1), (4, 1)]);
    // The new owner, who is at it, brings it back neither as due again ...
    let again = Outcome { remove: vec![key(1, 7)], ..retry(1, 2, 20) };
    nodes.current(vec![again]).await;
    // ... nor together with others that do wait.
    nodes.late(vec![outcome(2, 1, After::Delivered)]).await;
    nodes.current(vec![retry(2, 1, 30), retry(3, 1, 31), outcome(4, 1, After::Delivered)]).await;
    assert_eq!(nodes.waiting().await, [(3, 31)]);
    assert_eq!(nodes.log(1).await, [(1, After::Delivered), (1, After::Retry(7)), (2, After::Retry(20))]);
}

/// A node may have had the shard before, lost it, and have it again.
pub async fn a_batch_may_be_late_and_current_at_once(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    let shard = Shard::of(ENDPOINT);
    cluster(nodes.new).release(&asked(nodes.new, [nodes.now], 0)).await.expect("releases");
    let again = take(nodes.old, [shard], LONG_MS).await[0];
    let mixed = Batch {
        outcomes: vec![retry(1, 1, 7), outcome(1, 1, After::Delivered), retry(2, 1, 8), retry(2, 2, 9)],
        epochs: vec![again.epoch, nodes.before.epoch, nodes.before.epoch, again.epoch],
        ..Batch::default()
    };
    let committed = cluster(nodes.old).commit(&mixed).await.expect("commits");
    assert_eq!(committed.stale, [nodes.before]);
    assert_eq!(nodes.waiting().await, [(2, 9), (3, 1), (4, 1)], "the success counts");
}

/// Whoever brings a retry hears that nothing waits for it, so that it is not tried for nothing either.
pub async fn what_was_ended_is_not_tried_again(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    nodes.late(vec![outcome(1, 1, After::Delivered), outcome(3, 1, After::Delivered)]).await;
    let committed = nodes.current(vec![retry(1, 1, 7), retry(2, 1, 7), retry(3, 1, 8)]).await;
    assert_eq!(committed.ended, [(ENDPOINT, delivery(1)), (ENDPOINT, delivery(3))]);
    assert_eq!(nodes.waiting().await, [(2, 7), (4, 1)]);
}

/// A node that has not heard yet that a webhook was enabled again parks nothing there: nobody would send it.
pub async fn what_is_parked_by_old_settings_is_decided_anew(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    lead(nodes.old).await;
    make::create_program(&**nodes.old, 1).await;
    let endpoint = make::endpoint_record(10, "primary");
    let disabled = EndpointRecord { is_enabled: false, ..endpoint.clone() };
    let version = async || cluster(nodes.new).changes(SettingsVersion(0)).await.expect("reads").version();
    make::apply(&**nodes.old, WebhooksChange { upserts: vec![disabled], ..make::change(1) }).await;
    let before = version().await;
    let step = MoveStep { endpoint_id: ENDPOINT, kind: Move::Park, after: None, limit: 1 };
    let moved = cluster(nodes.new).move_pending(&step, nodes.now).await.expect("moves");
    assert_eq!(moved.rows, 1);
    make::apply(&**nodes.old, WebhooksChange { upserts: vec![endpoint], ..make::change(2) }).await;
    let moved = cluster(nodes.new).move_pending(&MoveStep { after: moved.next, ..step }, nodes.now).await;
    assert_eq!(moved.expect("looks"), Moved { rows: 0, next: None });

    let parked = |settings| Batch {
        settings: Some(settings),
        ..batch(vec![retry(3, 1, PARKED_DUE_MS), retry(4, 1, 7)], nodes.now.epoch)
    };
    let result = cluster(nodes.new).commit(&parked(before)).await;
    assert!(matches!(result, Err(StoreError::Outdated)), "{result:?}");
    assert_eq!(nodes.waiting().await, [(2, 1), (3, 1), (4, 1)]);
    // What goes out at its time does so under any settings.
    let due = Batch { settings: Some(before), ..batch(vec![retry(2, 1, 7)], nodes.now.epoch) };
    cluster(nodes.new).commit(&due).await.expect("commits");
    cluster(nodes.new).commit(&parked(version().await)).await.expect("commits");
    assert_eq!(nodes.waiting().await, [(2, 7), (4, 7)]);
}

/// Who has lost a shard may not have heard of the erasure either.
pub async fn what_is_said_late_of_an_erased_event_is_erased(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    lead(nodes.new).await;
    make::create_program(&**nodes.new, 1).await;
    let job = super::super::erasure::job(1);
    nodes.new.save_erasure(&job).await.expect("saves");
    let events = vec![(make::event(1), Bytes::from_static(b"{}"))];
    let step = EraseStep { job, events, deliveries: vec![delivery(1)], audit: None };
    nodes.new.erase(&step).await.expect("erases");
    nodes.late(vec![retry(1, 1, 7), retry(2, 1, 7)]).await;
    let head = async |event| {
        nodes.new.attempts_in_full(delivery(event)).await.expect("reads").remove(0).response_head
    };
    assert_eq!((head(1).await.as_str(), head(2).await.as_str()), ("", "x: 1"));
}

pub async fn an_attempt_logged_twice_is_rejected_in_either_epoch(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    nodes.late(vec![retry(1, 1, 7)]).await;
    nodes.current(vec![retry(1, 1, 7)]).await;
    for (store, epoch) in [(nodes.old, nodes.before.epoch), (nodes.new, nodes.now.epoch)] {
        let result = cluster(store).commit(&batch(vec![retry(1, 1, 7)], epoch)).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    let unsaid = Batch { epochs: vec![], ..batch(vec![retry(2, 1, 7)], nodes.now.epoch) };
    let result = cluster(nodes.new).commit(&unsaid).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
}

pub async fn only_the_owner_of_a_shard_tells_how_its_endpoints_are(nodes: &Nodes) {
    let nodes = Taken::of(nodes).await;
    lead(nodes.new).await;
    make::create_program(&**nodes.new, 1).await;
    let notice = |id| NoticeRecord {
        id: NoticeId::from_number(id),
        program_id: make::program(1),
        endpoint_id: ENDPOINT,
        kind: NoticeKind::ALL[0],
        at_ms: 1,
        since_ms: 1,
    };
    let told = |failures, outcomes, epoch| {
        let health = HealthRecord { consecutive_failures: failures, ..HealthRecord::default() };
        let (health, notices) = (vec![(ENDPOINT, health)], vec![notice(failures)]);
        Batch { health, notices, ..batch(outcomes, epoch) }
    };
    let (before, now) = (nodes.before.epoch, nodes.now.epoch);
    for (store, batch) in [
        (nodes.old, told(1, vec![], before)),
        (nodes.old, told(2, vec![retry(1, 1, 7)], before)),
        (nodes.new, told(3, vec![retry(2, 1, 7)], now)),
        (nodes.old, told(4, vec![retry(3, 1, 7)], before)),
        (nodes.new, told(5, vec![], now)),
    ] {
        cluster(store).commit(&batch).await.expect("commits");
    }
    let health = cluster(nodes.new).health_of(&[ENDPOINT]).await.expect("reads");
    assert_eq!(health[0].1.consecutive_failures, 5);
    let notices = nodes.new.notices(&make::program(1), None, 9).await.expect("reads");
    let ids: Vec<_> = notices.iter().map(|notice| notice.id.number()).collect();
    assert_eq!(ids, [1, 3, 5], "what comes of no attempt counts");
}
