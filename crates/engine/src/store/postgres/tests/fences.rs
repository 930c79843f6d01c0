//! What becomes of the outcomes of a node that has lost their shard, as far as only SQL can bring it about.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, FailureClass};

use super::{Database, accepts, options, take};
use crate::cluster::{Epoch, Lease, Shard};
use crate::store::postgres::Postgres;
use crate::store::{
    After, AttemptRecord, Batch, ClusterStore, Committed, EndpointId, Move, MoveStep, Outcome, Pending,
    PendingKey, Store,
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

    async fn close(self) {
        self.old.close().await;
        self.new.close().await;
    }
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

/// Another node ends a delivery between a step's reading of it and its writing.
#[tokio::test]
async fn a_move_brings_nothing_back() {
    let database = Database::new();
    let nodes = Nodes::of(&database).await;
    let mut ending = nodes.old.writer.begin().await.expect("begins");
    let ended = batch(vec![outcome(1, 1, After::Delivered)], nodes.before.epoch);
    crate::store::postgres::fence::commit(&mut ending, &ended, nodes.old.node()).await.expect("deletes");
    let step = MoveStep { endpoint_id: ENDPOINT, kind: Move::Park, after: None, limit: 9 };
    let moving = ClusterStore::move_pending(&nodes.new, &step, nodes.now);
    let finishing = async {
        // Long enough for the step to come to the row that is going.
        tokio::time::sleep(Duration::from_millis(300)).await;
        crate::store::sql::Transaction::finish(ending, Ok(())).await
    };
    let (moved, finished) = tokio::join!(moving, finishing);
    finished.expect("commits");
    assert_eq!(moved.expect("moves").rows, 3);
    assert_eq!(database.sql("SELECT COUNT(*) FROM pending"), "3");
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
