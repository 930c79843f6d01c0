//! Jobs that send many deliveries again, in the background of an engine that has just started.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{ResendBatch, ResendJobRecord, Store};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{DeliveryId, ResendJobId, ResendSelection, ResendState, WebhookId};

use crate::store::make;

fn job(number: i64, selection: &str) -> ResendJobRecord {
    ResendJobRecord {
        id: ResendJobId::from_number(number),
        program_id: make::program(1),
        selection: selection.to_owned(),
        state: ResendState::Running,
        total: 7,
        done: 0,
        cursor: DeliveryId::from_number(i64::MAX),
        created_at_ms: number,
        ended_at_ms: None,
    }
}

/// What the engine finds at its start, numbered from 1.
async fn start_with(selections: &[&str]) -> Arc<Engine> {
    let store = Arc::new(Memory::new());
    make::create_program(store.as_ref(), 1).await;
    for (number, selection) in (1..).zip(selections) {
        let batch = ResendBatch { job: Some(job(number, selection)), ..ResendBatch::default() };
        store.resend(&batch).await.expect("commits");
    }
    let parts =
        EngineParts { store, config: EngineConfig::default(), clock: Clock::manual(1_800_000_000_000) };
    Engine::start(parts).await.expect("starts")
}

/// What it has come to once it does not run any more.
async fn ended(engine: &Engine, number: i64) -> (ResendState, i64, bool) {
    for _ in 0..6_000 {
        let id = ResendJobId::from_number(number);
        let job = engine.resend_job(&make::program(1), id).await.expect("is there");
        if job.state != ResendState::Running {
            return (job.state, job.queued, job.ended_at.is_some());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job never ends");
}

/// Looks at nothing but these, in ten steps.
fn long_selection() -> String {
    let deliveries = (1..=1_000).map(DeliveryId::from_number).collect();
    let selection = ResendSelection { deliveries: Some(deliveries), ..ResendSelection::default() };
    serde_json::to_string(&selection).expect("is JSON")
}

#[tokio::test(start_paused = true)]
async fn a_job_for_a_webhook_that_was_deleted_since_is_stopped() {
    let webhook_id = Some(WebhookId::parse("gone").expect("valid"));
    let selection = ResendSelection { webhook_id, ..ResendSelection::default() };
    let engine = start_with(&[&serde_json::to_string(&selection).expect("is JSON")]).await;
    assert_eq!(ended(&engine, 1).await, (ResendState::Cancelled, 0, true));
    engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_that_fail_hold_others_up_no_longer_than_one_does_and_nobody_who_stops() {
    let damaged = "no selection";
    let engine = start_with(&[damaged, damaged, damaged, &long_selection(), damaged]).await;
    let watch = Stopwatch::start();
    assert_eq!(ended(&engine, 4).await, (ResendState::Done, 0, true));
    assert!(watch.elapsed() < Duration::from_secs(12), "ten steps took {:?}", watch.elapsed());
    let watch = Stopwatch::start();
    engine.shut_down().await;
    assert!(watch.elapsed() < Duration::from_millis(500), "stopping took {:?}", watch.elapsed());
}
