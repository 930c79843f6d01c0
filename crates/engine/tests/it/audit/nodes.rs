//! What is begun at one of several nodes, while others come and go.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::clock::Clock;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{AuditRecord, AuditSearch, AuditStore as _};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{AuditAction, AuditActor, AuditActorKind, AuditId, AuditOutcome};

use super::BEGAN_MS;

async fn start(memory: &Memory, number: i64, clock: &Clock) -> Arc<Engine> {
    let store = Arc::new(memory.joined(NodeId::new(number), &format!("http://10.0.0.{number}"), clock));
    let parts = EngineParts { store, config: EngineConfig::default(), clock: clock.clone() };
    Engine::start(parts).await.expect("starts")
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

/// Something that somebody has begun just now.
fn begun(clock: &Clock, number: i64) -> AuditRecord {
    AuditRecord {
        // The time of ids begins in 2024, 19 bits above the lowest.
        id: AuditId::from_number(((clock.now_ms() - 1_704_067_200_000) << 19) + number),
        at_ms: clock.now_ms(),
        team_id: None,
        program_id: None,
        actor: AuditActor { kind: AuditActorKind::Operator, id: None, name: "Operator".to_owned() },
        address: None,
        action: AuditAction::WebhookChanged,
        target: None,
        details: std::collections::BTreeMap::new(),
        outcome: AuditOutcome::Done,
    }
}

async fn outcomes(memory: &Memory) -> Vec<AuditOutcome> {
    let all = AuditSearch { limit: 10, ..AuditSearch::default() };
    memory.audit_log(&all).await.expect("reads").into_iter().map(|record| record.outcome).collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_begins_to_lead_leaves_what_others_are_at_to_them() {
    let (memory, clock) = (Memory::new(), Clock::of_timers(BEGAN_MS));
    let [under_way, abandoned] = [begun(&clock, 1), begun(&clock, 2)];
    for record in [&under_way, &abandoned] {
        memory.begin_audit(std::slice::from_ref(record)).await.expect("writes");
    }
    let engine = start(&memory, 1, &clock).await;
    minutes(2).await;
    assert!(engine.is_leading());
    assert_eq!(outcomes(&memory).await, []);
    memory.end_audit(std::slice::from_ref(&under_way)).await.expect("writes");
    assert_eq!(outcomes(&memory).await, [AuditOutcome::Done]);
    minutes(10).await;
    assert_eq!(outcomes(&memory).await, [AuditOutcome::Unclear, AuditOutcome::Done]);
    engine.shut_down().await;
}
