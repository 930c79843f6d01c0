//! How the engine sees its own health, life after life on one store, in time that passes by itself.

mod terms;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::delivery::outcome::Exchange;
use groundswell_engine::delivery::sender::{Exchanged, Outgoing};
use groundswell_engine::delivery::transport::Transport;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineParts, Outside};
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{
    Component, ComponentStatus, Currency, DayHealth, DeliveryState, EventKind, Health, ProgramId,
    ProgramType, Waiting,
};

/// Noon in UTC.
const NOON_MS: i64 = 20_900 * 86_400_000 + 43_200_000;
const MINUTE_MS: i64 = 60_000;
const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// What all receivers do.
#[derive(Clone, Copy)]
enum Receivers {
    Take,
    Refuse,
    Hang,
}

#[async_trait]
impl Transport for Receivers {
    async fn send(&self, _: Outgoing<'_>) -> Exchanged {
        let (status, duration_ms) = match self {
            Self::Take => (200, 5_i64),
            Self::Refuse => (500, 5),
            Self::Hang => (504, 15_000),
        };
        answer(status, duration_ms).await
    }
}

/// A receiver that takes one of three, and answers the others just as soon that it is asked too much.
#[derive(Default)]
struct Limited(AtomicU64);

#[async_trait]
impl Transport for Limited {
    async fn send(&self, _: Outgoing<'_>) -> Exchanged {
        let takes = self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        answer(if takes { 200 } else { 429 }, 100).await
    }
}

/// A receiver that answers with the status that is set at the time.
struct Set(Arc<AtomicU16>);

#[async_trait]
impl Transport for Set {
    async fn send(&self, _: Outgoing<'_>) -> Exchanged {
        answer(self.0.load(Ordering::Relaxed), 5).await
    }
}

pub async fn answer(status: u16, duration_ms: i64) -> Exchanged {
    tokio::time::sleep(Duration::from_millis(duration_ms.unsigned_abs())).await;
    Exchanged {
        exchange: Exchange::Answer { status, location: None, content_type: None },
        status: Some(status),
        head: String::new(),
        body: Bytes::new(),
        is_truncated: false,
        is_restricted: false,
        retry_after: None,
        duration_ms,
    }
}

/// A life of the engine from a time on: what `live` does in it. Whatever has not ended then ends as if it were killed.
fn life<T>(
    store: &Arc<Memory>,
    from_ms: i64,
    receivers: impl Transport + 'static,
    live: impl AsyncFnOnce(Arc<Engine>, Clock) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let clock = Clock::of_timers(from_ms);
        live(start(Arc::clone(store) as Arc<dyn Store>, clock.clone(), receivers).await, clock).await
    })
}

async fn start(store: Arc<dyn Store>, clock: Clock, receivers: impl Transport + 'static) -> Arc<Engine> {
    let randomness = Randomness::seeded(clock.now_ms().unsigned_abs());
    let outside = Outside { transport: Arc::new(receivers), randomness };
    let parts = EngineParts { store, config: EngineConfig::default(), clock };
    Engine::start_in(parts, outside).await.expect("starts")
}

/// A store whose server was killed while thirty deliveries waited for a receiver that hangs.
fn thirty_left_waiting() -> Arc<Memory> {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Receivers::Hang, async |engine, _| {
        let program = program(&engine).await;
        for _ in 0..30 {
            engine.submit(&program, EVENT, None).await.expect("accepted");
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    });
    store
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

/// A program with a webhook for new participants.
async fn program(engine: &Arc<Engine>) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let program = engine.create_program(new).await.expect("created").id;
    let webhook = WebhookInput {
        payload_url: Some("https://example.com/".to_owned()),
        events: Some(vec![EventKind::NewParticipantAdded]),
        is_enabled: Some(true),
        ..WebhookInput::default()
    };
    engine.create_webhook(&program, webhook).await.expect("created");
    program
}

fn today(health: &Health, component: Component) -> DayHealth {
    let history = health.histories.iter().find(|one| one.component == component).expect("all are there");
    *history.days.last().expect("there is today")
}

fn is_near(value: i64, wanted: i64) -> bool {
    value.abs_diff(wanted) <= 10_500
}

#[test]
fn what_lies_between_two_lives_is_downtime_whether_the_first_was_killed_or_stopped() {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Receivers::Take, async |_, _| minutes(5).await);
    let second_ms = NOON_MS + 15 * MINUTE_MS;
    life(&store, second_ms, Receivers::Take, async |engine, _| {
        minutes(1).await;
        let health = engine.health();
        for component in Component::ALL {
            let day = today(&health, *component);
            assert!(is_near(day.major_ms, 10 * MINUTE_MS), "{day:?}");
            assert!(is_near(day.known_ms, 16 * MINUTE_MS), "{day:?}");
            assert_eq!((day.partial_ms, day.degraded_ms), (0, 0));
            assert_eq!(health.status_of(*component), ComponentStatus::Operational);
        }
        let downtime = health.last_downtime.expect("it was down");
        assert_eq!(downtime.until, second_ms);
        assert!(is_near(downtime.from, NOON_MS + 5 * MINUTE_MS), "{downtime:?}");
        engine.shut_down().await;
    });
    // A clean stop is noted when it is asked for.
    let third_ms = second_ms + 4 * MINUTE_MS;
    life(&store, third_ms, Receivers::Take, async |engine, _| {
        minutes(1).await;
        let health = engine.health();
        let downtime = health.last_downtime.expect("it was down");
        assert_eq!((downtime.from, downtime.until), (second_ms + MINUTE_MS, third_ms));
        let day = today(&health, Component::Events);
        assert!(is_near(day.major_ms, 13 * MINUTE_MS), "both count: {day:?}");
    });
}

#[test]
fn before_the_first_life_nothing_is_known_and_no_downtime() {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Receivers::Take, async |engine, _| {
        minutes(2).await;
        let health = engine.health();
        assert_eq!(health.last_downtime, None);
        let known: Vec<_> = health.histories[0].days.iter().map(|day| day.worst().is_some()).collect();
        assert_eq!(known.iter().filter(|is_known| **is_known).count(), 1);
        assert_eq!(health.histories[0].uptime(), Some(10_000));
        assert_eq!(health.waiting, Some(Waiting { count: 0, is_exact: true }));
    });
}

#[test]
fn a_process_that_was_stopped_for_a_while_knows_when_it_wakes() {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Receivers::Take, async |engine, clock| {
        minutes(3).await;
        clock.set(clock.now_ms() + 20 * MINUTE_MS);
        minutes(1).await;
        let day = today(&engine.health(), Component::Delivery);
        assert!(is_near(day.major_ms, 20 * MINUTE_MS), "{day:?}");
        assert!(engine.health().last_downtime.is_some());
    });
}

#[test]
fn a_clock_that_was_ahead_for_a_while_leaves_no_downtime() {
    const AHEAD_MS: i64 = 6 * 60 * MINUTE_MS;
    let store = Arc::new(Memory::new());
    let is_fine = |health: &Health| {
        let day = today(health, Component::Delivery);
        assert!(day.known_ms >= 9 * MINUTE_MS && day.lost_ms() < 10_500, "{day:?}");
        assert!(health.last_downtime.is_none_or(|down| down.until - down.from < 10_500), "{health:?}");
    };
    life(&store, NOON_MS, Receivers::Take, async |engine, clock| {
        minutes(3).await;
        clock.set(clock.now_ms() + AHEAD_MS);
        minutes(5).await;
        assert!(
            is_near(today(&engine.health(), Component::Delivery).major_ms, AHEAD_MS),
            "it looks like sleep"
        );
        clock.set(clock.now_ms() - AHEAD_MS);
        minutes(2).await;
        let health = engine.health();
        assert!((0..=3_000).contains(&(clock.now_ms() - health.at)), "it is of now");
        is_fine(&health);
        engine.shut_down().await;
    });
    life(&store, NOON_MS + 10 * MINUTE_MS + 1_000, Receivers::Take, async |engine, _| {
        minutes(1).await;
        is_fine(&engine.health());
    });
}

#[test]
fn receivers_that_fail_or_hang_turn_nothing_red() {
    for receivers in [Receivers::Refuse, Receivers::Hang] {
        let store = Arc::new(Memory::new());
        life(&store, NOON_MS, receivers, async |engine, _| {
            let program = program(&engine).await;
            for _ in 0..60 {
                for _ in 0..20 {
                    engine.submit(&program, EVENT, None).await.expect("accepted");
                }
                minutes(2).await;
                let health = engine.health();
                for (component, status) in &health.components {
                    let due_ms = engine.meters().oldest_due_at_ms.get();
                    let silent = engine.now_ms() - engine.meters().delivering_at_ms.get();
                    assert_eq!(
                        *status,
                        ComponentStatus::Operational,
                        "{component} {due_ms} {silent} {}",
                        engine.now_ms()
                    );
                }
            }
            let health = engine.health();
            let waiting = health.waiting.expect("it was counted");
            assert!(waiting.count > 100, "they have failed: {waiting:?}");
            for component in Component::ALL {
                assert_eq!(today(&health, *component).worst(), Some(ComponentStatus::Operational));
            }
        });
    }
}

#[test]
fn a_receiver_that_takes_less_than_there_is_and_says_so_at_once_turns_nothing_red() {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Limited::default(), async |engine, _| {
        let program = program(&engine).await;
        for _ in 0..120 {
            for _ in 0..60 {
                engine.submit(&program, EVENT, None).await.expect("accepted");
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            for (component, status) in &engine.health().components {
                assert_eq!(*status, ComponentStatus::Operational, "{component}");
            }
        }
        let health = engine.health();
        let waiting = health.waiting.expect("it was counted");
        assert!(waiting.count > 3_000, "they wait: {waiting:?}");
        let first = health.first_attempts.expect("there were some");
        assert!(first.p95_us < 5_000_000, "{first:?}");
    });
}

#[test]
fn a_failing_webhook_says_when_it_is_tried_next() {
    let status = Arc::new(AtomicU16::new(500));
    life(&Arc::new(Memory::new()), NOON_MS, Set(Arc::clone(&status)), async |engine, clock| {
        let program = program(&engine).await;
        let live =
            async || engine.panel(&program).await.expect("reads").rows[0].live.clone().expect("is live");
        assert_eq!(live().await.next_attempt_at, None, "nothing waits");
        engine.submit(&program, EVENT, None).await.expect("accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let deliveries = async || {
            let page = engine.deliveries(&program, &DeliveryQuery::default()).await.expect("reads");
            page.deliveries
        };
        let retry_at = deliveries().await[0].next_attempt_at.expect("is retried");
        assert_eq!(live().await.next_attempt_at, Some(retry_at));

        for _ in 0..40 {
            engine.submit(&program, EVENT, None).await.expect("accepted");
        }
        minutes(10).await;
        let held = deliveries().await;
        let probe_at = held[0].next_attempt_at.expect("is held");
        assert!(
            held.iter().all(|one| one.state == DeliveryState::Held && one.next_attempt_at == Some(probe_at))
        );
        assert_eq!(live().await.next_attempt_at, Some(probe_at));
        assert!(probe_at > clock.now_ms());

        status.store(200, Ordering::Relaxed);
        minutes(120).await;
        assert_eq!(live().await.next_attempt_at, None, "nothing waits, and nothing fails");
    });
}

#[test]
fn what_was_waiting_after_a_downtime_is_counted_and_how_soon_it_was_sent() {
    let store = thirty_left_waiting();
    let second_ms = NOON_MS + 60 * MINUTE_MS;
    life(&store, second_ms, Receivers::Take, async |engine, _| {
        minutes(1).await;
        let downtime = engine.health().last_downtime.expect("it was down");
        assert_eq!(downtime.waiting, Waiting { count: 30, is_exact: true });
        let took_ms = downtime.caught_up_at.expect("all were sent") - second_ms;
        assert!((1..30_000).contains(&took_ms), "{took_ms}");
        engine.shut_down().await;
    });
    // It is remembered, and so is how long first attempts took.
    life(&store, second_ms + 2 * MINUTE_MS, Receivers::Take, async |engine, _| {
        let program = program(&engine).await;
        for _ in 0..300 {
            engine.submit(&program, EVENT, None).await.expect("accepted");
        }
        minutes(1).await;
        let first = engine.health().first_attempts.expect("there were some");
        assert!(first.count >= 330, "{first:?}");
        assert!(first.p50_us < 1_000_000, "{first:?}");
    });
}

#[test]
fn what_is_held_for_a_moment_after_a_downtime_is_caught_up_with_all_the_same() {
    let store = thirty_left_waiting();
    let status = Arc::new(AtomicU16::new(500));
    life(&store, NOON_MS + 60 * MINUTE_MS, Set(Arc::clone(&status)), async |engine, _| {
        // Ten failures hold the others back.
        tokio::time::sleep(Duration::from_secs(20)).await;
        let downtime = engine.health().last_downtime.expect("it was down");
        assert_eq!(downtime.caught_up_at, None);
        status.store(200, Ordering::Relaxed);
        minutes(3).await;
        let downtime = engine.health().last_downtime.expect("it was down");
        assert!(
            downtime.caught_up_at.is_some_and(|at_ms| at_ms > downtime.until + MINUTE_MS / 3),
            "{downtime:?}"
        );
        assert_eq!(engine.health().waiting.map(|waiting| waiting.count), Some(0));
    });
}

#[test]
fn what_is_held_for_a_receiver_that_fails_after_a_downtime_is_not_waited_for() {
    let store = thirty_left_waiting();
    life(&store, NOON_MS + 60 * MINUTE_MS, Receivers::Refuse, async |engine, _| {
        minutes(3).await;
        // Ten failures hold the others back, for as long as they go on; it is waited for a minute.
        let downtime = engine.health().last_downtime.expect("it was down");
        assert_eq!((downtime.waiting.count, downtime.left), (30, None));
        assert!(
            downtime.caught_up_at.is_some_and(|at_ms| at_ms < downtime.until + 2 * MINUTE_MS),
            "{downtime:?}"
        );
        assert!(engine.health().waiting.is_some_and(|waiting| waiting.count >= 20), "they are still there");
    });
}

#[test]
fn own_errors_are_shown_only_when_they_go_on_and_end_only_when_they_are_over() {
    let store = Arc::new(Memory::new());
    life(&store, NOON_MS, Receivers::Take, async |engine, _| {
        let of = |engine: &Engine| engine.health().status_of(Component::Api);
        let second = Duration::from_secs(1);
        tokio::time::sleep(second * 3).await;
        for _ in 0..4 {
            engine.answered(Component::Api, 500);
        }
        tokio::time::sleep(second * 3).await;
        assert_eq!(of(&engine), ComponentStatus::Operational, "seen once or twice");
        tokio::time::sleep(second * 5).await;
        assert_eq!(of(&engine), ComponentStatus::MajorOutage);
        assert_eq!(engine.health().status_of(Component::Editor), ComponentStatus::Operational);
        // The minute in which they were is over, but not for long enough.
        tokio::time::sleep(second * 60).await;
        assert_eq!(of(&engine), ComponentStatus::MajorOutage);
        tokio::time::sleep(second * 40).await;
        assert_eq!(of(&engine), ComponentStatus::Operational);
        let day = today(&engine.health(), Component::Api);
        assert!((50_000..75_000).contains(&day.major_ms), "{day:?}");
        // What only the hosted product has is no error.
        for _ in 0..100 {
            engine.answered(Component::Api, 501);
        }
        tokio::time::sleep(second * 20).await;
        assert_eq!(of(&engine), ComponentStatus::Operational);
        engine.shut_down().await;
    });
    life(&store, NOON_MS + 10 * MINUTE_MS, Receivers::Take, async |engine, _| {
        minutes(1).await;
        let day = today(&engine.health(), Component::Api);
        let editor = today(&engine.health(), Component::Editor);
        let more_ms = day.major_ms - editor.major_ms;
        assert!((50_000..75_000).contains(&more_ms), "it is remembered: {day:?}");
    });
}
