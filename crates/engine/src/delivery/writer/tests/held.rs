//! A change that waits until another node has parked what a webhook had when it was disabled.

use super::*;
use crate::cluster::{Asked, Lease, NodeId, Presence, Timing};
use crate::nodes::LEAD;
use crate::store::{ClusterStore as _, EndpointRecord, MoveStep, WebhooksChange};

const ENDPOINT: EndpointId = EndpointId(1);

fn webhook(is_enabled: bool) -> EndpointRecord {
    EndpointRecord {
        id: ENDPOINT,
        program_id: program(),
        public_id: groundswell_types::WebhookId::parse("w1").expect("valid"),
        url: "https://example.com/".to_owned(),
        events: Vec::new(),
        is_enabled,
        auto_disabled: false,
        secret: None,
        created_at_ms: 0,
        parked_at_ms: None,
        timeout: None,
        headers: groundswell_types::WebhookHeaders::default(),
        old_secret: None,
        name: None,
    }
}

fn change_to(record: EndpointRecord, version: i64) -> SettingsChange {
    SettingsChange::Webhooks(WebhooksChange {
        program_id: program(),
        version,
        deletes: Vec::new(),
        upserts: vec![record],
        notices: Vec::new(),
        clears_draft: false,
        by: groundswell_types::editor::ChangedBy::Rest,
        at_ms: 0,
    })
}

/// The node that leads, where somebody enables a webhook, and the way of the other one to what both have.
struct Holding {
    handle: WriterHandle,
    running: JoinHandle<Written>,
    enabling: JoinHandle<Result<SettingsChange, EngineError>>,
    elsewhere: Memory,
    stop: CancellationToken,
    _inbox: mpsc::Receiver<Message>,
}

async fn holding() -> Holding {
    let (elsewhere, clock) = (Memory::new(), Clock::manual(0));
    create_program(&elsewhere).await;
    elsewhere.apply(&change_to(webhook(false), 1)).await.expect("applies");
    let accept = Accept {
        event_id: EventId::from_number(1),
        program_id: program(),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: 0,
        accepted_at_ms: 0,
        expires_at_ms: i64::MAX,
        body: Bytes::new(),
        targets: vec![Target { endpoint_id: ENDPOINT, is_parked: false }],
        idempotency: None,
    };
    Store::commit(&elsewhere, &Batch { accepts: vec![accept], ..Batch::default() }).await.expect("commits");

    let own = elsewhere.joined(NodeId::new(1), "", &clock);
    let leases = vec![Lease { shard: LEAD, epoch: Epoch::default() }];
    let (node, presence) = (NodeId::new(1), Presence::Staying);
    let asked = Asked { node, presence, leases, ttl_ms: 15_000, sent_ms: 0 };
    let lease = own.acquire(&asked).await.expect("acquires").pop();
    own.lead_under(lease);
    let as_store: Arc<dyn Store> = Arc::new(elsewhere.joined(NodeId::new(1), "", &clock));
    let (nodes, _) = Nodes::at(&as_store, clock.uptime(), Timing::of(15_000));
    let Fixture { handle, writer, stop, inbox, .. } = fixture_of(own, nodes).await;
    let running = tokio::spawn(writer.run());
    let asking = handle.clone();
    let enabling =
        tokio::spawn(async move { asking.change(&program(), |_| Ok(change_to(webhook(true), 2))).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!enabling.is_finished(), "another node has still to park what waits there");
    Holding { handle, running, enabling, elsewhere, stop, _inbox: inbox }
}

#[tokio::test(start_paused = true)]
async fn a_held_change_is_looked_at_while_there_is_always_something_else() {
    let Holding { handle, running, enabling, elsewhere, stop, _inbox: _open } = holding().await;
    let step = MoveStep { endpoint_id: ENDPOINT, kind: Move::Park, after: None, limit: 9 };
    Store::move_pending(&elsewhere, &step).await.expect("moves");
    let event = NewEvent {
        program_id: program(),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: 0,
        accepted_at_ms: 0,
        expires_at_ms: i64::MAX,
        body: Bytes::from_static(b"{}"),
        idempotency: None,
        emitted: None,
    };
    for _ in 0..500 {
        handle.accept(vec![event.clone()]).await.expect("is taken").pop().expect("one").expect("accepted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(enabling.is_finished(), "it is done within half a second");
    enabling.await.expect("no panic").expect("changed");
    stop.cancel();
    running.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_held_change_does_not_keep_the_writer_from_stopping() {
    let Holding { running, enabling, stop, handle: _handle, _inbox: _open, .. } = holding().await;
    stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(10), running).await;
    assert_eq!(stopped.expect("it stops").expect("no panic"), Written::Everything);
    let answer = enabling.await.expect("no panic");
    assert!(matches!(answer, Err(EngineError::Stopping)), "{answer:?}");
}
