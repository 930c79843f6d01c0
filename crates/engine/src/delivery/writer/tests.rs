//! What the writer takes while the store is slow, and what it refuses.

mod held;

use std::pin::Pin;

use groundswell_types::{Currency, ProgramStatus, ProgramType};
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;
use crate::randomness::Randomness;
use crate::store::memory::Memory;
use crate::store::{Accept, Batch, MAX_TARGETS, ProgramRecord, SettingsChange, Target};

pub(super) struct Fixture {
    pub(super) handle: WriterHandle,
    /// Not run yet, it is a writer whose store has not answered yet.
    pub(super) writer: Writer,
    store: Arc<Memory>,
    program: ProgramId,
    pub(super) stop: CancellationToken,
    pub(super) inbox: mpsc::Receiver<Message>,
}

pub(super) async fn fixture() -> Fixture {
    let store = Memory::new();
    create_program(&store).await;
    fixture_of(store, Nodes::alone()).await
}

fn program() -> ProgramId {
    ProgramId::parse("p1").expect("valid")
}

async fn create_program(store: &Memory) {
    let record = ProgramRecord {
        id: program(),
        team_id: groundswell_types::TeamId::first(),
        name: "Pied Piper".to_owned(),
        kind: ProgramType::Referral,
        status: ProgramStatus::Draft,
        currency: Currency::default(),
        created_at_ms: 0,
        webhooks_version: 0,
        retention: None,
    };
    store.apply(&SettingsChange::CreateProgram(record)).await.expect("applies");
}

async fn fixture_of(store: Memory, nodes: Nodes) -> Fixture {
    let store = Arc::new(store);
    let (runtime, inbox) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let (handle, writer) = writer(WriterParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        directory: Arc::new(Directory::load(store.as_ref()).await.expect("loads")),
        ids: Arc::new(IdGenerator::new(Clock::system(), Randomness::system(), None)),
        breaker: BreakerPolicy::default(),
        runtime,
        changes: Arc::default(),
        feeds: Arc::default(),
        tally: Arc::default(),
        meters: Arc::default(),
        traces: Arc::default(),
        erased: Arc::default(),
        nodes: Arc::new(nodes),
        api_keys: Arc::new(ApiKeys::load(store.as_ref()).await.expect("loads")),
        version: SettingsVersion::default(),
        unfinished: Vec::new(),
        fatal: CancellationToken::new(),
        is_winding_down: stop.clone(),
        stop: stop.clone(),
    });
    Fixture { handle, writer, store, program: program(), stop, inbox }
}

pub(super) type Answer = Result<Vec<Result<Receipt, EngineError>>, EngineError>;

impl Fixture {
    fn event(&self, body: Bytes) -> NewEvent {
        NewEvent {
            program_id: self.program.clone(),
            kind: EventKind::NewParticipantAdded,
            occurred_at_ms: 0,
            accepted_at_ms: 0,
            expires_at_ms: i64::MAX,
            body,
            idempotency: None,
            emitted: None,
        }
    }

    /// Hands over `count` events in a call each; on return each is refused or waits.
    pub(super) async fn hand_over(&self, count: usize, body: &Bytes) -> Vec<JoinHandle<Answer>> {
        let accept = |_| {
            let (handle, event) = (self.handle.clone(), self.event(body.clone()));
            tokio::spawn(async move { handle.accept(vec![event]).await })
        };
        let calls: Vec<_> = (0..count).map(accept).collect();
        // On the one thread of this test: at each turn at least one of them runs until it is refused or waits.
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
        calls
    }

    /// Lets the writer work, and checks that of `calls` exactly the refused were not stored.
    async fn run_and_check(self, calls: Vec<JoinHandle<Answer>>, wanted_stored: usize) {
        let writer = tokio::spawn(self.writer.run());
        let mut stored = Vec::new();
        for call in calls {
            match call.await.expect("no panic") {
                Ok(answers) => {
                    let receipts = answers.into_iter().map(|answer| answer.expect("accepted"));
                    stored.extend(receipts.map(|receipt| receipt.id));
                }
                Err(error) => assert!(matches!(error, EngineError::Overloaded), "{error}"),
            }
        }
        assert_eq!(stored.len(), wanted_stored);
        for ids in stored.chunks(1_000) {
            assert_eq!(self.store.bodies(ids).await.expect("reads").len(), ids.len(), "each is stored");
        }
        // All room is free again.
        assert_eq!(self.handle.waiting_bytes.available_permits(), MAX_WAITING_BYTES);
        self.stop.cancel();
        writer.await.expect("no panic");
    }
}

fn refused(calls: &[JoinHandle<Answer>]) -> usize {
    calls.iter().filter(|call| call.is_finished()).count()
}

#[tokio::test]
async fn more_events_than_may_wait_are_refused_and_every_other_one_is_stored() {
    let fixture = fixture().await;
    let calls = fixture.hand_over(MAX_WAITING_JOBS + 904, &Bytes::from_static(b"{}")).await;
    assert_eq!(refused(&calls), 904, "nobody waits for the answer that there is no room");
    fixture.run_and_check(calls, MAX_WAITING_JOBS).await;
}

#[tokio::test]
async fn more_bytes_than_may_wait_are_refused_and_every_other_event_is_stored() {
    let fixture = fixture().await;
    let largest = Bytes::from(vec![b'x'; crate::events::MAX_EVENT_BYTES]);
    let mut calls = fixture.hand_over(20, &largest).await;
    assert_eq!(refused(&calls), 4, "sixteen of the largest fill 64 MiB");
    let small = fixture.hand_over(3, &Bytes::from_static(b"{}")).await;
    assert_eq!(refused(&small), 3, "not a byte more is kept");
    calls.extend(small);
    fixture.run_and_check(calls, 16).await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    let full = EngineError::from(StoreError::Full("no space left".into()));
    assert!(matches!(full, EngineError::StorageFull), "{full}");
}

#[tokio::test]
async fn upkeep_has_its_turn_while_there_is_always_something_else() {
    type Call = Pin<Box<dyn Future<Output = ()> + Send>>;
    const CALLS: usize = 12;
    for are_settings in [false, true] {
        let fixture = fixture().await;
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let call = |what: &'static str, call: Call| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                call.await;
                order.lock().expect("nobody panics").push(what);
            })
        };
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            let handle = fixture.handle.clone();
            let events = vec![fixture.event(Bytes::from_static(b"{}")); MAX_BATCH_ITEMS];
            let refuse = |_: &Directory| Err(EngineError::NotFound("webhook"));
            let one: Call = if are_settings {
                Box::pin(async move { _ = handle.change(&program(), refuse).await.expect_err("none") })
            } else {
                Box::pin(async move { _ = handle.accept(events).await.expect("accepted") })
            };
            calls.push(call("other", one));
        }
        let handle = fixture.handle.clone();
        let forget = async move { _ = handle.forget(crate::store::Forget::default()).await.expect("done") };
        calls.push(call("upkeep", Box::pin(forget)));
        for _ in 0..calls.len() {
            tokio::task::yield_now().await;
        }
        let writer = tokio::spawn(fixture.writer.run());
        for call in calls {
            call.await.expect("no panic");
        }
        fixture.stop.cancel();
        writer.await.expect("no panic");
        let order = order.lock().expect("nobody panics");
        let place = order.iter().position(|what| *what == "upkeep");
        assert!(place.is_some_and(|place| place < CALLS), "{order:?}");
    }
}

#[tokio::test]
async fn what_the_database_rejects_stops_nobody_else() {
    let Fixture { handle, writer, program, stop, .. } = fixture().await;
    let (fatal, meters) = (writer.fatal.clone(), Arc::clone(&writer.meters));
    let running = tokio::spawn(writer.run());
    let target = Target { endpoint_id: EndpointId(1), is_parked: true };
    let accept = Accept {
        event_id: EventId::from_number(1),
        program_id: program,
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: 0,
        accepted_at_ms: 0,
        expires_at_ms: i64::MAX,
        body: Bytes::new(),
        targets: vec![target; MAX_TARGETS + 1],
        idempotency: None,
    };
    let rejected = handle.note(Batch { accepts: vec![accept], ..Batch::default() }).await;
    assert!(matches!(rejected, Err(EngineError::Store(StoreError::Rejected(_)))), "{rejected:?}");
    assert!(!fatal.is_cancelled());
    assert_eq!(
        (meters.failed_commits.rejected.get(), meters.failed_commits.total()),
        (1, 1),
        "it is counted"
    );
    handle.note(Batch::default()).await.expect("everything else is written");
    stop.cancel();
    running.await.expect("it ends in order");
}
