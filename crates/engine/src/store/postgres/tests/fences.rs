//! What becomes of the outcomes of a node that has lost their shard.

use std::collections::BTreeSet;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, FailureClass, NoticeId, NoticeKind, ProgramId};

use super::{Database, accepts, options, take};
use crate::cluster::{Epoch, Lease, Shard};
use crate::store::postgres::Postgres;
use crate::store::{
    After, AttemptRecord, Batch, ClusterStore, Committed, EndpointId, HealthRecord, NoticeRecord, Outcome,
    Pending, PendingKey, SettingsChange, Store, StoreError,
};

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

/// Two nodes, of which the second one has taken the endpoint's shard from the first, and deliveries of events 1 to 4.
struct Nodes {
    old: Postgres,
    new: Postgres,
    before: Lease,
    now: Lease,
}

impl Nodes {
    async fn of(database: &Database<'_>) -> Self {
        let open = async || Postgres::open(&database.url(), options()).await.expect("opens");
        let (old, new) = (open().await, open().await);
        let shard = Shard::of(ENDPOINT);
        let before = take(&old, [shard], 1).await[0];
        Store::commit(&old, &accepts(1..=4)).await.expect("commits");
        let now = take(&new, [shard], 600_000).await[0];
        Self { old, new, before, now }
    }

    /// What the first one still brings.
    async fn late(&self, outcomes: Vec<Outcome>) -> Committed {
        ClusterStore::commit(&self.old, &batch(outcomes, self.before.epoch)).await.expect("commits")
    }

    async fn current(&self, outcomes: Vec<Outcome>) -> Committed {
        ClusterStore::commit(&self.new, &batch(outcomes, self.now.epoch)).await.expect("commits")
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

    async fn close(self) {
        self.old.close().await;
        self.new.close().await;
    }
}

#[tokio::test]
async fn what_a_node_brings_that_has_the_shard_is_written() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    let committed = nodes
        .current(vec![outcome(1, 1, After::Delivered), retry(2, 1, 7), outcome(3, 1, After::Undeliverable)])
        .await;
    assert_eq!(committed, Committed::default());
    assert_eq!(nodes.waiting().await, [(2, 7), (4, 1)]);
    nodes.close().await;
}

#[tokio::test]
async fn of_what_comes_late_only_successes_count() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
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
    nodes.close().await;
}

#[tokio::test]
async fn a_late_success_ends_the_delivery_wherever_it_stands() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
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
    assert_eq!(nodes.log(1).await, [(1, After::Retry(7)), (1, After::Delivered), (2, After::Retry(20))]);
    nodes.close().await;
}

/// A node may have had the shard before, lost it, and have it again.
#[tokio::test]
async fn a_batch_may_be_late_and_current_at_once() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    let shard = Shard::of(ENDPOINT);
    nodes.new.release(&super::asked(&nodes.new, [nodes.now], 1)).await.expect("releases");
    let again = take(&nodes.old, [shard], 600_000).await[0];
    let mixed = Batch {
        outcomes: vec![retry(1, 1, 7), outcome(1, 1, After::Delivered), retry(2, 1, 8), retry(2, 2, 9)],
        epochs: vec![again.epoch, nodes.before.epoch, nodes.before.epoch, again.epoch],
        ..Batch::default()
    };
    let committed = ClusterStore::commit(&nodes.old, &mixed).await.expect("commits");
    assert_eq!(committed.stale, [nodes.before]);
    assert_eq!(nodes.waiting().await, [(2, 9), (3, 1), (4, 1)], "the success counts");
    nodes.close().await;
}

#[tokio::test]
async fn a_retry_takes_the_place_of_the_row_that_is_there_already() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    // Whether the row to be deleted, the one in its place, or both are there.
    nodes.current(vec![retry(1, 1, 7), retry(2, 1, 7)]).await;
    let put = |event: i64, due_at_ms: i64, attempts: i64| {
        database.sql(&format!(
            "INSERT INTO pending VALUES ({}, {due_at_ms}, {}, {attempts}, 1, 9)",
            ENDPOINT.0,
            delivery(event).number()
        ));
    };
    put(3, 7, 5);
    let again = Outcome { remove: vec![key(1, 99)], ..retry(1, 2, 7) };
    nodes.current(vec![again, retry(3, 1, 7)]).await;
    assert_eq!(nodes.waiting().await, [(1, 7), (2, 7), (3, 7), (4, 1)]);
    let rows = nodes.new.pending_at(&[key(1, 7), key(3, 7)]).await.expect("reads");
    assert_eq!(rows.iter().map(|row| row.attempts).collect::<Vec<_>>(), [2, 1]);
    nodes.close().await;
}

#[tokio::test]
async fn an_attempt_logged_twice_is_rejected_in_either_epoch() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    nodes.late(vec![retry(1, 1, 7)]).await;
    nodes.current(vec![retry(1, 1, 7)]).await;
    for (store, epoch) in [(&nodes.old, nodes.before.epoch), (&nodes.new, nodes.now.epoch)] {
        let result = ClusterStore::commit(store, &batch(vec![retry(1, 1, 7)], epoch)).await;
        assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    }
    let unsaid = Batch { epochs: vec![], ..batch(vec![retry(2, 1, 7)], nodes.now.epoch) };
    let result = ClusterStore::commit(&nodes.new, &unsaid).await;
    assert!(matches!(result, Err(StoreError::Rejected(_))), "{result:?}");
    nodes.close().await;
}

#[tokio::test]
async fn only_the_owner_of_a_shard_tells_how_its_endpoints_are() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    nodes.new.apply(&SettingsChange::CreateProgram(super::nodes::record())).await.expect("applies");
    let notice = |id| NoticeRecord {
        id: NoticeId::from_number(id),
        program_id: ProgramId::parse("program1").expect("a valid id"),
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
        (&nodes.old, told(1, vec![], before)),
        (&nodes.old, told(2, vec![retry(1, 1, 7)], before)),
        (&nodes.new, told(3, vec![retry(2, 1, 7)], now)),
        (&nodes.old, told(4, vec![retry(3, 1, 7)], before)),
        (&nodes.new, told(5, vec![], now)),
    ] {
        ClusterStore::commit(store, &batch).await.expect("commits");
    }
    let health = nodes.new.health_of(&[ENDPOINT]).await.expect("reads");
    assert_eq!(health[0].1.consecutive_failures, 5);
    assert_eq!(
        database.sql("SELECT id FROM notice ORDER BY id"),
        "1\n3\n5",
        "what comes of no attempt counts"
    );
    nodes.close().await;
}

/// What was answered to an attempt is erased, in whichever epoch it was made.
#[tokio::test]
async fn answers_to_late_attempts_are_erased_with_the_others() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    nodes.late(vec![retry(1, 1, 7)]).await;
    nodes.current(vec![retry(1, 1, 7)]).await;
    let mut db = nodes.new.writer.begin().await.expect("begins");
    let erased = crate::store::query::erasure::erase_answers(&mut *db, &[delivery(1)]).await;
    crate::store::sql::Transaction::finish(db, erased.map(|count| assert_eq!(count, 2)))
        .await
        .expect("commits");
    let heads: BTreeSet<String> = nodes
        .new
        .attempts_in_full(delivery(1))
        .await
        .expect("reads")
        .into_iter()
        .map(|attempt| attempt.response_head)
        .collect();
    assert_eq!(heads, BTreeSet::from([String::new()]));
    nodes.close().await;
}
