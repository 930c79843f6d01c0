//! Of several nodes the one that leads writes how the server is, and it may lead more than once.

use std::sync::Arc;

use groundswell_engine::Engine;
use groundswell_engine::clock::Clock;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{Beat, HealthStore as _, HeartbeatRecord};
use groundswell_types::Component;

use super::{EVENT, MINUTE_MS, NOON_MS, Receivers, is_near, minutes, program, start, today};

/// When the time of ids begins, and by how many bits it stands above the lowest.
const IDS: (i64, u32) = (1_704_067_200_000, 19);

/// A node that has just begun, at the same rows as others.
async fn node(memory: &Memory, number: i64, clock: &Clock) -> Arc<Engine> {
    let store = memory.joined(NodeId::new(number), &format!("http://10.0.0.{number}"), clock);
    start(Arc::new(store), clock.clone(), Receivers::Take).await
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leads_again_has_not_run_for_ever_and_counts_no_attempt_twice() {
    const EVENTS: i64 = 40;
    let (memory, clock) = (Memory::new(), Clock::of_timers(NOON_MS));
    let first = node(&memory, 1, &clock).await;
    minutes(1).await;
    assert!(first.is_leading());
    let program = program(&first).await;
    for _ in 0..EVENTS {
        first.submit(&program, EVENT, None).await.expect("accepted");
    }
    minutes(1).await;
    for number in 2..10 {
        let other = node(&memory, number, &clock).await;
        minutes(2).await;
        let has_led = other.is_leading();
        other.shut_down().await;
        minutes(2).await;
        assert!(first.is_leading(), "it is alone again");
        if has_led {
            break;
        }
        assert!(number < 9, "none was to lead");
    }
    let health = first.health();
    let passed_ms = clock.now_ms() - NOON_MS;
    for history in &health.histories {
        let known_ms: i64 = history.days.iter().map(|day| day.known_ms).sum();
        assert!(is_near(known_ms, passed_ms), "{known_ms} {passed_ms}");
    }
    assert_eq!(health.first_attempts.map(|first| first.count), Some(EVENTS));
    first.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_noted_without_a_beginning_began_when_its_id_was_made() {
    let began_ms = NOON_MS - 30 * MINUTE_MS;
    let row = |id, began_at_ms, last_at_ms| HeartbeatRecord {
        id,
        began_at_ms,
        last_at_ms,
        waiting: 0,
        caught_up_at_ms: None,
    };
    let store = Arc::new(Memory::new());
    let beat = Beat {
        heartbeats: vec![row((began_ms - IDS.0) << IDS.1, 0, NOON_MS - 10 * MINUTE_MS)],
        troubles: Vec::new(),
        waits: Vec::new(),
        forget_before_ms: 0,
        forget_before_slot: 0,
    };
    store.beat(&beat).await.expect("writes");
    let engine = start(store, Clock::of_timers(NOON_MS), Receivers::Take).await;
    minutes(1).await;
    let health = engine.health();
    let day = today(&health, Component::Events);
    assert!(is_near(day.known_ms, 31 * MINUTE_MS), "{day:?}");
    assert!(is_near(day.major_ms, 10 * MINUTE_MS), "{day:?}");
    assert_eq!(health.histories[0].days.iter().filter(|day| day.known_ms > 0).count(), 1);
    engine.shut_down().await;
}
