//! What is still under way to a webhook's old URL when it gets another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::delivery::sender::{Exchanged, Outgoing};
use groundswell_engine::delivery::transport::Transport;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineParts, Outside};
use groundswell_types::{Currency, EventKind, ProgramType};

use crate::health::answer;

const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// The receiver at `old.example` is gone, and takes 15 seconds to say so; the others take everything.
struct Receivers;

#[async_trait]
impl Transport for Receivers {
    async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        let is_old = outgoing.url.host_str() == Some("old.example");
        let (status, duration_ms) = if is_old { (410, 15_000) } else { (200, 5) };
        answer(status, duration_ms).await
    }
}

/// Posts an event to a webhook at `old.example`, gives it `url` after a second, and says whether it is enabled, and how
/// often in a row it has failed, when the answer has come.
async fn after_the_answer(url: &str) -> (bool, i64) {
    let parts = EngineParts {
        store: Arc::new(Memory::new()),
        config: EngineConfig::default(),
        clock: Clock::of_timers(1_800_000_000_000),
    };
    let outside = Outside { transport: Arc::new(Receivers), randomness: Randomness::seeded(1) };
    let engine = Engine::start_in(parts, outside).await.expect("starts");
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let program = engine.create_program(new).await.expect("created").id;
    let webhook = WebhookInput {
        payload_url: Some("https://old.example/".to_owned()),
        events: Some(vec![EventKind::NewParticipantAdded]),
        ..WebhookInput::default()
    };
    let id = engine.create_webhook(&program, webhook).await.expect("created").id;
    engine.submit(&program, EVENT, None).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let change = WebhookInput { payload_url: Some(url.to_owned()), ..WebhookInput::default() };
    engine.patch_webhook(&program, &id, change).await.expect("changed");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let webhook = engine.webhook(&program, &id).expect("is there");
    (webhook.is_enabled, webhook.failure_count)
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_old_url_does_not_disable_the_new_one() {
    assert_eq!(after_the_answer("https://new.example/").await, (true, 0));
}

#[tokio::test(start_paused = true)]
async fn saving_the_same_url_again_saves_nobody_from_being_gone() {
    assert!(!after_the_answer("https://old.example/").await.0);
}
