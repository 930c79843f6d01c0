//! A long queue is moved in steps: what others see meanwhile, and what becomes of it when the process ends in between.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{Accept, Backlog, EndpointId, Store};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{DeliveryState, EventKind, ProgramId, WebhookId};

use crate::store::make;

const NOW_MS: i64 = 1_800_000_000_000;
const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// Many more than are moved while the engine stops.
const ROWS: i64 = 40_000;

struct World {
    store: Arc<Memory>,
    engine: Arc<Engine>,
    program: ProgramId,
    webhook: WebhookId,
    endpoint: EndpointId,
}

impl World {
    /// An engine with a webhook for which many deliveries wait, due tomorrow.
    async fn begin() -> Self {
        let store = Arc::new(Memory::new());
        make::create_program(store.as_ref(), 1).await;
        let (program, engine) = (make::program(1), start(&store).await);
        let input = WebhookInput {
            payload_url: Some("https://example.com/".to_owned()),
            events: Some(vec![EventKind::NewParticipantAdded]),
            ..WebhookInput::default()
        };
        let webhook = engine.create_webhook(&program, input).await.expect("created").id;
        let endpoint = store.endpoints().await.expect("reads")[0].id;
        let accept = |number| Accept {
            accepted_at_ms: NOW_MS + 86_400_000,
            expires_at_ms: NOW_MS + 2 * 86_400_000,
            ..make::accept(number, &[endpoint.0])
        };
        let batch = make::accepts((1..=ROWS).map(accept));
        store.commit(&batch).await.expect("commits");
        Self { store, engine, program, webhook, endpoint }
    }

    async fn enable(&self, is_enabled: bool) {
        let input = WebhookInput { is_enabled: Some(is_enabled), ..WebhookInput::default() };
        let changed = self.engine.patch_webhook(&self.program, &self.webhook, input).await;
        assert_eq!(changed.expect("changed").is_enabled, is_enabled);
    }

    async fn restart(&mut self) {
        self.engine.shut_down().await;
        self.engine = start(&self.store).await;
    }

    async fn backlog(&self) -> (i64, i64) {
        let backlog = self.store.backlog(&[self.endpoint], i64::MAX).await.expect("reads");
        let Backlog { pending, parked, .. } = backlog[0];
        (pending, parked)
    }

    /// Whether a row is left that is not parked.
    async fn has_unparked(&self) -> bool {
        !self.store.earliest_due(&[self.endpoint]).await.expect("reads").is_empty()
    }

    async fn state(&self, event: i64) -> DeliveryState {
        let delivery = self.engine.delivery(&self.program, make::delivery(event, 0)).await;
        delivery.expect("is there").delivery.state
    }
}

async fn start(store: &Arc<Memory>) -> Arc<Engine> {
    let store = Arc::clone(store) as Arc<dyn Store>;
    let parts = EngineParts { store, config: EngineConfig::default(), clock: Clock::manual(NOW_MS) };
    Engine::start(parts).await.expect("starts")
}

/// Lets the engine work until `is_done`, on the one thread of the test.
async fn until(is_done: impl AsyncFn() -> bool) {
    for _ in 0..100_000 {
        if is_done().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is never done");
}

#[tokio::test]
async fn events_are_accepted_between_two_steps_of_a_parking() {
    let world = World::begin().await;
    world.enable(false).await;
    assert!(world.has_unparked().await, "the call returns when the settings are committed");
    for number in 1..=3 {
        world.engine.submit(&world.program, EVENT, None).await.expect("accepted");
        let (pending, parked) = world.backlog().await;
        assert!(pending > ROWS / 2, "answered after {parked} rows were parked");
        assert_eq!(pending + parked, ROWS + number);
    }
    assert_eq!(world.state(ROWS).await, DeliveryState::Parked, "also what has not been moved yet");
    until(async || !world.has_unparked().await).await;
    assert_eq!(world.backlog().await, (0, ROWS + 3));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_parking_goes_on_after_a_restart() {
    let mut world = World::begin().await;
    world.enable(false).await;
    world.restart().await;
    assert!(world.has_unparked().await, "it was in the middle");
    assert_eq!(world.state(ROWS).await, DeliveryState::Parked);
    until(async || !world.has_unparked().await).await;
    assert_eq!(world.backlog().await, (0, ROWS));
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_deletion_goes_on_after_a_restart() {
    let mut world = World::begin().await;
    world.engine.delete_webhook(&world.program, &world.webhook).await.expect("deleted");
    world.restart().await;
    let left = async || world.store.pending_without_webhook().await.expect("reads");
    assert_eq!(left().await, [world.endpoint], "it was in the middle");
    assert_eq!(world.state(ROWS).await, DeliveryState::Cancelled);
    until(async || left().await.is_empty()).await;
    assert_eq!(world.backlog().await, (0, 0));
    assert_eq!(world.state(ROWS).await, DeliveryState::Cancelled);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn enabling_waits_until_everything_is_parked_and_other_programs_do_not() {
    let world = World::begin().await;
    make::create_program(world.store.as_ref(), 2).await;
    world.enable(false).await;
    let other = groundswell_engine::programs::NewProgram {
        kind: groundswell_types::ProgramType::Referral,
        name: None,
        currency: groundswell_types::Currency::default(),
    };
    let beside = async {
        // The enabling has been asked for by now.
        tokio::task::yield_now().await;
        world.engine.create_program(other).await.expect("created");
        assert!(world.has_unparked().await, "that did not wait");
        assert!(!world.engine.webhook(&world.program, &world.webhook).expect("reads").is_enabled);
    };
    tokio::join!(world.enable(true), beside);
    assert_eq!(world.backlog().await, (0, ROWS), "what is parked stays parked");
    world.engine.shut_down().await;
}

#[tokio::test]
async fn what_a_restart_keeps_from_being_released_is_parked_still() {
    let mut world = World::begin().await;
    world.enable(false).await;
    world.enable(true).await;
    let key = world.engine.panel(&world.program).await.expect("reads").rows[0].row.key.clone();
    let released = world.engine.release_parked(&world.program, &key).await.expect("released");
    assert_eq!(released, ROWS);
    world.restart().await;
    let (pending, parked) = world.backlog().await;
    assert!(pending >= 256 && parked > 0, "{pending} are released and {parked} are not");
    assert_eq!(pending + parked, ROWS);

    assert_eq!(world.engine.discard_parked(&world.program, &key).await.expect("discarded"), parked);
    until(async || world.backlog().await == (pending, 0)).await;
    world.engine.shut_down().await;
}
